"""Each file, cache and object of a server is said to hold people's data or none."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from server.core.entry_log.erasure import WITH_WORDS
from server.features.privacy.forgetting import CACHES
from server.features.privacy.places import EVENT_FILES, MEMORY, MEMORY_WITHOUT

ROOT = Path(__file__).parents[4]
MODULES = sorted(
    path
    for package in ("server", "badges")
    for path in (ROOT / package).rglob("*.py")
    if path.relative_to(ROOT).parts[:2] not in (("server", "demo"), ("server", "cli"))
)
# How code names the event's directory
EVENT_DIRECTORY = re.compile(r"(.*\.)?(event|_event)\.path|event_dir|event_path")
CACHING = re.compile(r"(functools\.)?(lru_cache|cache)\b.*")
# Paths that settings name, which are the organiser's own files, and the registry's own names
NOT_FIXED = {"settings.time_authority_ca", "named", "name"}


def trees() -> Iterator[ast.Module]:
    for path in MODULES:
        yield ast.parse(path.read_text("utf-8"))


def constants() -> dict[str, set[str]]:
    """The values of all names in capitals that are set to a text."""
    known: dict[str, set[str]] = {}
    for tree in trees():
        for node in tree.body:
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant):
                for target in node.targets:
                    if isinstance(target, ast.Name) and isinstance(node.value.value, str):
                        known.setdefault(target.id, set()).add(node.value.value)
    return known


def test_every_file_of_the_event_is_listed() -> None:
    known, used = constants(), set()
    for tree in trees():
        for node in ast.walk(tree):
            if not (isinstance(node, ast.BinOp) and isinstance(node.op, ast.Div)):
                continue
            if EVENT_DIRECTORY.fullmatch(ast.unparse(node.left)):
                used.add(ast.unparse(node.right))
    assert {"'keys'", "FOLDER", "CARDS_FOLDER"} <= used, "the test does not see them any more"
    names = set()
    for text in used - NOT_FIXED:
        values = {ast.literal_eval(text)} if text.startswith("'") else known.get(text, {text})
        # Other modules may call something else by the same name.
        names |= values & EVENT_FILES.keys() or values
    assert sorted(names - EVENT_FILES.keys()) == [], (
        "say in server/features/privacy/places.py what these files hold of people"
    )


def test_acts_with_free_words_are_searched() -> None:
    """Notes of staff in the log's acts, which `person.acts_naming` reads."""
    found = set()
    for tree in trees():
        for node in ast.walk(tree):
            code = ast.unparse(node) if isinstance(node, ast.FunctionDef) else ""
            if "entry_log.act(" in code and "'note': " in code:
                found |= set(re.findall(r"Act\.([A-Z_]+)", code))
    assert {"TROUBLE_TAKEN", "ATTENTION_MARKED"} <= found, "the test does not see them any more"
    assert found <= {act.name for act in WITH_WORDS}


def in_memory() -> set[str]:
    """The classes of objects that a server keeps, and the functions that cache."""
    names = set()
    for tree in trees():
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and any(
                CACHING.fullmatch(ast.unparse(decorator)) for decorator in node.decorator_list
            ):
                names.add(node.name)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
                first = ast.unparse(node.args[0])
                is_of_services = node.func.attr == "own" and first[0].isupper()
                if is_of_services and "." not in first and first.upper() != first:
                    names.add(first)
                if ast.unparse(node.func) == "here.keep":
                    names.add(first[0].upper() + first[1:].partition("(")[0])
    return names


def test_everything_in_memory_is_listed() -> None:
    held = in_memory()
    assert {"Jobs", "Daily", "latin_name"} <= held, "the test does not see them any more"
    without = [name for names in MEMORY_WITHOUT.values() for name in names.split()]
    listed = [*MEMORY, *without]
    assert len(listed) == len(set(listed))
    assert sorted(held - set(listed)) == [], (
        "say in server/features/privacy/places.py what a server keeps of people there"
    )
    assert sorted(set(listed) - held) == []


def test_caches_of_names_are_forgotten() -> None:
    assert {cache.__name__ for cache in CACHES} <= MEMORY.keys()
