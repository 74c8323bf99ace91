"""Phones as kiosks: their codes, the places that they may hold, and the request to update.

A code for several phones admits at most as many, within 15 minutes, and each still needs an admin
who compares its six words. So a leaked code enrols no phone by itself. Later tries are counted.
"""

import json
import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from badges.i18n import N_
from badges.wire import wire
from badges.wire.enrolment import TOKEN_BYTES, EnrolmentCode, six_words
from badges.wire.wire import ErrorCode
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.event.directory import Event
from server.core.event.settings import EventSettings
from server.core.kiosks.registry import (
    CODE_LIFE_MS,
    PHONE,
    EnrolError,
    KioskError,
    KioskRow,
    add_kiosk,
    check_name,
    next_generation,
    no_such_door,
    token_hash,
)
from server.core.occupancy import grants, phone_places
from server.storage import dialect
from server.storage.connection import Connection

SHEET_LIFE_MS = 12 * 60 * 60 * 1000  # of the one-time codes of a printed sheet
PHONES_MAX = 200  # of one code or sheet


@dataclass(frozen=True)
class OneTimeCode:
    kiosk: str
    door_code: str
    code: EnrolmentCode


@dataclass(frozen=True)
class SharedCode:
    """A code that several phones use."""

    code_id: int
    prefix: str
    phones: int
    used: int
    refused: int  # tries by further devices
    expires_at: int

    def is_open(self, now: int) -> bool:
        return self.used < self.phones and now < self.expires_at


def link(settings: EventSettings, code: EnrolmentCode) -> str:
    """The code is the fragment, which browsers never send."""
    return f"{settings.phones_at}/door/#{code.text()}"


def address(settings: EventSettings) -> tuple[str, int]:
    """Return the host and port at which phones reach the server, perhaps by a proxy."""
    parts = urlsplit(settings.phones_at)
    host = parts.hostname or settings.public_host
    return (f"[{host}]" if ":" in host else host), parts.port or 443


def one_time_codes(
    db: Connection,
    event: Event,
    prefix: str,
    doors: Sequence[str],
    phones: int,
    *,
    by: str,
    now: int,
    random: Callable[[int], bytes],
) -> list[OneTimeCode]:
    """Create that many phones, with a code each, in turn at the doors (codes of the venue).

    Raises KioskError.
    """
    _prepare(db, prefix, doors, phones, now)
    first = _first_free(db, prefix)
    codes = []
    for number in range(phones):
        kiosk, door = f"{prefix}-{first + number}", doors[number % len(doors)]
        code = add_kiosk(
            db, event, kiosk, door, address=address(event.settings), by=by, now=now,
            random=random, device=PHONE, life_ms=SHEET_LIFE_MS,
        )  # fmt: skip
        codes.append(OneTimeCode(kiosk, door, code))
    return codes


def shared_code(
    db: Connection,
    event: Event,
    prefix: str,
    doors: Sequence[str],
    phones: int,
    *,
    by: str,
    now: int,
    random: Callable[[int], bytes],
) -> EnrolmentCode:
    """Create a code for at most that many phones, in turn at the doors (codes of the venue).

    Raises KioskError.
    """
    ids = _prepare(db, prefix, doors, phones, now)
    token = random(TOKEN_BYTES)
    db.execute(
        "INSERT INTO phone_code (token_hash, prefix, doors, phones, created_at, expires_at)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (token_hash(token), prefix, json.dumps(ids), phones, now, now + CODE_LIFE_MS),
    )
    entry_log.act(db, by, Act.PHONE_CODE_MADE, {"phones": phones}, now)
    return EnrolmentCode(*address(event.settings), event.spki_sha256, token)


