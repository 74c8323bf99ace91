"""Batches that two servers take at the same time have the same effect as one after the other, in
the order of the entry log.
"""

import math
import queue
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import psycopg
import pytest

from server.core.entry_log import entry_log
from server.core.event.directory import Event
from server.core.ledger import ingest
from server.core.muster import muster
from server.core.occupancy import pools
from server.storage import database as storage
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines import joint, scope
from server.storage.postgresql import bounds
from server.storage.tables import keep_setting
from tests.server.conftest import MINUTE, NOW
from tests.server.core.ledger.together.sending import Step, batch_step, salt_by_number
from tests.server.core.ledger.together.test_together import Day, Rows, Twins
from tests.server.support.fake_door import FakeDoor
from tests.server.support.postgresql.databases import Databases
from tests.server.support.site import build as build_site
from tests.server.support.site import heed
from tests.server.support.templates import copied, nothing
from tests.tries import tries

pytestmark = pytest.mark.sqlite_alone  # They name their engine themselves.
WAIT_S = 240.0  # for a busy machine
ROUNDS = 40
SEEDS = 6
HALLS = 6  # numbers 3 and 6 are rooms in 2 and 5
CAPACITY = 5


class Servers(NamedTuple):
    first: Database
    second: Database
    # Another event with the same beginning, whose only server takes one batch after the other.
    alone: Database
    url: str  # of the event with two servers


@pytest.fixture
def servers(
    event: Event, postgres: Databases, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Servers]:
    salt_by_number(monkeypatch)
    monkeypatch.setattr(storage, "EXCLUSIVE_AFTER", 0)
    monkeypatch.setattr(storage, "OTHERS_S", math.inf)
    # The tests wait within transactions.
    monkeypatch.setattr(bounds, "TURN_S", WAIT_S)
    here, other = (copied(event, tmp_path / name / "event") for name in ("here", "other"))
    with ExitStack() as stack:
        for each in (here, other):
            stack.enter_context(postgres.event(each.path, nothing))
        first, second, alone = (
            stack.enter_context(Database(path.database_path)) for path in (here, here, other)
        )
        engine: Any = first._engine
        yield Servers(first, second, alone, str(engine._address.url))


class Meeting:
    """Lets a transaction of each server wait until the other one's steps have begun too, or until
    a server waits for a lock.
    """

    def __init__(self, url: str) -> None:
        self._url = url
        self._began: set[int] = set()
        self._changed = threading.Condition()
        self.met = self.waited = 0

    def begin(self, server: int, db: Connection) -> None:
        with self._changed:
            self._began.add(server)
            self._changed.notify_all()
        if not joint.is_concurrent(db):
            return
        deadline = time.monotonic() + WAIT_S
        with psycopg.connect(self._url, autocommit=True) as connection:
            while time.monotonic() < deadline:
                if 1 - server in self._began:
                    self.met += 1
                    return
                if _waits(connection):
                    self.waited += 1
                    return
                with self._changed:
                    self._changed.wait(0.005)
        raise AssertionError("the other server did not come")


def _waits(connection: psycopg.Connection[Any]) -> bool:
    """Return whether a server waits for a lock."""
    row = connection.execute(
        "SELECT EXISTS (SELECT 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        " AND database = (SELECT oid FROM pg_database WHERE datname = current_database()))"
    ).fetchone()
    return row is not None and bool(row[0])


class Group:
    """Steps that a server takes in one commit, once it is let go.

    Its server first waits for its turn, which takes ten seconds while a `Held` holds the other
    server: make the group before.
    """

    def __init__(self, database: Database, steps: Sequence[Step]) -> None:
        self._results: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in steps]
        self._gate, begun = threading.Event(), threading.Event()
        # The writer's thread waits here without a transaction.
        database.write_then(lambda db: None, lambda *_: begun.set() or self._gate.wait())
        assert begun.wait(WAIT_S)
        for step, results in zip(steps, self._results, strict=True):
            database.write_then(
                step.run,
                lambda result, error, results=results: results.put(error or result),
                early=True,
                joinable=step.joinable,
            )

    def go(self) -> None:
        self._gate.set()

    def answers(self) -> list[Any]:
        return [results.get(timeout=WAIT_S) for results in self._results]


