"""The cost of exporting and verifying an entry log of a million scans: CPU time and memory, each in
its own process.
"""

import json
import subprocess
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from badges.transparency.checkpoint import cosign, witness_name
from badges.wire import wire
from server.app.new_event import init_event
from server.core.entry_log import cosignatures, entry_log
from server.core.event.directory import Event
from server.core.ledger.rows import ScanLeaf
from server.storage.database import Database
from tests.bench.event import SETTINGS
from tests.server.support.fake_door import FakeDoor

ENTRIES = 1_000_000
KIOSKS = 300
BATCH = 10  # Scans; the last one bears its kiosk's signature.
NOW = 1_777_860_000_000
_MEASURED = """
import json, resource, runpy, sys
sys.argv = sys.argv[1:]
try:
    runpy.run_path(sys.argv[0], run_name="__main__")
except SystemExit as end:
    code = end.code
used = resource.getrusage(resource.RUSAGE_SELF)
# The largest size of this program. What getrusage has may be that of the one which started it.
(peak,) = [line for line in open("/proc/self/status") if line.startswith("VmHWM")]
spent = [code, used.ru_utime + used.ru_stime, int(peak.split()[1]) / 1024]
sys.stderr.write("\\n" + json.dumps(spent))
"""


def fill(event: Event, entries: int) -> None:
    """Write scans of many kiosks straight into the log, in batches, as ingest does."""
    doors = [FakeDoor(f"door-{number}", 1, 1) for number in range(KIOSKS)]
    with Database(event.database_path) as database:
        database.write(lambda db: _add_kiosks(db, doors))
        size = database.write(entry_log.size)
        for start in range(size, entries + size, 10_000):
            leaves = []
            for first in range(start, start + 10_000, BATCH):
                _batch(doors[(first // BATCH) % KIOSKS], first, leaves)
            database.write(lambda db, part=leaves: entry_log.extend(db, part))
        log = entry_log.Log(database, event.log_name, event.log_key)
        size = log.size()
        note = log.note(size)
        for door in doors:
            line = cosign(door.key, witness_name(event.log_name, door.kiosk, 1), note, NOW // 1000)
            database.write(
                lambda db, door=door, line=line: cosignatures.keep(
                    db, log, (door.kiosk, 1), door.key.public.raw, wire.Cosigned(size, line), NOW
                )
            )


def _add_kiosks(db, doors: list[FakeDoor]) -> None:
    db.execute(
        "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
        " anti_passback, exits) VALUES (1, 'H1', '{}', 9, 9, 1, 0, 'hard', 'strict')"
    )
    db.execute("INSERT INTO door VALUES (1, 'd', 1, '{}', 'both')")
    db.executemany(
        "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, created_at)"
        " VALUES (?, 1, 1, 'active', ?, 0)",
        [(door.kiosk, door.key.public.raw) for door in doors],
    )


def _batch(door: FakeDoor, first: int, leaves: list) -> None:
    for at in range(BATCH):
        number = first + at
        door.scan(NOW + number, number % 90_000, v=2, salt=f"{number:032x}", epoch=3, category=1)
        raw, head = door.records[-1], door.heads[-1]
        door.records[-1] = b""
        door.heads[-2] = b""
        signature = msgspec.UNSET
        if at == BATCH - 1:
            signature = door.key.sign(wire.HEAD_CONTEXT + head).hex()
        leaf = ScanLeaf(head.hex(), NOW + number, msgspec.Raw(raw), signature)
        leaves.append((number, "scan", NOW, msgspec.json.encode(leaf)))


def measured(*command: str) -> dict[str, object]:
    """CPU seconds and MB of a Python script with its arguments."""
    done = subprocess.run(
        [sys.executable, "-c", _MEASURED, *command], capture_output=True, text=True
    )
    code, cpu_s, mb = json.loads(done.stderr.splitlines()[-1])
    if code:
        raise RuntimeError(done.stdout[-2_000:])
    return {"cpu_s": round(cpu_s, 1), "mb": round(mb)}


def run() -> dict[str, object]:
    """Export as a folder and as a zip; verify with our command and with the single file."""
    with TemporaryDirectory() as folder:
        path = Path(folder)
        event, _ = init_event(path / "event", SETTINGS)
        fill(event, ENTRIES)
        audit = (str(Path(sys.prefix) / "bin" / "hallkeeper"), "audit")
        export = (*audit, "export", "--event", str(path / "event"), "--out")
        out, packed = str(path / "export"), str(path / "export.zip")
        figures = {
            "export": measured(*export, out),
            "export_zip": measured(*export, packed),
            "verify": measured(*audit, "verify", out),
            "verify_zip": measured(*audit, "verify", packed),
            "verify_py": measured(f"{out}/verify.py", out),
            "zip_mb": Path(packed).stat().st_size // 1_000_000,
        }
    return {"entries": ENTRIES, "audit": figures}
