"""Three servers on one PostgreSQL database, killed at random while 20 kiosks scan for a minute.

The guarantees are checked as in tests/system/servers/test_many_servers.py; a run that breaks one
ends with an error.
"""

import shutil
import tempfile
from contextlib import closing
from pathlib import Path

from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.system.support.many_servers import ManyServers, on_loopback

SERVERS, KIOSKS, CAPACITY = 3, 20, 12
RUN_S = 60.0


def run() -> object:
    if binaries() is None:
        return {"bench": "servers", "skipped": MISSING}
    cluster = Cluster()
    path = Path(tempfile.mkdtemp(prefix="hallkeeper-servers-"))
    try:
        url = cluster.url(cluster.make())
        with closing(
            ManyServers(path, url, on_loopback(url, SERVERS), kiosks=KIOSKS, capacity=CAPACITY)
        ) as many:
            many.start()
            many.run(RUN_S, pause_s=0.1)
            tally = many.check()
    finally:
        cluster.stop()
        shutil.rmtree(path, ignore_errors=True)
    return {
        "bench": "servers",
        "servers": SERVERS,
        "kiosks": KIOSKS,
        "seconds": RUN_S,
        "scans": tally.scans,
        "greens": tally.greens,
        "kills": tally.kills,
        "most_inside": max(tally.most_inside.values()),
        "capacity": CAPACITY,
        "scans_by_server": sorted(tally.by_server.values()),
    }
