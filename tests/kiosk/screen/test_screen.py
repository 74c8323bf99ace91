"""The steward's page: its content, texts and colours, and its input."""

import json
import re
import threading
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient

import kiosk.screen as screen_package
from badges.admission.facts import Admitted, Denied, Direction, Flag, Reason
from badges.admission.phrases import Explanation
from badges.credential.badge_number import badge_number
from badges.wire.wire import CategoryFacts, HolderName
from kiosk.door.answer import Answer
from kiosk.screen.board import Board
from kiosk.screen.feed import Feeds, encode_state, stream
from kiosk.screen.texts import COUNTED, PHONE, SUPERVISOR, WORDS
from kiosk.texts.messages import as_message
from tests.kiosk.screen.screen_fixture import CODE, JPEG, NOW, Face, post

STATIC = Path(screen_package.__file__).parent / "static"
TEMPLATES = STATIC.parent / "templates"
# The folders whose scripts a folder may import, without cycles.
MAY_IMPORT = {
    "steward": {"supervisor", "answer", "shared"},
    "supervisor": {"answer", "shared"},
    "answer": {"shared"},
    "camera": {"shared"},
    "first_steps": {"shared"},
    "shared": set[str](),
}
HELPED = (
    "admit", "look", "same", "deny", "elsewhere", "goodbye", "seen", "keys", "scanner",
    "asking", "resting", "rolling",
    "none", "starting", "live", "lost", "ended",
)  # fmt: skip
HOSTILE = '<script>alert(1)</script> "&\n\ndata: {}'


def answer(**changes: Any) -> Answer:
    values: dict[str, Any] = {
        "decision": Admitted(flags=frozenset({Flag.ESCORT})),
        "direction": Direction.ENTRY,
        "scanned_at": NOW,
        "seq": 1,
        "serial": 0x123456,
        "holder": HolderName("欧阳娜娜", "清华大学", "CN"),
        "category": CategoryFacts(2, "speaker", {"en": "Speaker"}, "S", "#7a2fb8"),
        "free_places": 4,
        "explanation": {"en": Explanation("LOOK", "Enters only with an escort", "")},
    }
    return Answer(**values | changes)


def page_state(board: Board) -> Any:
    return json.loads(encode_state(board.state, "page", NOW))


def test_it_works(client: FlaskClient, face: Face) -> None:
    page = client.get("/")

    assert page.status_code == 200
    assert f'name="hallkeeper-token" content="{face.token}"' in page.text
    assert '<html lang="zh-Hans" dir="ltr">' in page.text
    assert 'aria-live="assertive"' in page.text


def test_page_runs_its_own_files_alone(client: FlaskClient) -> None:
    page = client.get("/")
    policy = page.headers["Content-Security-Policy"]

    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["Cache-Control"] == "no-store"
    assert not re.search(r"<script(?![^>]*\bsrc=)|\son\w+=|\sstyle=|javascript:", page.text)
    for path in re.findall(r'(?:src|href)="(/[^"]*)"', page.text):
        with client.get(path) as file:
            assert file.status_code == 200, path


def test_scripts_put_texts_in_as_texts() -> None:
    for script in STATIC.rglob("*.js"):
        source = script.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacent|document\.write|\beval\(", source)


def test_scripts_import_existing_files_of_folders_below() -> None:
    seen = set()
    for script in STATIC.rglob("*.js"):
        room = script.parent.relative_to(STATIC).as_posix()
        for name in re.findall(r'from "(\.[^"]+)"', script.read_text()):
            imported = (script.parent / name).resolve()
            assert imported.is_file(), f"{script.name} imports {name}"
            assert imported.parent.name in {room, *MAY_IMPORT[room]}, f"{room} imports {name}"
            seen.add(imported)
    assert len(seen) > 10


def test_every_static_file_is_named_by_a_page_or_a_script_and_is_there() -> None:
    named = set()
    for template in TEMPLATES.glob("*"):
        text = template.read_text()
        names = re.findall(r"url_for\('static', filename='([^']+)'\)", text)
        assert len(names) == text.count("static"), template.name
        named |= {(STATIC / name).resolve() for name in names}
    for script in STATIC.rglob("*.js"):
        names = re.findall(r'from "([^"]+)"', script.read_text())
        named |= {(script.parent / name).resolve() for name in names}

    assert named == {file.resolve() for file in STATIC.rglob("*") if file.is_file()}


def test_page_has_every_part_that_the_scripts_paint() -> None:
    page = (TEMPLATES / "screen_body.html").read_text() + (TEMPLATES / "shapes.svg").read_text()
    ids = set(re.findall(r'\bid="([^"]+)"', page))
    for script in STATIC.rglob("*.js"):
        wanted = set(re.findall(r'\b(?:at|setText|setState)\("([a-z-]+)"', script.read_text()))
        assert wanted <= ids, script.name


def test_every_word_that_is_asked_for_is_there() -> None:
    keys = WORDS.keys() | SUPERVISOR.keys() | COUNTED.keys()
    sources = "".join(
        file.read_text() for file in (*STATIC.rglob("*.js"), TEMPLATES / "screen_body.html")
    )
    used = set(re.findall(r'(?:\bsay\(|data-say=|word: |title: )"(\w+)"', sources))
    assert len(used) > 60
    assert used <= keys | PHONE.keys()
    unused = {key for key in keys if f'"{key}"' not in sources}
    composed = {f"{act}_{part}" for act in ("override", "annul") for part in ("none", "why", "do")}
    assert unused <= composed | {f"{key}_{tone}" for key in ("help", "camera") for tone in HELPED}


def contrast(first: str, second: str) -> float:
    """WCAG's contrast of two #rrggbb colours."""

    def luminance(colour: str) -> float:
        parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (
            c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts
        )
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)


