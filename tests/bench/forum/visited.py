"""Fills a large event with 1,000,000 scans at its own doors, and with who is inside.

The rows are those that the ledger writes, without the work of signing them: pages only read them.
"""

import random
from collections.abc import Iterator
from itertools import count

from server.ledger import marks
from server.storage.connection import Connection
from tests.bench.forum import entries
from tests.server.support.pages import Pages

INSIDE, EARLIER_STAYS, HELPED = 30_000, 300_000, 300
AT = entries.START + 2 * entries.DAY_MS + 36_000_000  # the last scan has just come
MINUTE = 60_000
_SEQ = count(10_000_000)  # beyond what the kiosks' own journals have


def fill(pages: Pages) -> None:
    """Write the scans and stays, mark the entries as the server does, and move the clock on."""
    pages.now = AT
    pages.database.write(_scans)
    pages.database.write(_stays)
    while marks.mark_next(pages.database):
        pass
    pages.database.give_back()


def _ids(db: Connection, query: str) -> list[int]:
    return [row[0] for row in db.execute(query)]


def _scans(db: Connection) -> None:
    (first,) = db.execute("SELECT MAX(number) + 1 FROM leaf").fetchone()
    doors = list(db.execute("SELECT door_id, hall_id, kiosk FROM door JOIN kiosk USING (door_id)"))
    people = _ids(db, "SELECT serial FROM attendee ORDER BY serial")
    entries.add_leaves(db, first)

    def here() -> Iterator[tuple[object, ...]]:
        for row in entries.scans(first):
            number, _, _, act, direction, door, _, person, *rest = row
            door_id, hall_id, kiosk = doors[door % len(doors)]
            serial = people[person % len(people)]
            yield number, kiosk, next(_SEQ), act, direction, door_id, hall_id, serial, *rest

    entries.add_scans(db, here())


def _stays(db: Connection) -> None:
    dice = random.Random(1)
    doors = list(db.execute("SELECT kiosk, hall_id, door_id FROM door JOIN kiosk USING (door_id)"))
    people = _ids(db, "SELECT serial FROM attendee")
    dice.shuffle(people)

    def stay(serial: int, closed: bool) -> tuple[object, ...]:
        kiosk, hall_id, door_id = dice.choice(doors)
        opened = AT - dice.randint(2, 180) * MINUTE
        ended = (opened + MINUTE, "exit") if closed else (None, None)
        return (kiosk, next(_SEQ), hall_id, door_id, serial, opened, *ended)

    rows = [stay(dice.choice(people), True) for _ in range(EARLIER_STAYS)]
    rows += [stay(serial, False) for serial in people[:INSIDE]]
    db.executemany(
        "INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at, closed_at,"
        " closed_by, clock_known) VALUES (?, 1, ?, ?, ?, ?, ?, ?, ?, 1)",
        rows,
    )
    db.executemany(
        "INSERT INTO accessible_guest (serial, kind) VALUES (?, 'wheelchair')",
        ((serial,) for serial in people[: INSIDE : INSIDE // HELPED]),
    )
