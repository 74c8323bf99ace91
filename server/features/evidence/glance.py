"""Says how the entry log stands at a glance: its size, its newest checkpoint, and who confirmed how
much of it, and when. Those are kiosks, witnesses outside, and a time-stamping authority.
"""

from dataclasses import dataclass

from badges.transparency.signed_note import verifier_key
from server.core.entry_log import checkpoints, cosignatures
from server.core.entry_log import outside as troubles
from server.core.entry_log.checkpoints import Cosigned, Given
from server.core.entry_log.entry_log import Log
from server.core.entry_log.outside import AUTHORITY, OutsideTrouble
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.features.evidence.witnesses import asking, stamps
from server.features.evidence.witnesses.stamps import Stamp
from server.storage.connection import Connection

_STATES = ("active", "retired", "fenced")


@dataclass(frozen=True)
class KioskView:
    """Says how much of the log a kiosk cosigned. `size` and `at` (Unix ms) are None where it has
    cosigned nothing.
    """

    kiosk: str
    generation: int
    state: str
    size: int | None
    at: int | None


@dataclass(frozen=True)
class WitnessView:
    """Says how much of the log a witness cosigned. `cosigned` is None where it has not yet, or
    nothing of a log of this name. `asked` is False where the event asks it no more.
    """

    name: str
    url: str
    key: str
    asked: bool
    cosigned: Cosigned | None
    trouble: OutsideTrouble | None


@dataclass(frozen=True)
class AuthorityView:
    """Says which authority stamps the time, and what is wrong with that."""

    url: str
    trouble: OutsideTrouble | None


@dataclass(frozen=True)
class Glance:
    """Holds all that the page shows. `given` is the newest checkpoint that was signed by itself,
    once a minute while there is news, and `note` the same with witnesses' lines under it. Both are
    None and "" before the first. `stamps` are the newest first.
    """

    size: int
    root: bytes
    key: str
    given: Given | None
    note: str
    kiosks: list[KioskView]
    witnesses: list[WitnessView]
    authority: AuthorityView | None
    stamps: list[Stamp]

    @property
    def unconfirmed(self) -> int:
        """Return how many of the newest entries nobody outside has confirmed yet, neither a witness
        nor the authority.
        """
        sizes = [one.cosigned.size for one in self.witnesses if one.cosigned is not None]
        return self.size - max([*sizes, *(one.size for one in self.stamps[:1])], default=0)


def glance(db: Connection, event: Event, log: Log) -> Glance:
    """Return how the log of an event stands now."""
    size, root = log.state()
    found = checkpoints.given(db, log.name)
    wrong = {one.who: one for one in troubles.all_troubles(db)}
    authority = event.settings.time_authority
    return Glance(
        size=size,
        root=root,
        key=verifier_key(log.name, event.log_key.public),
        given=found,
        note="" if found is None else checkpoints.cosigned_note(db, log.name, found.note),
        kiosks=_kiosks(db),
        witnesses=_witnesses(db, event, log, wrong),
        authority=None if authority is None else AuthorityView(authority, wrong.get(AUTHORITY)),
        stamps=stamps.stamps(db, log.name)[::-1],
    )


def _kiosks(db: Connection) -> list[KioskView]:
    kept = {(one.kiosk, one.generation): one for one in cosignatures.all_kept(db)}
    found = []
    for row in registry.kiosks(db):
        if row.state in _STATES:
            seen = kept.get((row.kiosk, row.generation))
            size, at = (None, None) if seen is None else (seen.size, seen.at)
            found.append(KioskView(row.kiosk, row.generation, row.state, size, at))
    return found


def _witnesses(
    db: Connection, event: Event, log: Log, wrong: dict[str, OutsideTrouble]
) -> list[WitnessView]:
    """Return the witnesses of the settings, and after them those that cosigned before."""
    kept = {one.witness: one for one in checkpoints.cosigned(db, log.name)}
    found = [
        WitnessView(
            one.name,
            one.url,
            one.key,
            True,
            kept.pop(one.name, None),
            wrong.get(troubles.of_witness(one.name)),
        )  # fmt: skip
        for one in asking.witnesses(event.settings)
    ]
    return found + [WitnessView(name, "", "", False, one, None) for name, one in kept.items()]
