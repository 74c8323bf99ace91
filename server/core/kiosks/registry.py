"""The register of kiosks. An admin adds a kiosk, it enrols by a one-time code, the admin confirms
six words, and it can be retired or fenced for good.

Each enrolment is a new generation with its own key, to whose journal late records belong.
"""

import hashlib
from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass

import msgspec
from msgspec import UnsetType

from badges.credential.keys import BadSignatureError, PublicKey
from badges.i18n import N_, Phrase, Spoken
from badges.places.pool import KioskKey
from badges.record import KioskId
from badges.transparency.chain import chain_start
from badges.wire import wire
from badges.wire.enrolment import (
    TOKEN_BYTES,
    EnrolmentCode,
    Identity,
    check_proof,
    sign_identity,
    six_words,
)
from badges.wire.version import OWN, WireVersion, read_version
from badges.wire.wire import ErrorCode
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.event.directory import Event
from server.core.event.processes import own_version
from server.core.feed import changes
from server.core.occupancy import pools
from server.core.venue import nesting
from server.storage import dialect, event_state
from server.storage.connection import Connection

CODE_LIFE_MS = 15 * 60 * 1000
PHONE = "phone"
AFTER_RESTORE = 1_000  # above every generation that the server assigned before the restore
KIOSK_NAME = msgspec.json.Decoder(KioskId)


class KioskError(Spoken, ValueError):
    pass


class EnrolError(ValueError):
    """Raised if an enrolment is refused."""

    def __init__(self, code: ErrorCode, message: str) -> None:
        super().__init__(message)
        self.code = code


@dataclass(frozen=True)
class KioskRow:
    kiosk: str
    generation: int
    door_id: int
    door_code: str
    door_names: str  # JSON by language
    hall_id: int
    hall_names: str  # JSON by language
    state: str
    words: str | None
    token_expires_at: int | None
    acked_seq: int
    seen_at: int | None
    health: wire.Health | None
    waiting: int  # scans in its journal that are not in the ledger yet, by its last batch
    reported_at: int | None  # arrival of that batch, or None
    version: WireVersion | None  # of the protocol, as the kiosk states it
    was_confirmed: bool
    device: str | None  # "phone", or None for a kiosk of its own
    old_files: str | None  # the version of the page's files that the phone shall leave

    @property
    def is_phone(self) -> bool:
        return self.device == PHONE

    @property
    def is_understood(self) -> bool:
        """Return whether the kiosk's protocol version is compatible. An unknown version counts as
        compatible.
        """
        return self.version is None or OWN.understands(self.version)

    @property
    def software(self) -> str:
        """Return the kiosk's version of Hallkeeper as last reported, or ""."""
        return "" if self.health is None else self.health.version

    @property
    def files(self) -> str:
        """Return the version of the page's files that a phone last reported, or ""."""
        files = None if self.health is None else self.health.files
        return files if isinstance(files, str) else ""


@dataclass(frozen=True)
class Holding:
    """A hall's places that a kiosk may use, or has used for scans not yet in the ledger."""

    hall_id: int
    hall_code: str
    held: int
    free: int  # free places by its last report; the others are used
    overrides: int  # additional places beyond the capacity


def add_kiosk(
    db: Connection,
    event: Event,
    kiosk: str,
    door_code: str,
    *,
    address: tuple[str, int],
    by: str,
    now: int,
    random: Callable[[int], bytes],
    device: str | None = None,
    life_ms: int = CODE_LIFE_MS,
) -> EnrolmentCode:
    """Create a kiosk or a new generation, with its one-time code. With a `device` the code is for
    devices of that kind alone.

    A current generation continues until the new one is confirmed.
    """
    check_name(kiosk)
    door = db.execute("SELECT door_id FROM door WHERE code = ?", (door_code,)).fetchone()
    if door is None:
        raise no_such_door(db, door_code)
    db.execute("DELETE FROM kiosk WHERE kiosk = ? AND state IN ('waiting', 'proven')", (kiosk,))
    generation, token = next_generation(db, kiosk), random(TOKEN_BYTES)
    db.execute(
        "INSERT INTO kiosk (kiosk, generation, door_id, state, token_hash, token_expires_at,"
        " created_at, device) VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?)",
        (kiosk, generation, door["door_id"], token_hash(token), now + life_ms, now, device),
    )
    subject = {"kiosk": kiosk, "generation": generation, "door": door["door_id"]}
    entry_log.act(db, by, Act.KIOSK_ADDED, {**subject, **_kind(device)}, now)
    return EnrolmentCode(address[0], address[1], event.spki_sha256, token)


def check_name(kiosk: str) -> None:
    """Raises KioskError."""
    try:
        KIOSK_NAME.decode(msgspec.json.encode(kiosk))
    except msgspec.ValidationError:
        raise KioskError(
            N_(
                "%(kiosk)s is no name for a kiosk: use small letters, digits and "
                "hyphens, 32 at most"
            ),
            kiosk=repr(kiosk),
        ) from None


