"""Batches taken together have the same effect as one by one, at a lower cost."""

import math
import random
import shutil
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest

from badges.places.pool import PoolKey
from badges.record import StayRef
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.core.ledger import ingest
from server.core.muster import muster
from server.core.occupancy import hall_control, pools, stays
from server.core.people import protocol_guests
from server.storage import database as storage
from server.storage.database import Database
from server.storage.engines import joint
from server.storage.postgresql import moving
from server.storage.postgresql.connection import PostgresConnection
from tests.server.conftest import MINUTE, NOW
from tests.server.core.ledger.together.sending import (
    ReplayError,
    Step,
    batch_step,
    salt_by_number,
    send,
)
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, BORIS, SMALL, build, heed, open_site
from tests.server.support.templates import nothing
from tests.tries import tries

ROUNDS = 20
SEEDS = 6
BADGES = (ANNA, BORIS, *range(1, 9), 9_999)  # The last is on no roster.
# Row numbers from the engine. PostgreSQL skips those of undone rows.
NUMBERED = {"change": "cursor", "discrepancy": "discrepancy_id", "outage": "outage_id"}
RATE = "rate"


class Twins(NamedTuple):
    """One event twice: batches are taken together in the first, one by one in the second."""

    together: Database
    apart: Database

    def everywhere(self, step) -> None:
        for database in self:
            database.write(step)


@pytest.fixture
def twins(
    event: Event,
    engine: str,
    request: pytest.FixtureRequest,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Twins]:
    salt_by_number(monkeypatch)
    path = tmp_path / "other"
    shutil.copytree(event.path, path)
    other = replace(event, path=path)
    if engine == "postgresql":
        with request.getfixturevalue("postgres").event(path, nothing):
            with Database(event.database_path) as first, Database(other.database_path) as two:
                yield Twins(first, two)
    else:
        with Database(event.database_path) as first, Database(other.database_path) as two:
            yield Twins(first, two)


class Rows:
    """Reads every row of every table of one event, as text, in a fixed order.

    One statement reads them all, because there are a hundred tables and many rounds a day.
    """

    # By engine the tables and the statement, which are the same for all events.
    statements: ClassVar[dict[bool, tuple[list[str], str]]] = {}

    def __init__(self, database: Database) -> None:
        self._database = database
        with database.reading() as db:
            at = isinstance(db, PostgresConnection)
            if at not in self.statements:
                read = _read_in_postgresql if at else _read
                tables = moving.tables_of(db)
                parts = [read(name, moving.columns_of(db, name)) for name in tables]
                self.statements[at] = tables, " UNION ALL ".join(parts)
            self._tables, self._statement = self.statements[at]

    def __call__(self) -> dict[str, list[str]]:
        rows: dict[str, list[str]] = {name: [] for name in self._tables}
        with self._database.reading() as db:
            # The text is the engine's own; translating so much SQL would take long.
            if isinstance(db, PostgresConnection):
                read = db.raw.execute(self._statement, prepare=True)
            else:
                read = db.execute(self._statement)
            for name, words in read:
                rows[name].append(words)
        return {name: sorted(lines) for name, lines in rows.items()}


def _read(table: str, columns: list[str], quote: str = "quote") -> str:
    """Return the statement for a table's rows, with numbers as if none was skipped."""
    shown = []
    for column in columns:
        name = f'"{column}"'
        if column == NUMBERED.get(table):
            name = f"ROW_NUMBER() OVER (ORDER BY {name})"
        elif column == RATE:
            # It is as exact as SQLite writes it in JSON, where it was read that way.
            name = f"ROUND(CAST({name} AS NUMERIC), 9)"
        shown.append(f"{quote}({name})")
    return _statement(table, " || ' ' || ".join(shown))


def _read_in_postgresql(table: str, columns: list[str]) -> str:
    """Return the same, with a whole row at once where no column is special."""
    if table in NUMBERED or RATE in columns:
        return _read(table, columns, "quote_nullable")
    return _statement(table, "CAST(one_row.* AS TEXT)")


def _statement(table: str, words: str) -> str:
    but = " WHERE key <> 'rules_version'" if table == "setting" else ""  # which is random
    return f"SELECT '{table}', {words} FROM \"{table}\" AS one_row{but}"


