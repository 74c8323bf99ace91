"""The ledger's cost of a scan: batches of 1 to 1,000, against bare `executemany` of the same rows
in the same run.
"""

import sqlite3
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from server.storage.opening import connect
from tests.bench.load.ledger_site import LedgerSite

BATCHES = (1, 10, 100, 1000)
SCANS = 10_000
SCANS_ALONE = 1_000  # in batches of one
ROUNDS = 3  # the quickest counts: others use the machine too
TABLES = ("leaf", "scan")


def bare(source: sqlite3.Connection, folder: Path, batch: int) -> float:
    """Microseconds for each scan's leaf and row by bare `executemany`, with the same tables,
    durability and commits.
    """
    target = connect(folder / f"bare-{time.monotonic_ns()}.db")
    target.execute("PRAGMA foreign_keys = OFF")
    rows = {}
    for table in TABLES:
        for (sql,) in source.execute(
            "SELECT sql FROM sqlite_master"
            " WHERE tbl_name = ? AND type <> 'trigger' AND sql IS NOT NULL",
            (table,),
        ):
            target.execute(sql)
        rows[table] = [
            tuple(row)
            for row in source.execute(f"SELECT t.* FROM {table} t JOIN scan USING (number)")
        ]
    count = len(rows["scan"])
    marks = {table: ",".join("?" * len(rows[table][0])) for table in TABLES}
    began = time.perf_counter()
    for first in range(0, count, batch):
        target.execute("BEGIN IMMEDIATE")
        for table in TABLES:
            part = rows[table][first : first + batch]
            target.executemany(f"INSERT INTO {table} VALUES ({marks[table]})", part)
        target.execute("COMMIT")
    took = time.perf_counter() - began
    target.close()
    return took / count * 1e6


def measure(batch: int) -> dict[str, float]:
    count = SCANS_ALONE if batch == 1 else SCANS
    best: list[tuple[float, ...]] = []
    for _ in range(ROUNDS):
        with TemporaryDirectory() as folder:
            site = LedgerSite(Path(folder))
            try:
                wall, cpu = site.measure(count, batch)
                best.append((wall, cpu, bare(site.database.reader, Path(folder), batch)))
            finally:
                site.close()
    wall, cpu, rows = (min(column) for column in zip(*best, strict=True))
    return {
        "batch": batch,
        "scans_per_s": round(1e6 / wall),
        "cpu_us_per_scan": round(cpu),
        "bare_scans_per_s": round(1e6 / rows),
        "ratio": round(wall / rows, 1),
    }


def run() -> dict[str, object]:
    return {"ingest": [measure(batch) for batch in BATCHES]}