def no_such_door(db: Connection, code: str) -> KioskError:
    doors = ", ".join(r[0] for r in db.execute("SELECT code FROM door ORDER BY code LIMIT 12"))
    return KioskError(
        N_("there is no door %(door_code)s; known doors: %(what)s"),
        door_code=repr(code),
        what=doors or "none",
    )


def next_generation(db: Connection, kiosk: str) -> int:
    (generation,) = db.execute(
        "SELECT COALESCE(MAX(generation), 0) + 1 FROM kiosk WHERE kiosk = ?", (kiosk,)
    ).fetchone()
    if generation < AFTER_RESTORE and event_state.was_restored_without_acts(db):
        # A kiosk that this server has forgotten may be in use and have stays.
        generation += AFTER_RESTORE
    return int(generation)


def enrol(db: Connection, event: Event, request: wire.EnrolRequest, now: int) -> wire.EnrolAnswer:
    """Check a kiosk's code and key. The kiosk repeats the request until the admin has confirmed.

    Raises EnrolError. Once used, a code is bound to that key.
    """
    row = db.execute(
        "SELECT * FROM kiosk WHERE token_hash IN (?, ?)",
        (token_hash(request.token), token_hash(request.token, request.public_key)),
    ).fetchone()
    if row is None:
        raise EnrolError(ErrorCode.WRONG_CODE, "No kiosk waits for this code. Ask for a new one.")
    if row["token_expires_at"] <= now and row["state"] in ("waiting", "proven"):
        raise EnrolError(ErrorCode.CODE_EXPIRED, "This code has expired. Ask for a new one.")
    device = None if isinstance(request.device, UnsetType) else request.device
    if row["device"] not in (None, device):
        raise EnrolError(
            ErrorCode.WRONG_CODE, "This code is for a phone. Open its link on a phone."
        )
    if row["public_key"] is not None and row["public_key"] != request.public_key:
        raise EnrolError(
            ErrorCode.WRONG_CODE, "Another device has used this code. Ask for a new one."
        )
    try:
        check_proof(PublicKey(request.public_key), request.token, request.signature)
    except BadSignatureError:
        raise EnrolError(ErrorCode.WRONG_CODE, "The kiosk could not prove its key.") from None
    if row["state"] == "waiting":
        words = six_words(request.public_key, request.token)
        # A phone's code of a sheet lasts for hours, but its words only as long as any others.
        until = now + CODE_LIFE_MS if device == PHONE else row["token_expires_at"]
        db.execute(
            "UPDATE kiosk SET state = 'proven', public_key = ?, words = ?, device = ?,"
            " token_expires_at = ? WHERE token_hash = ?",
            (request.public_key, words, device, until, row["token_hash"]),
        )
    if row["state"] in ("waiting", "proven"):
        return wire.EnrolAnswer(confirmed=False)
    if row["identity"] is None:
        raise EnrolError(
            ErrorCode.WRONG_CODE, "An admin has refused this device. Ask for a new code."
        )
    return wire.EnrolAnswer(
        confirmed=True,
        identity=row["identity"],
        root_key=event.root_key.public.raw,
        event_id=event.event_id,
    )


def confirm(db: Connection, event: Event, kiosk: str, *, by: str, now: int) -> None:
    """Activate the kiosk after the admin has compared the six words on both screens.

    An active earlier generation is retired; its places stay counted until returned.
    """
    row = db.execute(
        "SELECT * FROM kiosk WHERE kiosk = ? AND state = 'proven'", (kiosk,)
    ).fetchone()
    if row is None:
        raise KioskError(
            N_("kiosk %(kiosk)s has not shown its code yet; enter the code there first"),
            kiosk=repr(kiosk),
        )
    for old in db.execute(
        "SELECT generation FROM kiosk WHERE kiosk = ? AND state = 'active'", (kiosk,)
    ).fetchall():
        _stop(db, kiosk, old["generation"], "retired", by, now)
    generation = row["generation"]
    identity = Identity(event.event_id, kiosk, generation, row["public_key"], now)
    changed = db.execute(
        "UPDATE kiosk SET state = 'active', identity = ?, head = ?"
        " WHERE kiosk = ? AND generation = ? AND state = 'proven'",
        (
            sign_identity(event.root_key, identity),
            chain_start(kiosk, generation),
            kiosk,
            generation,
        ),
    ).rowcount
    assert changed == 1
    for hall_id in nesting.halls_of(db, row["door_id"]):
        pools.enrol(db, hall_id, (kiosk, generation))
    subject = {"kiosk": kiosk, "generation": generation, "key": row["public_key"].hex()}
    if row["device"] is not None:
        subject |= {"door": row["door_id"], **_kind(row["device"])}
    entry_log.act(db, by, Act.KIOSK_CONFIRMED, subject, now)


