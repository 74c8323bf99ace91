"""The rules of the house: allowed imports, places of SQL, lengths of functions.

Each test lists all its findings.
"""

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from pathlib import Path

import pytest

from server.app.features import FEATURES
from server.core.entry_log.act_names import Act
from tests import steps
from tests.server.core.second_disk.decided import DECIDED
from tests.sources import nodes, tree

ROOT = Path(__file__).parent.parent
FUNCTION_LINES_MAX = 60

# The packages of each part, from the top down. A package uses only packages below it.
LAYERS = {
    "badges": (
        "cli", "printing", "roster", "wire", "places", "admission", "transparency", "credential",
        "settings_check", "limits", "po", "system_reasons", "i18n", "categories", "colours",
        "record", "whole_toml", "whole_text",
    ),
    "kiosk": (
        "cli", "browser", "run", "screen", "eye", "supervisor", "door", "earlier", "sync",
        "replica", "journal", "health", "reader", "camera", "pictures", "relay", "config", "texts",
        "steps", "clock",
    ),
    "server": (
        "cli", "demo", "app", "features", "doors", "web", "console", "core", "repeating", "storage",
    ),
    "server/core": (
        "alerts", "edits", "second_disk", "ledger", "kiosks", "programme", "people", "muster",
        "occupancy", "staff", "event", "venue", "feed", "entry_log", "outgoing", "translations",
    ),
}  # fmt: skip
# Which parts a part may use besides itself.
PARTS_BELOW = {"badges": (), "kiosk": ("badges",), "server": ("badges",)}
# The page that phones get from the server.
KIOSK_FILES_FOR_THE_SERVER = ("kiosk/browser/files.py", "kiosk/browser/page.py")
# Which other features a feature may use. Anything else that two features need is in core or web.
FEATURES_BELOW = {
    "attendees": {"cards", "editing", "mail"},
    "cards": {"editing", "imports"},
    "desk": {"mail", "printers"},
    "editing": {"imports"},
    "halls": {"editing"},
    "integrations": {"editing"},
    "mail": {"wallet"},
    "phone": {"evidence"},
    "printers": {"cards"},
}
# Files that use a package above their own, and why.
UPWARD: dict[tuple[str, str], str] = {}

PICTURES = {"cv2", "numpy", "zxingcpp", "pyzbar", "PIL"}
PAPER = {
    "qrcode", "PIL", "typst", "fontTools", "openpyxl", "pyzbar", "zxingcpp", "pypdfium2",
    "pypinyin", "anyascii", "icu",
}  # fmt: skip
PURE = {"time", "random", "secrets", "socket", "sqlite3", "subprocess", "threading", "asyncio"}
DISK = {"pathlib", "os", "shutil", "tempfile", "importlib", "pkgutil", "glob"}
# Fonts and templates are on the disk, and commands read files.
DISK_FILES = ("badges/printing/", "badges/cli/")
PAPER_FILES = ("badges/printing/", "badges/roster/", "badges/cli/")
KIOSK_SQL_FILES = ("kiosk/journal", "kiosk/replica", "kiosk/browser/kept_files.py")
SQL = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)\b", re.S)
PICTURE_FILES = ("kiosk/camera", "kiosk/reader", "kiosk/pictures", "kiosk/cli/read")
# Transport calls the server, relay a turnstile, the screen listens on loopback, and autostart waits
# for that page.
SOCKET_FILES = (
    "kiosk/sync/transport.py",
    "kiosk/relay/relay.py",
    "kiosk/screen/serving.py",
    "kiosk/cli/autostart.py",
)
SOCKETS = {"socket", "ssl", "http.client", "urllib", "requests", "httpx"}


def files(*packages: str) -> list[str]:
    """Return Python files by their names from the top folder."""
    paths = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    return sorted(path.relative_to(ROOT).as_posix() for path in paths)


OURS = files(*PARTS_BELOW)
MODULES = {
    file.removesuffix(".py").removesuffix("/__init__").replace("/", "."): file for file in OURS
}


@dataclass(frozen=True)
class Import:
    """One statement: `import names` or, with a module, `from module import names`."""

    line: int
    module: str | None
    names: tuple[tuple[str, str | None], ...]
    is_relative: bool
    is_at_the_top: bool

    def modules(self) -> Iterator[tuple[str, ...]]:
        """Yield for each name the modules that it may be or come from, the likeliest first."""
        for name, _ in self.names:
            if not self.is_relative:
                yield (name,) if self.module is None else (f"{self.module}.{name}", self.module)


