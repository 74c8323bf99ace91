"""How much a second and a third server on one PostgreSQL help, near it and at a distance.

The same number of doors, in a closed loop, is spread over 1, 2 or 3 servers, the doors of a hall to
one server as kiosks do. Each arm is measured twice in turns: with the lock of all writers alone
("exclusive"), and with concurrent transactions (docs/design/order.md). Then a third server is
killed in each of some windows of the other two. At the end the ledger is compared with the
acknowledged scans, and the entry log is verified.
"""

import json
import os
import random
import statistics
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from badges.transparency.merkle import leaf_hash
from server.core.entry_log.entry_log import entry_of
from server.storage.opening import connect
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
KILLS = 10
DOORS_OF_KILLED = 48
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
        count = SERVERS * DOORS + KILLS * DOORS_OF_KILLED
        halls = SERVERS * DOORS // DOORS_A_HALL
        # The doors of a killed server stand in the halls of the other servers.
        doors = [
            FakeDoor(f"k{number}", number, 1 + (number - 1) // DOORS_A_HALL % halls)
            for number in range(1, count + 1)
        ]
        new_ledger(self.path, doors, halls, PEOPLE * len(doors))
        cluster.admin("CHECKPOINT")
        keep_address(folder, Address(f"postgresql://{USER}@/{name}?host={socket}"))
        self._to_kill = doors[SERVERS * DOORS :]
        self._acked = folder / "acked"
        self._acked.touch()
        self.servers = [
            Worker(self.path, doors[n * DOORS : (n + 1) * DOORS], people=PEOPLE)
            for n in range(SERVERS)
        ]
        for server in self.servers:
            stack.callback(server.close)

    def window(self, count: int, *, exclusive: bool) -> dict[str, float]:
        servers, doors = self.servers[:count], DOORS // count
        _prepare(servers, doors)
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

    def kill_one(self, number: int) -> None:
        """Kill a server at a random moment while it and two others have full work."""
        doors = self._to_kill[number * DOORS_OF_KILLED :][:DOORS_OF_KILLED]
        killed = Worker(self.path, doors, PEOPLE, self._acked)
        others = self.servers[:2]
        _prepare([killed, *others], DOORS_OF_KILLED)
        for server in (killed, *others):
            server.tell(doors=DOORS_OF_KILLED, seconds=WINDOW_S)
        time.sleep(random.uniform(0.1, 0.9) * WINDOW_S)
        killed.kill()
        self.acknowledged += sum(server.answer()["scans"] for server in others)

    def check(self) -> dict[str, int]:
        """Raise AssertionError unless each acknowledged scan is in the ledger once, the counters of
        the halls are right, and the entry log can be verified.
        """
        connection: Any = connect(self.path)
        scans = of_killed = 0
        acked = dict.fromkeys((door.kiosk for door in self._to_kill), 0)
        acked |= {
            kiosk: int(seq) for kiosk, seq in map(str.split, self._acked.read_text().splitlines())
        }
        for kiosk, count, kinds, last in connection.execute(
            "SELECT kiosk, COUNT(*), COUNT(DISTINCT (generation, seq)), MAX(seq)"
            " FROM scan GROUP BY kiosk"
        ).fetchall():
            assert count == kinds == last, "a scan is missing or twice"
            scans += count
            if kiosk in acked:
                assert last >= acked[kiosk], "an acknowledged scan is missing"
                of_killed += last
                del acked[kiosk]
        assert not any(acked.values()), "an acknowledged scan is missing"
        assert scans == self.acknowledged + of_killed, (scans, self.acknowledged, of_killed)
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
        return {
            "acknowledged": self.acknowledged,
            "of_killed_servers": of_killed,
            "leaves": leaves,
            "lost": 0,
        }


def _prepare(servers: list[Worker], doors: int) -> None:
    for server in servers:
        server.tell(prepare=round(SCANS_A_S * WINDOW_S / DOORS) + 2, doors=doors)
    for server in servers:
        server.answer()


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
            for number in range(KILLS):
                here.kill_one(number)
            rows.append({"round_trip_ms": round_trip_ms, "kills": KILLS, **here.check()})
            sys.stderr.write(json.dumps(rows[-1]) + "\n")
    return {"bench": "order", "doors": DOORS, "rows": rows}
