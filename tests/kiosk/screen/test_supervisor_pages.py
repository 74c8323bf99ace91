"""The supervisor's requests from the steward's page: input, answers, and refusals."""

import json
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from badges.admission.facts import Direction
from badges.credential.badge_number import badge_number
from kiosk.journal.errors import JournalError
from kiosk.screen.board import Board
from kiosk.screen.feed import encode_state
from kiosk.screen.pages import TOKEN_HEADER
from kiosk.screen.serving import create_screen
from kiosk.supervisor.sessions import IDLE_MS
from tests.kiosk.screen.screen_fixture import opened
from tests.kiosk.support.door_fixture import NOON, PRESS, LocalDoor, badge
from tests.kiosk.support.supervised import LOST, MEI, PIN, Supervised, load

SERIAL = 0x00ABCD


class Page:
    """The page's own requests."""

    def __init__(self, here: Supervised) -> None:
        self.here = here
        app = create_screen(
            Board(),
            lambda: None,
            supervision=here.supervision.supervision,
            answer=here.journal.wait,
        )
        self.client: FlaskClient = opened(app)
        token = app.extensions["screen"].token
        self.own = {TOKEN_HEADER: token, "Origin": "http://localhost"}

    def post(self, path: str, body: Any = None, **headers: str) -> TestResponse:
        return self.client.post(
            f"/supervisor/{path}",
            data=json.dumps(body if body is not None else {}),
            content_type="application/json",
            headers={**self.own, **headers},
        )

    def unlock(self) -> Any:
        return self.post("unlock", {"user": MEI, "pin": PIN}).json


@pytest.fixture
def page(door: LocalDoor) -> Page:
    load(door)
    return Page(Supervised(door))


def error(answer: TestResponse) -> tuple[int, str]:
    assert set(answer.json["message"]) >= {"en", "zh"}
    assert "{" not in "".join(answer.json["message"].values())
    return answer.status_code, answer.json["error"]


def test_it_works(page: Page) -> None:
    status = page.unlock()
    assert status["supervisor"] == {"user": MEI, "name": "Mei Lin", "until": NOON + IDLE_MS}
    keys = {
        name: [reason["key"] for reason in status["reasons"][name]] for name in status["reasons"]
    }
    assert keys == {
        "override": ["invited_by_host", "badge_lost", "category_wrong", "vip", "other"],
        "annul": ["nobody_passed", "wrong_person", "by_mistake", "other"],
    }
    assert status["reasons"]["override"][0]["words"]["zh"] == "主办方邀请"
    denied = page.here.present(badge(SERIAL, category=PRESS))
    admitted = page.post("override", {"seq": denied.seq, "reason": "vip"})
    assert (admitted.status_code, admitted.json) == (200, {"seq": 2})
    annulled = page.post("annul", {"seq": 2, "reason": "other", "note": "went home"})
    assert (annulled.status_code, annulled.json) == (200, {"seq": 3})
    assert page.post("lock").status_code == 204
    assert error(page.post("annul", {"seq": 2, "reason": "other", "note": "x"})) == (
        403,
        "not_unlocked",
    )


def test_a_wrong_pin_and_too_many(page: Page) -> None:
    for left in (4, 3, 2, 1, 0):
        answer = page.post("unlock", {"user": MEI, "pin": "000111"})
        assert error(answer) == (401, "wrong_pin")
        assert answer.json["tries_left"] == left
    answer = page.post("unlock", {"user": MEI, "pin": PIN})
    assert error(answer) == (429, "pin_locked")
    assert answer.json["retry_at"] == NOON + 60_000
    assert "1 min" in answer.json["message"]["en"]


def test_looking_up_a_person(page: Page) -> None:
    page.unlock()
    people = page.post("people", {"words": "lost"}).json
    assert people == {
        "people": [
            {
                "serial": LOST,
                "badge": badge_number(LOST),
                "name": "Lost Badge",
                "organisation": "ACME",
                "country": "DE",
                "hints": [],
                "category": {
                    "code": 1,
                    "key": "delegate",
                    "names": {"en": "Delegate"},
                    "letter": "D",
                    "colour": "#3366cc",
                },
            }
        ],
        "more": False,
    }
    assert page.post("admit", {"serial": LOST}).json == {"seq": 1, "admitted": True}
    assert error(page.post("admit", {"serial": LOST})) == (409, "look_up_first")
    page.here.server.refuse = "no_server"
    assert error(page.post("people", {"words": "lost"})) == (503, "no_server")


