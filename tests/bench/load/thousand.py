"""A thousand kiosks on one server, with 100 and 300 scans a second, as `doors` measures them."""

import resource

from tests.bench import doors

KIOSKS = 1_000
HALLS = 170  # of six doors each
RATES = (100.0, 300.0)
FILES = 8_192


def run() -> dict[str, object]:
    """One row for each rate of scans."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES if hard == resource.RLIM_INFINITY else min(FILES, hard)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, wanted), hard))
    return {"thousand": [doors.measure(KIOSKS, rate, HALLS) for rate in RATES]}
