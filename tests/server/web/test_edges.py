"""Requests that must not pass: other methods than GET, expired forms, codes."""

import io
import os
import time
from collections.abc import Iterator
from pathlib import Path

import itsdangerous
import pytest
from flask import Flask, abort
from werkzeug.routing import AnyConverter, Map, Rule

from badges.credential.keys import PrivateKey
from badges.wire import wire
from badges.wire.enrolment import proof
from server.app.app import make_app
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.storage.database import Database
from server.storage.disk import AwayError
from server.storage.errors import LostError
from server.web import auth, lanes, security
from tests.server.conftest import NOW
from tests.server.doors.test_api import Kiosk
from tests.server.support.pages import ROLES, Pages

ADMINS = "/admin/users/"  # for admins alone


def test_a_head_request_is_asked_for_its_role_too(pages: Pages) -> None:
    for role in ROLES:
        answer = pages.staff(role).client.head(ADMINS, base_url="https://localhost")
        assert answer.status_code == (200 if role == "admin" else 403), role
    stranger = pages.stranger().client.head(ADMINS, base_url="https://localhost")
    assert stranger.status_code in (303, 401)


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "TRACE", "NONSENSE"])
def test_other_methods_do_nothing(pages: Pages, method: str) -> None:
    admin = pages.staff("admin")
    answer = admin.client.open(ADMINS, method=method, base_url="https://localhost")
    assert answer.status_code in (400, 405)


class TestForms:
    LIFE_S = 12 * 3600

    @pytest.fixture
    def later(self, monkeypatch: pytest.MonkeyPatch):
        def move(seconds: float) -> None:
            at = int(time.time() + seconds)
            monkeypatch.setattr(itsdangerous.TimestampSigner, "get_timestamp", lambda _: at)

        return move

    def add(self, pages: Pages, someone, token: str):
        return someone.client.post(
            "/admin/kiosks/add",
            data={"kiosk": "west-1", "door": "main", "csrf_token": token},
            base_url="https://localhost",
            headers={"Referer": "https://localhost/"},
        )

    def test_one_that_is_too_old_changes_nothing(self, pages: Pages, later) -> None:
        admin = pages.staff("admin")
        token = admin.form_token()
        later(self.LIFE_S + 60)
        answer = self.add(pages, admin, token)
        assert answer.status_code == 400
        assert "This form is too old" in answer.text
        assert registry.kiosks(pages.database.reader) == []

    def test_one_of_the_same_shift_works(self, pages: Pages, later) -> None:
        admin = pages.staff("admin")
        token = admin.form_token()
        later(self.LIFE_S - 60)
        assert self.add(pages, admin, token).status_code < 400
        assert len(registry.kiosks(pages.database.reader)) == 1

    def test_another_person_s_token_is_none(self, pages: Pages) -> None:
        token = pages.staff("admin").form_token()
        assert self.add(pages, pages.staff("admin"), token).status_code == 400

    def test_the_setting(self, pages: Pages) -> None:
        assert security.FORM_LIFE_S == self.LIFE_S == pages.app.config["WTF_CSRF_TIME_LIMIT"]


@pytest.mark.parametrize("error", [AwayError("can't be opened"), LostError("closed")])
def test_a_database_that_is_away_is_told_and_kiosks_ask_another_server(
    pages: Pages, monkeypatch: pytest.MonkeyPatch, error: Exception
) -> None:
    pages.app.testing = False
    door, admin = pages.kiosk("main-1", "main"), pages.staff("admin")
    token = admin.form_token()
    door.scan(pages.now, 7, decision="denied", reason="already_inside")

    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(pages.database, "write", fail)
    answer = Kiosk(pages.app.test_client(), door).post(door.batch(pages.now))
    failure = wire.decode(answer.data, wire.ErrorAnswer).error
    assert (answer.status_code, failure.retry) == (503, True)
    page = admin.post("/admin/halls/1/close", {"csrf_token": token})
    assert page.status_code == 503
    assert "The database can&#39;t be reached" in page.text
    assert "may or may not have been saved" in page.text


