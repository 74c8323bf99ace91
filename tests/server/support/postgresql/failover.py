"""A PostgreSQL primary and a standby that can replace it, on sockets in temporary directories."""

import os
import shutil
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg

from tests.processes import children
from tests.server.support.postgresql.cluster import USER, Cluster

REPLICATES = (
    "wal_level=replica", "max_wal_senders=5", "hot_standby=on", "wal_keep_size=64MB",
    # A standby without a primary retries no later than this, and is promoted then.
    "wal_retrieve_retry_interval=200ms",
)  # fmt: skip
NAME = "standby"
BUSY_S = 240  # timeout for a busy machine


class Standby(Cluster):
    """A copy of a primary that follows it."""

    def __init__(self, primary: Cluster) -> None:
        self.binaries = primary.binaries
        self._owner = primary._owner
        self.port = primary.port
        self.path = primary.path.with_name(f"{primary.path.name}-standby")
        self.path.mkdir(mode=0o700)
        if self._owner is not None:
            os.chown(self.path, *self._owner)
        self._count = 0
        self._run("pg_basebackup", "-D", f"{self.path}/data", "-R", "-c", "fast", "--no-sync",
                  "-d", f"host={primary.path} user={USER} application_name={NAME}")  # fmt: skip
        self._options = primary._options.replace(str(primary.path), str(self.path))
        self.start()

    def promote(self) -> None:
        self._run("pg_ctl", "-D", f"{self.path}/data", "-w", "-t", str(BUSY_S), "promote")


class Pair:
    """A primary with its standby, and an address that finds whichever takes writes."""

    def __init__(self, *, synchronous: bool) -> None:
        self.primary = Cluster(None, *REPLICATES)
        self.primary_lives = True
        self.standby = Standby(self.primary)
        self.name = self.primary.make()
        if synchronous:
            self.primary.admin(f"ALTER SYSTEM SET synchronous_standby_names = '{NAME}'")
            self.primary.admin("SELECT pg_reload_conf()")
            self._wait_for("sync")

    @property
    def url(self) -> str:
        hosts = f"{self.primary.path},{self.standby.path}"
        return (
            f"postgresql://{USER}@/{self.name}?host={hosts}&target_session_attrs=read-write"
            "&connect_timeout=2"
        )

    def caught_up(self) -> None:
        """Wait until the standby has all of the primary's data."""
        deadline = time.monotonic() + BUSY_S
        while time.monotonic() < deadline:
            with psycopg.connect(self.primary.url("postgres"), autocommit=True) as connection:
                row = connection.execute(
                    "SELECT replay_lsn >= pg_current_wal_lsn() FROM pg_stat_replication"
                ).fetchone()
            if row is not None and row[0]:
                return
            time.sleep(0.02)
        raise AssertionError("the standby does not follow")

    def delay_standby(self, ms: int) -> None:
        """Let the standby apply each commit this much later."""
        self.standby.admin(f"ALTER SYSTEM SET recovery_min_apply_delay = {ms}")
        self.standby.admin("SELECT pg_reload_conf()")

    def kill_primary(self) -> None:
        """Cut the primary's power."""
        kill_all(self.primary)
        self.primary_lives = False

    def close(self) -> None:
        if self.primary_lives:
            self.primary.stop(remove=False)
        with suppress(RuntimeError):  # The test has stopped it.
            self.standby.stop()
        for path in (self.primary.path, self.standby.path):
            shutil.rmtree(path, ignore_errors=True)

    def _wait_for(self, state: str) -> None:
        deadline = time.monotonic() + BUSY_S
        while time.monotonic() < deadline:
            with psycopg.connect(self.primary.url("postgres"), autocommit=True) as connection:
                row = connection.execute("SELECT sync_state FROM pg_stat_replication").fetchone()
            if row == (state,):
                return
            time.sleep(0.02)
        raise AssertionError(f"the standby is not {state}")


@contextmanager
def pair(*, synchronous: bool) -> Iterator[Pair]:
    servers = Pair(synchronous=synchronous)
    try:
        yield servers
    finally:
        servers.close()


def kill_all(cluster: Cluster) -> None:
    """End all its processes at once, as a power cut does."""
    pid = int((cluster.path / "data" / "postmaster.pid").read_text().split()[0])
    for process in [pid, *children(pid)]:
        with suppress(ProcessLookupError):
            os.kill(process, signal.SIGKILL)


def start_again(cluster: Cluster) -> None:
    """Start it after `kill_all`, as after a reboot. After a reboot no process has the number in its
    files; here the dead process may still have it.
    """
    for path in (cluster.path / "data" / "postmaster.pid", *cluster.path.glob(".s.PGSQL.*.lock")):
        path.unlink(missing_ok=True)
    cluster.start()


def cpu_of_cluster(cluster: Cluster) -> float:
    """Seconds of CPU that its living processes have used so far."""
    pid = int((cluster.path / "data" / "postmaster.pid").read_text().split()[0])
    return sum(
        int(Path(f"/proc/{process}/schedstat").read_text().split()[0]) / 1e9
        for process in [pid, *children(pid)]
    )