def retire(db: Connection, kiosk: str, *, by: str, now: int) -> None:
    """Retire a kiosk. Once notified, it admits nobody and sends the rest of its journal."""
    rows = db.execute(
        "SELECT generation FROM kiosk WHERE kiosk = ? AND state IN ('active', 'waiting', 'proven')",
        (kiosk,),
    ).fetchall()
    if not rows:
        raise KioskError(N_("there is no kiosk %(kiosk)s at work"), kiosk=repr(kiosk))
    for row in rows:
        _stop(db, kiosk, row["generation"], "retired", by, now)


def fence(db: Connection, kiosk: str, generation: int, *, by: str, now: int) -> None:
    """Fence a lost kiosk. It gets no more places, and its places stay counted as possibly used."""
    _stop(db, kiosk, generation, "fenced", by, now)


def fence_forked(db: Connection, key: KioskKey, now: int) -> None:
    """Fence a kiosk whose journal contradicts an earlier one (docs/design/places.md, rule 9)."""
    with suppress(KioskError):
        fence(db, *key, by="server", now=now)


def kiosks(db: Connection) -> list[KioskRow]:
    """Return all generations, newest first."""
    waiting = dialect.greatest("0", "k.last_seq - k.acked_seq")
    rows = db.execute(
        "SELECT k.kiosk, k.generation, k.door_id, d.code AS door_code, d.names AS door_names,"
        " h.hall_id, h.names AS hall_names, k.state, k.words, k.token_expires_at, k.acked_seq,"
        f" k.seen_at, k.health, {waiting} AS waiting, k.reported_at, k.wire AS version,"
        " k.identity IS NOT NULL AS was_confirmed, k.device, k.old_files"
        " FROM kiosk k JOIN door d USING (door_id) JOIN hall h USING (hall_id)"
        " ORDER BY k.kiosk, k.generation DESC"
    )
    return [
        KioskRow(
            **{
                **dict(row),
                "health": _health(row["health"]),
                "version": read_version(row["version"]),
                "was_confirmed": bool(row["was_confirmed"]),
            }
        )
        for row in rows
    ]


def phones(db: Connection) -> frozenset[KioskKey]:
    """Return all phones, also those that work no more."""
    rows = db.execute("SELECT kiosk, generation FROM kiosk WHERE device = ?", (PHONE,))
    return frozenset((kiosk, generation) for kiosk, generation in rows)


def of_other_versions(rows: Iterable[KioskRow]) -> dict[str, str]:
    """Return the active kiosks whose version of Hallkeeper is not the server's."""
    return {
        row.kiosk: row.software
        for row in rows
        if row.state == "active" and row.software not in ("", own_version())
    }


def holdings(db: Connection) -> dict[KioskKey, list[Holding]]:
    holdings_of: dict[KioskKey, list[Holding]] = {}
    for row in db.execute(
        "SELECT a.kiosk, a.generation, h.hall_id, h.code AS hall_code,"
        " SUM(CASE a.override WHEN 1 THEN 0 ELSE a.held END) AS held,"
        " SUM(CASE a.override WHEN 1 THEN 0 ELSE a.free END) AS free,"
        " SUM(CASE a.override WHEN 1 THEN a.held ELSE 0 END) AS overrides"
        f" FROM (SELECT *, {pools.HELD} AS held"
        "  FROM place_account) a JOIN hall h USING (hall_id)"
        " GROUP BY a.kiosk, a.generation, h.hall_id HAVING MAX(a.held) > 0 ORDER BY h.code"
    ):
        values = dict(row)
        kiosk = (values.pop("kiosk"), values.pop("generation"))
        holdings_of.setdefault(kiosk, []).append(Holding(**values))
    return holdings_of


def _health(text: str | None) -> wire.Health | None:
    return None if text is None else wire.decode(text.encode(), wire.Health)


def _stop(db: Connection, kiosk: str, generation: int, state: str, by: str, now: int) -> None:
    changed = db.execute(
        "UPDATE kiosk SET state = ? WHERE kiosk = ? AND generation = ? AND state <> ?",
        (state, kiosk, generation, state),
    ).rowcount
    if changed != 1:
        raise KioskError(
            N_("kiosk %(kiosk)s in generation %(generation)s is %(state)s already"),
            kiosk=repr(kiosk),
            generation=generation,
            state=Phrase("fenced") if state == "fenced" else Phrase("retired"),
        )
    pools.fence(db, (kiosk, generation))
    changes.publish(db, wire.KioskRetired(generation), kiosk=kiosk)
    subject: Subject = {"kiosk": kiosk, "generation": generation}
    act = Act.KIOSK_FENCED if state == "fenced" else Act.KIOSK_RETIRED
    entry_log.act(db, by, act, subject, now)


def token_hash(token: bytes, public_key: bytes = b"") -> bytes:
    """With a public key: of a device that shares its code with others."""
    return hashlib.sha256(b"hallkeeper/token/v1\x00" + token + public_key).digest()


def _kind(device: str | None) -> dict[str, str]:
    return {} if device is None else {"device": device}
