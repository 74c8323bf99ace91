"""`hallkeeper sample` and docs/venue-file.md: a new organiser's first files."""

import functools
import io
import re
import shlex
import tomllib
from datetime import date
from pathlib import Path

import openpyxl
import pypdfium2
import pytest
from click.testing import CliRunner, Result

from server.cli.main import main
from server.features.imports.sample import NAMES, sample_files
from server.features.imports.venue_file import columns
from server.features.imports.venue_plan import PLURALS

EVERYTHING = (
    "categories 1, zones 2, halls 3, doors 4, organisations 3, activity_kinds 1, activities 1,"
    " sessions 3, speakers 1, areas 1, exhibitors 1, stands 1"
)
DOCS = Path(__file__).parents[4] / "docs" / "venue-file.md"
PAIRS = [(kind, key) for kind, keys in columns().items() for key in keys]
every_column = pytest.mark.parametrize(("kind", "key"), PAIRS)


def run(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(main, arguments)
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == status, result.output
    return result


def printed(result: Result) -> list[list[str]]:
    lines = [line for line in result.output.splitlines() if line.startswith("  hallkeeper ")]
    return [shlex.split(line, comments=True)[1:] for line in lines]


@pytest.mark.system
@pytest.mark.parametrize("form", ["text", "workbook"])
def test_the_printed_commands_work(tmp_path: Path, form: str) -> None:
    directory = tmp_path / "a new forum"
    commands = printed(run("sample", str(directory), "--first-day", "2026-05-04"))
    assert [command[0] for command in commands] == [
        "init", "import-venue", "import", "import-venue", "issue", "print",
    ]  # fmt: skip
    if form == "workbook":
        commands[1][1] = str(directory / "venue.xlsx")
        commands[2][1] = str(directory / "roster.xlsx")
    results = [run(*command) for command in commands]
    assert [result.stderr for result in results] == [""] * len(results)  # no warning either
    assert results[1].output == f"Added: {EVERYTHING}\n"
    assert "Added 12, updated 0, unchanged 0, skipped 0." in results[2].output
    assert "Updated: sessions 1" in results[3].output
    assert "Issued 12 badges." in results[4].output
    with pypdfium2.PdfDocument(directory / "badges.pdf") as document:
        assert len(document) == 12


def test_both_forms_say_the_same(tmp_path: Path) -> None:
    commands = printed(run("sample", str(tmp_path / "s")))
    for command in commands[:4]:
        run(*command)
    event = commands[1][2:]
    again = run("import-venue", str(tmp_path / "s" / "venue.xlsx"), *event).output
    # The workbook has the dinner without the guests, who stay, as does everything that a file
    # lacks.
    assert again == f"Unchanged: {EVERYTHING}\n"
    again = run("import", str(tmp_path / "s" / "roster.xlsx"), *event).output
    assert "Added 0, updated 0, unchanged 12, skipped 0." in again


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_written_over(tmp_path: Path, name: str) -> None:
    mine = tmp_path / name
    mine.write_text("mine")
    result = run("sample", str(tmp_path), status=2)
    assert f"{mine} exists: nothing was written." in result.output
    assert "--force" in result.output
    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert mine.read_text() == "mine"
    run("sample", str(tmp_path), "--force")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)


def test_a_directory_that_can_not_be(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    result = run("sample", str(file), status=2)
    assert f"{file} can't be written: File exists." in result.output
    result = run("sample", str(file / "deeper"), status=2)
    assert "can't be written: Not a directory." in result.output


@pytest.fixture(scope="module")
def sample() -> tuple[str, openpyxl.Workbook]:
    """The venue as text and as a workbook, which no test changes."""
    files = sample_files(date(2026, 5, 4))
    return files["venue.toml"].decode(), openpyxl.load_workbook(io.BytesIO(files["venue.xlsx"]))


@every_column
def test_it_has_every_column(sample: tuple[str, openpyxl.Workbook], kind: str, key: str) -> None:
    text, book = sample
    there = {k for row in tomllib.loads(text)[kind] for k in row}
    commented = re.findall(r"^# (\w+) = ", text, re.MULTILINE) if kind == "session" else []
    assert key in there.union(commented)
    sheet = book[PLURALS[kind]]
    cell = next(cell for cell in sheet[1] if cell.value == key)
    assert cell.comment.text.endswith(("Needed.", "May be empty.", "_zh."))


@functools.cache
def documented() -> dict[str, dict[str, list[str]]]:
    """The page's tables: by kind and column, the other cells of the row."""
    tables: dict[str, dict[str, list[str]]] = {}
    kind = ""
    for line in DOCS.read_text("utf-8").splitlines():
        heading = re.fullmatch(r"## \[\[(\w+)\]\]", line)
        if heading:
            kind = heading[1]
        row = re.fullmatch(r"\| `(\w+)` \|(.*)\|", line)
        if row:
            tables.setdefault(kind, {})[row[1]] = [cell.strip() for cell in row[2].split("|")]
    return tables


def test_the_page_has_every_column_and_no_other() -> None:
    ours = {kind: set(keys) for kind, keys in columns().items()}
    assert {kind: set(rows) for kind, rows in documented().items()} == ours


@every_column
def test_a_column_is_explained(kind: str, key: str) -> None:
    meaning, default, example, _ = documented()[kind][key]
    assert meaning
    assert (default == "needed") == columns()[kind][key].required
    value = tomllib.loads(f"value = {example.strip('`')}")["value"]
    columns()[kind][key].read(value)  # the example is valid