@cache
def import_statements(file: str) -> list[Import]:
    module = tree(ROOT / file)
    return [
        Import(
            node.lineno,
            node.module if isinstance(node, ast.ImportFrom) else None,
            tuple((alias.name, alias.asname) for alias in node.names),
            isinstance(node, ast.ImportFrom) and node.level > 0,
            node in module.body,
        )
        for node in ast.walk(module)
        if isinstance(node, ast.Import | ast.ImportFrom)
    ]


def imports(file: str) -> list[tuple[Import, str]]:
    """Return each import of our files, anywhere in the file, with the imported file."""
    pairs = []
    for statement in import_statements(file):
        for names in statement.modules():
            module = next((name for name in names if name in MODULES), None)
            if module is not None:
                pairs.append((statement, MODULES[module]))
    return pairs


def imported_modules(file: str) -> set[str]:
    """Return the full names of the modules that a file may import."""
    return {
        name
        for statement in import_statements(file)
        for names in statement.modules()
        for name in names
    }


def libraries(file: str) -> set[str]:
    return {module.split(".")[0] for module in imported_modules(file)}


def has_sql(file: str) -> bool:
    return SQL.search((ROOT / file).read_text("utf-8")) is not None


def calls_open(file: str) -> bool:
    calls = nodes(ROOT / file, ast.Call)
    return any(isinstance(call.func, ast.Name) and call.func.id == "open" for call in calls)


def package(file: str, within: str) -> str:
    """Return the package of a file within a folder, such as `web` of `server/web/auth.py`."""
    return file.removeprefix(f"{within}/").partition("/")[0].removesuffix(".py")


@pytest.mark.parametrize("folder", LAYERS)
def test_a_package_uses_only_packages_below_it(folder: str) -> None:
    order = LAYERS[folder]
    wrong = []
    for file in OURS:
        own = package(file, folder)
        if not file.startswith(f"{folder}/") or own in ("__init__", "__main__"):
            continue
        assert own in order, f"{file}: give {own} its place in LAYERS"
        for statement, other in imports(file):
            theirs = package(other, folder)
            if not other.startswith(f"{folder}/") or (file, theirs) in UPWARD:
                continue
            if theirs in order and order.index(theirs) < order.index(own):
                wrong.append(f"{file}:{statement.line} uses {other}")
    assert wrong == []


def test_a_part_uses_only_parts_below_it() -> None:
    wrong = [
        f"{file}:{statement.line} uses {other}"
        for file in OURS
        for statement, other in imports(file)
        if (there := other.partition("/")[0]) != (here := file.partition("/")[0])
        and there not in PARTS_BELOW[here]
        and other not in KIOSK_FILES_FOR_THE_SERVER
    ]
    assert wrong == []


def test_a_feature_uses_only_the_features_that_are_listed() -> None:
    used: dict[str, set[str]] = {}
    for file in OURS:
        own = package(file, "server/features")
        for _, other in imports(file):
            if file.startswith("server/features/") and other.startswith("server/features/"):
                theirs = package(other, "server/features")
                if theirs not in (own, "__init__"):
                    used.setdefault(own, set()).add(theirs)
    assert used == FEATURES_BELOW


def test_every_feature_is_in_the_list() -> None:
    folders = {path.parent.name for path in (ROOT / "server/features").glob("*/__init__.py")}
    assert folders == set(FEATURES)


def test_every_package_says_what_it_is_for() -> None:
    inits = [file for file in OURS if file.endswith("__init__.py") and file.count("/") > 1]
    assert [file for file in inits if not ast.get_docstring(tree(ROOT / file))] == []


def test_a_name_has_one_home() -> None:
    """No file imports a name from a file that only imports it."""
    wrong = []
    for file in OURS:
        for statement in import_statements(file):
            if statement.module not in MODULES:
                continue
            theirs = imported_names(MODULES[statement.module])
            for name, own_name in statement.names:
                if own_name == name:
                    wrong.append(f"{file}:{statement.line} exports {name} again")
                elif f"{statement.module}.{name}" not in MODULES and name in theirs:
                    wrong.append(f"{file}:{statement.line} takes {name} from {statement.module}")
    assert wrong == []


@cache
def imported_names(file: str) -> frozenset[str]:
    """Return the names that a file imports from other files of ours."""
    return frozenset(
        own_name or name
        for statement in import_statements(file)
        if statement.module in MODULES
        for name, own_name in statement.names
    )


