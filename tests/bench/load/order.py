"""How much a second and a third server on one PostgreSQL help, near it and at a distance.

The same number of doors, in a closed loop, is spread over 1, 2 or 3 servers, the doors of a hall to
one server as kiosks do. Each arm is measured twice in turns: with the lock of all writers alone
("exclusive"), and with concurrent transactions (docs/design/order.md). At the end the ledger is
compared with the acknowledged scans, and the entry log is verified.
"""

import json
import os
import statistics
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from badges.transparency.merkle import leaf_hash
from server.core.entry_log.entry_log import entry_of
from server.storage.database import connect
from server.storage.postgresql.address import Address, keep_address
from tests.bench.load.distance import far
from tests.bench.load.ledger_site import new_ledger
from tests.bench.load.turns import Worker
from tests.server.support.fake_door import FakeDoor
from tests.server.support.postgresql.cluster import MISSING, USER, Cluster, binaries
from tests.server.support.postgresql.failover import cpu_of_cluster

SERVERS = 3
DOORS = 144  # at work, with any number of servers
DOORS_A_HALL = 6
PEOPLE = 60  # for each door
ROUND_TRIPS_MS = (0, 2)
WINDOW_S = 1.0
ROUNDS = 3
SCANS_A_S = 8_000  # more than all servers together can do, since some doors get more turns
TICKS = os.sysconf("SC_CLK_TCK")


class Site:
    """Three servers with their own doors and halls, of which 1, 2 or 3 are at work."""

    def __init__(self, cluster: Cluster, folder: Path, socket: Path, stack: ExitStack) -> None:
        self.cluster = cluster
        self.acknowledged = 0
        name = cluster.make()
        keep_address(folder, Address(f"postgresql://{USER}@/{name}?host={cluster.path}"))
        self.path = folder / "hallkeeper.db"
        halls = SERVERS * DOORS // DOORS_A_HALL
        doors = [
            FakeDoor(f"k{number}", number, 1 + (number - 1) // DOORS_A_HALL)
            for number in range(1, SERVERS * DOORS + 1)
        ]
        new_ledger(self.path, doors, halls, PEOPLE * len(doors))
        cluster.admin("CHECKPOINT")
        keep_address(folder, Address(f"postgresql://{USER}@/{name}?host={socket}"))
        self.servers = [
            Worker(self.path, doors[n * DOORS : (n + 1) * DOORS], people=PEOPLE)
            for n in range(SERVERS)
        ]
        for server in self.servers:
            stack.callback(server.close)

    def window(self, count: int, *, exclusive: bool) -> dict[str, float]:
        servers, doors = self.servers[:count], DOORS // count
        for server in servers:
            server.tell(prepare=round(SCANS_A_S * WINDOW_S / DOORS) + 2, doors=doors)
        for server in servers:
            server.answer()
        engine, machine = cpu_of_cluster(self.cluster), _idle_s()
        for server in servers:
            server.tell(doors=doors, seconds=WINDOW_S, exclusive=exclusive)
        answers = [server.answer() for server in servers]
        engine, machine = cpu_of_cluster(self.cluster) - engine, _idle_s() - machine
        assert not sum(answer["ran_out"] for answer in answers), "more batches are needed"
        scans = sum(answer["scans"] for answer in answers)
        self.acknowledged += scans
        seconds = max(answer["seconds"] for answer in answers)
        return {
            "scans_a_s": scans / seconds,
            "scans_a_commit": scans / sum(len(answer["held"]) for answer in answers),
            "server_cores": sum(answer["cpu"] for answer in answers) / seconds,
            "engine_cores": engine / seconds,
            "idle_cores": machine / seconds,
            "acknowledged_ms": statistics.median(
                took for answer in answers for took in answer["took"]
            )
            * 1000,
        }

    def check(self) -> dict[str, int]:
        """Raise AssertionError unless each acknowledged scan is in the ledger once, the counters of
        the halls are right, and the entry log can be verified.
        """
        connection: Any = connect(self.path)
        (scans, kinds) = connection.execute(
            "SELECT COUNT(*), COUNT(DISTINCT (kiosk, generation, seq)) FROM scan"
        ).fetchone()
        assert scans == kinds == self.acknowledged, (scans, kinds, self.acknowledged)
        (wrong,) = connection.execute(
            "SELECT COUNT(*) FROM hall h WHERE open_stays <> (SELECT COUNT(*) FROM stay s"
            " WHERE s.hall_id = h.hall_id AND closed_at IS NULL) OR open_stays > capacity"
        ).fetchone()
        assert wrong == 0, "a hall's counter is wrong"
        leaves = 0
        for number, leaf, body, salt in connection.execute(
            "SELECT number, hash, body, salt FROM leaf ORDER BY number"
        ).fetchall():
            assert number == leaves, "a number of the entry log is missing"
            assert leaf == leaf_hash(entry_of(body, salt)), "a leaf is wrong"
            leaves += 1
        connection.close()
        return {"acknowledged": self.acknowledged, "leaves": leaves, "lost": 0}


def _idle_s() -> float:
    return int(Path("/proc/stat").read_text().split()[4]) / TICKS


@contextmanager
def site(round_trip_ms: float) -> Iterator[Site]:
    with ExitStack() as stack:
        cluster = Cluster()
        stack.callback(cluster.stop)
        folder = Path(stack.enter_context(TemporaryDirectory()))
        near = nullcontext((cluster.path, 0))
        socket, _ = stack.enter_context(far(cluster.path, round_trip_ms) if round_trip_ms else near)
        yield Site(cluster, folder, socket, stack)


def run() -> object:
    if binaries() is None:
        return {"bench": "order", "skipped": MISSING}
    rows = []
    for round_trip_ms in ROUND_TRIPS_MS:
        with site(round_trip_ms) as here:
            arms: dict[tuple[bool, int], list[dict[str, float]]] = {
                (exclusive, count): []
                for exclusive in (True, False)
                for count in range(1, SERVERS + 1)
            }
            for _ in range(ROUNDS):
                for (exclusive, count), windows in arms.items():
                    windows.append(here.window(count, exclusive=exclusive))
            for (exclusive, count), windows in arms.items():
                rows.append(
                    {
                        "round_trip_ms": round_trip_ms,
                        "writers": "exclusive" if exclusive else "concurrent",
                        "servers": count,
                        **{
                            name: round(statistics.median(each[name] for each in windows), 2)
                            for name in windows[0]
                        },
                    }
                )
                sys.stderr.write(json.dumps(rows[-1]) + "\n")
            rows.append({"round_trip_ms": round_trip_ms, **here.check()})
    return {"bench": "order", "doors": DOORS, "rows": rows}
