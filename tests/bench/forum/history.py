"""The three past days of a large forum: a million entries, three hundred kiosks, people inside now,
contradictions, and acts of staff.

They are written straight into the tables: doors would take too long to make them.
"""

import random
from collections.abc import Iterator, Sequence

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.ledger import marks
from server.storage.connection import Connection
from server.storage.database import Database
from tests.server.conftest import NOW

SCANS, INSIDE, EARLIER_STAYS = 1_000_000, 30_000, 300_000
DISCREPANCIES, ACTS = 5_000, 20_000
DAYS, DAY_MS, MINUTE = 3, 86_400_000, 60_000
FIRST_SEQ = 1_000_000  # the bench's own kiosks stay below it


def write(database: Database, now: int = NOW) -> None:
    """Write it all, and mark the entries as the server does."""
    database.write(lambda db: add_kiosks(db, now))
    database.write(lambda db: add_scans(db, numbers(db), now))
    database.write(lambda db: add_stays(db, now))
    database.write(lambda db: _what_does_not_fit(db, now))
    database.write(lambda db: _acts(db, now))
    while marks.mark_next(database):
        pass
    database.give_back()


def _doors(db: Connection) -> list[tuple[int, int]]:
    rows = db.execute("SELECT door_id, hall_id FROM door ORDER BY door_id")
    return [(row["door_id"], row["hall_id"]) for row in rows]


def _people(db: Connection) -> list[tuple[int, int]]:
    rows = db.execute("SELECT serial, category FROM attendee ORDER BY serial")
    return [(row["serial"], row["category"]) for row in rows]


def add_kiosks(db: Connection, now: int) -> None:
    """A kiosk at each door. One in fifty is silent by now."""
    for number, (door, hall) in enumerate(_doors(db)):
        seen_at = now - 20 * MINUTE if number % 50 == 0 else now
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, seen_at, head,"
            " created_at) VALUES (?, 1, ?, 'active', ?, ?, ?, 0)",
            (f"x{door}", door, door.to_bytes(32, "big"), seen_at, bytes(32)),
        )
        db.execute(
            "INSERT INTO place_account (hall_id, override, kiosk, generation, granted)"
            " VALUES (?, 0, ?, 1, 100)",
            (hall, f"x{door}"),
        )


def numbers(db: Connection) -> range:
    """The next numbers of the entry log, for SCANS entries."""
    (first,) = db.execute("SELECT MAX(number) + 1 FROM leaf").fetchone()
    return range(first, first + SCANS)


def moment(place: int, count: int, now: int) -> int:
    """The time of an entry by its place among `count`: days of ten hours."""
    day, part = divmod(place * DAYS / count, 1)
    return int(now - (DAYS - 1 - day) * DAY_MS - 36_000_000 + part * 36_000_000)


def add_scans(db: Connection, numbers: Sequence[int], now: int) -> None:
    db.executemany(
        "INSERT INTO leaf (number, kind, at, hash, body) VALUES (?, 'scan', ?, ?, ?)",
        (
            (
                number,
                moment(place, len(numbers), now),
                bytes(32),
                b'{"type":"scan"%s}' % (b" " * 300),
            )
            for place, number in enumerate(numbers)
        ),
    )
    db.executemany(
        "INSERT INTO scan (number, kiosk, generation, seq, act, direction, door_id, hall_id,"
        " serial, issue, category, session_id, decision, reason, flags, scanned_at, received_at,"
        " supervisor, note) VALUES (?, ?, 1, ?, ?, ?, ?, ?, ?, 1, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
        _scan_rows(db, numbers, now),
    )


def _scan_rows(db: Connection, numbers: Sequence[int], now: int) -> Iterator[tuple[object, ...]]:
    """One scan in fifty comes hours late, from an offline door."""
    draw = random.Random(3)
    doors, people = _doors(db), _people(db)
    (sessions,) = db.execute("SELECT MAX(session_id) FROM session").fetchone()
    reasons = ("hall_full", "not_entitled", "already_inside", "forged")
    for place, number in enumerate(numbers):
        at = moment(place, len(numbers), now)
        (door, hall), (serial, category) = draw.choice(doors), draw.choice(people)
        out, denied, acted = draw.random() < 0.4, draw.random() < 0.05, draw.random() < 0.01
        denied = denied and not out and not acted
        late_ms = draw.randrange(7_200_000) if draw.random() < 0.02 else 200
        yield (
            number, f"x{door}", FIRST_SEQ + place,
            draw.choice(("override", "annul")) if acted else "scan", "exit" if out else "entry",
            door, hall, serial, category,
            draw.randint(1, sessions) if draw.random() < 0.7 else None,
            "denied" if denied else "admitted", draw.choice(reasons) if denied else None,
            "escort" if draw.random() < 0.003 else "", at - late_ms, at,
            f"user:{draw.randint(1, 40)}" if acted else None,
            draw.choice(("badge got wet", "lost badge", "王先生确认")) if acted else None,
        )  # fmt: skip


def add_stays(db: Connection, now: int) -> None:
    draw = random.Random(1)
    doors, people = _doors(db), [serial for serial, _ in _people(db)]

    def row(number: int, serial: int, over: bool) -> tuple[object, ...]:
        door, hall = draw.choice(doors)
        opened = now - draw.randint(1, 180) * MINUTE
        ended = (opened + MINUTE, "exit") if over else (None, None)
        return (f"x{door}", FIRST_SEQ + number, hall, door, serial, opened, *ended)

    inside = draw.sample(people, INSIDE)
    db.executemany(
        "INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at, closed_at,"
        " closed_by, clock_known) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, 1)",
        (
            *(row(n, draw.choice(people), True) for n in range(EARLIER_STAYS)),
            *(row(EARLIER_STAYS + n, serial, False) for n, serial in enumerate(inside)),
        ),
    )
    db.executemany(
        "INSERT INTO accessible_guest (serial, kind) VALUES (?, 'wheelchair')",
        ((serial,) for serial in inside[::100]),
    )


def _what_does_not_fit(db: Connection, now: int) -> None:
    (last,) = db.execute("SELECT MAX(number) FROM scan").fetchone()
    reasons = ("already_inside", "not_entitled", "revoked", "replaced")
    db.executemany(
        "INSERT INTO discrepancy (number, other_number, reason, noticed_at) VALUES (?, ?, ?, ?)",
        (
            (last - n * 100, last - n * 100 - 7 if n % 2 else None, reasons[n % 4], now - n * 1000)
            for n in range(DISCREPANCIES)
        ),
    )


def _acts(db: Connection, now: int) -> None:
    for number in range(ACTS):
        subject: dict[str, str | int | None] = {"hall": number % 50 + 1, "count": number}
        entry_log.act(db, f"user:{number % 30 + 1}", Act.INSIDE_LISTED, subject, now)
