"""A thousand kiosks on one server, with 100 and 300 scans a second, as `doors` measures them.

HALLKEEPER_BENCH_AGAINST may name another checkout, whose server then runs in turns with this one's.
"""

import json
import sys

from tests.bench import doors
from tests.bench.load.load import allow_files, checkouts

KIOSKS = 1_000
HALLS = 170  # of six doors each
RATES = (100.0, 300.0)
ROUNDS = 2  # if compared


def measure(rate: float, checkout: str) -> dict[str, object]:
    row = doors.measure(KIOSKS, rate, HALLS, checkout=checkout)
    sys.stderr.write(json.dumps(row) + "\n")
    return row


def run() -> dict[str, object]:
    """One row for each rate of scans, and round and server."""
    allow_files()
    servers = checkouts() * (ROUNDS if len(checkouts()) > 1 else 1)
    return {"thousand": [measure(rate, server) for rate in RATES for server in servers]}