def claim(db: Connection, request: wire.EnrolRequest, now: int) -> None:
    """Register a phone that shows a shared code, so that `registry.enrol` finds it in the same
    transaction. Without effect for other codes, and for a phone that is registered.

    Raises EnrolError.
    """
    code = db.execute(
        "SELECT * FROM phone_code WHERE token_hash = ?", (token_hash(request.token),)
    ).fetchone()
    own_hash = token_hash(request.token, request.public_key)
    registered = "SELECT 1 FROM kiosk WHERE token_hash = ?"
    if code is None or db.execute(registered, (own_hash,)).fetchone() is not None:
        return
    if code["expires_at"] <= now:
        raise EnrolError(ErrorCode.CODE_EXPIRED, "This code has expired. Ask for a new one.")
    if code["used"] >= code["phones"]:
        raise EnrolError(
            ErrorCode.CODE_USED_UP, "All phones of this code have enrolled. Ask for a new one."
        )
    words = six_words(request.public_key, request.token)
    same = "SELECT 1 FROM kiosk WHERE phone_code = ? AND words = ?"
    if db.execute(same, (code["code_id"], words)).fetchone() is not None:
        # Its key was searched for, so that an admin confirms it in place of the other phone.
        raise EnrolError(
            ErrorCode.WRONG_CODE, "Another phone shows the same words. Open the code again."
        )
    wanted = dialect.many(json.loads(code["doors"]))
    doors = db.execute(
        f"SELECT door_id FROM door WHERE {dialect.one_of('door_id')} ORDER BY door_id", (wanted,)
    ).fetchall()
    if not doors:
        raise EnrolError(
            ErrorCode.WRONG_CODE, "The doors of this code were removed. Ask for a new one."
        )
    (door,) = doors[code["used"] % len(doors)]
    kiosk = f"{code['prefix']}-{_first_free(db, code['prefix'])}"
    db.execute(
        "INSERT INTO kiosk (kiosk, generation, door_id, state, token_hash, token_expires_at,"
        " created_at, device, phone_code) VALUES (?, ?, ?, 'waiting', ?, ?, ?, ?, ?)",
        (
            *(kiosk, next_generation(db, kiosk), door),
            *(own_hash, now + CODE_LIFE_MS, now, PHONE, code["code_id"]),
        ),
    )
    db.execute("UPDATE phone_code SET used = used + 1 WHERE code_id = ?", (code["code_id"],))


def note_refused(db: Connection, token: bytes) -> None:
    """Count a device that tried a shared code which was used up."""
    db.execute(
        "UPDATE phone_code SET refused = refused + 1 WHERE token_hash = ?", (token_hash(token),)
    )


def shared_codes(db: Connection, now: int) -> list[SharedCode]:
    """Return the codes of the last 15 minutes, and those of the last day that further devices
    tried.
    """
    rows = db.execute(
        "SELECT code_id, prefix, phones, used, refused, expires_at FROM phone_code"
        " WHERE expires_at > ? OR (refused > 0 AND expires_at > ?) ORDER BY code_id DESC",
        (now, now - 24 * 60 * 60 * 1000),
    )
    return [SharedCode(*row) for row in rows]


def unused_codes(db: Connection, now: int) -> list[str]:
    """Return the keys of the codes that phones may still use, of sheets too."""
    shared = db.execute(
        "SELECT code_id FROM phone_code WHERE expires_at > ? AND used < phones", (now,)
    ).fetchall()
    single = db.execute(
        "SELECT kiosk, generation FROM kiosk WHERE device = ? AND state = 'waiting'", (PHONE,)
    ).fetchall()
    sheets = [f"{kiosk} {generation}" for kiosk, generation in single]
    return [f"code {code}" for (code,) in shared] + sheets


def end_codes(db: Connection, shown: Collection[str], *, by: str, now: int) -> int:
    """End the codes that the page showed (`unused_codes`) and that phones may still use. Return
    their number. A code that another admin has made since stays.
    """
    ended = [key for key in unused_codes(db, now) if key in shown]
    shared = [key.removeprefix("code ") for key in ended if key.startswith("code ")]
    single = [tuple(key.split(" ")) for key in ended if not key.startswith("code ")]
    db.executemany(
        "UPDATE phone_code SET expires_at = ? WHERE code_id = ?",
        [(now, int(code)) for code in shared],
    )
    db.executemany(
        "DELETE FROM kiosk WHERE kiosk = ? AND generation = ?",
        [(kiosk, int(generation)) for kiosk, generation in single],
    )
    entry_log.act(db, by, Act.PHONE_CODES_ENDED, {"count": len(ended)}, now)
    return len(ended)


