"""A server survives and recovers by itself when its database is away or takes no commits."""

import http.client
import os
import shutil
import signal
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import pytest

from server.app import supervise
from server.core.event.directory import Event
from server.storage import migrations
from server.storage.opening import connect
from server.storage.postgresql import engine, moving
from server.storage.postgresql.address import Address, keep_address
from server.storage.transactions import transaction
from tests.processes import children
from tests.server.app.test_supervise import BEATS, HANG_S, Supervised, supervised
from tests.server.support.postgresql.cluster import Cluster
from tests.server.support.postgresql.databases import Databases
from tests.server.support.postgresql.failover import REPLICATES
from tests.system.support.nursery import forks as forks
from tests.waiting import until

pytestmark = [pytest.mark.system, pytest.mark.sqlite_alone, pytest.mark.usefixtures("forks")]
# Longer than a worker may stay silent.
ANSWER_S = HANG_S + 2
TRY_S = 20.0
PATIENT = f"{BEATS}; from server.storage.postgresql import bounds; bounds.ANSWER_S = {ANSWER_S}"
WAITING = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"


@dataclass
class Place:
    """An event in a cluster of its own."""

    event: Event
    cluster: Cluster
    url: str

    def hang(self, names: str) -> None:
        """Make each commit wait for standbys of these names."""
        self.cluster.admin(f"ALTER SYSTEM SET synchronous_standby_names = '{names}'")
        self.cluster.admin("SELECT pg_reload_conf()")

    def hanging(self) -> set[int]:
        with closing(psycopg.connect(self.url, autocommit=True)) as db:
            return {row[0] for row in db.execute(WAITING).fetchall()}


@pytest.fixture
def place(postgres: Databases, event: Event, tmp_path: Path) -> Iterator[Place]:
    """`postgres` skips the test without PostgreSQL."""
    path = event.path.with_name("in-postgresql")
    shutil.copytree(event.path, path)
    cluster = Cluster(None, *REPLICATES)
    try:
        url = cluster.url(cluster.make())
        with closing(connect(event.database_path)) as source:
            with closing(engine.connect(Address(url))) as target:
                migrations.migrate(target)
                with transaction(target):
                    moving.copy_all(source, target, lambda table, rows: None)
        keep_address(path, Address(url))
        yield Place(replace(event, path=path), cluster, url)
    finally:
        cluster.start() if not (cluster.path / "data" / "postmaster.pid").exists() else None
        cluster.stop()


def ready(server: Supervised) -> int:
    """Return the status, or 0 if no worker answers. While a worker starts, the kernel accepts the
    connection; a killed worker leaves it unanswered.
    """
    try:
        return server.get("/readyz", timeout_s=TRY_S).status
    except (OSError, http.client.HTTPException):
        return 0


def test_a_server_waits_for_its_database(place: Place, tmp_path: Path) -> None:
    place.cluster.stop("fast", remove=False)
    with supervised(place.event, tmp_path) as server:
        until(lambda: "Waiting for the database" in server.output(), server.output)
        assert server.process.poll() is None
        place.cluster.start()
        until(lambda: ready(server) == 200, server.output)
        assert "The database is there" in server.output()


def test_a_worker_that_starts_meanwhile_waits(place: Place, tmp_path: Path) -> None:
    with supervised(place.event, tmp_path) as server:
        until(lambda: ready(server) == 200, server.output)
        place.cluster.stop("fast", remove=False)
        until(lambda: ready(server) == 503, server.output)
        os.kill(server.worker, signal.SIGKILL)
        until(lambda: "Waiting for the database" in server.output(), server.output)
        (waits,) = children(server.process.pid)
        place.cluster.start()
        until(lambda: ready(server) == 200, server.output)
        assert children(server.process.pid) == [waits]


def test_hanging_commits_end_no_worker(place: Place, tmp_path: Path) -> None:
    hang = {supervise.HANG_VARIABLE: str(HANG_S)}
    with supervised(place.event, tmp_path, PATIENT, **hang) as server:
        until(lambda: ready(server) == 200, server.output)
        worker = server.worker
        place.hang("nobody")
        seen: set[int] = set()

        def tried_again() -> bool:
            seen.update(place.hanging())
            return len(seen) >= 2

        # Each lasts longer than a worker may stay silent.
        until(tried_again, server.output)
        assert ready(server) == 503
        place.hang("")
        until(lambda: ready(server) == 200, server.output)
        assert server.worker == worker
        assert "is ended" not in server.output()
