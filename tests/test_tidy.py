"""The walls of the house: who may import whom, where SQL stands, how long a function may be.

A file is one idea and may be as long as that takes.
"""

import re
import shutil
import subprocess
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.once.sources import source

ROOT = Path(__file__).parent.parent
PACKAGES = ("badges", "kiosk", "server")
FUNCTION_LINES_MAX = 60

# Libraries that a package, or some of its files alone, may import besides the standard library.
PICTURES = {"cv2", "numpy", "zxingcpp", "pyzbar", "PIL"}
PAPER = {
    "qrcode", "PIL", "typst", "fontTools", "openpyxl", "pyzbar", "zxingcpp", "pypdfium2",
    "pypinyin", "anyascii", "icu",
}  # fmt: skip
BADGES = {"nacl", "msgspec", "badges"}
PURE = {"time", "random", "secrets", "socket", "sqlite3", "subprocess", "threading", "asyncio"}
DISK = {"pathlib", "os", "shutil", "tempfile", "importlib", "pkgutil", "glob"}
# Fonts and templates stand on the disk, and commands read files.
DISK_FILES = ("badges/printing/", "badges/cli/")
PAPER_FILES = ("badges/printing/", "badges/roster/", "badges/cli/")
SQL_FILES = ("kiosk/journal", "kiosk/replica")
SQL = re.compile(r"\b(SELECT .+ FROM|INSERT INTO|UPDATE \w+ SET|DELETE FROM|CREATE TABLE)\b", re.S)
# Transport calls the server, signal calls a relay, the screen listens on loopback.
# `screen` waits until that page is there.
SOCKET_FILES = (
    "kiosk/sync/transport.py",
    "kiosk/relay/relay.py",
    "kiosk/screen/__init__.py",
    "kiosk/cli/autostart.py",
)
SOCKETS = {"socket", "ssl", "http.client", "urllib", "requests", "httpx"}


def sources(*packages: str) -> list[Path]:
    return sorted(
        path for package in packages for path in (ROOT / package).rglob("*.py") if path.is_file()
    )


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def roots(path: Path) -> set[str]:
    return {module.split(".")[0] for module in source(path).imported}


every_source = pytest.mark.parametrize("path", sources(*PACKAGES), ids=name)
every_file = pytest.mark.parametrize("path", sources(*PACKAGES, "tests"), ids=name)


@every_file
def test_functions_are_short(path: Path) -> None:
    for function in source(path).functions:
        where = f"{name(path)}:{function.line} {function.name}"
        assert function.lines <= FUNCTION_LINES_MAX, where


@every_file
def test_what_is_imported_of_ours_is_there(path: Path) -> None:
    """Nothing runs a bench or a tool among the tests, and mypy looks at the packages alone."""
    for one in source(path).imports:
        if one.module is None or one.module.split(".")[0] not in (*PACKAGES, "tests"):
            continue
        where = ROOT.joinpath(*one.module.split("."))
        file = where.with_suffix(".py")
        if not file.exists():  # A folder of templates may have the name of a module.
            file = where / "__init__.py"
        there = source(file)
        named = {kept or own for other in there.imports for own, kept in other.names}
        for wanted, _ in one.names:
            is_module = (where / f"{wanted}.py").exists() or (where / wanted).is_dir()
            assert is_module or wanted in there.defined | named, f"{one.module}.{wanted}"


@every_source
def test_a_package_imports_only_what_it_may(path: Path) -> None:
    modules = roots(path)
    assert "relative" not in modules, "absolute imports only"
    package = name(path).split("/")[0]
    if package == "badges":
        assert not modules & {"kiosk", "server", "flask", "sqlite_utils"}
        if name(path) not in ("badges/cli/main.py",):
            assert not modules & PURE, "the core has no senses: pass it as an argument"
        if not name(path).startswith(DISK_FILES):
            assert not modules & DISK, "the core reads no disk: pass what it needs as an argument"
            assert not source(path).calls_open, "the core reads no disk: pass what it needs"
        if not name(path).startswith(PAPER_FILES):
            assert not modules & (PAPER | PICTURES)
    elif package == "kiosk":
        assert "server" not in modules
    else:
        assert "kiosk" not in modules


@pytest.mark.parametrize("path", sources("kiosk"), ids=name)
def test_kiosk_parts_keep_to_their_senses(path: Path) -> None:
    stem = name(path)
    if not stem.startswith(("kiosk/camera", "kiosk/reader", "kiosk/pictures", "kiosk/cli/read")):
        assert not roots(path) & PICTURES, "only camera and reader see pictures"
    if stem not in SOCKET_FILES:
        assert not source(path).imported & SOCKETS, "only transport opens sockets"
    if not stem.startswith(SQL_FILES):
        assert not SQL.search(source(path).text), "SQL stands in journal and replica"


