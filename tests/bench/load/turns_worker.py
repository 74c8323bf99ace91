"""One server without a network, as a process. On command it feeds its writer with the batches of
its doors, in a closed loop.

It reads commands as lines of JSON and answers each with a line.
"""

import json
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from badges.wire import wire
from server.storage import database as storage
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines import scope
from tests.bench.load.ledger_site import CALENDAR, DAY, NOW
from tests.server.core.ledger.together.sending import Step, batch_step
from tests.server.support.fake_door import FakeDoor

STAY_MS = 5
STEP_MS = 10  # No person is in twice, because a door's round outlasts a stay.


def clock() -> int:
    """The common time of all servers."""
    return NOW - DAY // 2 + int(time.time() * 1000) % (DAY // 2)


class Door:
    """A kiosk that sends its next batch as soon as the last is acknowledged."""

    def __init__(self, door: FakeDoor, serials: range) -> None:
        self.door = door
        self._serials = serials
        self._steps = 0
        self._counter = 0
        self.waiting: list[wire.ScanBatch] = []

    @property
    def person_is_in(self) -> bool:
        return len(self.waiting) % 2 == 1

    def prepare(self, batches: int) -> None:
        """Prepare so many signed batches of one scan, entries and exits in turns, from now on.
        Earlier unsent batches are discarded.
        """
        del self.door.records[self.door.acked :], self.door.heads[self.door.acked + 1 :]
        self.waiting = []
        since = clock()
        for step in range((batches + 1) // 2):
            self._steps += 1
            at = since + step * STEP_MS
            serial = self._serials[self._steps % len(self._serials)]
            entry = self.door.scan(at, serial)
            self._sign(at)
            self.door.leave(at + STAY_MS, serial, self.door.ref(entry))
            self._sign(at + STAY_MS)

    def _sign(self, at: int) -> None:
        number = len(self.door.records)
        self.waiting.append(self.door.batch(at, number, number))

    def next(self) -> Step:
        """The server's step for the next batch. Its signature is verified here, outside of the
        lock, as the event loop does it.
        """
        self._counter += 1
        batch = self.waiting.pop(0)
        return batch_step(self.door, batch, clock(), self._counter, calendar=CALENDAR)


class Loop:
    """Doors that send to one writer in a closed loop, for some seconds at a time."""

    def __init__(
        self,
        database: Database,
        doors: list[Door],
        on_acked: Callable[[str, int], object] = lambda kiosk, seq: None,
    ) -> None:
        self.database = database
        self.doors = doors
        self._on_acked = on_acked
        self.joins = True
        self._until = 0.0
        self._running = 0
        self._over = threading.Event()
        self.scans = 0
        self.took: list[float] = []
        self.ran_out = 0

    def run(self, doors: int, seconds: float) -> tuple[float, float]:
        """Let so many doors send. Returns its seconds of CPU and of the clock."""
        self.scans, self.took, self.ran_out = 0, [], 0
        self._over.clear()
        self._running = doors
        cpu, began = time.process_time(), time.perf_counter()
        self._until = began + seconds
        for door in self.doors[:doors]:
            self._send(door)
        self._over.wait()
        return time.process_time() - cpu, time.perf_counter() - began

    def _send(self, door: Door) -> None:
        """Hand the next batch to the writer, or end once the last person is out. Also called on the
        writer's thread.
        """
        over = time.perf_counter() > self._until and not door.person_is_in
        if over or not door.waiting:
            self.ran_out += not door.waiting
            self._running -= 1
            if not self._running:
                self._over.set()
            return
        step = door.next()
        joinable = {"joinable": step.joinable} if self.joins else {}
        done = partial(self._done, door, time.perf_counter())
        self.database.write_then(step.run, done, early=True, **joinable)

    def _done(self, door: Door, began: float, result: Any, error: Any) -> None:
        if error is not None:
            raise SystemExit(f"a batch was refused: {error!r}")
        self.took.append(time.perf_counter() - began)
        self.scans += 1
        door.door.acked = result.acked_seq
        self._on_acked(door.door.kiosk, result.acked_seq)
        self._send(door)


class Timed:
    """Notes how long a writer waits for the lock, holds it, and waits for the disk afterwards.

    A concurrent transaction counts from its wait for its place in the order of commits.
    """

    def __init__(self, database: Database) -> None:
        self.waited: list[float] = []
        self.held: list[float] = []
        self.settled: list[float] = []
        engine: Any = database._engine
        self._begin, engine.begin = engine.begin, self.begin
        self._concurrent, engine.begin_concurrent = engine.begin_concurrent, self.begin_concurrent
        self._durable, storage.make_durable = storage.make_durable, self.make_durable
        connection: Any = database._writer_connection
        self._execute, connection.execute = connection.execute, self.execute
        self._at = 0.0

    def begin(self, writer: Any, *, early: bool) -> None:
        began = time.perf_counter()
        self._begin(writer, early=early)
        self._at = time.perf_counter()
        self.waited.append(self._at - began)

    def begin_concurrent(self, writer: Any) -> None:
        self._concurrent(writer)
        self._at = time.perf_counter()

    def execute(self, statement: str, values: Any = (), /) -> Any:
        if statement == scope.LOCK_ORDER:
            self._at = time.perf_counter()
        result = self._execute(statement, values)
        if statement == "COMMIT":
            self.held.append(time.perf_counter() - self._at)
        return result

    def make_durable(self, db: Connection) -> None:
        began = time.perf_counter()
        self._durable(db)
        self.settled.append(time.perf_counter() - began)


class Worker:
    def __init__(self, path: Path, doors: list[Door], acked: Path) -> None:
        # Unbuffered: all that was acknowledged before a SIGKILL is there.
        self._acked = acked.open("ab", buffering=0)
        self.database = Database(path)
        self.database.on_foreign_commit(lambda: None)  # As the feed does.
        self.timed = Timed(self.database)
        self.loop = Loop(self.database, doors, self._note)

    def _note(self, kiosk: str, seq: int) -> None:
        self._acked.write(f"{kiosk} {seq}\n".encode())

    def window(self, *, doors: int, seconds: float, exclusive: bool = False) -> dict[str, Any]:
        """With `exclusive`, no transaction is concurrent."""
        self.database._exclusive_left = 1 << 60 if exclusive else 0
        timed = self.timed
        timed.waited, timed.held, timed.settled = [], [], []
        cpu, wall = self.loop.run(doors, seconds)
        return {
            "scans": self.loop.scans, "seconds": wall, "cpu": cpu,
            "waited": timed.waited, "held": timed.held, "settled": timed.settled,
            "took": self.loop.took, "ran_out": self.loop.ran_out,
        }  # fmt: skip


def main() -> None:
    plan = json.loads(sys.argv[1])
    doors = [
        Door(FakeDoor(name, door, hall), range(*serials))
        for name, door, hall, serials in plan["doors"]
    ]
    for door in doors:
        door.door.granted = plan["granted"]
    worker = Worker(Path(plan["path"]), doors, Path(plan["acked"]))
    for line in sys.stdin:
        request = json.loads(line)
        answer: dict[str, Any] = {}
        if "prepare" in request:
            for door in doors[: request["doors"]]:
                door.prepare(request["prepare"])
        else:
            answer = worker.window(**request)
        sys.stdout.write(json.dumps(answer) + "\n")
        sys.stdout.flush()
    worker.database.close()


if __name__ == "__main__":
    main()