def test_no_cycle_of_imports() -> None:
    edges = {
        module: {
            name
            for statement in import_statements(file)
            if statement.is_at_the_top
            for names in statement.modules()
            for name in names
            if name in MODULES
        }
        for module, file in MODULES.items()
    }
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module in done:
            return
        for other in sorted(edges[module] - {module}):
            if not module.startswith(other + "."):  # A package's own __init__.
                visit(other, (*trail, module))
        done.add(module)

    for module in sorted(edges):
        visit(module, ())


# Functions that take a connection and change something outside of it, and why they may.
_READS = "it reads, and no step calls it"
_SECOND_DISK = "an act has to be on the second disk before its commit"
_LEARNS = "it takes over what other commits have made so, or what the next step would learn again"
OUTSIDE_THE_DATABASE = {
    "server.core.second_disk.critical_state.Keeper._check": _SECOND_DISK,
    "server.core.second_disk.critical_state.Keeper._try": _SECOND_DISK,
    "server.core.second_disk.critical_state.Keeper._write": _SECOND_DISK,
    "server.core.second_disk.critical_state.Keeper.move.step": "its effects end it or undo it",
    "server.features.evidence.export.export": _READS,
    "server.features.evidence.export.export_beside": _READS,
    "server.web.jobs.delete_dropped": _READS,
    "server.core.entry_log.entry_log.Log.resume": _LEARNS,
    "server.core.feed.hub.Hub._begin_edits": "it runs after the commit",
    "server.core.feed.hub.Hub._committed": "it runs after the commit",
    "server.core.kiosks.runs.OwnRun.begin": _LEARNS,
    "server.core.kiosks.runs.OwnRun.check": _LEARNS,
    "server.core.staff.guesses.Guesses._trim": "it counts when to look for old rows again",
    "server.core.venue.rules.rules_of": "the rules of a version are valid after a rollback, too",
    "server.demo.phone.Phone.hear": _READS,
    "server.features.cards.designing.chosen.Chosen.people": _READS,
    "server.storage.engines.memory.Memory.begin": _LEARNS,
    "server.web.jobs.Jobs._keep.step": _LEARNS,
    "server.web.measures.Measures.begin": _READS,
    "server.web.measures.Measures.scans": _READS,
}


def test_a_step_changes_nothing_outside_the_database() -> None:
    """Its commit may fail: effects.after_commit, replace_after_commit and delete_after_commit."""
    # It writes under a name that nobody reads.
    prepares = {"server.storage.durable_files.prepare"}
    outside: dict[str, list[str]] = {}
    for step in steps.functions().values():
        if step.is_step:
            changes = [text for each in steps.reached(step, prepares) for text in each.touches]
            changes += step.shared_fields()
            if changes:
                outside[".".join(step.key)] = changes
    new = {name: changes for name, changes in outside.items() if name not in OUTSIDE_THE_DATABASE}
    assert new == {}
    assert sorted(OUTSIDE_THE_DATABASE.keys() - outside.keys()) == [], "these need no reason"


def test_functions_are_short() -> None:
    long = []
    for file in files(*PARTS_BELOW, "tests"):
        for node in ast.walk(tree(ROOT / file)):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                lines = (node.end_lineno or 0) - node.lineno + 1
                if lines > FUNCTION_LINES_MAX:
                    long.append(f"{file}:{node.lineno} {node.name} has {lines} lines")
    assert long == []


def test_imports_are_absolute() -> None:
    relative = [
        file for file in OURS if any(statement.is_relative for statement in import_statements(file))
    ]
    assert relative == []


def test_badges_have_no_senses() -> None:
    """No clock, network or randomness; the disk for fonts and templates alone."""
    wrong = []
    for file in files("badges"):
        used = libraries(file)
        forbidden = {"flask", "sqlite_utils"}
        if file != "badges/cli/main.py":
            forbidden |= PURE
        if not file.startswith(DISK_FILES):
            forbidden |= DISK
        if not file.startswith(PAPER_FILES):
            forbidden |= PAPER | PICTURES
        wrong += [f"{file} uses {library}" for library in sorted(used & forbidden)]
        if calls_open(file) and not file.startswith(DISK_FILES):
            wrong.append(f"{file} opens a file")
    assert wrong == []


def test_a_kiosk_s_parts_keep_to_their_senses() -> None:
    wrong = []
    for file in files("kiosk"):
        if not file.startswith(PICTURE_FILES):
            wrong += [f"{file} uses {library}" for library in sorted(libraries(file) & PICTURES)]
        if file not in SOCKET_FILES:
            wrong += [
                f"{file} uses {library}" for library in sorted(imported_modules(file) & SOCKETS)
            ]
        if not file.startswith(KIOSK_SQL_FILES) and has_sql(file):
            wrong.append(f"{file} has SQL")
    assert wrong == []


