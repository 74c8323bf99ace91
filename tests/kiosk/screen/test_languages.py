"""The page's languages: by address, settings or browser; one added by a file; all complete."""

import html
import json
import re
from pathlib import Path
from typing import Any

import pytest
from babel.messages.pofile import read_po

from badges.po import CatalogueError
from kiosk.screen.board import Board
from kiosk.screen.camera_texts import CAMERA
from kiosk.screen.serving import create_screen
from kiosk.screen.texts import COUNTED, PHONE, SUPERVISOR, WORDS
from kiosk.supervisor.texts import ANNUL_REASONS, OVERRIDE_REASONS, REFUSALS
from kiosk.texts import catalogue
from kiosk.texts.messages import Code, System
from tests.kiosk.screen.screen_fixture import opened
from tests.kiosk.texts import pseudo_language
from tests.kiosk.texts.pseudo_language import CHINESE, KIOSK, marked_in_the_kiosk

HAN = re.compile(r"[\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef]")  # and the punctuation beside it


@pytest.fixture(autouse=True)
def catalogues(monkeypatch: pytest.MonkeyPatch) -> None:
    """A test adds no language to other tests."""
    pseudo_language.alone(monkeypatch)


def page(
    languages: tuple[str, ...] = (),
    query: str = "",
    like: str = "",
    translations: Path | None = None,
) -> str:
    if translations is not None:
        catalogue.CATALOGUES.add(translations)
    app = create_screen(Board(), lambda: None, languages=languages)
    return opened(app).get(f"/{query}", headers={"Accept-Language": like}).text


def table_of(text: str) -> list[dict[str, Any]]:
    """The languages in the page."""
    content = re.search(r'name="hallkeeper-languages" content="([^"]*)"', text)
    assert content
    return list(json.loads(html.unescape(content[1])))


def names(text: str) -> list[str]:
    return [entry["language"] for entry in table_of(text)]


def write(directory: Path, text: str, locale: str = "fr") -> Path:
    path = directory / locale / "LC_MESSAGES/kiosk.po"
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    return directory


FRENCH = 'msgid "Show your badge"\nmsgstr "Montrez votre badge"\n\nmsgid "Help"\nmsgstr "Aide"\n'


ALL_KEYS = WORDS.keys() | SUPERVISOR.keys() | COUNTED.keys()


def test_it_works() -> None:
    text = page(("zh", "en"))
    chinese, english = table_of(text)

    assert '<html lang="zh-Hans" dir="ltr">' in text
    assert ">帮助<" in text  # in the page itself, by gettext
    assert (chinese["tag"], chinese["name"]) == ("zh-Hans", "中文")
    assert chinese["words"]["idle"] == "请出示证件"
    assert english["words"]["idle"] == "Show your badge"
    assert english["words"].keys() == chinese["words"].keys() == ALL_KEYS
    assert english["words"]["waiting"] == {"one": "{n} scan waiting", "other": "{n} scans waiting"}
    assert chinese["words"]["waiting"] == {"other": "{n} 次扫描待上传"}


@pytest.mark.parametrize(
    ("chosen", "query", "like", "expected"),
    [
        (("en",), "", "zh-CN", ["en"]),
        ((), "", "zh-CN,zh;q=0.9", ["zh", "en"]),
        ((), "", "de-DE,en;q=0.5", ["en", "zh"]),
        ((), "", "", ["en", "zh"]),
        (("zh", "en"), "?languages=en,zh", "zh", ["en", "zh"]),
        (("zh", "en"), "?languages=en", "zh", ["en"]),
        (("zh", "en"), "?languages=xx,<script>", "zh", ["zh", "en"]),
        (("zh", "zh", "en"), "", "", ["zh", "en"]),
    ],
)
def test_languages_are_chosen(
    chosen: tuple[str, ...], query: str, like: str, expected: list[str]
) -> None:
    assert names(page(chosen, query, like)) == expected


def test_third_language_is_added_by_a_file(tmp_path: Path) -> None:
    directory = write(tmp_path, FRENCH)
    text = page(("fr", "zh"), translations=directory)

    assert '<html lang="fr" dir="ltr">' in text
    assert ">Aide<" in text
    french = table_of(text)[0]
    assert french["name"] == "français"
    assert french["words"]["idle"] == "Montrez votre badge"
    assert french["words"]["sound_on"] == "Sound on"  # not translated yet
    assert names(page(query="?languages=fr", translations=directory)) == ["fr"]


def test_a_language_from_right_to_left_is_marked(tmp_path: Path) -> None:
    text = page(("ar", "en"), translations=write(tmp_path, FRENCH, "ar"))

    assert '<html lang="ar" dir="rtl">' in text


def test_an_unknown_language_is_a_clear_error() -> None:
    with pytest.raises(CatalogueError, match=r"no language 'xx' here. Known: en, zh"):
        page(("xx",))


@pytest.mark.parametrize(
    ("content", "problem"),
    [((FRENCH, "klingonish"), "'klingonish' names no language"), (("nonsense",), "line 1")],
)
def test_a_wrong_translation_is_a_clear_error(
    tmp_path: Path, content: tuple[str, ...], problem: str
) -> None:
    with pytest.raises(CatalogueError, match=problem):
        page(translations=write(tmp_path, *content))


def test_chinese_is_complete_and_has_nothing_else() -> None:
    with CHINESE.open("rb") as file:
        messages = [message for message in read_po(file) if message.id and message.string]
    translated = {
        message.id if isinstance(message.id, str) else message.id[0] for message in messages
    }

    assert marked_in_the_kiosk() == translated
    tables = (WORDS, PHONE, SUPERVISOR, CAMERA, REFUSALS, OVERRIDE_REASONS, ANNUL_REASONS)
    used = {text for table in tables for text in table.values()} | {*System, *Code}
    used |= {single for single, _many in COUNTED.values()}
    assert used <= translated | {Code.AS_IS}


def test_chinese_is_only_in_catalogues() -> None:
    """Another language can only be as complete as Chinese if Chinese is a file too."""
    kinds = ("*.py", "*.js", "*.mjs", "*.html", "*.css", "*.svg")
    files = [file for kind in kinds for file in KIOSK.rglob(kind)]
    assert len(files) > 80
    with_chinese = {file.name for file in files if HAN.search(file.read_text("utf-8"))}
    # It shows both languages at once, before the kiosk knows any setting.
    assert with_chinese == {"first_steps.html"}
