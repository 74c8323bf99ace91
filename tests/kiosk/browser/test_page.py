"""The phone's page: its parts, its words, and nothing but its own files."""

import json
import re
from pathlib import Path

import kiosk.browser.page
from kiosk.browser.page import FILES, door_page, door_words, manifest
from kiosk.screen.texts import COUNTED, PHONE, SUPERVISOR, WORDS

OWN = Path(kiosk.browser.page.__file__).parent
STATIC = OWN / "static"
SCREEN = OWN.parent / "screen"
SCRIPTS = sorted({*STATIC.glob("*.mjs")})
# The door itself, which has no page.
PAGE_SCRIPTS = [
    path for path in SCRIPTS if path.name not in {"worker.mjs", "python.mjs", "storage.mjs"}
]


def test_it_works() -> None:
    page = door_page()
    english, chinese = door_words()

    assert f'src="{FILES}door.mjs"' in page
    assert f'name="hallkeeper-files" content="{FILES}"' in page
    assert (english["language"], chinese["language"]) == ("en", "zh")
    assert (
        english["words"].keys() == WORDS.keys() | SUPERVISOR.keys() | PHONE.keys() | COUNTED.keys()
    )
    assert chinese["words"]["need_other_tab"] == "本页面已在另一个标签页打开"
    assert "F1" not in english["words"]["help_keys"]


def test_page_runs_its_own_files_alone() -> None:
    page = door_page()

    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:|<style", page)
    for path in re.findall(r'(?:src|href)="([^"#]+)"', page):
        name = path.removeprefix(FILES)
        if path == "/door/manifest.webmanifest":
            continue
        assert path.startswith(FILES), path
        file = (
            SCREEN / "static" / name.removeprefix("screen/") if "screen/" in name else STATIC / name
        )
        assert file.is_file(), path


def test_manifest_opens_the_door() -> None:
    content = json.loads(manifest())

    assert content["start_url"] == content["scope"] == "/door/"
    (icon,) = content["icons"]
    assert icon["src"].startswith(FILES)


def test_scripts_put_texts_in_as_texts_and_import_existing_files() -> None:
    for script in PAGE_SCRIPTS:
        source = script.read_text("utf-8")
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(", source)
        for name in re.findall(r'from "\./([^"]+)"', source):
            if name.startswith("vendor/"):
                continue
            screens = name.startswith("screen/")
            file = SCREEN / "static" / name.removeprefix("screen/") if screens else STATIC / name
            assert file.is_file(), f"{script.name} imports {name}"


def test_page_has_every_part_that_the_scripts_paint() -> None:
    ids = set(re.findall(r'\bid="([^"]+)"', door_page()))
    for script in (*PAGE_SCRIPTS, *(SCREEN / "static").rglob("*.js")):
        if script.name == "camera_page.js":
            continue
        wanted = set(re.findall(r'\b(?:at|setText|setState)\("([a-z0-9-]+)"', script.read_text()))
        assert wanted - {"camera-page"} <= ids, script.name


def test_every_word_of_the_phone_is_used() -> None:
    """Those that replace a word of the kiosk's are used by the kiosk's scripts."""
    sources = "".join(script.read_text("utf-8") for script in PAGE_SCRIPTS) + door_page()
    own = PHONE.keys() - WORDS.keys()
    unused = {key for key in own if f'"{key}"' not in sources and not key.startswith("need_")}
    composed = {f"promise_{word}" for word in ("server", "phone", "none")} | {"help_halted"}
    assert unused == composed | {"dark", "loading_why"}