def build(db: Connection, doors: list[FakeDoor]) -> None:
    """Six halls, of which two are rooms in another. Each has a door at either server. Moves free
    the place in some of them.
    """
    build_site(db, [], CAPACITY, CAPACITY + 3)
    for hall in range(4, HALLS + 1):
        db.execute(
            "INSERT INTO hall (hall_id, code, names, parent_id, fire_limit, capacity, zones,"
            " sessions_only, anti_passback, exits) VALUES (?, ?, '{}', ?, ?, ?, 1, 0, 'hard',"
            " 'trusting')",
            (hall, f"H{hall}", 5 if hall == 6 else None, CAPACITY + 3, CAPACITY),
        )
        db.execute("INSERT INTO hall_category VALUES (?, 1)", (hall,))
    db.execute("UPDATE hall SET leaving = 'inferred', walk_s = 1 WHERE hall_id IN (2, 4)")
    for door in doors:
        row = (door.door, door.kiosk, door.hall)
        db.execute("INSERT INTO door VALUES (?, ?, ?, '{}', 'both')", row)
        outside = {3: 2, 6: 5}.get(door.hall)
        db.execute("INSERT INTO door_from VALUES (?, 1, ?)", (door.door, outside))
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head, created_at,"
            " seen_at) VALUES (?, 1, ?, 'active', ?, ?, 0, ?)",
            (door.kiosk, door.door, door.key.public.raw, door.heads[0], NOW),
        )
        for hall in (door.hall, outside):
            if hall is not None:
                pools.enrol(db, hall, (door.kiosk, 1))


class Days(Day):
    """Random batches of twelve doors at two servers. People go from hall to hall."""

    def __init__(self, servers: Servers, seed: int) -> None:
        self.twins = Twins(servers.first, servers.alone)
        self.servers = servers
        self.doors = [FakeDoor(f"k{n}", n, 1 + n % HALLS) for n in range(1, 2 * HALLS + 1)]
        self.twins.everywhere(lambda db: build(db, self.doors))
        self.dice = random.Random(seed)
        self.now = NOW
        self.counters = dict.fromkeys((door.kiosk for door in self.doors), 0)
        self.inside = []
        self.meeting = Meeting(servers.url)

    def step(self, door: FakeDoor) -> Step:
        while len(door.records) == door.acked:
            self.scan(door)
        return self.batch(door, faults=False)

    def round(self, *, faults: bool = False) -> None:
        """A group at each server at the same time, and then all of it at the other event."""
        self.now += self.dice.choice((20, 400, 5_000, MINUTE))
        count = self.dice.randrange(2, 9)
        doors = self.dice.sample(self.doors, count)
        steps = [self.step(door) for door in doors]
        middle = self.dice.randrange(1, count)
        groups = []
        for server, (database, part) in enumerate(
            zip(self.servers[:2], (steps[:middle], steps[middle:]), strict=True)
        ):
            first = Step(self._meeting(server, part[0].run), part[0].joinable)
            groups.append(Group(database, [first, *part[1:]]))
        for group in groups:
            group.go()
        answers = [answer for group in groups for answer in group.answers()]
        self.meeting._began.clear()
        for answer in answers:
            if isinstance(answer, Exception):
                raise answer
        expected = self._one_by_one(doors, steps)
        assert [answer._replace(halls={}) for answer in answers] == expected
        for door, answer in zip(doors, answers, strict=True):
            door.acked = answer.acked_seq
            for order in answer.orders:
                if order.hall == door.hall and not order.override:
                    door.granted = max(door.granted, order.granted)

    def _meeting(self, server: int, run: Callable[[Connection], Any]) -> Callable[..., Any]:
        def step(db: Connection) -> Any:
            self.meeting.begin(server, db)
            return run(db)

        return step

    def _one_by_one(self, doors: Sequence[FakeDoor], steps: Sequence[Step]) -> list[Any]:
        with self.servers.first.reading() as db:
            numbers = [
                db.execute(
                    "SELECT number FROM scan WHERE kiosk = ? AND seq = ?",
                    (door.kiosk, door.acked + 1),
                ).fetchone()[0]
                for door in doors
            ]
        expected: list[ingest.Ingested] = [None] * len(steps)  # type: ignore[list-item]
        for at in sorted(range(len(steps)), key=numbers.__getitem__):
            expected[at] = self.servers.alone.write(steps[at].run)._replace(halls={})
        return expected