def test_pages_have_no_sql_and_stores_no_flask() -> None:
    assert [file for file in files("server") if "flask" in libraries(file) and has_sql(file)] == []


def test_sqlite_is_known_in_storage_alone() -> None:
    assert [
        f"{file} uses {library}"
        for file in files("server")
        if not file.startswith("server/storage/")
        for library in libraries(file) & {"sqlite3", "sqlite_utils"}
    ] == []


def test_top_level_is_small() -> None:
    assert top_level() <= {
        ".ci", ".editorconfig", ".github", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md",
        "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
        "badges", "docs", "kiosk", "packaging", "pyproject.toml", "server", "tests",
    }  # fmt: skip


def top_level() -> set[str]:
    """Return the names in the top folder: from git, or without git all that it would keep."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        # Root may run this in another user's copy.
        command = ["git", "-c", f"safe.directory={ROOT}", "ls-files"]
        listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
        if listed.returncode == 0:
            return {line.split("/")[0] for line in listed.stdout.splitlines()}
    ignored = [line.rstrip("/") for line in (ROOT / ".gitignore").read_text("utf-8").split()]
    return {
        path.name
        for path in ROOT.iterdir()
        if path.name != ".git" and not any(fnmatch(path.name, pattern) for pattern in ignored)
    }


def test_top_level_is_known_without_git(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in (".venv", "build", "hallkeeper.egg-info", "badges", "draft.txt"):
        (tmp_path / name).mkdir()
    shutil.copy(ROOT / ".gitignore", tmp_path)
    monkeypatch.setattr("tests.test_house.ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert top_level() == {".gitignore", "badges", "draft.txt"}


def test_a_commit_runs_what_make_check_runs() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    check = re.search(r"^check:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert check is not None
    commands = check[1].replace("$(BIN)", ".venv/bin").split("\n")
    assert re.findall(r"entry: (.+)", hooks) == [line.strip() for line in commands if line]


def test_paths_become_absolute_at_the_entrance() -> None:
    """Flask takes a relative path for one inside its package, and a service runs elsewhere."""
    ways = {
        "click.Path": ("use AbsolutePath", {"badges/cli/console.py", "kiosk/cli/read.py"}),
        "send_file": ("use downloads.send_path", {"server/web/downloads.py"}),
        "send_from_directory": ("use downloads.send_path", set()),
    }
    found = [
        f"{file}:{node.lineno} {name}: {instead}"
        for file in OURS
        for node in nodes(ROOT / file, ast.expr)
        if isinstance(node, ast.Name | ast.Attribute)
        for name, (instead, homes) in ways.items()
        if ast.unparse(node) in (name, f"flask.{name}") and file not in homes
    ]
    assert not found


def test_texts_of_requests_enter_by_one_door() -> None:
    """`request.form`, `args` and `files` are whole; the raw body is whatever was sent."""
    raw = {"data", "get_data", "json", "get_json", "stream", "query_string"}
    # Messages of kiosks are signed as they are; the others check limits, or make JSON whole.
    homes = {
        "server/features/integrations/interface/routes.py",
        "server/features/wallet/pages/passkit.py", "server/web/security.py",
    }  # fmt: skip
    found = [
        f"{file}:{node.lineno} request.{node.attr}: use request.form, or whole_json"
        for file in OURS
        if file.startswith("server/") and not file.startswith("server/doors/") and file not in homes
        for node in nodes(ROOT / file, ast.Attribute)
        if node.attr in raw and ast.unparse(node.value) == "request"
    ]
    assert not found


def test_toml_enters_by_one_door() -> None:
    # Settings are read as they were written, for example a password, and NUL is refused. Two files
    # come from us.
    homes = {
        "badges/whole_toml.py", "badges/settings_check.py", "server/storage/postgresql/address.py",
        "server/features/imports/sample.py", "kiosk/browser/archive.py",
    }  # fmt: skip
    found = [
        f"{file}:{node.lineno} {ast.unparse(node)}: use whole_toml"
        for file in OURS
        for node in nodes(ROOT / file, ast.Attribute)
        if ast.unparse(node) in ("tomllib.load", "tomllib.loads") and file not in homes
    ]
    assert not found


def test_every_act_is_decided_for_a_missing_second_disk() -> None:
    """If it fails for your new act: tests/server/core/second_disk/decided.py has the question."""
    decided = [act for acts in DECIDED for act in acts]
    assert sorted(decided) == sorted(Act)
