"""Printing as the machine feels it: what it takes of memory, and what Ctrl-C leaves."""

import os
import signal
import subprocess
import sys
import threading
import time
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from badges.printing.card import CardError
from server.people import drawing
from server.people.drawing import Drawing
from tests.server.cli.test_serve import await_gone, children
from tests.server.support.console import Console

pytestmark = pytest.mark.system


@pytest.fixture
def crowd(console: Console) -> Console:
    """800 people with badges."""
    rows = [f"P{n},Anna {n},Keller,Harbour Pilots No. {n},delegate" for n in range(800)]
    header = "id,given name,family name,organisation,category"
    console("import", console.file("r.csv", "\n".join([header, *rows])))
    console("issue")
    return console


def start(console: Console, out: Path, *arguments: str) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "server", "print", "--event", str(console.event.path)]
    return subprocess.Popen(
        [*command, "--out", str(out), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def peak_mb(console: Console, *arguments: str) -> float:
    """The most memory of the process and of those that it started, each by itself."""
    process = start(console, console.path / "b.pdf", *arguments)
    assert process.stdout is not None
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


def test_more_files_take_no_more_memory(crowd: Console) -> None:
    one = peak_mb(crowd, "--per-file", "100", *(f"--attendee=P{n}" for n in range(100)))
    eight = peak_mb(crowd, "--per-file", "100")
    assert len(list(crowd.path.glob("b-?.pdf"))) == 8
    assert eight < one + 20  # where one process drew all, it was 40 MB more


def test_ctrl_c_leaves_whole_files_alone(crowd: Console) -> None:
    out = crowd.path / "b.pdf"
    process = start(crowd, out, "--per-file", "200")
    deadline = time.monotonic() + 60
    while not (crowd.path / "b-1.pdf").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    drawn_by = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    said, _ = process.communicate(timeout=60)
    assert process.returncode == 1
    assert "Aborted!" in said
    assert "Traceback" not in said
    await_gone(drawn_by, 30)
    made = sorted(path.name for path in crowd.path.glob("*b*.pdf*"))
    # While a busy machine was late with the signal, another may have been drawn.
    assert made in (["b-1.pdf"], ["b-1.pdf", "b-2.pdf"], ["b-1.pdf", "b-2.pdf", "b-3.pdf"])
    for name in made:
        assert (crowd.path / name).read_bytes().rstrip().endswith(b"%%EOF")


def test_a_process_that_is_killed_is_said_plainly() -> None:
    begun = Drawing(b"{}" + b" " * 100, "#while true { }")
    begun._process.kill()
    with pytest.raises(CardError, match="drawing was cut off .* with --per-file"):
        begun.result()


def test_ctrl_c_while_a_process_begins(
    monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest
) -> None:
    """Whichever thread the signal comes to."""
    # A shell lets what it starts in the background ignore the signal.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    request.addfinalizer(lambda: signal.signal(signal.SIGINT, before))
    begun = []
    start_process = drawing._SPAWN.Process.start

    def start(process: BaseProcess) -> None:
        start_process(process)
        begun.append(process)
        waiting = threading.Thread(target=os.kill, args=(os.getpid(), signal.SIGINT))
        waiting.start()
        waiting.join()

    monkeypatch.setattr(drawing._SPAWN.Process, "start", start)
    with pytest.raises(KeyboardInterrupt):
        Drawing(b"{}", "")
    assert begun[0].exitcode == -signal.SIGKILL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