@pytest.mark.parametrize("path", sources("server"), ids=name)
def test_server_pages_have_no_sql_and_stores_no_flask(path: Path) -> None:
    if "flask" in roots(path):
        assert not SQL.search(source(path).text), f"{name(path)} imports Flask and has SQL"


def test_no_cycle_of_imports() -> None:
    """A module imports only what does not import it back."""
    files = {name(p).removesuffix(".py").replace("/", "."): p for p in sources(*PACKAGES)}
    modules = {key.removesuffix(".__init__"): path for key, path in files.items()}
    edges = {key: {m for m in _top_level(path) if m in modules} for key, path in modules.items()}
    done: set[str] = set()

    def visit(module: str, trail: tuple[str, ...]) -> None:
        assert module not in trail, " → ".join((*trail, module))
        if module in done:
            return
        for other in sorted(edges[module] - {module}):
            if not module.startswith(other + "."):  # a package's own __init__
                visit(other, (*trail, module))
        done.add(module)

    for module in sorted(edges):
        visit(module, ())


def _top_level(path: Path) -> set[str]:
    statements = [one for one in source(path).imports if one.is_at_the_top]
    return {name for one in statements for names in one.modules() for name in names}


def test_top_level_is_small() -> None:
    assert top_level() <= {
        ".ci", ".editorconfig", ".gitignore", ".pre-commit-config.yaml", "CHANGELOG.md",
        "CONTRIBUTING.md", "LICENSE", "Makefile", "README.md",
        "badges", "docs", "kiosk", "pyproject.toml", "server", "tests",
    }  # fmt: skip