def shown(event: Event, database: Database) -> wire.EnrolRequest:
    """A new kiosk's request, after it has proven its key."""
    key = PrivateKey(bytes(32))

    def add(db):
        return registry.add_kiosk(
            db, event, "west", "main", address=("localhost", 8443), by="user:1", now=NOW,
            random=os.urandom,
        )  # fmt: skip

    code = database.write(add)
    asked = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token))
    database.write(lambda db: registry.enrol(db, event, asked, NOW + 1))
    assert registry.kiosks(database.reader)[0].state == "proven"
    return asked


def test_a_code_that_was_shown_ends_in_time_all_the_same(event: Event, site: Database) -> None:
    """A kiosk that showed the code but was not confirmed may not return with it hours later."""
    asked, end = shown(event, site), NOW + registry.CODE_LIFE_MS
    assert not site.write(lambda db: registry.enrol(db, event, asked, end - 1)).confirmed
    with pytest.raises(registry.EnrolError) as caught:
        site.write(lambda db: registry.enrol(db, event, asked, end))
    assert caught.value.code == "code_expired"


def test_a_confirmed_kiosk_may_ask_for_its_identity_later(event: Event, site: Database) -> None:
    """Its answer may have been lost: the code expires for strangers, not for it."""
    asked = shown(event, site)
    site.write(lambda db: registry.confirm(db, event, "west", by="user:1", now=NOW))
    late = NOW + 2 * registry.CODE_LIFE_MS
    assert site.write(lambda db: registry.enrol(db, event, asked, late)).confirmed


def add_failures(app: Flask) -> None:
    def fail(code: int) -> str:
        if code == 2:
            return deeper(9)
        abort(code)
        return None

    def deeper(left: int) -> str:
        if left:
            return deeper(left - 1)
        raise RuntimeError

    view = auth.allow_everybody(fail)
    app.add_url_rule("/fails/<int:code>", endpoint="fails", view_func=view)
    app.add_url_rule("/api/fails/<int:code>", endpoint="api_fails", view_func=view)


class TestErrors:
    """Each kind of error in its own words, for people and for kiosks."""

    @pytest.fixture
    def failing(self, own_app: None, event: Event, site: Database) -> Iterator[Pages]:
        with Pages(event, site) as opened:
            add_failures(opened.app)
            yield opened

    @pytest.mark.parametrize(
        ("code", "status", "title"),
        [
            (400, 400, "That request could not be read"),
            (401, 401, "Please sign in"),
            (403, 403, "Not for your role"),
            (404, 404, "Nothing here"),
            (405, 405, "Not possible here"),
            (409, 409, "Overtaken"),
            (410, 410, "No longer valid"),
            (413, 413, "Too large"),
            (418, 418, "That request could not be read"),
            (429, 429, "Too many attempts"),
            (500, 500, "Something went wrong on our side"),
            (502, 502, "Something went wrong on our side"),
            (503, 503, "Too busy"),
            (2, 500, "Something went wrong on our side"),
        ],
    )
    def test_says_what_went_wrong(self, failing: Pages, code: int, status: int, title: str) -> None:
        answer = failing.stranger().get(f"/fails/{code}")
        assert (answer.status_code, answer.mimetype) == (status, "text/html")
        assert title in answer.text
        response = failing.stranger().get(f"/api/fails/{code}")
        assert (response.status_code, response.mimetype) == (status, "application/json")
        error = wire.decode(response.data, wire.ErrorAnswer).error
        assert error.message.startswith(title)
        assert error.retry is (status >= 500)
        codes = {400: "malformed", 404: "not_found", 405: "not_allowed", 413: "too_large"}
        assert error.code == (codes | {429: "too_many"}).get(status, "failed")

    def test_the_log_has_six_places(self, failing: Pages, caplog: pytest.LogCaptureFixture) -> None:
        failing.stranger().get("/fails/2")
        (record,) = (entry for entry in caplog.records if "RuntimeError" in entry.getMessage())
        places = record.getMessage().split(": ")[1].split()
        assert len(places) == 6
        assert all(place.startswith("test_edges.py:") for place in places)
        assert len(set(places)) == 2, "the innermost ones"

    def test_what_can_be_expected_is_not_logged_as_a_failure(
        self, failing: Pages, caplog: pytest.LogCaptureFixture
    ) -> None:
        failing.stranger().get("/fails/404")
        failing.stranger().get("/fails/503")
        assert caplog.records == []

    def test_headers_that_say_what_to_do_are_kept(self, pages: Pages) -> None:
        someone = pages.stranger()
        assert "POST" in someone.get("/admin/sign-out").headers["Allow"]
        moved = someone.get("/admin/people")
        assert (moved.status_code, moved.location) == (308, "/admin/people/")


