"""The cost of a scan as the ledger grows: with 1,000, 100,000 and 1,000,000 entries.

Also measured: the file, a checkpoint with its proof, and the start of the log.
"""

import time
from pathlib import Path
from tempfile import TemporaryDirectory

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import open_checkpoint
from server.core.entry_log.entry_log import Log
from server.core.feed import changes
from tests.bench.load.ledger_site import LedgerSite

SIZES = (1_000, 100_000, 1_000_000)
FILL = 1_000
SAMPLES = ((1, 400), (10, 2_000), (100, 4_000))  # scans in a batch, and in all
CHECKPOINTS = 50
NAME = "hallkeeper/bench"
KEY = PrivateKey(bytes(32))


def fill(site: LedgerSite, size: int) -> None:
    """Scan until the ledger has so many entries."""
    while site.door.acked < size:
        site.scan(min(FILL, size - site.door.acked))
        for batch in site.batches(FILL):
            site.send(batch)
        site.database.write(changes.trim)  # as the feed does by itself


def checkpoints(site: LedgerSite) -> dict[str, float]:
    """Start the log, then make a checkpoint with a proof after each new scan."""
    began = time.perf_counter()
    log = Log(site.database, NAME, KEY)
    note, _ = log.checkpoint(0)
    start_s = time.perf_counter() - began
    size = open_checkpoint(KEY.public, NAME, note).size
    took = 0.0
    for _ in range(CHECKPOINTS):
        site.scan(2)
        for batch in site.batches(2):
            site.send(batch)
        began = time.perf_counter()
        note, proof = log.checkpoint(size)
        took += time.perf_counter() - began
        assert proof
        size = open_checkpoint(KEY.public, NAME, note).size
    return {"log_start_s": round(start_s, 2), "checkpoint_us": round(took / CHECKPOINTS * 1e6)}


def measure(site: LedgerSite, size: int) -> dict[str, object]:
    began = time.perf_counter()
    fill(site, size)
    filled_s = time.perf_counter() - began
    costs = {f"batch_{scans}": site.measure(count, scans) for scans, count in SAMPLES}
    figures: dict[str, object] = {
        "entries": size,
        "cpu_us_per_scan": {name: round(cpu) for name, (_, cpu) in costs.items()},
        "us_per_scan": {name: round(wall) for name, (wall, _) in costs.items()},
        **checkpoints(site),
        "file_mb": round(Path(site.database.path).stat().st_size / 1e6, 1),
        "filled_in_s": round(filled_s, 1),
    }
    return figures


def run() -> dict[str, object]:
    """One row for each size of one growing ledger."""
    with TemporaryDirectory() as folder:
        site = LedgerSite(Path(folder))
        try:
            return {"growth": [measure(site, size) for size in SIZES]}
        finally:
            site.close()