@pytest.mark.parametrize("seed", range(SEEDS))
def test_two_servers_at_once_are_the_same_as_one(servers: Servers, seed: int) -> None:
    days = Days(servers, seed)
    here, alone = Rows(servers.first), Rows(servers.alone)
    assert here() == alone()
    for _ in range(tries(ROUNDS)):
        days.round()
        rows, expected = here(), alone()
        for table in rows:
            assert rows[table] == expected[table], table
    roots = [
        entry_log.Log(database, "log", days.doors[0].key).state()
        for database in (servers.first, servers.second, servers.alone)
    ]
    assert roots[0] == roots[1] == roots[2]
    assert days.meeting.met > 0
    assert days.meeting.waited > 0


class Held:
    """A group of one step whose transaction waits at its end until it is let go."""

    # of the running test
    all: ClassVar[list["Held"]] = []

    def __init__(self, database: Database, step: Step) -> None:
        self._inside, self._release = threading.Event(), threading.Event()
        self.all.append(self)
        self._run = step.run
        self._group = Group(database, [Step(self._held, step.joinable)])
        self._group.go()
        assert self._inside.wait(WAIT_S)

    def _held(self, db: Connection) -> Any:
        result = self._run(db)
        self._inside.set()
        assert joint.is_concurrent(db)
        assert self._release.wait(WAIT_S)
        return result

    def let_go(self) -> None:
        self._release.set()

    def answer(self) -> Any:
        self.let_go()
        return self._group.answers()[0]


class Doors:
    """The twelve doors, which have places. Doors n and n + 6 are of one hall."""

    def __init__(self, servers: Servers) -> None:
        self.servers = servers
        self.doors = {n: FakeDoor(f"k{n}", n, 1 + (n - 1) % HALLS) for n in range(1, 2 * HALLS + 1)}
        self._counter = 0
        servers.first.write(lambda db: build(db, list(self.doors.values())))
        for _ in range(2):
            for door in self.doors.values():
                heed(door, servers.first.write(self.step(door).run))

    def step(self, door: FakeDoor) -> Step:
        self._counter += 1
        return batch_step(door, door.batch(NOW), NOW, self._counter)

    def entry(self, number: int, serial: int) -> Step:
        door = self.doors[number]
        door.scan(NOW, serial)
        return self.step(door)

    def enter(self, number: int, serial: int) -> None:
        heed(self.doors[number], self.servers.first.write(self.entry(number, serial).run))

    def ledger(self) -> list[str]:
        """The kiosks of all scans, in the order of the entry log."""
        with self.servers.first.reading() as db:
            leaves = db.execute("SELECT number FROM leaf ORDER BY number").fetchall()
            rows = db.execute("SELECT kiosk FROM scan ORDER BY number").fetchall()
        assert [row[0] for row in leaves] == list(range(len(leaves)))
        return [row[0] for row in rows]

    def waits(self) -> None:
        """Wait until a server waits for a lock."""
        deadline = time.monotonic() + WAIT_S
        with psycopg.connect(self.servers.url, autocommit=True) as connection:
            while not _waits(connection):
                assert time.monotonic() < deadline
                time.sleep(0.002)