class TestBodies:
    def post(self, pages: Pages, target: str, **more):
        return pages.app.test_client().post(target, base_url="https://localhost", **more)

    @pytest.mark.parametrize(("size", "status"), [(65_536, 400), (65_537, 413)])
    def test_a_form_has_64_kib_at_most(self, pages: Pages, size: int, status: int) -> None:
        answer = self.post(
            pages, "/admin/sign-in", data=b"x" * size,
            content_type="application/x-www-form-urlencoded",
        )  # fmt: skip
        assert answer.status_code == status

    @pytest.mark.parametrize(("parts", "title"), [(100, "too old"), (101, "Too large")])
    def test_a_form_has_a_hundred_parts_at_most(self, pages: Pages, parts: int, title: str) -> None:
        fields = {f"f{n}": "x" for n in range(parts)}
        answer = self.post(pages, "/admin/sign-in", data=fields, content_type="multipart/form-data")
        assert title in answer.text

    @pytest.mark.parametrize("terminated", [True, False], ids=["the server says", "it is seen"])
    def test_a_body_that_breaks_off_is_refused(self, pages: Pages, terminated: bool) -> None:
        environ = {"CONTENT_LENGTH": "3", "wsgi.input": io.BytesIO(b"{}")}
        environ |= {"wsgi.input_terminated": terminated}
        answer = self.post(pages, "/api/enrol", environ_overrides=environ)
        assert answer.status_code == 400
        message = wire.decode(answer.data, wire.ErrorAnswer).error.message
        assert message.startswith("That request could not be read")

    def test_a_body_without_a_length_is_none(self, pages: Pages) -> None:
        answer = self.post(pages, "/api/enrol")
        assert (answer.status_code, answer.mimetype) == (400, "application/json")
        message = wire.decode(answer.data, wire.ErrorAnswer).error.message
        assert not message.startswith("That request could not be read"), "it was looked at"


class TestCookies:
    def named(self, answer) -> dict[str, str]:
        cookies = answer.headers.getlist("Set-Cookie")
        return {cookie.split("=")[0]: cookie for cookie in cookies}

    def test_signing_out_takes_the_session_and_the_forms_back(self, pages: Pages) -> None:
        answer = pages.staff("admin").post("/admin/sign-out")
        cookies = self.named(answer)
        assert cookies.keys() == {auth.COOKIE, "__Host-hallkeeper-form"}
        for cookie in cookies.values():
            assert "Max-Age=0" in cookie
            for part in ("Secure", "HttpOnly", "SameSite=Lax", "Path=/"):
                assert part in cookie

    def test_a_page_without_a_form_gives_none(self, pages: Pages) -> None:
        assert self.named(pages.stranger().get("/")) == {}
        assert self.named(pages.stranger().get("/nothing")) == {}

    def test_a_browser_is_known_for_thirty_days(self, pages: Pages, admin_password: str) -> None:
        fields = {"name": "admin", "password": admin_password}
        answer = pages.stranger().post("/admin/sign-in", fields)
        assert f"Max-Age={30 * 24 * 3600};" in self.named(answer)[auth.DEVICE_COOKIE]

    def test_a_form_of_another_session_is_none(self, pages: Pages) -> None:
        """The form cookie of a stranger, or of another user, in the browser of an admin."""
        admin, stranger = pages.staff("admin"), pages.stranger()
        token = stranger.form_token()
        kept = stranger.client.get_cookie("__Host-hallkeeper-form")
        assert kept is not None
        admin.client.set_cookie(
            "__Host-hallkeeper-form", kept.value, domain="localhost", secure=True
        )
        answer = admin.post(
            "/admin/kiosks/add", {"csrf_token": token, "kiosk": "w", "door": "main"}
        )
        assert answer.status_code == 400
        assert registry.kiosks(pages.database.reader) == []


