"""`hallkeeper demo` before it begins, and the processes that it starts: failures and their
messages.
"""

import importlib.util
import json
import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import IO, Any
from urllib.parse import urljoin

import pytest
from click.testing import CliRunner

from kiosk.browser import files
from server.cli.main import main
from server.demo import phone, postgres
from server.demo.crowd_doors import CrowdStage
from server.demo.forum.forum import DOORS
from server.demo.network_link import Link
from server.demo.processes import Child, Children, StageError, wait_until
from server.demo.show import Show
from server.demo.stage import Kiosk, parse_answer
from tests.system.support.few_pictures import draw_few
from tests.system.support.nursery import Nursery
from tests.system.support.nursery import forks as forks

pytestmark = pytest.mark.system

BUSY_S = 240.0  # timeout for a busy machine
LINE = (
    '{"at": 5, "seq": 2, "decision": "denied", "reason": "forged", "direction": "entry",'
    ' "serial": null, "frame_to_answer_ms": 8.5, "facts_age_ms": 20, "free_places": 3}'
)


def test_once_leaves_no_time_for_a_camera() -> None:
    result = CliRunner().invoke(main, ["demo", "--once", "--camera", "0"])
    assert result.exit_code == 2
    assert "--once exits after the films" in result.output


def test_a_directory_with_something_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("mine")
    result = CliRunner().invoke(main, ["demo", "--once", "--dir", str(tmp_path)])
    assert result.exit_code == 1
    assert "is not empty. Name a new or an empty directory." in result.output
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_too_few_people_are_refused() -> None:
    result = CliRunner().invoke(main, ["demo", "--people", "10"])
    assert result.exit_code == 2


def test_without_opencv_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    result = CliRunner().invoke(main, ["demo", "--once"])
    assert result.exit_code == 1
    assert "install Hallkeeper with its extras server and kiosk" in result.output


def test_without_zbar_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    asked = ["demo", "--once", "--database", "postgresql"]
    assert "zbar" not in CliRunner().invoke(main, asked).output
    monkeypatch.setitem(sys.modules, "pyzbar.pyzbar", None)
    assert "apt install libzbar0" in CliRunner().invoke(main, asked).stderr


def test_without_a_browser_or_its_files_there_is_no_phone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(files, "VENDOR", tmp_path)
    files.read_files.cache_clear()
    monkeypatch.setattr("server.demo.phone.BROWSERS", ("sh",))
    assert "packaging/phone/fetch" in phone.missing()
    monkeypatch.setattr("server.demo.phone.BROWSERS", ("no-such-browser",))
    assert "apt install chromium" in phone.missing()


