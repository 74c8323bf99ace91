"""Links, files, names and rules that pages and code cite exist."""

import ast
import re
import tokenize
from pathlib import Path

import pytest

from tests.sources import definitions

ROOT = Path(__file__).parent.parent
CITING = {".py", ".md", ".toml", ".yaml", ".typ", ".js", ".html", ".css", ".po", ".service"}
PAGE = re.compile(r"\bdocs/[\w/-]+\.md\b")
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)")
RULE = re.compile(r"\b[Rr]ule (\d+)\b")
RULES_PAGE = "docs/design/places.md"
ELSEWHERE = re.compile(r"\b(?:DESIGN|TRUST|ROOMS|DECODE|STYLE)(?:\.md\b|,? rules?\b|,? §)")
SOURCE = re.compile(r"`((?:badges|kiosk|server|tests)/[\w/.-]+\.\w+)`")
# A file, and the names in it that a page cites: `badges/record.py` `ScanRecord`, also across a
# table's border.
NAMED = re.compile(r"`((?:badges|kiosk|server|tests)/[\w/]+\.py)`(?: \|)?((?:,?\s`[\w.]+`)+)")
# Wordy idioms. Use a noun, the passive, or a plain verb ("states", "reports", "is in").
IDIOMS = re.compile(
    r"\bwhat (?:is|it|was|has|comes|came|stands|lies)\b|\b(?:some|no)body\b"
    r"|\b(?:said|says|told|tells)\b|\bone (?:that|with)\b|\bwhoever\b|\bwhatever\b"
    r"|\b(?:stands?|lies) (?:in|on|at|there)\b",
    re.IGNORECASE,
)
IDIOMS_PER_1000_WORDS = 8  # of pages
IDIOMS_OF_CODE = 5  # per 1,000 words of docstrings and comments


def citing() -> list[Path]:
    """Return code, tests, docs and settings: all files that may cite a page."""
    paths = [path for path in ROOT.iterdir() if path.suffix in CITING or path.name == "Makefile"]
    for folder in ("badges", "kiosk", "server", "tests", "docs", "packaging"):
        paths += [path for path in (ROOT / folder).rglob("*") if path.suffix in CITING]
    return sorted(path for path in paths if path != Path(__file__))


def pages() -> list[Path]:
    return [path for path in citing() if path.suffix == ".md" and path.name != "CHANGELOG.md"]


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def test_pages_that_are_cited_exist() -> None:
    cited = {page for path in citing() for page in PAGE.findall(path.read_text("utf-8"))}
    assert len(cited) > 10
    assert sorted(page for page in cited if not (ROOT / page).is_file()) == []


def test_links_lead_somewhere() -> None:
    assert [
        f"{name(path)}: {link}"
        for path in pages()
        for link in LINK.findall(path.read_text("utf-8"))
        if not (path.parent / link).exists()
    ] == []


def test_rules_that_are_cited_exist() -> None:
    """A file that cites a rule by its number also names the page of the rules."""
    rules = set(re.findall(r"^### Rule (\d+)", (ROOT / RULES_PAGE).read_text("utf-8"), re.M))
    wrong = []
    for path in citing():
        text = path.read_text("utf-8")
        cited = set(RULE.findall(text)) if path.suffix == ".py" else set()
        if cited and (RULES_PAGE not in text or not cited <= rules):
            wrong.append(f"{name(path)}: {sorted(cited)}")
    assert wrong == []


def test_nothing_cites_pages_outside_the_project() -> None:
    citations = [
        f"{name(path)}: {cited[0]}"
        for path in citing()
        for cited in ELSEWHERE.finditer(path.read_text("utf-8"))
    ]
    assert citations == []


def test_files_and_names_that_a_page_cites_exist() -> None:
    missing = set()
    for path in pages():
        text = path.read_text("utf-8")
        gone = {file for file in SOURCE.findall(text) if not (ROOT / file).exists()}
        missing |= {f"{name(path)}: {file}" for file in gone}
        for file, names in NAMED.findall(text):
            if file not in gone:
                defined = definitions(ROOT / file)
                wanted = re.findall(r"[\w.]+", names)
                missing |= {
                    f"{name(path)}: {file} {item}" for item in wanted if item not in defined
                }
    assert sorted(missing) == []


def test_the_glossary_has_the_words_of_the_screens() -> None:
    """Each Chinese word of the glossary is in a catalogue."""
    catalogues = "".join(path.read_text("utf-8") for path in citing() if path.suffix == ".po")
    words = re.findall(r"[\u4e00-\u9fff]+", (ROOT / "docs/glossary.md").read_text("utf-8"))
    assert len(words) > 20
    assert [word for word in words if word not in catalogues] == []


def test_nothing_is_called_missing_that_a_page_describes() -> None:
    """The comparison lists what Hallkeeper cannot do; no page may describe how to do it."""
    listed = re.search(r"does not do today: ([^.]+)\.", (ROOT / "docs/why.md").read_text("utf-8"))
    assert listed
    missing = [re.sub(r"^an? ", "", text) for text in listed[1].replace("\n", " ").split(", ")]
    titles = re.compile(r"^#+ .+$|\[[^\]]+\]\(docs/", re.MULTILINE)
    described = [title for path in pages() for title in titles.findall(path.read_text("utf-8"))]
    assert len(missing) > 1
    assert [
        f"{thing}: {title}"
        for thing in missing
        for title in described
        if thing.split(" to ")[0] in title.lower()  # "packages" of "packages to install"
    ] == []


def test_pages_are_in_plain_english() -> None:
    """A page of docs has few wordy idioms for its length."""
    wordy = {}
    for path in [*(ROOT / "docs").rglob("*.md"), ROOT / "CHANGELOG.md", ROOT / "CONTRIBUTING.md"]:
        text = path.read_text("utf-8")
        rate = 1000 * len(IDIOMS.findall(text)) / len(text.split())
        if rate > IDIOMS_PER_1000_WORDS:
            wordy[name(path)] = f"{rate:.1f}: {sorted(set(IDIOMS.findall(text)))}"
    assert wordy == {}


def prose(path: Path) -> str:
    """Return the docstrings and comments of a Python file."""
    nodes = ast.walk(ast.parse(path.read_text("utf-8")))
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    texts = [ast.get_docstring(node) or "" for node in nodes if isinstance(node, documented)]
    with tokenize.open(path) as file:
        tokens = list(tokenize.generate_tokens(file.readline))
    return "\n".join(texts + [token.string for token in tokens if token.type == tokenize.COMMENT])


@pytest.mark.parametrize("folder", ["badges", "kiosk", "server", "tests"])
def test_docstrings_and_comments_are_in_plain_english(folder: str) -> None:
    text = "\n".join(map(prose, (ROOT / folder).rglob("*.py")))
    assert 1000 * len(IDIOMS.findall(text)) / len(text.split()) <= IDIOMS_OF_CODE