class TestWhoMay:
    def may(self, pages: Pages, role: str | None, endpoint: str) -> bool:
        someone = pages.stranger() if role is None else pages.staff(role)
        cookie = someone.client.get_cookie(auth.COOKIE)
        headers = {} if cookie is None else {"Cookie": f"{auth.COOKIE}={cookie.value}"}
        with pages.app.test_request_context("/admin/", headers=headers):
            allowed = auth.may_open(endpoint)
            pages.database.give_back()
        return allowed

    @pytest.mark.parametrize(
        ("role", "endpoint", "may"),
        [
            (None, "admin.sign_in.form", True),
            (None, "admin.users.show", False),
            ("steward", "admin.sign_in.form", True),
            ("steward", "admin.users.show", False),
            ("admin", "admin.users.show", True),
            ("admin", "no.such.page", False),
        ],
    )
    def test_links_are_for_who_may_open_them(
        self, pages: Pages, role: str | None, endpoint: str, may: bool
    ) -> None:
        assert self.may(pages, role, endpoint) is may

    def test_a_feed_of_a_page_is_refused_and_not_led_elsewhere(self, pages: Pages) -> None:
        """A browser that follows a feed would take the page for events."""
        asks = {"Accept": "text/event-stream"}
        someone = pages.stranger()
        assert someone.get("/admin/live", headers=asks).status_code == 401
        assert someone.get("/admin/live").status_code == 303
        assert someone.get("/admin/people/?q=x").location == (
            "/admin/sign-in?next=/admin/people/?q%3Dx"
        )

    def test_whoever_is_signed_in_makes_the_address_known(self, pages: Pages) -> None:
        """Its requests have a lane that strangers can't fill."""
        here = pages.app.extensions["hallkeeper"].lanes
        pages.stranger().get("/admin/")
        assert not here.is_known("127.0.0.1")
        pages.staff("steward").get("/admin/")
        assert here.is_known("127.0.0.1")


def test_without_a_body_no_lane_is_needed(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lanes, "STRANGERS_MAX", 0)
    someone = pages.stranger()
    assert someone.get("/admin/sign-in").status_code == 200
    assert someone.client.head("/admin/sign-in", base_url="https://localhost").status_code == 200
    answer = someone.client.post("/admin/sign-in", base_url="https://localhost", data=b"x")
    assert answer.status_code == 503


def test_each_address_is_made_up_as_by_a_rule_that_has_prepared_it(tmp_path: Path) -> None:
    ours = make_app({"en": "Forum"}, "Europe/Zurich", tmp_path).url_map
    rules = list(ours.iter_rules())
    plain = Map(
        [Rule(item.rule, endpoint=item.endpoint, methods=item.methods) for item in rules],
        converters=ours.converters,
    )
    both = [item.bind("event.test") for item in (ours, plain)]
    for rule in rules:
        values = {
            name: min(item.items) if isinstance(item, AnyConverter) else 7
            for name, item in rule._converters.items()
        }
        for more in ({}, {"rule": "ä & b", "self": 1}):
            prepared, as_ever = (item.build(rule.endpoint, values | more) for item in both)
            assert prepared == as_ever
