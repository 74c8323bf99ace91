"""That tests which several processes share out are told of as one process tells of them."""

import os
import re
import signal
import subprocess
import sys
import time
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
BUSY_S = 240.0
# Whatever runs in the background ignores Ctrl-C, and so would what it starts.
PYTEST = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("pytest", run_name="__main__")
"""
MANY = """
import warnings, pytest

@pytest.mark.parametrize("number", range(60))
def test_passes(number, tmp_path, record_property):
    (tmp_path / "own").touch(exist_ok=False)
    record_property("number", number)

def test_fails(capfd):
    print("said before it failed")
    assert {"a": 1} == {"a": 2}

def test_warns():
    class OfThisTest(Warning): pass
    warnings.warn("told to all", UserWarning)
    warnings.warn("told by its text", OfThisTest)

def test_is_skipped():
    pytest.skip("not today")

@pytest.mark.xfail(reason="known")
def test_is_known():
    assert False

@pytest.fixture
def broken():
    yield
    raise RuntimeError("taken down badly")

def test_ends_badly(broken): pass

@pytest.fixture
def missing(): raise RuntimeError("set up badly")

def test_begins_badly(missing): pass
"""


def run(folder: Path, *options: str, **files: str) -> subprocess.CompletedProcess[str]:
    with started(folder, *options, **files) as process:
        said, errors = process.communicate(timeout=BUSY_S)
    return subprocess.CompletedProcess(process.args, process.returncode, said, errors)


def started(folder: Path, *options: str, **files: str) -> "subprocess.Popen[str]":
    for name, code in files.items():
        (folder / f"{name}.py").write_text(code, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    command = [sys.executable, "-c", PYTEST, "-p", "tests.order.forks", "-p", "no:cacheprovider"]
    # Other libraries' plugins have no part in it, and take half of the time to begin.
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
    environment.pop("PYTEST_ADDOPTS", None)
    return subprocess.Popen(
        [*command, f"--basetemp={folder / 'kept'}", *options], cwd=folder, env=environment,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


def summary(result: subprocess.CompletedProcess[str]) -> str:
    found = re.search(r"=* ?(\d[^=]*?) in [\d.]+s", result.stdout.splitlines()[-1])
    assert found, result.stdout + result.stderr
    return found[1]


def told(path: Path) -> dict[str, list[str]]:
    """By its name, what a report tells of each test."""
    found: dict[str, list[str]] = {}
    for case in ElementTree.parse(path).iter("testcase"):
        properties = [str(one.get("value")) for one in case.iter("property")]
        outcomes = sorted(f"{child.tag} {child.get('message')}" for child in case)
        found.setdefault(str(case.get("name")), []).extend(outcomes + properties)
    return found


def test_all_is_told_as_by_one_process(tmp_path: Path) -> None:
    one, more = tmp_path / "one", tmp_path / "more"
    results = []
    for folder, workers in ((one, 0), (more, 3)):
        folder.mkdir()
        options = ("-q", "-rA", "--workers", str(workers), f"--junitxml={folder / 'told.xml'}")
        results.append(run(folder, *options, test_many=MANY))
    alone, shared = results
    assert summary(alone) == summary(shared)
    assert "62 passed, 1 skipped, 1 xfailed" in summary(alone)
    assert alone.returncode == shared.returncode == 1
    assert told(one / "told.xml") == told(more / "told.xml")
    for words in ("said before it failed", "taken down badly", "set up badly", "told to all",
                  "told by its text", "assert {'a': 1} == {'a': 2}"):  # fmt: skip
        assert alone.stdout.count(words) == shared.stdout.count(words) > 0, words
    assert alone.stderr == shared.stderr == ""


def test_a_process_that_ends_fails_its_test_alone(tmp_path: Path) -> None:
    code = """
import os, signal, pytest

@pytest.mark.parametrize("number", range(30))
def test_here(number):
    if number == 3: os._exit(0)
    if number == 4: os.kill(os.getpid(), signal.SIGKILL)
"""
    result = run(tmp_path, "-q", "--workers", "2", test_here=code)
    assert summary(result) == "2 failed, 28 passed"
    assert "the process of this test ended with 0" in result.stdout
    assert "the process of this test ended with -9" in result.stdout


def test_the_first_failure_may_stop_all(tmp_path: Path) -> None:
    code = """
