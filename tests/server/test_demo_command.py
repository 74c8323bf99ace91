"""`hallkeeper demo` before it begins, and the processes that it starts: what goes wrong, and how it
is told.
"""

import sys
import time
from pathlib import Path

import pytest
from click.testing import CliRunner

from server.cli import main
from server.demo.link import Link
from server.demo.processes import Children, StageError, wait_until
from server.demo.stage import Kiosk, parse_answer

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
    assert "pip install 'hallkeeper[server,kiosk]'" in result.output


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
        assert wait_until(lambda: not child.running, 20)
        with pytest.raises(StageError, match=r"(?s)door has ended.*no camera here"):
            children.check()


def test_lines_are_heard_and_processes_are_stopped(tmp_path: Path) -> None:
    heard: list[str] = []
    code = "import time; print('ready'); time.sleep(600)"
    with Children(tmp_path) as children:
        child = children.start("server", [sys.executable, "-c", code], heard.append)
        assert wait_until(lambda: heard == ["ready"], 20)
        children.check()
        began = time.monotonic()
    assert not child.running
    assert time.monotonic() - began < 5


def test_a_process_that_ignores_sigterm_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("server.demo.processes.STOP_S", 0.3)
    heard: list[str] = []
    code = (
        "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN);"
        " print('ready'); time.sleep(600)"
    )
    with Children(tmp_path) as children:
        child = children.start("server", [sys.executable, "-c", code], heard.append)
        assert wait_until(lambda: heard == ["ready"], 20)
    assert not child.running


def test_waiting_has_an_end(tmp_path: Path) -> None:
    with Children(tmp_path) as children:
        child = children.start("door", [sys.executable, "-c", "import time; time.sleep(600)"])
        with pytest.raises(StageError, match="door was not done after 0 s"):
            child.wait(0.1)