def refuse(db: Connection, kiosk: str, generation: int, *, by: str, now: int) -> None:
    """End the enrolment of a phone that no admin has confirmed. Its place in a shared code stays
    used. Raises KioskError.
    """
    changed = db.execute(
        "UPDATE kiosk SET state = 'retired' WHERE kiosk = ? AND generation = ? AND device = ?"
        " AND state = 'proven'",
        (kiosk, generation, PHONE),
    ).rowcount
    if changed != 1:
        raise KioskError(N_("phone %(kiosk)s waits for no confirmation"), kiosk=repr(kiosk))
    subject: Subject = {"kiosk": kiosk, "generation": generation}
    entry_log.act(db, by, Act.PHONE_REFUSED, subject, now)


def set_places(db: Connection, places: int, *, by: str, now: int) -> None:
    """Set the most places of a hall that each phone may hold. More are recalled at once.

    Raises KioskError.
    """
    if not 0 <= places <= phone_places.MOST:
        raise KioskError(
            N_("a phone may hold 0 to %(most)s places in each hall"), most=phone_places.MOST
        )
    before = phone_places.phone_places(db)
    if places == before:
        return
    phone_places.keep_phone_places(db, places)
    subject: Subject = {"places": places, "before": before}
    entry_log.act(db, by, Act.PHONE_PLACES_SET, subject, now)
    halls = db.execute(
        "SELECT DISTINCT a.hall_id FROM place_account a JOIN kiosk k USING (kiosk, generation)"
        " WHERE k.device = ? AND k.state = 'active' ORDER BY a.hall_id",
        (PHONE,),
    ).fetchall()
    for (hall_id,) in halls:
        grants.share(db, hall_id, now)


def outdated(rows: Sequence[KioskRow], files: str) -> list[KioskRow]:
    """Return the active phones that reported other files of the page than `files`, or none if that
    is "".
    """
    return [
        row
        for row in rows
        if files and row.is_phone and row.state == "active" and row.files not in ("", files)
    ]


def ask_update(db: Connection, phones: Sequence[KioskRow], *, by: str, now: int) -> None:
    """Ask each phone, with its next heartbeat, to leave the files of the page that it reported."""
    for row in phones:
        db.execute(
            "UPDATE kiosk SET old_files = ? WHERE kiosk = ? AND generation = ?",
            (row.files, row.kiosk, row.generation),
        )
    entry_log.act(db, by, Act.PHONES_UPDATE_ASKED, {"phones": len(phones)}, now)


def _prepare(db: Connection, prefix: str, doors: Sequence[str], phones: int, now: int) -> list[int]:
    """Return the doors' ids, after deleting phones whose codes have expired. Raises KioskError."""
    if not 1 <= phones <= PHONES_MAX:
        raise KioskError(N_("a code is for 1 to %(most)s phones"), most=PHONES_MAX)
    if not doors:
        raise KioskError(N_("choose at least one door for the phones"))
    check_name(f"{prefix}-{9999}")
    db.execute(
        "DELETE FROM kiosk WHERE device = ? AND state IN ('waiting', 'proven')"
        " AND token_expires_at <= ?",
        (PHONE, now),
    )
    ids = dict(db.execute("SELECT code, door_id FROM door").fetchall())
    for door in doors:
        if door not in ids:
            raise no_such_door(db, door)
    return [ids[door] for door in doors]


def _first_free(db: Connection, prefix: str) -> int:
    """Return the number after the highest of the kiosks with this prefix."""
    numbered = re.compile(rf"{re.escape(prefix)}-([0-9]{{1,6}})")
    matches = [numbered.fullmatch(name) for (name,) in db.execute("SELECT kiosk FROM kiosk")]
    return max((int(match[1]) for match in matches if match), default=0) + 1
