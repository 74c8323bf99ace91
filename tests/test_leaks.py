"""`tests/leaks.py` fails each test that leaves something open, and no other."""

import re
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

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
IMPATIENT = "import tests.leaks\ntests.leaks.GRACE_S = 0.2"


def test_a_leak_fails_its_test(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> None:
    """An object without a descriptor, in a cycle, fails the last test of its file."""
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-W error -p no:cacheprovider")
    pytester.makeconftest(IMPATIENT)
    pytester.makepyfile(**{f"test_{name}": code for name, code in FILES.items()})
    result = pytester.run(sys.executable, "-m", "pytest", "-q", "-p", "tests.leaks", timeout=500)
    assert result.ret == 1
    output = result.stdout.str()
    for target in ("thread forgotten", r"\S+/forgotten\.db", r"socket:\S+"):
        assert re.search(f"left behind: {target}", output), target
    assert re.search("unclosed file .*forgotten.txt", output)
    assert "Implicitly cleaning up <TemporaryDirectory" in output
    assert re.findall(r"^ERROR \S+::(\w+)", output, re.M) == [
        "test_leaves_a_connection",
        "test_leaves_a_file_to_the_collector",
        "test_with_which_this_file_ends",
        "test_leaves_a_socket",
        "test_leaves_a_thread",
    ]
