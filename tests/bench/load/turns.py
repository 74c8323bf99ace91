"""The limit of several servers on one PostgreSQL: how long each holds the lock of all writers, with
the early commit and with a commit that waits for disk and standby under the lock.

Each server is a process with a writer and no network. Doors are in a closed loop. The synchronous
standby applies a commit before it is acknowledged, with some milliseconds of delay
(`recovery_min_apply_delay`) to simulate a slower disk or a longer way to the standby.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from badges.places.pool import PoolKey
from badges.transparency.chain import chain_start
from badges.wire import wire
from server.core.feed import changes
from server.core.occupancy import pools
from server.storage.connection import Connection
from server.storage.database import connect, transaction
from server.storage.migrations import migrate
from server.storage.postgresql.address import Address, keep_address
from tests.bench.load.ledger_site import NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.server.support.postgresql.failover import Pair, cpu_of_cluster, pair

SERVERS = 3
DOORS = 24  # of each server
# Doors at work in each window, for any number of servers.
AT_WORK = (6, 24)
# The commit waits for the standby under the lock; it waits afterwards; statements are also
# pipelined; waiting batches are also joined.
MODES = ("late", "early", "hurried", "joined")
# The writers of another checkout, which also pipeline statements. They have doors of their own.
BEFORE = "before"
AGAINST = "HALLKEEPER_BENCH_AGAINST"
HALLS = 8
PEOPLE = 200  # for each door
GRANTED = 1_000_000
DELAYS_MS = (0, 2, 5)
WINDOW_S = 0.6
PAUSE_S = 0.6  # for others who use the machine
ROUNDS = 2
SCANS_A_S = 2_500  # more than all servers together can do


def build(db: Connection, doors: Sequence[FakeDoor]) -> None:
    db.execute(
        "INSERT INTO category (category, code, names, letter, colour)"
        " VALUES (1, 'delegate', '{}', 'D', '#003366')"
    )
    for hall in range(1, HALLS + 1):
        db.execute(
            "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
            " anti_passback, exits) VALUES (?, ?, '{}', ?, ?, 1, 0, 'hard', 'strict')",
            (hall, f"H{hall}", GRANTED * len(doors), GRANTED * len(doors)),
        )
        db.execute("INSERT INTO hall_category VALUES (?, 1)", (hall,))
    changes.publish(db, wire.VenueChanged())
    db.executemany(
        "INSERT INTO attendee (serial, given_name, family_name, organisation, country, email,"
        " category, valid_days, zones, flags, language, created_at)"
        " VALUES (?, 'A', 'B', '', '', '', 1, 3, 1, 0, 'en', 0)",
        ((serial,) for serial in range(PEOPLE * len(doors))),
    )
    for door in doors:
        row = (door.door, door.kiosk, door.hall)
        db.execute("INSERT INTO door VALUES (?, ?, ?, '{}', 'both')", row)
        db.execute(
            "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, head, created_at,"
            " seen_at) VALUES (?, 1, ?, 'active', ?, ?, 0, ?)",
            (door.kiosk, door.door, door.key.public.raw, chain_start(door.kiosk, 1), NOW),
        )
        key = PoolKey(door.hall)
        pools.enrol(db, door.hall, (door.kiosk, 1))
        before = pools.load(db, key)
        pools.save(db, key, before, before.grant((door.kiosk, 1), GRANTED))


class Worker:
    """A server's process, driven by commands."""

    def __init__(self, path: Path, doors: Sequence[FakeDoor], checkout: str) -> None:
        given = {
            "path": str(path),
            "granted": GRANTED,
            "doors": [
                (one.kiosk, one.door, one.hall, (one.door * PEOPLE - PEOPLE, one.door * PEOPLE))
                for one in doors
            ],
        }
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load.turns_worker", json.dumps(given)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=checkout or None,
        )  # fmt: skip

    def tell(self, **asked: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(asked) + "\n")
        self._child.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        found: dict[str, Any] = json.loads(self._child.stdout.readline())
        return found

    def close(self) -> None:
        self._child.communicate()