def test_colours_are_readable_and_differ_in_lightness() -> None:
    css = (STATIC / "steward/screen.css").read_text()
    colours = dict(re.findall(r"--([\w-]+): (#[0-9a-f]{6});", css))

    for tone in ("admit", "deny", "look", "goodbye", "seen", "closed"):
        assert contrast(colours[tone], colours[f"on-{tone}"]) >= 4.5, tone
    for ground in ("ground", "panel"):
        assert contrast(colours[ground], colours["text"]) >= 4.5
        assert contrast(colours[ground], colours["quiet"]) >= 4.5
    assert contrast(colours["admit"], colours["deny"]) >= 4.5  # distinguishable without colour
    assert contrast(colours["look"], colours["deny"]) >= 4.5


def test_the_state_has_the_answer(face: Face, monkeypatch: pytest.MonkeyPatch) -> None:
    times = iter((1_000, 5_000))
    monkeypatch.setattr("kiosk.screen.board.monotonic_ms", lambda: next(times))
    monkeypatch.setattr("kiosk.screen.feed.monotonic_ms", lambda: 5_500)
    face.board.update(hall_names={"en": "Hall 7"}, online=True, scans_waiting=3, skew_ms=-2500)
    face.board.show(answer(scanned_at=NOW - 60_000))
    face.board.show(answer(decision=Denied(Reason.FORGED), serial=None, holder=None, category=None))
    state = page_state(face.board)

    denied, look = state["answers"]
    assert (denied["age_ms"], look["age_ms"]) == (500, 4_500)
    assert state["status"]["hall_names"] == {"en": "Hall 7"}
    assert state["status"]["free_places"] == 4
    assert state["status"]["skew_ms"] == -2500
    assert (denied["number"], denied["tone"], denied["badge"]) == (2, "deny", None)
    assert (look["number"], look["tone"]) == (1, "look")
    assert look["badge"] == badge_number(0x123456)
    assert look["holder"] == {"name": "欧阳娜娜", "organisation": "清华大学", "country": "CN"}
    assert look["category"]["colour"] == "#7a2fb8"
    assert look["words"]["en"] == {
        "word": "LOOK",
        "reason": "Enters only with an escort",
        "next_step": "",
    }


def test_hostile_names_stay_one_line_of_json(face: Face) -> None:
    face.board.update(hall_names={"en": HOSTILE}, camera_message=as_message(HOSTILE))
    face.board.show(answer(holder=HolderName(HOSTILE * 100)))

    raw = encode_state(face.board.state, "page", NOW)

    assert b"\n" not in raw
    assert b"\r" not in raw
    assert json.loads(raw)["answers"][0]["holder"]["name"] == HOSTILE * 100


def test_feed_sends_each_change_and_beats_in_between(face: Face) -> None:
    events = stream(face.board, Feeds(), "page", lambda: NOW, beat_s=0.01, proof="5eed")

    assert next(events) == b"event: proof\ndata: 5eed\n\n"
    assert json.loads(next(events).removeprefix(b"data: "))["answers"] == []
    assert next(events) == b"event: beat\ndata: alive\n\n"
    face.board.show(answer())
    assert json.loads(next(events).removeprefix(b"data: "))["answers"][0]["number"] == 1
    events.close()


def test_a_feed_that_is_ended_waits_for_no_beat(face: Face) -> None:
    feeds = Feeds(on_ended=face.board.wake)
    events = stream(face.board, feeds, "page", lambda: NOW, beat_s=600.0)
    next(events)
    next(events)
    ended: list[bytes] = []
    reader = threading.Thread(target=lambda: ended.extend(events))
    reader.start()
    feeds.close()
    reader.join(240)
    assert not reader.is_alive()
    assert ended in ([], [b"event: beat\ndata: alive\n\n"]), "nothing, or what was on its way"


def open_feed(face: Face, feeds: Feeds) -> Generator[bytes, None, None]:
    events = stream(face.board, feeds, "page", lambda: NOW, beat_s=0.01)
    next(events)
    return events


def test_one_feed_too_many_ends_the_oldest(face: Face) -> None:
    feeds = Feeds(feeds_max=2)
    first, second, third = (open_feed(face, feeds) for _ in range(3))

    assert list(first) == []
    assert next(second)
    assert next(third)


def test_feed_that_left_makes_room(face: Face) -> None:
    feeds = Feeds(feeds_max=2)
    first, second = (open_feed(face, feeds) for _ in range(2))

    second.close()
    open_feed(face, feeds)

    assert next(first)


def test_picture_is_made_at_most_ten_times_a_second(client: FlaskClient, face: Face) -> None:
    pictures = [client.get("/picture.jpg") for _ in range(5)]

    assert {picture.data for picture in pictures} == {JPEG}
    assert pictures[0].mimetype == "image/jpeg"
    assert pictures[0].headers["Cache-Control"] == "no-store"
    assert face.pictures == 1


def test_no_picture_is_no_error(client: FlaskClient, face: Face) -> None:
    face.picture = None

    assert client.get("/picture.jpg").status_code == 204


def test_typed_code_is_handed_on(client: FlaskClient, face: Face) -> None:
    assert post(client, "/text", {"text": CODE}, face.own()).status_code == 204
    assert face.typed == [CODE]


def test_direction_is_turned(client: FlaskClient, face: Face) -> None:
    assert post(client, "/direction", {"direction": "exit"}, face.own()).status_code == 204
    assert face.turned == [Direction.EXIT]


def test_direction_of_a_one_way_door_stays(client: FlaskClient, face: Face) -> None:
    face.serves_both = False
    refused = post(client, "/direction", {"direction": "exit"}, face.own())

    assert refused.status_code == 409
    assert refused.get_json()["error"]["code"] == "one_way"
    assert face.turned == []