def test_doors_and_direction(page: Page) -> None:
    assert error(page.client.get("/supervisor/doors")) == (403, "not_unlocked")
    page.unlock()
    (door,) = page.client.get("/supervisor/doors").json["doors"]
    assert door == {
        "door": 70,
        "names": {"en": "North"},
        "hall_names": {"en": "Hall 7"},
        "mode": "both",
        "current": True,
    }
    assert page.post("door", {"door": 71}).json == {"door": 71}
    page.here.server.refuse = "no_such_door"
    assert error(page.post("door", {"door": 99})) == (404, "no_such_door")
    assert page.post("direction", {"direction": "exit"}).status_code == 204
    assert page.here.direction.chosen() is Direction.EXIT
    page.here.one_way()
    assert error(page.post("direction", {"direction": "entry"})) == (409, "one_way")


def test_the_shift(page: Page) -> None:
    page.unlock()
    page.here.present(badge(SERIAL))
    shift = page.post("end-shift").json["shift"]
    assert (shift["admitted"], shift["denied"]) == (1, 0)
    assert error(page.post("resume")) == (403, "not_unlocked")
    page.unlock()
    assert page.post("resume").status_code == 204


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("unlock", {"user": MEI}),
        ("unlock", {"user": MEI, "pin": "12a456"}),
        ("unlock", {"user": "3", "pin": PIN}),
        ("override", {"reason": "vip"}),
        ("override", {"seq": 1, "reason": "vip", "note": "x" * 1001}),
        ("people", {"words": "a"}),
        ("people", {"words": "x" * 81}),
        ("direction", {"direction": "up"}),
        ("door", {"door": -1}),
        ("admit", []),
    ],
)
def test_unreadable_requests_are_refused(page: Page, path: str, body: Any) -> None:
    page.unlock()
    assert error(page.post(path, body)) == (400, "bad_request")


def test_only_the_kiosk_s_own_page_has_access(page: Page) -> None:
    right = {"user": MEI, "pin": PIN}
    assert page.post("unlock", right, **{TOKEN_HEADER: "guess"}).status_code == 403
    assert page.post("unlock", right, Origin="https://evil.example").status_code == 403
    cross = {"Sec-Fetch-Site": "cross-site"}
    page.unlock()
    assert page.client.get("/supervisor/doors", headers=cross).status_code == 403
    page.here.supervision.lock()
    plain = page.client.post("/supervisor/unlock", json=right)
    assert plain.status_code == 403
    assert page.here.status().supervisor is None


def test_a_failure_is_reported_without_typed_text(page: Page, monkeypatch, caplog) -> None:
    page.unlock()

    def fail(*_: object, **__: object) -> None:
        raise JournalError("The journal can't be written: disk is full.")

    monkeypatch.setattr(page.here.override_handler, "annul", fail)
    answer = page.post("annul", {"seq": 1, "reason": "other", "note": "secret words"})
    assert error(answer) == (500, "failed")
    assert answer.json["detail"] == "The journal can't be written: disk is full."
    monkeypatch.setattr("kiosk.supervisor.pins.Pins.check", fail)
    page.post("unlock", {"user": MEI, "pin": "654987"})
    assert "654987" not in caplog.text
    assert "secret" not in caplog.text
    assert "unlock failed: JournalError" in caplog.text


def test_before_the_first_facts(tmp_path, clock) -> None:
    door = LocalDoor(tmp_path, clock)
    answer = Page(Supervised(door)).post("unlock", {"user": MEI, "pin": PIN})
    assert error(answer) == (503, "not_ready")
    door.close()


def test_the_stream_has_it_all(page: Page) -> None:
    board = Board()
    denied = page.here.present(badge(SERIAL, category=PRESS))
    page.unlock()
    entry = page.here.supervision.override(denied.seq, "vip", "")
    board.show(entry)
    board.put(page.here.status())
    event = json.loads(encode_state(board.state, "page", NOON))
    (answer,) = event["answers"]
    assert (answer["act"], answer["by"]) == ("override", "Mei Lin")
    status = event["status"]
    assert status["supervisor"]["name"] == "Mei Lin"
    assert status["supervisors"][0] == {"user": MEI, "name": "Mei Lin", "locked_until": None}
    assert status["can_annul"]["seq"] == entry.seq
    assert status["can_override"] is None
    assert (status["resting"], status["shift"], status["pin_locked_until"]) == (False, None, None)
    assert "pin_hash" not in json.dumps(event)
