"""Whether any of very many altered receipts and exports is accepted, or ends in a traceback.

Refusals are counted. Any other result stops the run and shows its seed.
"""

import sys
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from server.app.new_event import init_event
from server.storage.database import Database
from tests.bench.event import SETTINGS
from tests.server.features.evidence.conftest import Evidence
from tests.server.features.evidence.test_fuzz import fill, fuzz_exports, fuzz_receipts, fuzz_zips
from tests.server.support.site import open_site

TURNS = 100_000
STEP = 1_000


def run() -> dict[str, object]:
    """Try so many receipts, folders and zips, each altered in another way."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        event, _ = init_event(Path(folder) / "event", SETTINGS)
        with Database(event.database_path) as database:
            evidence = Evidence(event, open_site(database), Path(folder))
            fill(evidence)
            refused = {"receipts": 0, "exports": 0, "zips": 0, "zips_unchanged": 0}
            export, packed = evidence.export(), evidence.export(name="export.zip")
            original = packed.read_bytes()
            began = time.process_time()
            for _ in range(0, TURNS, STEP):
                refused["receipts"] += fuzz_receipts(evidence, STEP)
                refused["exports"] += fuzz_exports(export, STEP)
                packed.write_bytes(original)
                zips, same = fuzz_zips(packed, STEP)
                refused["zips"] += zips
                refused["zips_unchanged"] += same
                sys.stderr.write(f"{refused}\n")
    return {"forged": refused, "accepted": 0, "cpu_s": round(time.process_time() - began)}