class Day:
    """Random batches of four doors, each sent to both events."""

    def __init__(self, twins: Twins, seed: int, *, early: bool = True) -> None:
        self.twins = twins
        self.early = early
        self.site = open_site(twins.together)
        self.doors = [self.site.west, self.site.east, self.site.other, self.site.room]
        # The other event's doors start alike, with the same keys.
        open_site(twins.apart)
        self.dice = random.Random(seed)
        self.now = NOW
        self.counters = dict.fromkeys((door.kiosk for door in self.doors), 0)
        self.inside: list[tuple[FakeDoor, int, int]] = []

    def scan(self, door: FakeDoor) -> None:
        dice = self.dice
        at = self.now - dice.choice((0, 500, 2_000, 2_000, 30_000, 8 * MINUTE))
        changes: dict[str, Any] = {"skew_ms": dice.choice((0, 0, 0, 120, None))}
        if dice.random() < 0.1:
            changes["epoch"] = dice.choice((1, 2))
        badge = dice.choice(BADGES)
        share = dice.random()
        if share < 0.4 and self.inside:
            chosen = dice.randrange(len(self.inside))
            entered, badge, seq = self.inside[chosen]
            if dice.random() < 0.8:  # else an exit names this stay again
                del self.inside[chosen]
            leaves = entered if dice.random() < 0.7 else door
            ref = StayRef(entered.kiosk, 1, seq) if dice.random() < 0.9 else None
            if dice.random() < 0.1:
                changes["act"], leaves = "annul", entered
            changes["credited"] = dice.random() < 0.1
            leaves.scan(at, badge, direction="exit", closes=ref, **changes)
        elif share < 0.5:
            reason = dice.choice(("hall_full", "roll_call", "not_invited", "already_inside"))
            door.scan(at, badge, decision="denied", reason=reason, **changes)
        elif door.free > 0 or dice.random() < 0.05:
            if dice.random() < 0.1:
                changes |= {"override_place": True, "act": "override", "by": "Zoe", "note": "me"}
            self.inside.append((door, badge, door.scan(at, badge, **changes).seq))

    def batch(self, door: FakeDoor, *, faults: bool) -> Step:
        dice = self.dice
        self.counters[door.kiosk] += 1
        changes: dict[str, Any] = {"health": wire.Health(queue=dice.randrange(3))}
        places = [wire.PlaceTotals(door.hall, door.granted, door.returned, max(0, door.free))]
        if dice.random() < 0.3:
            places = [
                wire.PlaceTotals(
                    door.hall, door.granted, door.returned, 0, wants=dice.random() < 0.7
                )
            ]
        changes |= {"places": places, "resting": dice.random() < 0.05}
        counter = self.counters[door.kiosk]
        if faults and dice.random() < 0.15:
            fault = dice.choice(("replay", "gap", "fork", "signature", "hall"))
            if fault == "replay":
                counter = 0
            elif fault == "gap":
                changes["first_seq"] = door.acked + 5
            elif fault == "fork":
                changes["head"] = bytes(32)
            elif fault == "signature" and door.acked < len(door.records):
                changes["signature"] = bytes(64)
            elif fault == "hall":
                changes["places"] = [wire.PlaceTotals(77, 1, 0, 1)]
        return batch_step(door, door.batch(self.now, **changes), self.now, counter)

    def round(self, *, faults: bool) -> None:
        """Some batches of some doors, sometimes with staff's steps between them."""
        dice = self.dice
        self.now += dice.choice((20, 400, 5_000, MINUTE))
        steps, senders = [], []
        for _ in range(dice.randrange(2, 9)):
            door = dice.choice(self.doors)
            for _ in range(dice.choice((0, 1, 1, 1, 2, 4))):
                self.scan(door)
            if door not in senders or dice.random() < 0.3:
                steps.append(self.batch(door, faults=faults))
                senders.append(door)
            if dice.random() < 0.05:
                steps.append(Step(self.of_staff()))
                senders.append(None)
        answers = [
            send(database, steps, together=database is self.twins.together, early=self.early)
            for database in self.twins
        ]
        assert list(map(shown, answers[0])) == list(map(shown, answers[1]))
        for door, answer in zip(senders, answers[0], strict=True):
            if door is not None and not isinstance(answer, Exception):
                door.acked = max(door.acked, answer.acked_seq)
                for order in answer.orders:
                    if order.hall == door.hall and not order.override:
                        door.granted = max(door.granted, order.granted)
            elif door is not None and not faults:
                raise answer

    def of_staff(self):
        capacity, now = self.dice.randrange(2, 9), self.now
        return self.dice.choice(
            (
                lambda db: hall_control.set_capacity(db, SMALL, capacity, by="test", now=now),
                lambda db: db.execute("UPDATE hall SET shared_until = 0") and None,
                lambda db: None,
            )
        )


def shown(answer: Any) -> Any:
    return type(answer) if isinstance(answer, Exception) else answer


