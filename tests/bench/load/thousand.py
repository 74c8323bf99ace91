"""A thousand kiosks on one server, with 100 and 300 scans a second, as `doors` measures them."""

from tests.bench import doors
from tests.bench.load.load import allow_files

KIOSKS = 1_000
HALLS = 170  # of six doors each
RATES = (100.0, 300.0)


def run() -> dict[str, object]:
    """One row for each rate of scans."""
    allow_files()
    return {"thousand": [doors.measure(KIOSKS, rate, HALLS) for rate in RATES]}
