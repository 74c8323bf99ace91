"""A pooler that drops a session's locks and settings between two transactions is refused."""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from server.storage.disk import DatabaseError
from server.storage.postgresql import engine
from server.storage.postgresql.address import Address
from tests.server.support.console import Console
from tests.server.support.postgresql.cluster import USER, _owner
from tests.server.support.postgresql.databases import Databases
from tests.system.support.site import free_port, wait_for
from tests.tools import needs

BOUNCER = shutil.which("pgbouncer") or "/usr/sbin/pgbouncer"
pytestmark = [
    pytest.mark.system,
    pytest.mark.sqlite_alone,
    needs("pgbouncer"),
]


@contextmanager
def pooled(postgres: Databases, mode: str, **more: str) -> Iterator[str]:
    """The address of an empty database behind pgbouncer."""
    cluster = postgres.cluster
    name, port = cluster.make(), free_port()
    folder = cluster.path / f"bouncer-{port}"
    folder.mkdir()
    settings = {
        "listen_addr": "127.0.0.1", "listen_port": str(port), "unix_socket_dir": "",
        "auth_type": "any", "pool_mode": mode, **more,
    }  # fmt: skip
    config = folder / "bouncer.ini"
    config.write_text(
        f"[databases]\n{name} = host={cluster.path} port={cluster.port} user={USER}\n[pgbouncer]\n"
        + "".join(f"{key} = {value}\n" for key, value in settings.items())
    )
    owner = _owner()
    user = {} if owner is None else {"user": owner[0], "group": owner[1], "extra_groups": []}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen([BOUNCER, config], stdout=log, stderr=log, **user)
    address = f"postgresql://{USER}@127.0.0.1:{port}/{name}"
    try:
        wait_for("pgbouncer", lambda: " process up: " in (folder / "log").read_text())
        yield address
    finally:
        process.terminate()
        process.wait()
        shutil.rmtree(folder)
        cluster.drop(name)


@pytest.mark.parametrize(
    ("mode", "more"),
    [
        ("transaction", {}),
        ("transaction", {"server_round_robin": "1", "min_pool_size": "4"}),
        ("transaction", {"default_pool_size": "1"}),
        ("statement", {}),
    ],
)
def test_init_refuses_it_and_says_what_to_do(
    console: Console, postgres: Databases, tmp_path: Path, mode: str, more: dict[str, str]
) -> None:
    with pooled(postgres, mode, **more) as url:
        output = console("init", str(tmp_path / "made"), "--database", url, status=1).output
        with pytest.raises(DatabaseError, match="pool_mode = session"):
            engine.connect(Address(url))
    assert "behind a pooler" in output
    assert "pool_mode = session" in output
    assert not (tmp_path / "made").exists()


def test_one_connection_for_a_session_will_do(
    console: Console, postgres: Databases, tmp_path: Path
) -> None:
    with pooled(postgres, "session", server_reset_query="DISCARD ALL") as url:
        console("init", str(tmp_path / "made"), "--time-zone", "UTC", "--database", url)
        with closing(engine.connect(Address(url))) as db:
            assert db.execute("SELECT name FROM staff_user").fetchone()["name"] == "admin"