@contextmanager
def workers(database: Pair, folder: Path, checkouts: Sequence[str]) -> Iterator[list[Worker]]:
    """Start SERVERS for each checkout, in this order."""
    path = folder / "hallkeeper.db"
    keep_address(folder, Address(database.url))
    doors = [
        FakeDoor(f"k{number}", number, 1 + number % HALLS)
        for number in range(1, SERVERS * len(checkouts) * DOORS + 1)
    ]
    connection = connect(path)
    migrate(connection)
    with transaction(connection):
        build(connection, doors)
    connection.close()
    database.primary.admin("VACUUM ANALYZE")
    with ExitStack() as stack:
        made = [
            Worker(path, doors[n * DOORS : (n + 1) * DOORS], checkouts[n // SERVERS])
            for n in range(SERVERS * len(checkouts))
        ]
        for one in made:
            stack.callback(one.close)
        yield made


def window(
    made: list[Worker], database: Pair, servers: int, at_work: int, *, mode: str
) -> dict[str, Any]:
    """Let some of the servers work for a while, and merge their results."""
    doors = at_work // servers
    for one in made[:servers]:
        batches = round(SCANS_A_S * WINDOW_S / servers / doors) + 2
        one.tell(prepare=batches, doors=doors)
    for one in made[:servers]:
        one.answer()
    time.sleep(PAUSE_S)
    cpu = cpu_of_cluster(database.primary)
    for one in made[:servers]:
        one.tell(mode=mode, doors=doors, seconds=WINDOW_S)
    found = [one.answer() for one in made[:servers]]
    cpu = cpu_of_cluster(database.primary) - cpu
    whole: dict[str, Any] = {
        name: [value for one in found for value in one[name]]
        for name in ("waited", "held", "settled", "took")
    }
    whole["scans"] = sum(one["scans"] for one in found)
    whole["seconds"] = max(one["seconds"] for one in found)
    whole["cpu"], whole["engine"] = sum(one["cpu"] for one in found), cpu
    assert not sum(one["ran_out"] for one in found), "more batches are needed"
    return whole


def row(windows: list[dict[str, Any]]) -> dict[str, float]:
    """Describe the windows of one arm. The rate is the median of the windows."""
    scans = sum(one["scans"] for one in windows)
    held = [value for one in windows for value in one["held"]]
    seconds = sum(one["seconds"] for one in windows)

    def ms(name: str, share: float) -> float:
        values = sorted(value for one in windows for value in one[name])
        return round(values[int(len(values) * share)] * 1000, 2) if values else 0.0

    return {
        "scans_a_s": round(statistics.median(one["scans"] / one["seconds"] for one in windows)),
        "commits_a_s": round(len(held) / seconds),
        "scans_a_commit": round(scans / len(held), 1),
        "held_p50_ms": ms("held", 0.5),
        "held_p99_ms": ms("held", 0.99),
        "held_a_scan_ms": round(sum(held) / scans * 1000, 3),
        "lock_in_use": round(sum(held) / seconds, 2),
        "then_waits_p50_ms": ms("settled", 0.5),
        "acknowledged_p50_ms": ms("took", 0.5),
        "acknowledged_p99_ms": ms("took", 0.99),
        "server_cpu_a_scan_us": round(sum(one["cpu"] for one in windows) / scans * 1e6),
        "engine_cpu_a_scan_us": round(sum(one["engine"] for one in windows) / scans * 1e6),
    }


def run() -> dict[str, object]:
    if binaries() is None:
        return {"bench": "turns", "skipped": MISSING}
    rows = []
    with pair(synchronous=True) as database, TemporaryDirectory() as folder:
        database.primary.admin(
            f"ALTER DATABASE {database.name} SET synchronous_commit = remote_apply"
        )
        against = os.environ.get(AGAINST)
        checkouts = ["", *([str(Path(against).resolve())] if against else [])]
        modes = (*MODES, BEFORE) if against else MODES
        with workers(database, Path(folder), checkouts) as made:
            sides = {mode: made[SERVERS * (mode == BEFORE) :] for mode in modes}
            for at_work in AT_WORK:
                for delay in DELAYS_MS:
                    database.delay_standby(delay)
                    arms: dict[tuple[int, str], list[dict[str, Any]]] = {
                        (servers, mode): [] for servers in range(1, SERVERS + 1) for mode in modes
                    }
                    for _ in range(ROUNDS):
                        for (servers, mode), windows in arms.items():
                            windows.append(
                                window(sides[mode], database, servers, at_work, mode=mode)
                            )
                    for (servers, mode), windows in arms.items():
                        head = {"doors": at_work, "delay_ms": delay, "servers": servers}
                        rows.append({**head, "mode": mode, **row(windows)})
                        sys.stderr.write(json.dumps(rows[-1]) + "\n")
    return {"bench": "turns", "rows": rows}
