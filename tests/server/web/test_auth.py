"""Access to views, and a request's knowledge of its user."""

import re

import pytest
from werkzeug.exceptions import HTTPException

from server.core.event import settings
from server.web import auth
from tests.server.support.pages import Pages, Staff


def cookie_of(someone: Staff) -> dict[str, str]:
    kept = someone.client.get_cookie(auth.COOKIE)
    assert kept is not None
    return {"Cookie": f"{auth.COOKIE}={kept.value}"}


class TestAllow:
    def test_a_view_is_marked_and_stays_a_view(self) -> None:
        @auth.allow("auditor")
        def view() -> str:
            return "shown"

        assert view() == "shown"
        assert view.__dict__["allowed"] == {"auditor", "admin"}

    def test_a_role_that_there_is_none_of_is_refused_when_the_page_is_written(self) -> None:
        with pytest.raises(ValueError, match="no such role: janitor, porter$"):
            auth.allow("steward", "porter", "janitor")

    def test_every_role_may_be_named(self) -> None:
        for role in settings.ROLES:
            auth.allow(role)

    @pytest.mark.parametrize("mark", ["with_first_password", "confirmed"])
    def test_other_marks_leave_the_view_a_view(self, mark: str) -> None:
        def view() -> str:
            return "shown"

        assert getattr(auth, mark)(view) is view
        assert view.__dict__[mark] is True


class TestUser:
    def test_the_log_has_the_user_by_number(self, pages: Pages) -> None:
        someone = pages.staff("steward")
        with pages.app.test_request_context("/admin/", headers=cookie_of(someone)):
            user = auth.user()
            assert user is not None
            assert re.fullmatch(r"user:\d+", auth.actor())
            assert auth.actor() == user.by
            pages.database.give_back()

    def test_nobody_is_no_actor(self, pages: Pages) -> None:
        with pages.app.test_request_context("/admin/"):
            with pytest.raises(HTTPException) as refused:
                auth.actor()
            assert refused.value.code == 401
            pages.database.give_back()

    def test_the_user_is_loaded_once(self, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
        someone = pages.staff("steward")
        asked: list[str] = []
        plain = auth._session_user
        monkeypatch.setattr(
            auth, "_session_user", lambda token: asked.append(token) or plain(token)
        )
        assert someone.get("/admin/").status_code == 200
        assert len(asked) == 1


def test_a_form_of_before_the_sign_in_is_none_after_it(pages: Pages, admin_password: str) -> None:
    """The session binds a new form cookie, so no one signs in with an attacker's form cookie."""
    someone = pages.stranger()
    before = someone.form_token()
    kept = someone.client.get_cookie("__Host-hallkeeper-form")
    assert kept is not None
    someone.post("/admin/sign-in", {"name": "admin", "password": admin_password})
    now = someone.client.get_cookie("__Host-hallkeeper-form")
    assert now is None or now.value != kept.value
    answer = someone.post("/admin/sign-out", {"csrf_token": before})
    assert answer.status_code == 400


def cookies_of(answer) -> set[str]:
    return {cookie.split("=")[0] for cookie in answer.headers.getlist("Set-Cookie")}


class TestForms:
    def test_a_page_without_a_form_begins_and_ends_none(self, pages: Pages) -> None:
        assert cookies_of(pages.staff("auditor").get("/")) == set()

    def test_the_form_cookie_is_its_sessions(self, pages: Pages, admin_password: str) -> None:
        someone = pages.stranger()
        someone.post("/admin/sign-in", {"name": "admin", "password": admin_password})
        assert someone.client.get_cookie("__Host-hallkeeper-form") is not None
        assert cookies_of(someone.get("/")) == set()
        assert someone.client.get_cookie("__Host-hallkeeper-form") is not None

    def test_a_form_that_a_page_has_is_taken(self, pages: Pages) -> None:
        """Other tests have the token made without a page."""
        someone = pages.staff("auditor")
        page = someone.get("/admin/account/").text
        (token, *_) = re.findall(r'name="csrf_token" value="([^"]+)"', page)
        assert someone.post("/admin/sign-out", {"csrf_token": token}).status_code == 303
        assert someone.get("/admin/").status_code == 303


class TestInstead:
    @pytest.fixture
    def new(self, pages: Pages) -> Staff:
        """A user who has not chosen a password yet."""
        someone = pages.staff("steward")
        pages.database.write(
            lambda db: db.execute("UPDATE staff_user SET must_change = 1") and None
        )
        return someone

    def test_a_page_leads_to_the_own_account(self, new: Staff) -> None:
        answer = new.get("/admin/")
        assert (answer.status_code, answer.location) == (303, "/admin/account/")

    def test_a_feed_is_refused_and_not_led_elsewhere(self, new: Staff) -> None:
        answer = new.get("/admin/live", headers={"Accept": "text/event-stream"})
        assert answer.status_code == 403


def test_the_roles_of_the_view_that_runs(pages: Pages) -> None:
    with pages.app.test_request_context("/admin/users/"):
        assert auth.allowed_here() == {"admin"}
    with pages.app.test_request_context("/nothing"):
        assert auth.allowed_here() == set()
