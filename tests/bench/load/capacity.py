"""How many doors and scans one server holds, with each engine: the table of docs/operations.md.

As `doors` measures it. PostgreSQL runs on the same machine, and its processes are counted apart.
HALLKEEPER_BENCH_DATABASE may name one of them, SQLite or PostgreSQL.
"""

import json
import os
import sys
from contextlib import ExitStack

from tests.bench import doors
from tests.bench.load.load import allow_files
from tests.server.support.postgresql.cluster import Cluster, binaries

# Doors, and scans a second of all of them together.
LOADS = (
    (10, 150), (60, 150), (150, 150), (300, 0), (300, 150), (300, 400), (1_000, 0), (1_000, 100),
    (1_000, 300),
)  # fmt: skip
HALLS = 170  # of six doors each
DATABASE = "HALLKEEPER_BENCH_DATABASE"

COLUMNS = (
    "scans_per_s", "server_cpu_percent", "server_memory_mb", "database_cpu_percent",
    "door_to_door_ms", "load_cpu_percent", "disk_sync_ms",
)  # fmt: skip


def measure(kiosks: int, rate: float, cluster: Cluster | None) -> dict[str, object]:
    figures = doors.measure(kiosks, rate, HALLS, cluster)
    database = "SQLite" if cluster is None else "PostgreSQL"
    row = {"database": database, "doors": kiosks, **{name: figures[name] for name in COLUMNS}}
    sys.stderr.write(json.dumps(row) + "\n")
    return row


def run() -> dict[str, object]:
    allow_files()
    only = os.environ.get(DATABASE)
    rows = []
    if only != "PostgreSQL":
        rows += [measure(kiosks, rate, None) for kiosks, rate in LOADS]
    if only != "SQLite" and binaries() is not None:
        with ExitStack() as stack:
            cluster = Cluster()
            stack.callback(cluster.stop)
            rows += [measure(kiosks, rate, cluster) for kiosks, rate in LOADS]
    return {"capacity": rows}