def test_where_the_browser_does_not_start_there_is_no_phone(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """As where the kernel refuses Chromium its sandbox."""
    browser = tmp_path / "chromium"
    browser.write_text("#!/bin/sh\nexit 1\n")
    browser.chmod(0o755)
    monkeypatch.setattr("server.demo.phone.phone_files", lambda: None)
    monkeypatch.setattr("server.demo.phone.BROWSERS", (str(browser),))
    assert "apt install chromium-sandbox" in phone.missing()


def test_without_postgresql_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = ["demo", "--once", "--database", "postgresql"]
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 1
    assert "apt install postgresql" in result.output
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    result = CliRunner().invoke(main, asked)
    assert result.exit_code == 1
    assert "pip install 'psycopg[binary]'" in result.output


@pytest.fixture
def kiosk(tmp_path: Path) -> Kiosk:
    with Link(("127.0.0.1", 9)) as link:
        return Kiosk("A12-east", tmp_path, link)


def test_a_kiosks_line_is_an_answer(kiosk: Kiosk) -> None:
    answer = parse_answer(kiosk, LINE)
    assert answer is not None
    assert (answer.door, answer.kiosk, answer.seq) == ("A12-east", "a12-east", 2)
    assert (answer.word, answer.serial, answer.frame_to_answer_ms) == ("forged", None, 8.5)


def test_other_lines_are_none(kiosk: Kiosk) -> None:
    assert parse_answer(kiosk, "Enrolled as a12-east, generation 1.") is None


@pytest.mark.parametrize("line", ['{"at": 5}', "{half", '{"at": 5, "seq": 1, "decision": "x"}'])
def test_a_spoilt_line_is_an_error(kiosk: Kiosk, line: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        parse_answer(kiosk, line)


def test_a_process_that_fails_is_told_with_its_last_words(tmp_path: Path) -> None:
    code = "import sys; sys.exit('no camera here')"
    with Children(tmp_path) as children:
        child = children.start("door", [sys.executable, "-c", code])
        assert wait_until(lambda: not child.running, BUSY_S)
        with pytest.raises(StageError, match=r"(?s)door has ended.*no camera here"):
            children.check()


def test_lines_are_read_and_processes_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.demo.processes.STOP_S", 240.0)
    heard: list[str] = []
    code = "import time; print('ready'); time.sleep(600)"
    with Children(tmp_path) as children:
        child = children.start("server", [sys.executable, "-c", code], heard.append)
        assert wait_until(lambda: heard == ["ready"], BUSY_S)
        children.check()
    assert child._process.returncode == -signal.SIGTERM, "it was not killed"


def test_a_process_is_killed_at_last(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("server.demo.processes.STOP_S", 0.3)
    heard: list[str] = []
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('ready'); time.sleep(600)"
    )
    with Children(tmp_path) as children:
        child = children.start("server", [sys.executable, "-c", code], heard.append)
        assert wait_until(lambda: heard == ["ready"], BUSY_S)
    assert not child.running


def test_who_asks_twice_does_not_wait(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A second Ctrl-C, while the first still waits for a process, leaves no process behind."""
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('ready'); time.sleep(600)"
    )
    monkeypatch.setattr("server.demo.processes.STOP_S", 3600.0)
    heard: list[str] = []

    def impatient(children: Children, names: list[str]) -> list[Child]:
        with children:
            started = [
                children.start(name, [sys.executable, "-c", code], heard.append) for name in names
            ]
            assert wait_until(lambda: heard == ["ready", "ready"], BUSY_S)
            monkeypatch.setattr(started[-1]._process, "wait", Impatience(started[-1]._process.wait))
        return started

    children = Children(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        impatient(children, ["server", "door"])
    assert not any(child.running for child in children._children)


class Impatience:
    """A wait that is interrupted the first time, as by a second Ctrl-C."""

    def __init__(self, wait: Callable[..., int]) -> None:
        self._wait = wait
        self._asked = 0

    def __call__(self, *timeout: float) -> int:
        self._asked += 1
        if self._asked == 1:
            raise KeyboardInterrupt
        return self._wait(*timeout)


@pytest.mark.system
def test_ctrl_c_while_films_are_drawn(tmp_path: Path) -> None:
    options = ["demo", "--once", "--people", "300", "--dir", str(tmp_path / "demo")]
    with subprocess.Popen(
        [sys.executable, "-m", "server.cli.main", *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        # A shell that runs the tests in the background makes them and their children ignore Ctrl-C.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler) and None,
    ) as demo:
        try:
            assert demo.stdout is not None
            assert any(line.startswith("Drawing films") for line in demo.stdout)
            assert wait_until(lambda: any((tmp_path / "demo").rglob("*.avi")), BUSY_S)
            os.killpg(demo.pid, signal.SIGINT)
            _, output = demo.communicate(timeout=BUSY_S)
        finally:
            demo.kill()
    assert demo.returncode == 130
    assert output.strip() == "Stopped before the end: nothing was judged."


@pytest.mark.system
def test_after_the_summary_the_doors_see_films_again(
    tmp_path: Path,
    forks: Nursery,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """A whole demo of a few presentations, until its open pages and a little longer.

    Its ten processes are forks of one process with their code loaded.
    """
    monkeypatch.setattr("server.demo.processes.subprocess", Forking(forks))
    script = {"EAST": "seat url seat", "WEST": "seat | seat | seat", "NORTH": "guest wifi guest"}
    for name, words in script.items():
        monkeypatch.setattr(f"server.demo.script.{name}", words)
    draw_few(monkeypatch)
    monkeypatch.setattr("server.demo.phone.missing", lambda: "its processes are no forks.")
    monkeypatch.setattr("server.demo.crowd.HALLS_MAX", 2)
    seen: dict[str, str] = {}

    def open_pages(children: Children, crowd: CrowdStage | None) -> None:
        pages = re.findall(r"^Door (\S+) +(http://\S+)$", capsys.readouterr().out, re.M)
        assert len(pages) == 3
        before = entries_in(tmp_path)
        assert len(before) == len(DOORS)

        def all_see_again() -> bool:
            now = entries_in(tmp_path)
            return all(now[door] > count for door, count in before.items())

        assert wait_until(all_see_again, BUSY_S, pause_s=0.3)
        seen.update((door, camera_at(url)) for door, url in pages)
        assert crowd is not None
        scans = crowd.crowd.counts
        deadline = time.monotonic() + BUSY_S
        while scans["admitted"] < 20 and time.monotonic() < deadline:
            crowd.step(lambda line: None)
        assert scans["admitted"] >= 20, dict(scans)
        children.check()

    monkeypatch.setattr("server.demo.show._until_ctrl_c", open_pages)
    show = Show(tmp_path, 1, 300, None, once=False, json_line=False)
    show.run()
    assert show.good
    assert seen == dict.fromkeys(DOORS, "live")


class Forking:
    """Replaces `subprocess` where the demo starts its processes."""

    DEVNULL, PIPE, TimeoutExpired = subprocess.DEVNULL, subprocess.PIPE, subprocess.TimeoutExpired

    def __init__(self, forks: Nursery) -> None:
        self._forks = forks

    def Popen(self, command: list[str], *, stdin: int, stderr: IO[bytes], **options: Any) -> object:
        if stdin == self.PIPE:  # which a fork has not
            return subprocess.Popen(command, stdin=stdin, stderr=stderr, **options)
        return self._forks.start(command, stderr)


def entries_in(place: Path) -> dict[int, int]:
    """The number of scans of each door in the demo's ledger."""
    # Read only. Reopening the event again and again would keep its server from writing.
    uri = f"file:{place}/event/hallkeeper.db?mode=ro"
    with closing(sqlite3.connect(uri, uri=True)) as connection:
        counts = connection.execute("SELECT door_id, COUNT(*) FROM scan GROUP BY door_id")
        return dict(counts.fetchall())


def camera_at(link: str) -> str:
    """The camera's state, as the door's page receives it in a browser that opens its link."""
    browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
    browser.open(link, timeout=BUSY_S).close()
    with browser.open(urljoin(link, "/feed"), timeout=BUSY_S) as stream:
        # The server's proof comes first, which is no JSON.
        state = next(line for line in stream if line.startswith(b"data: {"))
    return str(json.loads(state.removeprefix(b"data: "))["status"]["camera"])


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start("door", [sys.executable, "-c", "import time; time.sleep(600)"])
        with pytest.raises(StageError, match="door was not done after 0 s"):
            child.wait(0.1)
