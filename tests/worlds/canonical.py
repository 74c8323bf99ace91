"""One form for states that behave alike: what the next acts can read, without names and times.

Left out are hashes, signatures, the log, and times, except their order for one person. Numbers of
people, and names of doors that are alike, are given anew in the order in which they appear.
"""

from collections.abc import Iterable
from hashlib import blake2b
from itertools import permutations
from typing import Any

from badges.record import decode_record
from server.storage import event_state
from tests.worlds.state import DoorState, State
from tests.worlds.world import World

# By table: the columns that the steps read, besides those that are constant in a world.
_SERVER = {
    "place_account": (
        "hall_id, override, kiosk, generation, granted, returned, handed_over, reclaimed, fenced,"
        " awaited, trusted, attested IS NULL, free, wanted_at IS NULL"
    ),
    "kiosk": (
        "kiosk, generation, state, (SELECT code FROM door d WHERE d.door_id = kiosk.door_id),"
        " acked_seq, resting"
    ),
    "hall": (
        "hall_id, parent_id, capacity, closed_at IS NULL, leaving, exits, open_stays,"
        " open_overrides, moved_on, unconfirmed_moves"
    ),
    "stay": (
        "hall_id, kiosk, generation, seq, serial, override, gone, after_move, around, closed_by,"
        " closed_at IS NULL"
    ),
    "likely_copy": "serial, cleared_at IS NULL",
    "early_exit": "kiosk, generation, seq, hall_id, closed_by",
    "unnamed_exit": "serial, hall_id",
}
_JOURNAL = (
    "SELECT acked, offered, incarnation > 1, fenced, resting FROM state",
    "SELECT hall, override, granted, returned, entries, credited, trusted FROM account"
    " ORDER BY 1, 2",
    "SELECT seq, hall, serial, override, open, credited, around FROM own_stay ORDER BY 1, 2",
)
_REPLICA = (
    "SELECT kiosk, generation, seq, serial, override, moved, hall FROM stay ORDER BY 1, 2, 3, 7",
    "SELECT seq, hall FROM ended ORDER BY 1, 2",
    "SELECT seq, hall FROM moved ORDER BY 1, 2",
    "SELECT serial, highest_issue, revoked, copied_issue FROM holder ORDER BY 1",
)
REPEAT_MS = 60_000  # kiosk/door/repeats.py


def digest(world: World, state: State) -> bytes:
    """Equal for states that are taken as one."""
    form = _form(world, state)
    return min(_hash(form, names) for names in _namings(world, state))


def _namings(world: World, state: State) -> Iterable[dict[str, str]]:
    """Each way to exchange the names of doors into the same halls."""
    alike: dict[tuple[str, ...], list[str]] = {}
    for door in world.plan.venue.doors:
        alike.setdefault(door.enters, []).append(door.code)
    ways: list[dict[str, str]] = [{}]
    for codes in alike.values():
        ways = [
            way | dict(zip(codes, order, strict=True))
            for way in ways
            for order in permutations(codes)
        ]
    return ways


def _hash(form: list[Any], names: dict[str, str]) -> bytes:
    return blake2b(repr(_renamed(form, names)).encode(), digest_size=12).digest()


def _renamed(form: list[Any], names: dict[str, str]) -> list[Any]:
    """Rows are sorted anew, since their order is by name."""
    renamed = [(part, sorted((_row(row, names) for row in rows), key=repr)) for part, rows in form]
    return sorted(((names.get(part, part), rows) for part, rows in renamed), key=repr)


def _row(value: Any, names: dict[str, str]) -> Any:
    if isinstance(value, tuple):
        return tuple(_row(part, names) for part in value)
    if isinstance(value, str):
        return " ".join(names.get(word, word) for word in value.split(" "))
    return value


def _form(world: World, state: State) -> list[Any]:
    world.load_server(state.server)
    db = world.server.db
    form: list[Any] = [
        (f"server {table}", [tuple(row) for row in db.execute(f"SELECT {columns} FROM {table}")])
        for table, columns in _SERVER.items()
    ]
    told = event_state.event_state(db)
    form.append(("event", [(told.incarnation > 1, told.restored_without_acts)]))
    for name, door in state.doors.items():
        form += _of_door(world, name, door)
    form.append(
        (
            "people",
            [(*person.inside, person.badge, person.entry) for person in state.people],
        )
    )
    page = state.page
    if page is not None:
        newer = db.execute("SELECT COUNT(*) FROM scan WHERE number >= ?", (page.before,)).fetchone()
        form.append(("page", [(page.form, page.hall, *sorted(page.shown), newer[0])]))
    form.append(
        (
            "rest",
            [(state.used, state.capacity, state.is_nested, state.is_rolled_back, state.forgotten)],
        )
    )
    if state.backup is not None:
        form.append(("backup", [(hash(state.backup),)]))  # as it is: it is rarely equal
    return form


def _of_door(world: World, name: str, state: DoorState) -> list[Any]:
    door = world.load_door(name, state)
    journal, replica = door._connections
    rows = [
        (part, *tuple(row))
        for part, sql in enumerate(_JOURNAL)
        for row in journal.execute(sql).fetchall()
    ]
    acked = rows[0][1]
    waiting = journal.execute("SELECT record FROM scan WHERE seq > ? ORDER BY seq", (acked,))
    rows += [_of_record(record) for (record,) in waiting.fetchall()]
    rows += [
        ("facts", part, *tuple(row))
        for part, sql in enumerate(_REPLICA)
        for row in replica.execute(sql).fetchall()
    ]
    codes = {number: code for code, number in world.opened.door_ids.items()}
    context = door.replica.context
    if context is not None:
        around = tuple(hall.hall_id for hall in context.outer)
        place = codes[context.door.door]
        rows.append(("context", context.capacity, context.hall.closed, place, around))
    behind = world.server.cursor() - door.replica.cursor
    link = door.link.state
    starting = world.monotonic_of(door) < REPEAT_MS
    repeats = tuple(sorted(door.admitter._repeats._records)) if starting else ()
    rows.append(
        ("memory", behind if link.feed_live else None, link.online, link.feed_live,
         door.changes.snapshot_wanted, bool(door.exchange._wants), repeats)
    )  # fmt: skip
    rows.append(
        ("condition", state.at, state.is_cut, state.is_used, state.is_thief, state.is_stopped,
         state.kept is None)
    )  # fmt: skip
    return [(name.split("-")[0] + "", [(name.split("-", 1)[1], *row) for row in rows])]


def _of_record(record: bytes) -> tuple[Any, ...]:
    known = decode_record(record)
    return (
        "waits", known.seq, known.direction, known.decision, known.serial, known.hall,
        repr(known.closes), known.credited, int(known.kind),
    )  # fmt: skip
