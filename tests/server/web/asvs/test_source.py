"""Calls that are forbidden in the source, and the few exceptions (docs/security.md, ASVS)."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.sources import nodes

ROOT = Path(__file__).parents[4]
ROOMS = ("server", "badges", "kiosk")


# A file without any of these words contains no call that is checked below. Searching for words is
# ten times as fast as parsing.
WORDS = re.compile(
    r"(?<!\.)\b(?:eval|exec|compile|__import__)\b|\bhashlib\.new\b"
    r"|\b(?:marshal|pickle|shelve|system|popen|getoutput|shell|md5|sha1|random)\b"
)


def every_call() -> Iterator[tuple[str, str, ast.Call]]:
    """Yield each call with its file and the called name, of files that have `WORDS`."""
    for room in ROOMS:
        for path in sorted((ROOT / room).rglob("*.py")):
            if not WORDS.search(path.read_text("utf-8")):
                continue
            file = str(path.relative_to(ROOT))
            for node in nodes(path, ast.Call):
                yield file, dotted(node.func), node


def dotted(node: ast.expr) -> str:
    """Return the called name, such as `os.system`, or an empty text without a name."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        return f"{dotted(node.value) or '…'}.{node.attr}"
    return ""


@pytest.fixture(scope="module")
def calls() -> list[tuple[str, str, ast.Call]]:
    return list(every_call())


Calls = list[tuple[str, str, ast.Call]]


def files(calls: Calls, *names: str) -> set[str]:
    return {file for file, name, _ in calls if name in names}


def test_no_code_is_made_of_input(calls: Calls) -> None:
    assert files(calls, "eval", "exec", "compile", "__import__", "marshal.loads") == set()


def test_pickles_are_this_programs_own(calls: Calls) -> None:
    assert files(calls, "pickle.loads", "pickle.load", "shelve.open") == {"server/web/apart.py"}


def test_commands_are_lists_without_a_shell(calls: Calls) -> None:
    assert files(calls, "os.system", "os.popen", "subprocess.getoutput") == set()
    shells = {file for file, _, call in calls
              if any(keyword.arg == "shell" for keyword in call.keywords)}  # fmt: skip
    assert shells == set()


def test_weak_hashes_are_where_others_ask_for_them(calls: Calls) -> None:
    """Apple's manifest of a pass has SHA-1 beside the signature."""
    assert files(calls, "hashlib.md5", "hashlib.new", "hashlib.sha1") == {
        "server/features/wallet/apple.py"
    }


def test_what_must_not_be_guessed_is_not_made_by_random(calls: Calls) -> None:
    users = {file for file, name, _ in calls if name.startswith("random.")}
    # These wait a while, so that many kiosks or servers do not ask at once.
    waits = {f"kiosk/sync/{name}.py" for name in ("follow", "servers", "transport", "upload")}
    waits |= {"kiosk/browser/door.py", "server/storage/postgresql/schema.py"}
    assert {file for file in users if not file.startswith("server/demo/")} == waits


def test_query_and_form_are_read_apart() -> None:
    for room in ROOMS:
        for path in (ROOT / room).rglob("*.py"):
            assert "request.values" not in path.read_text("utf-8"), path
