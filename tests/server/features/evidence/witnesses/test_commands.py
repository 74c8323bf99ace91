"""`hallkeeper audit` with a witness in its own process, and an authority."""

import http.client
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from server.app.app import close_app
from server.app.wsgi import open_app
from server.core.event.directory import Event
from server.storage.database import Database
from server.web.services import services_of
from tests.server.features.evidence.witnesses.time_authority import TimeAuthority
from tests.server.support.console import Console

NAME = "example.org/w1"


@pytest.fixture
def console(event: Event, tmp_path: Path) -> Console:
    return Console(tmp_path, event)


@contextmanager
def running(directory: Path, *arguments: str) -> Iterator[tuple[str, str]]:
    """The witness' address and key. A signal ends it, and its exit status is checked."""
    command = [sys.executable, "-m", "server", "audit", "witness", "--dir", str(directory)]
    process = subprocess.Popen(
        [*command, "--port", "0", *arguments], stdout=subprocess.PIPE, text=True,
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
    )  # fmt: skip
    assert process.stdout is not None
    try:
        url = process.stdout.readline().split()[-1].removesuffix("/add-checkpoint")
        process.stdout.readline()
        key = process.stdout.readline().strip()
        for line in process.stdout:
            if line.startswith("Stop with"):
                break
        yield url, key
        process.send_signal(signal.SIGTERM)
        assert process.wait(240) == 0
        assert process.stdout.read().endswith("Stopped.\n")
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def configure(event: Event, text: str) -> None:
    path = event.path / "event.toml"
    kept = path.read_text(encoding="utf-8")
    path.write_text(f"{text}\n{kept}", encoding="utf-8")


def add_witness(event: Event, url: str, key: str) -> None:
    path = event.path / "event.toml"
    path.write_text(f'{path.read_text(encoding="utf-8")}\n[witnesses]\n"{url}" = "{key}"\n')


def test_an_event_with_a_witness_and_an_authority(
    console: Console, tmp_path: Path, time_authority: TimeAuthority
) -> None:
    time_authority.answer = None
    log = console("audit", "key").output.strip()
    with running(tmp_path / "witness", "--name", NAME, "--log", log) as (url, key):
        add_witness(console.event, url, key)
        shutil.copyfile(time_authority.ca, console.event.path / "tsa.pem")
        authority = f'time_authority = "{time_authority.url}"\ntime_authority_ca = "tsa.pem"'
        configure(console.event, authority)
        out = tmp_path / "out"
        assert "Not confirmed" not in console("audit", "export", "--out", str(out)).output
        wanted = ["--key", log, "--witness", key, "--authority", str(time_authority.ca)]
        output = console("audit", "verify", str(out), *wanted).output
        assert "1 witnesses cosigned the first 2 entries of 2" in output
        assert "1 time stamps, the newest over the first 2 entries by Harbour Time at" in output
        assert f"— {NAME} " in (out / "checkpoint").read_text()
        note = console("audit", "checkpoint").output
        assert f"— {NAME} " in note
        kept = console.file("kept.note", note)
        assert console("audit", "verify", str(out), "--checkpoint", kept).output.endswith(
            "VERIFIED\n"
        )
        # It answers anyone with the number of cosigned entries.
        host, _, port = url.removeprefix("http://").partition(":")
        connection = http.client.HTTPConnection(host, int(port), timeout=240)
        connection.request("GET", "/")
        assert connection.getresponse().read().decode().endswith(" 2\n")
        connection.close()
    # It is away, and so is the authority. The export is made all the same.
    time_authority.answer = lambda query: (500, b"")
    output = console("audit", "export", "--out", str(tmp_path / "later")).output
    assert f"Not confirmed by {NAME}: connection refused." in output
    assert "Not confirmed by the time-stamping authority: 500." in output
    assert (
        "VERIFIED" in console("audit", "verify", str(tmp_path / "later"), "--witness", key).output
    )
    time_authority.answer = None


@pytest.mark.system
def test_a_killed_witness_keeps_its_data(console: Console, tmp_path: Path) -> None:
    log = console("audit", "key").output.strip()
    with running(tmp_path / "witness", "--name", NAME, "--log", log) as (url, key):
        add_witness(console.event, url, key)
        console("audit", "checkpoint")
    with running(tmp_path / "witness") as (url, again):
        assert again == key
        # A holder of its key rewrites the log.
        with Database(console.event.database_path) as database:
            zeros = (bytes(32),)
            database.write(lambda db: db.execute("UPDATE leaf SET hash = ?", zeros))
            database.write(lambda db: db.execute("DELETE FROM witness_cosignature"))
            database.write(lambda db: db.execute("DELETE FROM given_checkpoint"))
        path = console.event.path / "event.toml"
        text = path.read_text().rpartition("\n[witnesses]")[0]
        path.write_text(text)
        add_witness(console.event, url, key)
        output = console("audit", "checkpoint").output
        assert f"Not confirmed by {NAME}: it cosigned another log of 1 entries" in output
        assert "— example.org/w1" not in output
    assert len(list((tmp_path / "witness" / "evidence").iterdir())) == 1


def test_what_is_refused(console: Console, tmp_path: Path) -> None:
    output = console("audit", "witness", "--dir", str(tmp_path / "w"), status=1).output
    assert "name the witness, with --name" in output
    arguments = ["--dir", str(tmp_path / "w"), "--name", NAME]
    output = console("audit", "witness", *arguments, "--log", "nonsense", status=1).output
    assert "'nonsense' is not a verifier key of a log" in output
    output = console("audit", "witness", *arguments, "--host", "203.0.113.1", status=2).output
    assert "can't listen on 203.0.113.1 port 8480" in output
    out = tmp_path / "out"
    console("audit", "export", "--out", str(out))
    output = console("audit", "verify", str(out), "--witness", "nonsense", status=1).output
    assert "REFUSED" in output
    assert "Traceback" not in output


@pytest.mark.parametrize("file", ["logs", "name"])
def test_a_file_that_is_not_utf_8_is_refused(console: Console, tmp_path: Path, file: str) -> None:
    (tmp_path / "w").mkdir()
    (tmp_path / "w" / file).write_bytes(NAME.encode("utf-16"))
    arguments = ["--dir", str(tmp_path / "w"), "--name", NAME]
    output = console("audit", "witness", *arguments, status=1).output
    assert f"{file} is not text in UTF-8: restore it from a copy" in output


def test_a_running_server_has_its_threads(event: Event) -> None:
    both = {"checkpoints", "witnesses"}
    app = open_app(event.path)
    try:
        assert both <= {thread.name for thread in threading.enumerate()}
    finally:
        close_app(app)
        services_of(app).database.close()
    assert both.isdisjoint(thread.name for thread in threading.enumerate())