@pytest.fixture
def doors(servers: Servers) -> Iterator[Doors]:
    yield Doors(servers)
    while Held.all:
        Held.all.pop().let_go()


def test_servers_do_not_wait_for_scans_in_other_halls(servers: Servers, doors: Doors) -> None:
    first, second = doors.entry(1, 1), doors.entry(4, 2)
    other = Group(servers.second, [second])
    held = Held(servers.first, first)
    other.go()
    assert isinstance(other.answers()[0], ingest.Ingested)
    assert doors.ledger() == ["k4"]
    assert isinstance(held.answer(), ingest.Ingested)
    assert doors.ledger() == ["k4", "k1"]


@pytest.mark.parametrize(
    ("number", "serial"),
    [(7, 2), (4, 1), (1, 2)],
    ids=["of the same hall", "of the same person", "of the same kiosk"],
)
def test_servers_wait_for_scans(servers: Servers, doors: Doors, number: int, serial: int) -> None:
    first, second = doors.entry(1, 1), doors.entry(number, serial)
    other = Group(servers.second, [second])
    held = Held(servers.first, first)
    other.go()
    doors.waits()
    assert doors.ledger() == []
    assert isinstance(held.answer(), ingest.Ingested)
    assert isinstance(other.answers()[0], ingest.Ingested)
    kiosk = f"k{number}"
    assert doors.ledger() == (["k1", kiosk] if number != 1 else ["k1", "k1"])


def test_a_scan_waits_for_the_hall_that_its_person_leaves(servers: Servers, doors: Doors) -> None:
    doors.enter(4, 1)
    same_hall, leaving = doors.entry(10, 2), doors.entry(1, 1)
    other = Group(servers.second, [leaving])
    held = Held(servers.first, same_hall)
    other.go()
    doors.waits()
    assert isinstance(held.answer(), ingest.Ingested)
    assert isinstance(other.answers()[0], ingest.Ingested)
    assert doors.ledger() == ["k4", "k10", "k1"]


def test_staff_wait_for_scans(servers: Servers, doors: Doors) -> None:
    held = Held(servers.first, doors.entry(1, 1))
    done = threading.Event()
    servers.second.write_then(lambda db: keep_setting(db, "of staff", "1"), lambda *_: done.set())
    doors.waits()
    with servers.first.reading() as db:
        assert db.execute("SELECT 1 FROM setting WHERE key = 'of staff'").fetchone() is None
    held.answer()
    assert done.wait(WAIT_S)


def test_no_number_is_visible_before_a_smaller_one(servers: Servers, doors: Doors) -> None:
    """A transaction that has its place in the order of commits delays all later ones."""
    inside, release = threading.Event(), threading.Event()

    def check(db: Connection) -> None:
        if joint.is_concurrent(db):
            inside.set()
            release.wait(WAIT_S)

    servers.first.check_steps(check)
    first_step, other_step = doors.entry(1, 1), doors.entry(4, 2)
    other = Group(servers.second, [other_step])
    first = Group(servers.first, [first_step])
    first.go()
    assert inside.wait(WAIT_S)
    other.go()
    doors.waits()
    assert doors.ledger() == []
    release.set()
    assert not [each for each in (*first.answers(), *other.answers()) if _is_error(each)]
    assert doors.ledger() == ["k1", "k4"]


def _is_error(answer: Any) -> bool:
    return isinstance(answer, Exception)


def test_a_server_that_dies_holds_nothing_up(servers: Servers, doors: Doors) -> None:
    step = doors.entry(1, 1)
    other = Group(servers.second, [doors.entry(7, 2)])
    held = Held(servers.first, step)
    other.go()
    doors.waits()
    writer: Any = servers.first._writer_connection
    with psycopg.connect(servers.url, autocommit=True) as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (writer.raw.info.backend_pid,))
    assert isinstance(other.answers()[0], ingest.Ingested)
    assert _is_error(held.answer())
    assert doors.ledger() == ["k7"]
    # The kiosk sends it again, to the other server.
    again = Group(servers.second, [doors.step(doors.doors[1])])
    again.go()
    assert isinstance(again.answers()[0], ingest.Ingested)
    assert doors.ledger() == ["k7", "k1"]


