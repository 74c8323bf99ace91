"""Pages in a third language, added by its two files: all their texts are translated."""

import itertools
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any, get_args

import pytest

from kiosk.camera.camera import CameraStatus
from kiosk.camera.controls import CameraRequest
from kiosk.camera.quality import Judgement, Light, Sharpness
from kiosk.camera.sources import Kind
from kiosk.screen.board import Board
from kiosk.screen.camera_page import add_camera_page
from kiosk.screen.camera_texts import CAMERA
from kiosk.screen.serving import create_screen
from kiosk.screen.texts import COUNTED, PHONE, SUPERVISOR, WORDS
from kiosk.supervisor.texts import ANNUL_REASONS, OVERRIDE_REASONS, REFUSALS
from kiosk.texts import catalogue
from kiosk.texts.messages import Code, Message, System
from tests.kiosk.screen.screen_fixture import opened
from tests.kiosk.screen.test_camera_page import REPORT, Eye
from tests.kiosk.texts import pseudo_language
from tests.kiosk.texts.pseudo_language import LANGUAGE, left_out, unsaid

pytestmark = pytest.mark.system


@pytest.fixture(autouse=True)
def language(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Added only for this test."""
    pseudo_language.alone(monkeypatch)
    catalogue.add(pseudo_language.add_files(tmp_path / "translations"))


def words_on(page: str) -> str:
    """A page's visible and spoken texts."""
    page = re.sub(r"<(script|style|symbol)\b.*?</\1>|<!doctype[^>]*>", " ", page, flags=re.S)
    texts = re.findall(r'(?:aria-label|title|alt)="([^"]*)"', page)
    return unescape(" ".join([*texts, re.sub(r"<[^>]+>", " ", page)]))


def test_the_page_with_all_its_words() -> None:
    app = create_screen(Board(), lambda: None, languages=(LANGUAGE,))
    page = opened(app).get("/").text
    assert left_out(words_on(page), ["Hallkeeper", "F8"]) == ""
    content = re.search(r'name="hallkeeper-languages" content="([^"]*)"', page)
    assert content
    words = json.loads(unescape(content[1]))[0]["words"]
    assert words.keys() == WORDS.keys() | SUPERVISOR.keys() | COUNTED.keys()
    forms = [words.pop(key) for key in COUNTED]
    assert {tuple(sorted(form)) for form in forms} == {("one", "other")}
    texts = [*words.values(), *(text for form in forms for text in form.values())]
    assert [text for text in texts if left_out(text)] == []


def camera_page(eye: Eye | None) -> Callable[[], list[str]]:
    """The page's texts at any time."""
    app = create_screen(Board(), lambda: None, languages=(LANGUAGE, "en"))
    add_camera_page(app, eye)
    client = opened(app)
    return lambda: [words_on(client.get(path).text) for path in ("/camera", "/camera/facts")]


def reports() -> Iterator[Any]:
    states = ("starting", "live", "lost", "ended")
    messages = [None, Message(Code.NO_PICTURE_FOR, n=3), Message(Code.FROZEN)]
    for state, message, kind in itertools.product(states, messages, Kind):
        status = CameraStatus(state, message, 640, 480, 29.7, 9)
        asked = CameraRequest(exposure_ms="auto", focus="auto") if kind is Kind.WEBCAM else None
        yield replace(REPORT, kind=kind, status=status, asked=asked, judged=None, shown=0)
        yield replace(REPORT, kind=kind, asked=asked, status=replace(REPORT.status, state=state))
    unset = replace(REPORT.status, hints=())  # The camera has reported no setting yet.
    yield replace(REPORT, asked=CameraRequest(exposure_ms="short"), status=unset)
    for light, sharpness, codes in itertools.product(get_args(Light), get_args(Sharpness), (0, 1)):
        judged = Judgement(90.0, light, None if sharpness == "unknown" else 5.0, sharpness)
        yield replace(REPORT, judged=judged, codes=codes)


def test_the_camera_page_in_every_state() -> None:
    names = ["Hallkeeper", "English", "HD C270", "MJPG", "YUYV", "ms", "x"]
    eye, everything = Eye(), []
    texts, without = camera_page(eye), camera_page(None)
    for report in (None, *reports()):
        eye.told = report or REPORT
        shown = texts() if report else without()
        for text in shown:
            assert left_out(text, names) == "", text
        everything += shown
    assert unsaid(CAMERA.values(), everything) == set()


def test_nothing_marked_was_left_out() -> None:
    """The tests above show every text for translation."""
    acts = {"Admitted by {name}: {why}", "{first} · {second}", "ANNULLED", "{reason}: {note}"}
    acts |= {"The entry of {time} does not count. {name}: {why}", "The holder may enter again"}
    tables = (WORDS, PHONE, SUPERVISOR, CAMERA, REFUSALS, OVERRIDE_REASONS, ANNUL_REASONS)
    driven = {text for table in tables for text in table.values()} | {*Code, *System} | acts
    driven |= {single for single, _many in COUNTED.values()}
    app = create_screen(Board(), lambda: None, languages=(LANGUAGE,))
    page = words_on(opened(app).get("/").text)
    closed = words_on(app.test_client().get("/").text)
    assert left_out(closed, ["Hallkeeper"]) == ""
    assert unsaid(pseudo_language.marked_in_the_kiosk() - driven, [page, closed]) == set()