def prepare(day: Day, seed: int) -> None:
    """Set up a rare case, chosen by the seed."""
    guests = [lambda db: protocol_guests.set_protocol_guest(db, ANNA, [1], by="test", now=NOW)]
    kinds = [
        [],
        guests,
        [lambda db: registry.fence(db, "east", 1, by="test", now=NOW)],
        [lambda db: db.execute("INSERT INTO setting VALUES ('incarnation', '2')") and None],
        [lambda db: muster.begin(db, "drill", by="test", now=NOW) and None],
        [lambda db: db.execute("UPDATE hall SET leaving = 'inferred', walk_s = 2") and None],
    ]
    for step in kinds[seed % len(kinds)]:
        day.twins.everywhere(step)


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The number of steps in each shared commit."""
    counts: list[int] = []

    def count(name: str) -> None:
        run = getattr(joint, name)

        def counted(db, kind, steps, *more):
            results = run(db, kind, steps, *more)
            counts.append(len(steps))
            return results

        monkeypatch.setattr(joint, name, counted)

    count("together")
    count("concurrently")
    return counts


@pytest.mark.parametrize("early", [False, True], ids=["exclusive", "early"])
@pytest.mark.parametrize("faults", [False, True], ids=["right", "faults"])
@pytest.mark.parametrize("seed", range(SEEDS))
def test_batches_together_are_the_same_as_apart(
    twins: Twins,
    taken: list[int],
    engine: str,
    seed: int,
    faults: bool,
    early: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    if early and engine == "sqlite":
        pytest.skip("SQLite's commits are never early")
    monkeypatch.setattr(storage, "EXCLUSIVE_AFTER", 0)
    monkeypatch.setattr(storage, "OTHERS_S", math.inf)  # As if there were other servers.
    day = Day(twins, seed, early=early)
    together, apart = Rows(twins.together), Rows(twins.apart)
    assert together() == apart()
    prepare(day, seed)
    rounds = tries(ROUNDS)
    for _ in range(rounds):
        day.round(faults=faults)
        joint_rows, single_rows = together(), apart()
        for table in joint_rows:
            assert joint_rows[table] == single_rows[table], table
    roots = [entry_log.Log(database, "log", day.site.west.key).state() for database in twins]
    assert roots[0] == roots[1]
    assert roots[0][0] > rounds
    assert sum(taken) > rounds


@pytest.mark.parametrize(
    ("table", "change"),
    [
        ("place_account", "UPDATE place_account SET rate = rate + 0.001 WHERE kiosk = 'west'"),
        ("kiosk", "UPDATE kiosk SET health = '' WHERE kiosk = 'west'"),
        ("kiosk", "UPDATE kiosk SET head = NULL WHERE kiosk = 'west'"),
        ("hall", "UPDATE hall SET names = '{ }' WHERE hall_id = 1"),
        ("change", "UPDATE change SET body = body || body WHERE cursor = 2"),
        ("door_from", "DELETE FROM door_from WHERE door_id = 1"),
    ],
)
def test_a_difference_is_seen(twins: Twins, table: str, change: str) -> None:
    Day(twins, 0)
    twins.apart.write(lambda db: db.execute(change) and None)
    first, two = (Rows(each)() for each in twins)
    assert [name for name in first if first[name] != two[name]] == [table]


@pytest.fixture
def crowd(database: Database) -> list[FakeDoor]:
    """Eight doors of two halls, with places."""
    doors = [FakeDoor(f"k{n}", n, 1 + n % 2) for n in range(1, 9)]
    database.write(lambda db: build(db, doors, 80, 99))
    for counter in (1, 2):
        for door in doors:
            heed(door, send(database, [step_of(door, counter)], together=False)[0])
    return doors


def step_of(door: FakeDoor, counter: int) -> Step:
    return batch_step(door, door.batch(NOW), NOW, counter)


def statements(database: Database, doors: list[FakeDoor], counter: int) -> int:
    """The number of statements of a commit with a batch of each door."""
    seen: list[str] = []
    writer: Any = database._writer_connection
    execute = writer.execute
    writer.execute = lambda sql, *values: seen.append(sql) or execute(sql, *values)
    try:
        answers = send(database, [step_of(door, counter) for door in doors], together=True)
    finally:
        writer.execute = execute
    for door, answer in zip(doors, answers, strict=True):
        heed(door, answer)
    return len(seen)


def test_eight_batches_take_the_statements_of_a_few(
    database: Database, crowd: list[FakeDoor], taken: list[int]
) -> None:
    """Entries of eight, and then their exits. One by one each would take ten and more."""
    entries = [door.scan(NOW, serial) for serial, door in enumerate(crowd, 1)]
    entered = statements(database, crowd, 3)
    for entry, door in zip(entries, crowd, strict=True):
        door.leave(NOW, entry.serial, door.ref(entry))
    left = statements(database, crowd, 4)
    assert taken == [8, 8]
    assert entered <= 24
    assert left <= 24


def test_who_asks_for_places_in_one_hall_gets_them_in_turn(
    database: Database, crowd: list[FakeDoor], taken: list[int]
) -> None:
    """Sharing reads the requests before it, although none is written yet."""
    wants = [
        batch_step(
            door,
            door.batch(NOW, places=[wire.PlaceTotals(door.hall, door.granted, 0, 0, wants=True)]),
            NOW + 10,
            3,
        )
        for door in crowd
    ]
    before = {door.kiosk: door.granted for door in crowd}
    answers = send(database, wants, together=True)
    assert taken == [8]
    for door, answer in zip(crowd, answers, strict=True):
        heed(door, answer)
    assert sum(door.granted for door in crowd) > sum(before.values())
    with database.reading() as db:
        for hall in (1, 2):
            pool = pools.load(db, PoolKey(hall))
            assert pool.worst_case <= pool.capacity


@pytest.mark.parametrize("earlier", [True, False], ids=["known before", "of the same commit"])
def test_exits_of_one_stay_in_one_commit_free_one_place(
    database: Database, crowd: list[FakeDoor], taken: list[int], earlier: bool
) -> None:
    """Two doors of a hall were away, and one badge left by both. Two more people stay inside."""
    first, *others = [door for door in crowd if door.hall == 1]
    entries = [first.scan(NOW, serial) for serial in (1, 2, 3)]
    if earlier:
        heed(first, send(database, [step_of(first, 3)], together=False)[0])
    for door in others[:2]:
        door.leave(NOW, 1, first.ref(entries[0]))
    send(database, [step_of(door, 4) for door in (first, *others[:2])], together=True)
    assert taken == [3]
    with database.reading() as db:
        assert pools.load(db, PoolKey(1)).open_stays == 2
        assert sorted(stay.serial for stay in stays.in_hall(db, 1)) == [2, 3]


def test_a_batch_that_is_wrong_leaves_the_others_together(
    database: Database, crowd: list[FakeDoor], taken: list[int]
) -> None:
    for serial, door in enumerate(crowd, 1):
        door.scan(NOW, serial)
    steps = [step_of(door, 3) for door in crowd]
    steps[3] = step_of(crowd[3], 0)  # was made before
    answers = send(database, steps, together=True)
    assert [type(answer) for answer in answers] == [
        *[ingest.Ingested] * 3, ReplayError, *[ingest.Ingested] * 4
    ]  # fmt: skip
    assert taken == [3, 4]
    with database.reading() as db:
        kiosks = [row[0] for row in db.execute("SELECT kiosk FROM scan ORDER BY number")]
    assert kiosks == ["k1", "k2", "k3", "k5", "k6", "k7", "k8"]


def test_two_that_are_wrong_leave_each_alone(
    database: Database, crowd: list[FakeDoor], taken: list[int]
) -> None:
    for serial, door in enumerate(crowd, 1):
        door.scan(NOW, serial)
    steps = [step_of(door, 3) for door in crowd]
    steps[1] = steps[5] = step_of(crowd[1], 0)
    answers = send(database, steps, together=True)
    assert [isinstance(answer, ReplayError) for answer in answers] == [
        at in (1, 5) for at in range(8)
    ]
    assert sum(taken) < 6


def test_what_fails_as_it_is_written_is_taken_one_by_one(
    database: Database, crowd: list[FakeDoor], monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when the disk is full for a moment."""
    for serial, door in enumerate(crowd, 1):
        door.scan(NOW, serial)
    fails = iter([True])
    put = stays.Opened.put

    def failing(self: stays.Opened) -> None:
        if next(fails, False):
            raise sqlite3.OperationalError("no")
        put(self)

    monkeypatch.setattr(stays.Opened, "put", failing)
    steps = [step_of(door, 3) for door in crowd]
    answers = send(database, steps, together=True, early=False)
    assert all(isinstance(answer, ingest.Ingested) for answer in answers)
    with database.reading() as db:
        (scans,) = db.execute("SELECT COUNT(*) FROM scan").fetchone()
        (open_stays,) = db.execute("SELECT COUNT(*) FROM stay").fetchone()
    assert (scans, open_stays) == (8, 8)
