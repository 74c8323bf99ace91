"""Two servers on one PostgreSQL database, cut off from it in turns while 20 kiosks scan.

The guarantees are checked as in tests/system/servers/test_cut_database.py; a run that breaks one
ends with an error.
"""

import shutil
import tempfile
from pathlib import Path

from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.system.support.cut_database import (
    CutSite,
    milliseconds,
    on_site,
    two_servers,
)
from tests.system.support.cut_database import (
    run as scan,
)
from tests.system.support.namespaces import Network, why_none

KIOSKS, CAPACITY, PAUSE_S = 20, 12, 0.05
CUT_S, BOTH_S, AFTER_S = 10.0, 8.0, 8.0
PLAN = (
    *(((number % 2,), CUT_S, AFTER_S) for number in range(6)),
    *(((0, 1), BOTH_S, AFTER_S) for _ in range(2)),
)


def run() -> object:
    if why := why_none() or ("" if binaries() else MISSING):
        return {"bench": "cut", "skipped": why}
    path = Path(tempfile.mkdtemp(prefix="hallkeeper-cut-"))

    def play(network: Network) -> object:
        with two_servers(network, path, kiosks=KIOSKS, capacity=CAPACITY) as site:
            site.many.start()
            seconds = 3.0 + sum(cut_s + after_s for _, cut_s, after_s in PLAN)
            scan(site, seconds, PAUSE_S, site.play(*PLAN))
            return _figures(site, seconds)

    try:
        return on_site(play)
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _figures(site: CutSite, seconds: float) -> object:
    tally = site.many.found
    return {
        "bench": "cut",
        "kiosks": KIOSKS,
        "seconds": seconds,
        "scans": tally.scans,
        "scans_per_s": round(tally.scans / seconds, 1),
        "greens": tally.greens,
        "lost": 0,  # otherwise it would have ended with an error
        "most_inside": max(tally.most_inside.values()),
        "capacity": CAPACITY,
        "cuts": [
            {
                "servers": cut.which,
                "seconds": round(cut.mended_at - cut.cut_at, 1),
                "longest_gap_s": round(site.longest_gap_s(cut, AFTER_S), 1),
                "until_next_s": [round(took, 1) for took in sorted(cut.until_next_s)],
                "answers": len(took := site.answers(cut)),
                "answer_ms": [milliseconds(took, share) for share in (0.5, 0.99, 1)],
            }
            for cut in site.cuts
        ],
    }
