"""Summarises the entry log: size, newest checkpoint, and confirmations."""

from dataclasses import dataclass

from badges.transparency.signed_note import verifier_key
from server.core.entry_log import checkpoints, cosignatures, outside
from server.core.entry_log.checkpoints import Cosigned, Given
from server.core.entry_log.entry_log import Log
from server.core.entry_log.outside import AUTHORITY, OutsideFailure
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.features.evidence.witnesses import asking, stamps
from server.features.evidence.witnesses.stamps import Stamp
from server.storage.connection import Connection

_STATES = ("active", "retired", "fenced")


@dataclass(frozen=True)
class KioskView:
    """How many entries a kiosk cosigned, and when (`at`, Unix ms); None for nothing."""

    kiosk: str
    generation: int
    state: str
    size: int | None
    at: int | None


@dataclass(frozen=True)
class WitnessView:
    """How much of the log a witness cosigned, None for nothing. `asked`: the settings name it."""

    name: str
    url: str
    key: str
    asked: bool
    cosigned: Cosigned | None
    failure: OutsideFailure | None


@dataclass(frozen=True)
class Glance:
    """The page's values.

    `given` is the newest periodic checkpoint, `note` the same with the witnesses' signatures; None
    and "" before the first. `stamps` are newest first.
    """

    size: int
    root: bytes
    key: str
    given: Given | None
    note: str
    kiosks: list[KioskView]
    witnesses: list[WitnessView]
    authority: OutsideFailure | None  # The time-stamping authority's problem
    stamps: list[Stamp]

    @property
    def unconfirmed(self) -> int:
        """Return how many newest entries neither witness nor authority has confirmed."""
        sizes = [item.cosigned.size for item in self.witnesses if item.cosigned is not None]
        return self.size - max([*sizes, *(item.size for item in self.stamps[:1])], default=0)


def glance(db: Connection, event: Event, log: Log) -> Glance:
    size, root = log.state()
    given = checkpoints.given(db, log.name)
    wrong = {failure.who: failure for failure in outside.failures(db)}
    return Glance(
        size=size,
        root=root,
        key=verifier_key(log.name, event.log_key.public),
        given=given,
        note="" if given is None else checkpoints.cosigned_note(db, log.name, given.note),
        kiosks=_kiosks(db),
        witnesses=_witnesses(db, event, log, wrong),
        authority=wrong.get(AUTHORITY),
        stamps=stamps.stamps(db, log.name)[::-1],
    )


def _kiosks(db: Connection) -> list[KioskView]:
    kept = {(item.kiosk, item.generation): item for item in cosignatures.all_kept(db)}
    views = []
    for row in registry.kiosks(db):
        if row.state in _STATES:
            seen = kept.get((row.kiosk, row.generation))
            size, at = (None, None) if seen is None else (seen.size, seen.at)
            views.append(KioskView(row.kiosk, row.generation, row.state, size, at))
    return views


def _witnesses(
    db: Connection, event: Event, log: Log, wrong: dict[str, OutsideFailure]
) -> list[WitnessView]:
    kept = {witness.witness: witness for witness in checkpoints.cosigned(db, log.name)}
    views = [
        WitnessView(
            witness.name,
            witness.url,
            witness.key,
            True,
            kept.pop(witness.name, None),
            wrong.get(outside.of_witness(witness.name)),
        )
        for witness in asking.witnesses(event.settings)
    ]
    return views + [
        WitnessView(name, "", "", False, witness, None) for name, witness in kept.items()
    ]
