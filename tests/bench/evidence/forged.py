"""Whether any of very many altered receipts and exports is accepted, or ends in a traceback.

Refusals are counted. Any other result stops the run and shows its seed.
"""

import json
import sys
import time
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from server.app.new_event import init_event
from server.core.event.settings import EventSettings
from server.storage.database import Database
from tests.server.features.evidence.conftest import Evidence
from tests.server.features.evidence.test_fuzz import fill, fuzz_exports, fuzz_receipts, fuzz_zips
from tests.server.support.site import open_site

TURNS = 100_000
STEP = 1_000


def run(turns: int = TURNS) -> dict[str, object]:
    """Try so many receipts, folders and zips, each altered in another way."""
    with TemporaryDirectory(dir="/dev/shm" if Path("/dev/shm").is_dir() else None) as folder:
        settings = EventSettings(
            name={"en": "Bench"}, time_zone="UTC", first_day=date(2026, 5, 4), days=3,
            public_host="localhost", port=8443,
        )  # fmt: skip
        event, _ = init_event(Path(folder) / "event", settings)
        with Database(event.database_path) as database:
            made = Evidence(event, open_site(database), Path(folder))
            fill(made)
            found = {"receipts": 0, "exports": 0, "zips": 0, "zips_unchanged": 0}
            export, packed = made.export(), made.export(name="export.zip")
            whole = packed.read_bytes()
            began = time.process_time()
            for _ in range(0, turns, STEP):
                found["receipts"] += fuzz_receipts(made, STEP)
                found["exports"] += fuzz_exports(export, STEP)
                packed.write_bytes(whole)
                refused, same = fuzz_zips(packed, STEP)
                found["zips"] += refused
                found["zips_unchanged"] += same
                sys.stderr.write(f"{found}\n")
    return {"forged": found, "accepted": 0, "cpu_s": round(time.process_time() - began)}


if __name__ == "__main__":
    sys.stdout.write(json.dumps(run(int(sys.argv[1]) if sys.argv[1:] else TURNS)) + "\n")
