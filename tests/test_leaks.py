"""That tests which leave something open are found out (tests/conftest.py), by tests that do."""

import re
import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]
ROOT = Path(__file__).parent.parent

CLEAN = """
import sqlite3, threading

def test_it_works(tmp_path):
    thread = threading.Thread(target=print)
    thread.start()
    thread.join()
    (tmp_path / "file").write_text("one")
    sqlite3.connect(tmp_path / "one.db").close()
"""
THREAD = """
import threading
stop = threading.Event()

def test_leaves_a_thread():
    threading.Thread(target=stop.wait, name="forgotten", daemon=True).start()

def test_ends_it():
    stop.set()
"""
CONNECTION = """
import sqlite3
kept = []

def test_leaves_a_connection(tmp_path):
    kept.append(sqlite3.connect(tmp_path / "forgotten.db"))
    kept[0].execute("CREATE TABLE one (two)")

def test_closes_it():
    kept[0].close()
"""
FILE_IN_A_CYCLE = """
def test_leaves_a_file_to_the_collector(tmp_path):
    loop = [(tmp_path / "forgotten.txt").open("w")]
    loop.append(loop)

def test_that_has_done_nothing():
    pass
"""
FOLDER_IN_A_CYCLE = """
import tempfile

def test_leaves_a_folder_to_the_collector():
    loop = [tempfile.TemporaryDirectory()]
    loop.append(loop)

def test_with_which_this_file_ends():
    pass
"""
SOCKET = """
import socket
kept = []

def test_leaves_a_socket():
    kept.append(socket.create_server(("127.0.0.1", 0)))

def test_closes_it():
    kept[0].close()
"""

SETTINGS = """
import os, signal

def test_changes_what_all_share(tmp_path):
    os.umask(0o077)
    os.chdir(tmp_path)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)

def test_finds_it_as_before(tmp_path):
    assert os.umask(0o022) == 0o022
    assert os.getcwd() != str(tmp_path.parent / "test_changes_what_all_share0")
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL
"""


FILES = {
    "clean": CLEAN,
    "thread": THREAD,
    "connection": CONNECTION,
    "cycle": FILE_IN_A_CYCLE,
    "cycle_without_a_number": FOLDER_IN_A_CYCLE,
    "settings": SETTINGS,
    "socket": SOCKET,
}
# Other libraries' plugins have no part in it, and take half of the time that pytest needs to begin.
ALONE = {"PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}
IMPATIENT = "import tests.conftest\ntests.conftest.GRACE_S = 0.2"


@pytest.mark.system
@pytest.mark.parametrize("workers", [0, 2])
def test_what_is_left_fails_that_test_and_no_other(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, workers: int
) -> None:
    """What has no number among the open files fails the last test of its file."""
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-W error -p no:cacheprovider")
    pytester.makeconftest(IMPATIENT)
    pytester.makepyfile(**{f"test_{name}": code for name, code in FILES.items()})
    command = (
        "-m",
        "pytest",
        "-q",
        "-p",
        "tests.conftest",
        "--workers",
        str(workers),
    )
    result = pytester.run(sys.executable, *command, timeout=500)
    assert result.ret == 1
    said = result.stdout.str()
    for told in ("thread forgotten", r"\S+/forgotten\.db", r"socket:\S+"):
        assert re.search(f"left behind: {told}", said), told
    assert re.search("unclosed file .*forgotten.txt", said)
    assert "Implicitly cleaning up <TemporaryDirectory" in said
    found = set(re.findall(r"^ERROR \S+::(\w+)", said, re.M))
    # The file's last test is that of its process, and one process may take over from the other.
    last = {"test_with_which_this_file_ends", "test_leaves_a_folder_to_the_collector"}
    assert len(found & last) == 1
    assert found - last == {
        "test_leaves_a_connection",
        "test_leaves_a_file_to_the_collector",
        "test_leaves_a_socket",
        "test_leaves_a_thread",
    }
    assert said.count("ERROR test_") == 5


STARTS = """
import os, subprocess, sys
import pytest

LEFT = []

def test_that_starts_a_process():
    subprocess.run([sys.executable, "-c", ""], check=True)

def test_that_leaves_one():
    LEFT.append(os.posix_spawn("/bin/sh", ["sh", "-c", "exec sleep 60"], {"PATH": os.defpath}))

def test_that_starts_none():
    os.kill(LEFT[0], 15)

@pytest.mark.system
def test_that_may():
    subprocess.run([sys.executable, "-c", ""], check=True)
"""


@pytest.mark.system
@pytest.mark.parametrize("quick", [False, True])
def test_a_quick_test_starts_no_process(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, quick: bool
) -> None:
    for name, value in ALONE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")
    pytester.makeini("[pytest]\nmarkers = system")
    pytester.makepyfile(STARTS)
    options = ["--quick"] if quick else []
    result = pytester.run(
        sys.executable, "-m", "pytest", "-p", "tests.conftest", *options, timeout=500
    )
    if quick:
        result.assert_outcomes(passed=3, errors=2, deselected=1)
        result.stdout.fnmatch_lines(["ERROR *::test_that_starts_a_process*"])
        result.stdout.fnmatch_lines(["ERROR *::test_that_leaves_one*"])
        assert "mark the test `system`" in result.stdout.str()
    else:
        result.assert_outcomes(passed=4)
