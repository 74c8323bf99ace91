"""The limit of several servers on one PostgreSQL: how long each holds the lock of all writers.

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
from itertools import product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from server.storage.postgresql.address import Address, keep_address
from tests.bench.load.ledger_site import GRANTED, new_ledger
from tests.server.support.fake_door import FakeDoor
from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.server.support.postgresql.failover import Pair, cpu_of_cluster, pair

SERVERS = 3
DOORS = 24  # of each server
# Doors at work in each window, for any number of servers.
AT_WORK = (6, 24)
HALLS = 8
PEOPLE = 200  # for each door
DELAYS_MS = (0, 2, 5)
WINDOW_S = 0.6
PAUSE_S = 0.6  # for others who use the machine
ROUNDS = 2
SCANS_A_S = 2_500  # more than all servers together can do


class Worker:
    """A server's process, driven by commands. It writes each acknowledgement to `acked`, if given:
    a line of the kiosk and its scans.
    """

    def __init__(
        self,
        path: Path,
        doors: Sequence[FakeDoor],
        people: int = PEOPLE,
        acked: Path = Path(os.devnull),
    ) -> None:
        given = {
            "path": str(path),
            "acked": str(acked),
            "granted": GRANTED,
            "doors": [
                (
                    door.kiosk,
                    door.door,
                    door.hall,
                    (door.door * people - people, door.door * people),
                )
                for door in doors
            ],
        }
        self._child = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.load.turns_worker", json.dumps(given)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def tell(self, **asked: object) -> None:
        assert self._child.stdin is not None
        self._child.stdin.write(json.dumps(asked) + "\n")
        self._child.stdin.flush()

    def answer(self) -> dict[str, Any]:
        assert self._child.stdout is not None
        answer: dict[str, Any] = json.loads(self._child.stdout.readline())
        return answer

    def close(self) -> None:
        self._child.communicate()

    def kill(self) -> None:
        self._child.kill()
        self._child.communicate()


@contextmanager
def workers(database: Pair, folder: Path) -> Iterator[list[Worker]]:
    path = folder / "hallkeeper.db"
    keep_address(folder, Address(database.url))
    doors = [
        FakeDoor(f"k{number}", number, 1 + number % HALLS)
        for number in range(1, SERVERS * DOORS + 1)
    ]
    new_ledger(path, doors, HALLS, PEOPLE * len(doors))
    database.primary.admin("VACUUM ANALYZE")
    with ExitStack() as stack:
        servers = [Worker(path, doors[n * DOORS : (n + 1) * DOORS]) for n in range(SERVERS)]
        for server in servers:
            stack.callback(server.close)
        yield servers


def window(servers: list[Worker], database: Pair, at_work: int) -> dict[str, Any]:
    """Let the servers work for a while, and merge their results."""
    doors = at_work // len(servers)
    for server in servers:
        server.tell(prepare=round(SCANS_A_S * WINDOW_S / at_work) + 2, doors=doors)
    for server in servers:
        server.answer()
    time.sleep(PAUSE_S)
    cpu = cpu_of_cluster(database.primary)
    for server in servers:
        server.tell(doors=doors, seconds=WINDOW_S)
    answers = [server.answer() for server in servers]
    assert not sum(answer["ran_out"] for answer in answers), "more batches are needed"
    return {
        **{
            name: [value for answer in answers for value in answer[name]]
            for name in ("waited", "held", "settled", "took")
        },
        "scans": sum(answer["scans"] for answer in answers),
        "seconds": max(answer["seconds"] for answer in answers),
        "cpu": sum(answer["cpu"] for answer in answers),
        "engine": cpu_of_cluster(database.primary) - cpu,
    }


def row(windows: list[dict[str, Any]]) -> dict[str, float]:
    """Describe the windows of one arm. The rate is the median of the windows."""
    scans = sum(window["scans"] for window in windows)
    held = [value for window in windows for value in window["held"]]
    seconds = sum(window["seconds"] for window in windows)

    def ms(name: str, share: float) -> float:
        values = sorted(value for window in windows for value in window[name])
        return round(values[int(len(values) * share)] * 1000, 2) if values else 0.0

    return {
        "scans_a_s": round(
            statistics.median(window["scans"] / window["seconds"] for window in windows)
        ),
        "commits_a_s": round(len(held) / seconds),
        "scans_a_commit": round(scans / len(held), 1),
        "held_p50_ms": ms("held", 0.5),
        "held_p99_ms": ms("held", 0.99),
        "held_a_scan_ms": round(sum(held) / scans * 1000, 3),
        "lock_in_use": round(sum(held) / seconds, 2),
        "then_waits_p50_ms": ms("settled", 0.5),
        "acknowledged_p50_ms": ms("took", 0.5),
        "acknowledged_p99_ms": ms("took", 0.99),
        "server_cpu_a_scan_us": round(sum(window["cpu"] for window in windows) / scans * 1e6),
        "engine_cpu_a_scan_us": round(sum(window["engine"] for window in windows) / scans * 1e6),
    }


def run() -> dict[str, object]:
    if binaries() is None:
        return {"bench": "turns", "skipped": MISSING}
    rows = []
    with pair(synchronous=True) as database, TemporaryDirectory() as folder:
        database.primary.admin(
            f"ALTER DATABASE {database.name} SET synchronous_commit = remote_apply"
        )
        with workers(database, Path(folder)) as servers:
            for at_work, delay in product(AT_WORK, DELAYS_MS):
                database.delay_standby(delay)
                arms: dict[int, list[dict[str, Any]]] = {n + 1: [] for n in range(SERVERS)}
                for _ in range(ROUNDS):
                    for count, windows in arms.items():
                        windows.append(window(servers[:count], database, at_work))
                for count, windows in arms.items():
                    head = {"doors": at_work, "delay_ms": delay, "servers": count}
                    rows.append({**head, **row(windows)})
                    sys.stderr.write(json.dumps(rows[-1]) + "\n")
    return {"bench": "turns", "rows": rows}
