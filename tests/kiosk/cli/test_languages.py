"""`hallkeeper-kiosk run` in a language added to the kiosk: two files and a setting."""

import html
import re
import sys
import urllib.request
from pathlib import Path

import pytest

from tests.kiosk.cli.test_commands import BUSY_S, run
from tests.kiosk.support.door_fixture import enrolled
from tests.kiosk.texts import pseudo_language
from tests.system.support.nursery import Nursery
from tests.system.support.nursery import forks as forks

pytestmark = pytest.mark.system


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    door = enrolled(tmp_path / "door")
    at = door / "translations/fr/LC_MESSAGES"
    at.mkdir(parents=True)
    (at / "kiosk.po").write_text('msgid "Show your badge"\nmsgstr "Montrez votre badge"\n')
    (at / "badges.po").write_text('msgid "ADMIT"\nmsgstr "ENTREZ"\n')
    return door


@pytest.fixture(autouse=True)
def catalogues(monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands run by the test add no language to other tests."""
    pseudo_language.alone(monkeypatch)


def page(directory: Path, forks: Nursery, *options: str) -> str:
    command = ("run", "--dir", str(directory), "--camera", "none", "--port", "0", *options)
    process = forks.start([sys.executable, "-m", "kiosk", *command])
    try:
        link = process.stdout.readline().decode().strip().rpartition(" ")[2]
        browser = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with browser.open(link, timeout=BUSY_S) as answer:
            return html.unescape(answer.read().decode())
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


def test_it_works_by_an_option_and_by_a_setting(directory: Path, forks: Nursery) -> None:
    for_once = page(directory, forks, "--language", "fr,zh")
    (directory / "settings.toml").write_text('languages = ["fr", "zh"]')

    for text in (for_once, page(directory, forks)):
        assert '<html lang="fr" dir="ltr">' in text
        assert re.findall(r'"language": ?"(\w+)"', text) == ["fr", "zh"]
        assert "Montrez votre badge" in text


def test_an_unknown_language_is_a_clear_error(directory: Path) -> None:
    result = run("run", "--dir", directory, "--camera", "none", "--port", "0", "--language", "xx")
    assert result.exit_code == 1
    assert result.output == "Error: There is no language 'xx' here. Known: en, fr, zh.\n"


def test_a_damaged_file_is_a_clear_error(directory: Path) -> None:
    spoilt = directory / "translations/fr/LC_MESSAGES/badges.po"
    spoilt.write_text('msgid "{hall} is closed"\nmsgstr "{salle} est fermée"')
    result = run("run", "--dir", directory, "--camera", "none", "--port", "0")
    assert result.exit_code == 1
    assert f"{spoilt}, line 1: " in result.output
    assert "Traceback" not in result.output