@pytest.mark.parametrize("first_number", [1, 2])
def test_a_batch_sent_to_both_servers_is_taken_once(
    servers: Servers, doors: Doors, first_number: int
) -> None:
    step = doors.entry(first_number, 1)
    again = Group(servers.second, [doors.step(doors.doors[first_number])])
    held = Held(servers.first, step)
    again.go()
    doors.waits()
    answers = [held.answer(), *again.answers()]
    assert [answer.acked_seq for answer in answers] == [1, 1]
    assert doors.ledger() == [f"k{first_number}"]


def _begin_muster(db: Connection) -> None:
    muster.begin(db, "drill", by="test", now=NOW)


def _restore(db: Connection) -> None:
    keep_setting(db, "incarnation", "2")


def _noting(step: Step, seen: list[bool]) -> Step:
    """Note whether the step has succeeded in a concurrent transaction."""

    def run(db: Connection) -> Any:
        result = step.run(db)
        seen.append(joint.is_concurrent(db))
        return result

    return Step(run, step.joinable)


@pytest.mark.parametrize("rare", [_begin_muster, _restore])
def test_rare_states_lock_out_other_servers(
    servers: Servers, doors: Doors, rare: Callable[[Connection], None]
) -> None:
    servers.first.write(rare)
    seen: list[bool] = []
    group = Group(servers.first, [_noting(doors.entry(1, 1), seen)])
    group.go()
    assert not _is_error(group.answers()[0])
    assert seen == [False]


def test_more_people_than_locks_lock_out_other_servers(
    servers: Servers, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(scope, "LOCKS_MAX", 3)
    steps = [doors.entry(number, number) for number in range(1, 5)]
    seen: list[bool] = []
    first = _noting(steps[0], seen)
    group = Group(servers.first, [first, *steps[1:]])
    group.go()
    assert not any(map(_is_error, group.answers()))
    assert seen == [False]


def test_a_server_that_hears_no_other_locks_out_all(
    servers: Servers, doors: Doors, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That costs less."""
    monkeypatch.setattr(storage, "OTHERS_S", WAIT_S)
    heard = threading.Event()
    servers.first.on_foreign_commit(heard.set)
    seen: list[bool] = []
    for _ in range(2):
        group = Group(servers.first, [_noting(doors.entry(1, 1), seen)])
        group.go()
        heed(doors.doors[1], group.answers()[0])
        while not heard.is_set():  # A commit before the listener began is not heard.
            servers.second.write(lambda db: keep_setting(db, "other", "1"))
            heard.wait(0.05)
    assert seen == [False, True]


def test_a_page_saved_meanwhile_does_not_make_scans_lock_out_others(
    servers: Servers, doors: Doors
) -> None:
    seen: list[bool] = []
    page = _noting(Step(lambda db: keep_setting(db, "of staff", "1"), None), seen)
    steps = [page, *(_noting(doors.entry(number, number), seen) for number in (1, 2))]
    group = Group(servers.first, steps)
    group.go()
    assert not any(map(_is_error, group.answers()))
    assert seen == [False, True, True]


def test_many_scans_of_a_group(servers: Servers, doors: Doors) -> None:
    """So many rows are written by COPY."""
    for number in range(1, 6):
        for _ in range(20):
            doors.doors[number].scan(NOW, number, decision="denied", reason="not_invited")
    seen: list[bool] = []
    steps = [doors.step(doors.doors[number]) for number in range(1, 6)]
    group = Group(servers.first, [_noting(steps[0], seen), *steps[1:]])
    group.go()
    assert [answer.acked_seq for answer in group.answers()] == [20] * 5
    assert seen == [True]
    assert doors.ledger() == [f"k{number}" for number in range(1, 6) for _ in range(20)]
