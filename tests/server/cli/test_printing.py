"""Memory use of printing, and the result of Ctrl-C."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from multiprocessing.process import BaseProcess
from pathlib import Path

import pytest

from badges.printing.card import CardError
from badges.printing.joining import join_pdfs
from badges.printing.look import Look
from server.features.cards import drawing
from server.features.cards.drawing import Drawing
from tests.badges.printing.cards import ANNA, EVENT, named, pages
from tests.processes import await_ended, children
from tests.server.app.test_serve import BUSY_S
from tests.server.support.console import Console

pytestmark = pytest.mark.system


# The command as typed, except that a process draws 30 badges at a time instead of 60.
SMALL_CHUNKS = """
from server.cli.main import main
from server.features.cards import drawing
drawing.CHUNK_CARDS = 30
main()
"""


@pytest.fixture
def crowd(console: Console, request: pytest.FixtureRequest) -> Console:
    rows = [f"P{n},Anna {n},Keller,Harbour Pilots No. {n},delegate" for n in range(request.param)]
    header = "id,given name,family name,organisation,category"
    console("import", console.file("r.csv", "\n".join([header, *rows])))
    console("issue")
    return console


def start(
    console: Console,
    out: Path,
    *arguments: str,
    code: Sequence[str] = ("-m", "server"),
    prepare: Callable[[], object] = lambda: None,
) -> "subprocess.Popen[str]":
    def before() -> None:
        # A shell that runs the tests in the background makes their children ignore Ctrl-C.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        prepare()

    command = [sys.executable, *code, "print", "--event", str(console.event.path)]
    return subprocess.Popen(
        [*command, "--out", str(out), *arguments],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
        preexec_fn=before,
    )


def peak_mb(console: Console, *arguments: str) -> float:
    """The peak memory of the process and of its drawing process, each by itself."""
    processor = {min(os.sched_getaffinity(0))}  # Else each processor has a drawing process.
    process = start(
        console, console.path / "b.pdf", *arguments,
        code=("-c", SMALL_CHUNKS), prepare=lambda: os.sched_setaffinity(0, processor),
    )  # fmt: skip
    assert process.stdout is not None
    process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    process.stdout.close()
    assert process.returncode == 0
    return usage.ru_maxrss / 1024


@pytest.mark.parametrize("crowd", [300], indirect=True)
def test_more_badges_take_no_more_memory(crowd: Console) -> None:
    few = peak_mb(crowd, *(f"--attendee=P{n}" for n in range(60)))
    all_of_them = peak_mb(crowd)
    assert (crowd.path / "b.pdf").exists()
    assert all_of_them < few + 25  # with a leak it is 50 MB more


def test_memory_is_given_back() -> None:
    """Fourteen documents in one process use the memory of two."""
    script = (
        "import resource\n"
        "from dataclasses import replace\n"
        "from badges.printing.card import forget_drawn, render_pdf\n"
        "from tests.badges.printing.cards import ANNA, EVENT\n"
        "from badges.printing.look import Look\n"
        "peaks = []\n"
        "for n in range(14):\n"
        "    cards = [replace(ANNA, family_name=f'{n} {m}') for m in range(30)]\n"
        "    render_pdf(cards, Look(EVENT))\n"
        "    forget_drawn()\n"
        "    peaks.append(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)\n"
        "print(peaks[-1] - peaks[1])\n"
    )
    grown = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert float(grown.stdout) < 12  # with a leak it is 46 MB


@pytest.mark.parametrize("crowd", [800], indirect=True)
def test_ctrl_c_leaves_whole_files_alone(crowd: Console) -> None:
    out = crowd.path / "b.pdf"
    process = start(crowd, out, "--per-file", "20")
    deadline = time.monotonic() + BUSY_S
    while (
        not (crowd.path / "b-01.pdf").exists()
        and not (crowd.path / "b-1.pdf").exists()
        and time.monotonic() < deadline
    ):
        time.sleep(0.02)
    drawn_by = children(process.pid)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=BUSY_S)
    assert process.returncode == 1
    assert "Aborted!" in output
    assert "Traceback" not in output
    await_ended(drawn_by, BUSY_S)
    names = sorted(path.name for path in crowd.path.glob("*b*.pdf*"))
    # The signal is late on a busy machine, so several of the 40 may have been drawn.
    assert 1 <= len(names) < 40
    for name in names:
        assert (crowd.path / name).read_bytes().rstrip().endswith(b"%%EOF")


def test_a_process_that_is_killed_is_said_plainly() -> None:
    begun = Drawing([[ANNA]], Look(EVENT, template="#while true { }"))
    begun._workers[0].process.kill()
    with pytest.raises(CardError, match="drawing was cut off .* print fewer badges"):
        next(begun.pdfs())
    begun.cancel()


def test_chunks_come_in_order_from_several_processes() -> None:
    cards = [replace(ANNA, badge_number=f"N{n:04}") for n in range(45)]
    # The first chunk takes longest, so the second is drawn before it.
    drawing = Drawing([cards[:40], cards[40:43], cards[43:]], Look(EVENT))
    try:
        sheets = pages(join_pdfs(drawing.pdfs()))
    finally:
        drawing.cancel()
    assert [f"N{n:04}" in text for n, (_, text) in enumerate(sheets)] == [True] * 45


def test_a_process_that_has_no_more_to_draw_ends() -> None:
    """Its memory is free before all PDFs are joined, the step that takes the most."""
    drawing = Drawing([[ANNA]], Look(EVENT))
    drawn_by = [worker.process.pid for worker in drawing._workers]
    assert len(list(drawing.pdfs())) == 1
    await_ended(drawn_by, BUSY_S)
    drawing.cancel()


def test_a_problem_in_one_process_is_told() -> None:
    drawing = Drawing([[ANNA], [named("\U0010fff0")]], Look(EVENT))
    with pytest.raises(CardError, match="no installed font draws"):
        list(drawing.pdfs())
    drawing.cancel()


def test_ctrl_c_at_start(monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> None:
    """Whichever thread receives the signal."""
    # A shell makes its background jobs ignore the signal.
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
        Drawing([[ANNA]], Look(EVENT))
    assert begun[0].exitcode == -signal.SIGKILL
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
