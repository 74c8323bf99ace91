"""The `sqlite3`, PyNaCl and argon2 of a phone beside the real ones: the same results."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import argon2
import pytest

from tests.kiosk.browser import crypto_cases, sqlite_cases
from tests.kiosk.browser.node import run_in_node

HASHES = {
    "493817": argon2.PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash("493817"),
    "270461": argon2.PasswordHasher().hash("270461"),  # as the server makes them
}


@pytest.fixture(scope="module")
def on_a_phone(tmp_path_factory: pytest.TempPathFactory) -> Any:
    script = f"""
import sqlite3
from pathlib import Path
from types import ModuleType

def module(source):
    made = ModuleType("cases")
    exec(source, vars(made))
    return made

directory = Path("/cases")
directory.mkdir()
result = [
    module({Path(sqlite_cases.__file__).read_text()!r}).results(sqlite3, directory),
    module({Path(crypto_cases.__file__).read_text()!r}).results({HASHES!r}),
]
"""
    return run_in_node(tmp_path_factory.mktemp("node"), script)


def test_sqlite(on_a_phone: Any, tmp_path: Path) -> None:
    here = json.loads(json.dumps(sqlite_cases.results(sqlite3, tmp_path)))
    assert list(here) == list(on_a_phone[0])
    for name, result in here.items():
        assert on_a_phone[0][name] == result, name


def test_crypto(on_a_phone: Any) -> None:
    here = json.loads(json.dumps(crypto_cases.results(HASHES)))
    for name, result in here.items():
        assert on_a_phone[1][name] == result, name
    assert here["pins"] == {pin: ["True", "wrong"] for pin in HASHES}