def top_level() -> set[str]:
    """What lies in the top folder: as git has it, or without git all that it would not ignore."""
    if (ROOT / ".git").exists() and shutil.which("git"):
        # Also where the folder is somebody else's, as it is for root in a user's copy.
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
    for made in (".venv", "build", "hallkeeper.egg-info", "badges", "draft.txt"):
        (tmp_path / made).mkdir()
    shutil.copy(ROOT / ".gitignore", tmp_path)
    monkeypatch.setattr("tests.test_tidy.ROOT", tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert top_level() == {".gitignore", "badges", "draft.txt"}


# What code, tests and pages cite of pages, of rules, and of each other.
CITING = {".py", ".md", ".toml", ".yaml", ".typ", ".js", ".html", ".css", ".po", ".service"}
PAGE = re.compile(r"\bdocs/[\w/-]+\.md\b")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")
RULE = re.compile(r"\b[Rr]ule (\d+)\b")
RULES_PAGE = "docs/design/places.md"
ELSEWHERE = re.compile(r"\b(?:DESIGN|TRUST|ROOMS|DECODE|STYLE)(?:\.md\b|,? rules?\b|,? §)")
SOURCE = re.compile(r"`((?:badges|kiosk|server|tests)/[\w/.-]+\.\w+)`")
# A file, and what a page says is in it: `badges/record.py` `ScanRecord`, also across a table's
# border.
NAMED = re.compile(r"`((?:badges|kiosk|server|tests)/[\w/]+\.py)`(?: \|)?((?:,?\s`[\w.]+`)+)")


def citing() -> list[Path]:
    """Code, tests, docs and settings: whatever may cite a page."""
    found = [path for path in ROOT.iterdir() if path.suffix in CITING or path.name == "Makefile"]
    for folder in (*PACKAGES, "tests", "docs"):
        found += [path for path in (ROOT / folder).rglob("*") if path.suffix in CITING]
    return sorted(path for path in found if path != Path(__file__))


def pages() -> list[Path]:
    return [path for path in citing() if path.suffix == ".md" and path.name != "CHANGELOG.md"]


every_page = pytest.mark.parametrize("path", pages(), ids=name)


def test_pages_that_are_cited_are_there() -> None:
    cited = {page for path in citing() for page in PAGE.findall(path.read_text("utf-8"))}
    assert len(cited) > 10
    assert sorted(page for page in cited if not (ROOT / page).is_file()) == []


@every_page
def test_links_lead_somewhere(path: Path) -> None:
    links = LINK.findall(path.read_text("utf-8"))
    assert [link for link in links if not (path.parent / link).exists()] == []


def test_rules_that_are_cited_are_there() -> None:
    """Whoever cites a rule by number names the page that has it."""
    rules = set(re.findall(r"^### Rule (\d+)", (ROOT / RULES_PAGE).read_text("utf-8"), re.M))
    wrong = []
    for path in citing():
        text = path.read_text("utf-8")
        cited = set(RULE.findall(text)) if path.suffix == ".py" else set()
        if cited and (RULES_PAGE not in text or not cited <= rules):
            wrong.append(f"{name(path)}: {sorted(cited)}")
    assert wrong == []


def test_nothing_cites_what_is_elsewhere() -> None:
    found = [
        f"{name(p)}: {m[0]}" for p in citing() for m in ELSEWHERE.finditer(p.read_text("utf-8"))
    ]
    assert found == []


@every_page
def test_files_and_names_that_a_page_has_are_there(path: Path) -> None:
    text = path.read_text("utf-8")
    missing = {file for file in SOURCE.findall(text) if not (ROOT / file).exists()}
    for file, names in NAMED.findall(text):
        if file not in missing:
            there = source(ROOT / file).defined
            missing |= {f"{file} {one}" for one in re.findall(r"[\w.]+", names) if one not in there}
    assert sorted(missing) == []


def test_the_glossary_says_what_the_screens_say() -> None:
    """Each Chinese word of the glossary stands in a catalogue."""
    catalogues = "".join(path.read_text("utf-8") for path in citing() if path.suffix == ".po")
    words = re.findall(r"[\u4e00-\u9fff]+", (ROOT / "docs/glossary.md").read_text("utf-8"))
    assert len(words) > 20
    assert [word for word in words if word not in catalogues] == []


def test_a_commit_runs_what_make_check_runs() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text("utf-8")
    check = re.search(r"^check:.*\n((?:\t.+\n)+)", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert check is not None
    commands = check[1].replace("$(BIN)", ".venv/bin").split("\n")
    assert re.findall(r"entry: (.+)", hooks) == [line.strip() for line in commands if line]


# What SQLite writes in its own way. Rooms write what it has in common with PostgreSQL, and take the
# rest from server/storage/dialect.py. Of Python's max(a, b) only the capitals tell MAX(a, b).
SQLITE_WORDS = re.compile(
    r"""
    (?i: \b PRAGMA \s \w | \b INSERT \s OR \s (REPLACE | IGNORE | ABORT | FAIL | ROLLBACK) \b
       | \b REPLACE \s INTO \b | \b BEGIN \s (IMMEDIATE | EXCLUSIVE | DEFERRED) \b
       | \b COLLATE \s NOCASE \b | \b INDEXED \s BY \b | \b CREATE \s TEMP \s TRIGGER \b
       | \b AUTOINCREMENT \b | \b (ROWID | SQLITE_MASTER | SQLITE_SCHEMA) \b
       | \b (JSON_\w+ | IFNULL | IIF | INSTR | GROUP_CONCAT) \( | \b CREATE_FUNCTION \b )
    | \b (GLOB | STRICT) \b | \b (MAX | MIN) \( ([^()] | \([^()]*\))* , | \? \d
    """,
    re.VERBOSE,
)


@pytest.mark.parametrize("path", sources("server"), ids=name)
def test_sqlite_is_known_in_storage_alone(path: Path) -> None:
    if not name(path).startswith("server/storage/"):
        assert not roots(path) & {"sqlite3", "sqlite_utils"}, "its errors: server.storage.errors"
        found = SQLITE_WORDS.search(source(path).text)
        assert found is None, f"{found and found[0]}: put it into server/storage/dialect.py"


@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        ("PRAGMA cache_size", True),
        ("insert or replace into setting values (?, ?)", True),
        ("email = ? COLLATE NOCASE", True),
        ("WHERE a.rowid = 1", True),
        ("json_extract(body, '$.act')", True),
        ("SELECT MAX(opened_at, ?)", True),
        ("SELECT MIN({first}, {second})", True),
        ("SELECT MAX(COALESCE(a, 0), 1)", True),
        ("hall_id = ?1", True),
        (") STRICT", True),
        ("SELECT COALESCE(MAX(number), -1), 2 FROM leaf", False),
        ("INSERT INTO setting (key, value) VALUES (?, ?) ON CONFLICT (key) DO NOTHING", False),
        ("zip(a, max(b, c), strict=True)  # pragma: no cover", False),
        ("directory.glob('*')", False),
    ],
)
def test_words_of_sqlite_are_told_from_others(text: str, theirs: bool) -> None:
    assert (SQLITE_WORDS.search(text) is not None) is theirs
