"""Three servers on one PostgreSQL database, killed at random while six kiosks scan."""

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from tests.server.support.postgresql.cluster import MISSING, Cluster, binaries
from tests.system.support.many_servers import ManyServers, on_loopback

pytestmark = [pytest.mark.system, pytest.mark.skipif(binaries() is None, reason=MISSING)]


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    running = Cluster()
    yield running
    running.stop()


def test_killed_servers_lose_and_overfill_nothing(tmp_path: Path, cluster: Cluster) -> None:
    url = cluster.url(cluster.make())
    with closing(ManyServers(tmp_path, url, on_loopback(url, 3), kiosks=6, capacity=8)) as many:
        many.start()
        many.run(8.0, pause_s=0.05, greens=11, kills=2)
        result = many.check()
    sys.stdout.write(f"{result}\n")
    assert result.kills >= 2
    assert result.greens > 10
    assert len(result.by_server) > 1
