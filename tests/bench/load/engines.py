"""The ledger's CPU for a scan on both engines, batches of 1, 10 and 100, in turns. Then single
scans of many kiosks, committed one by one and together.

For PostgreSQL, CPU of the server's process and of the engine's processes.
"""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from server.storage.database import Database
from server.storage.postgresql.address import Address, keep_address
from tests.bench.load import turns
from tests.bench.load.ledger_site import LedgerSite, new_ledger
from tests.bench.load.turns_worker import Door, Loop
from tests.server.support.fake_door import FakeDoor
from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.server.support.postgresql.failover import cpu_of_cluster

SCANS = {1: 200, 10: 1_000, 100: 3_000}  # in one window, by the size of a batch
WINDOWS = 8
KIOSKS = 24
CROWD_S = 0.5  # A window of single scans of many kiosks.
ENGINES = ("sqlite", "postgresql")


def window(site: LedgerSite, cluster: Cluster, batch: int) -> tuple[float, float]:
    """Microseconds of CPU for a scan, of this process and of the engine's."""
    count = SCANS[batch]
    site.scan(count)
    batches = site.batches(batch)
    engine, own = cpu_of_cluster(cluster), time.process_time()
    for prepared in batches:
        site.send(prepared)
    own = time.process_time() - own
    return own / count * 1e6, (cpu_of_cluster(cluster) - engine) / count * 1e6


def crowd(folder: Path) -> Loop:
    """Kiosks at one writer, in a closed loop, so each commit has a scan of each."""
    doors = [FakeDoor(f"k{n}", n, 1 + n % turns.HALLS) for n in range(1, KIOSKS + 1)]
    path = folder / "event.db"
    new_ledger(path, doors, turns.HALLS, turns.PEOPLE * KIOSKS)
    people = [range((n - 1) * turns.PEOPLE, n * turns.PEOPLE) for n in range(1, KIOSKS + 1)]
    return Loop(Database(path), list(map(Door, doors, people)))


def crowded(loop: Loop, cluster: Cluster, *, together: bool) -> tuple[float, float]:
    """Like `window`, for single scans of many kiosks."""
    for door in loop.doors:
        door.prepare(round(CROWD_S * turns.SCANS_A_S * 2 / KIOSKS))
    loop.joins = together
    engine = cpu_of_cluster(cluster)
    own, _ = loop.run(KIOSKS, CROWD_S)
    assert not loop.ran_out, "more batches are needed"
    return own / loop.scans * 1e6, (cpu_of_cluster(cluster) - engine) / loop.scans * 1e6


def row(name: str, windows: list[tuple[float, float]], **head: object) -> dict[str, object]:
    """The cheapest window counts, because others use the machine too."""
    least = min(windows, key=sum)
    figures = {"engine": name, **head, "server_us": round(least[0])}
    figures |= {"engine_us": round(least[1])} if name == "postgresql" else {}
    sys.stderr.write(f"{figures}\n")
    return figures


def run() -> dict[str, object]:
    if binaries() is None:
        return {"bench": "engines", "skipped": MISSING}
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        cluster = Cluster()
        stack.callback(cluster.stop)
        sites, crowds = {}, {}
        for name in (f"{engine}{part}" for engine in ENGINES for part in ("", "-crowd")):
            (folder / name).mkdir()
            if name.startswith("postgresql"):
                keep_address(folder / name, Address(cluster.url(cluster.make())))
        for name in ENGINES:
            sites[name] = LedgerSite(folder / name)
            stack.callback(sites[name].close)
            crowds[name] = crowd(folder / f"{name}-crowd")
            stack.callback(crowds[name].database.close)
        for batch in SCANS:
            costs: dict[str, list[tuple[float, float]]] = {name: [] for name in sites}
            for _ in range(WINDOWS):
                for name, site in sites.items():
                    costs[name].append(window(site, cluster, batch))
            rows += [row(name, windows, batch=batch) for name, windows in costs.items()]
        arms: dict[tuple[str, bool], list[tuple[float, float]]] = {
            (name, together): [] for name in crowds for together in (False, True)
        }
        for _ in range(WINDOWS):
            for (name, together), windows in arms.items():
                windows.append(crowded(crowds[name], cluster, together=together))
        for (name, together), windows in arms.items():
            rows.append(row(name, windows, kiosks=KIOSKS, together=together))
    return {"bench": "engines", "rows": rows}