import os, time, pytest
from pathlib import Path

@pytest.fixture(scope="session")
def lasting():
    (Path.cwd() / f"began-{os.getpid()}").touch()
    yield
    (Path.cwd() / f"taken-down-{os.getpid()}").touch()

@pytest.mark.parametrize("number", range(2000))
def test_here(lasting, number):
    time.sleep(0.01)
    assert number != 5
"""
    result = run(tmp_path, "-q", "-x", "--workers", "2", test_here=code)
    found = re.fullmatch(r"1 failed, (\d+) passed", summary(result))
    assert found
    assert int(found[1]) < 500
    assert result.returncode == 1
    assert "stopping after 1 failures" in result.stdout
    assert len(list(tmp_path.glob("began-*"))) == len(list(tmp_path.glob("taken-down-*"))) == 2


def test_a_thread_from_before_is_told_of(tmp_path: Path) -> None:
    code = """
import threading, time
threading.Thread(target=time.sleep, args=(2,)).start()

def test_here(): pass
"""
    result = run(tmp_path, "-q", "--workers", "2", test_here=code)
    assert result.returncode == pytest.ExitCode.USAGE_ERROR
    assert "1 threads began while the tests were collected" in result.stderr
    assert "--workers 0" in result.stderr
    assert summary(run(tmp_path, "-q", test_here=code)) == "1 passed"


def test_each_process_has_its_own_fixtures_and_ends_them(tmp_path: Path) -> None:
    code = """
import atexit, os, time, pytest
from pathlib import Path

@pytest.fixture(scope="session")
def lasting(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lasting")
    atexit.register(lambda: (Path.cwd() / f"ended-{os.getpid()}").touch())
    (Path.cwd() / f"began-{os.getpid()}").touch()
    yield folder
    (Path.cwd() / f"taken-down-{os.getpid()}").touch()

@pytest.mark.parametrize("number", range(40))
def test_here(lasting, number):
    (lasting / str(number)).touch(exist_ok=False)
    time.sleep(0.01)
"""
    assert summary(run(tmp_path, "-q", "--workers", "3", test_here=code)) == "40 passed"
    by_kind = {
        kind: {path.name.removeprefix(kind) for path in tmp_path.glob(f"{kind}*")}
        for kind in ("began-", "taken-down-", "ended-")
    }
    assert len(by_kind["began-"]) == 3
    assert by_kind["began-"] == by_kind["taken-down-"] == by_kind["ended-"]


@pytest.mark.parametrize("to_all", [False, True])
def test_ctrl_c_ends_all_and_takes_fixtures_down(tmp_path: Path, to_all: bool) -> None:
    code = """
import os, time, pytest
from pathlib import Path

@pytest.fixture(scope="session")
def lasting():
    (Path.cwd() / f"began-{os.getpid()}").touch()
    yield
    (Path.cwd() / f"taken-down-{os.getpid()}").touch()

@pytest.mark.parametrize("number", range(4))
def test_here(lasting, number):
    time.sleep(200)
"""
    with started(tmp_path, "-q", "--workers", "2", test_here=code) as process:
        deadline = time.monotonic() + BUSY_S
        while len(begun := list(tmp_path.glob("began-*"))) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.01)
        workers = [int(path.name.removeprefix("began-")) for path in begun]
        for pid in [*workers, process.pid] if to_all else [process.pid]:
            os.kill(pid, signal.SIGINT)
        said, _ = process.communicate(timeout=BUSY_S)
    assert process.returncode == pytest.ExitCode.INTERRUPTED, said
    assert len(list(tmp_path.glob("taken-down-*"))) == 2
    for pid in workers:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_few_tests_need_few_processes_and_none_need_none(tmp_path: Path) -> None:
    one = "def test_here(): pass"
    assert summary(run(tmp_path, "-q", "--workers", "4", test_here=one)) == "1 passed"
    nothing = run(tmp_path, "-q", "--workers", "4", test_here="")
    assert nothing.returncode == pytest.ExitCode.NO_TESTS_COLLECTED
    broken = run(tmp_path, "-q", "--workers", "4", test_here="import nowhere")
    assert broken.returncode == pytest.ExitCode.INTERRUPTED
    assert "No module named 'nowhere'" in broken.stdout
