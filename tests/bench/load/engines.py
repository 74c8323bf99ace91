"""What a scan costs the ledger in CPU on both engines, batches of 1, 10 and 100, in turns.

For PostgreSQL it is what the server's process takes, and what the engine's processes take beside.
"""

import sys
import time
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

from server.storage.postgresql.address import Address, keep_address
from tests.bench.load.ledger_site import LedgerSite
from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.server.support.postgresql.failover import cpu_of_cluster

SCANS = {1: 200, 10: 1_000, 100: 3_000}  # in one window, by the size of a batch
WINDOWS = 8


def window(site: LedgerSite, cluster: Cluster, batch: int) -> tuple[float, float]:
    """Microseconds of CPU for a scan, of this process and of the engine's."""
    count = SCANS[batch]
    site.scan(count)
    batches = site.batches(batch)
    engine, own = cpu_of_cluster(cluster), time.process_time()
    for one in batches:
        site.send(one)
    own = time.process_time() - own
    return own / count * 1e6, (cpu_of_cluster(cluster) - engine) / count * 1e6


def run() -> dict[str, object]:
    """The cheapest window of each counts, because others use the machine too."""
    if binaries() is None:
        return {"bench": "engines", "skipped": MISSING}
    rows = []
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory()))
        cluster = Cluster()
        stack.callback(cluster.stop)
        sites = {}
        for name in ("sqlite", "postgresql"):
            (folder / name).mkdir()
            if name == "postgresql":
                keep_address(folder / name, Address(cluster.url(cluster.make())))
            sites[name] = LedgerSite(folder / name, salted=True)
            stack.callback(sites[name].close)
        for batch in SCANS:
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in sites}
            for _ in range(WINDOWS):
                for name, site in sites.items():
                    found[name].append(window(site, cluster, batch))
            for name, windows in found.items():
                least = min(windows, key=sum)
                rows.append(
                    {"engine": name, "batch": batch, "server_us": round(least[0])}
                    | ({"engine_us": round(least[1])} if name == "postgresql" else {})
                )
                sys.stderr.write(f"{rows[-1]}\n")
    return {"bench": "engines", "rows": rows}
