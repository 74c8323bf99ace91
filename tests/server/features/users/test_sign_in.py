"""Signing in and out."""

import pytest
from itsdangerous import TimestampSigner

from server.core.staff import signing_in, users
from server.web import auth
from server.web.callers import caller
from server.web.services import services_of
from tests.server.conftest import HOUR
from tests.server.support.pages import PASSWORD, Pages, Staff


def sign_in(someone: Staff, password: str, name: str = "admin", target: str = ""):
    query = f"?next={target}" if target else ""
    return someone.post(f"/admin/sign-in{query}", {"name": name, "password": password})


def test_it_works(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    answer = sign_in(someone, admin_password)
    assert (answer.status_code, answer.location) == (303, "/")
    assert someone.get("/").location == "/admin/start"
    assert someone.get("/admin/start").status_code == 200


def test_a_wrong_password_is_refused_like_an_unknown_name(pages: Pages) -> None:
    someone = pages.stranger()
    wrong = sign_in(someone, "not-the-password")
    unknown = sign_in(someone, "not-the-password", name="nobody")
    assert wrong.status_code == unknown.status_code == 401
    assert "do not match" in wrong.text
    assert "do not match" in unknown.text
    assert auth.COOKIE not in wrong.headers.get("Set-Cookie", "")


def test_a_disabled_user_is_refused_and_their_session_ends(pages: Pages) -> None:
    steward = pages.staff("steward")
    assert steward.get("/admin/").status_code == 200
    user = next(row for row in users.users(pages.database.reader) if row.role == "steward")
    pages.database.write(lambda db: users.disable_user(db, user.user_id, by="test", now=pages.now))
    assert steward.get("/admin/").status_code == 303
    assert sign_in(pages.stranger(), PASSWORD, name=user.name).status_code == 401


def test_cookies_are_locked_to_this_host(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    cookies = someone.get("/admin/sign-in").headers.getlist("Set-Cookie")
    cookies += sign_in(someone, admin_password).headers.getlist("Set-Cookie")
    named = {cookie.split("=")[0]: cookie for cookie in cookies}
    assert named.keys() == {auth.COOKIE, auth.DEVICE_COOKIE, "__Host-hallkeeper-form"}
    for cookie in cookies:
        assert "Secure" in cookie
        assert "HttpOnly" in cookie
        assert "SameSite=Lax" in cookie
        assert "Path=/" in cookie
        assert "Domain" not in cookie


def test_signing_out_ends_the_session_on_the_server(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    sign_in(someone, admin_password)
    kept = someone.client.get_cookie(auth.COOKIE)
    assert kept is not None
    assert someone.post("/admin/sign-out").location == "/admin/sign-in"
    thief = pages.stranger()
    thief.client.set_cookie(auth.COOKIE, kept.value, domain="localhost")
    assert thief.get("/admin/").status_code == 303


def test_signing_in_ends_the_browsers_earlier_session(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    sign_in(someone, admin_password)
    first = someone.client.get_cookie(auth.COOKIE)
    assert first is not None
    sign_in(someone, admin_password)
    second = someone.client.get_cookie(auth.COOKIE)
    assert second is not None
    assert second.value != first.value
    thief = pages.stranger()
    thief.client.set_cookie(auth.COOKIE, first.value, domain="localhost")
    assert thief.get("/admin/").status_code == 303
    assert someone.get("/admin/").status_code == 200


def test_a_refused_sign_in_ends_nothing(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    sign_in(someone, admin_password)
    assert sign_in(someone, "a-wrong-password").status_code == 401
    assert someone.get("/admin/").status_code == 200


def test_forms_end_with_the_session_they_were_made_in(pages: Pages, admin_password: str) -> None:
    """An old form cookie and an old form work with no later session."""
    someone = pages.stranger()
    sign_in(someone, admin_password)
    token = someone.form_token()
    kept = someone.client.get_cookie("__Host-hallkeeper-form")
    assert kept is not None
    someone.post("/admin/sign-out")
    sign_in(someone, admin_password)
    someone.client.set_cookie(kept.key, kept.value, domain="localhost", secure=True)
    answer = someone.post("/admin/users/add", {"csrf_token": token, "name": "Eve", "role": "admin"})
    assert answer.status_code == 400
    assert "This form is too old" in answer.text
    assert [user.name for user in users.users(pages.database.reader)] == ["admin"]


@pytest.mark.parametrize(("hours", "status"), [(11.9, 303), (12.1, 400)])
def test_forms_end_after_half_a_day(
    pages: Pages,
    admin_password: str,
    monkeypatch: pytest.MonkeyPatch,
    hours: float,
    status: int,
) -> None:
    someone = pages.stranger()
    fields = {"csrf_token": someone.form_token(), "name": "admin", "password": admin_password}
    real = TimestampSigner.get_timestamp
    later = round(hours * 3600)
    monkeypatch.setattr(TimestampSigner, "get_timestamp", lambda self: real(self) + later)
    assert someone.post("/admin/sign-in", fields).status_code == status


def test_signing_out_leaves_nothing_in_the_browser(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    sign_in(someone, admin_password)
    answer = someone.post("/admin/sign-out")
    assert answer.headers["Clear-Site-Data"] == '"cache", "storage"'


@pytest.mark.parametrize("hours", [13, 25])
def test_a_session_ends_by_itself(pages: Pages, hours: int) -> None:
    steward = pages.staff("steward")
    pages.now += hours * HOUR
    assert steward.get("/admin/").status_code == 303


@pytest.mark.parametrize(
    ("target", "lands"),
    [
        ("/admin/kiosks/", "/admin/kiosks/"),
        ("https://example.org/admin/", "/"),
        ("//example.org/admin/", "/"),
        ("/admin/\\\\example.org", "/"),
        ("/b/secret", "/"),
    ],
)
def test_lands_on_own_pages(pages: Pages, admin_password: str, target: str, lands: str) -> None:
    assert sign_in(pages.stranger(), admin_password, target=target).location == lands


def test_a_page_asked_for_is_shown_after_signing_in(pages: Pages) -> None:
    answer = pages.stranger().get("/admin/people/?q=keller&page=2")
    assert answer.location == "/admin/sign-in?next=/admin/people/?q%3Dkeller%26page%3D2"


def test_guesses_at_a_password_are_slowed_down(pages: Pages, admin_password: str) -> None:
    guesser = pages.stranger()
    for _ in range(10):
        assert sign_in(guesser, "a-wrong-password").status_code == 401
    assert sign_in(guesser, admin_password).status_code == 429
    assert "Too many attempts" in sign_in(guesser, admin_password).text


def test_many_people_of_one_address_may_sign_in(pages: Pages, admin_password: str) -> None:
    here = services_of(pages.app)
    with pages.app.test_request_context(environ_overrides={"REMOTE_ADDR": "127.0.0.1"}):
        attempt = signing_in.Attempt("admin", admin_password, caller())
    for _ in range(60):  # the page's work without the page
        assert signing_in.sign_in(pages.database, here.guesses, attempt, now=pages.now).token
    for _ in range(10):
        assert sign_in(pages.stranger(), admin_password).status_code == 303


def test_a_form_without_its_token_is_refused(pages: Pages, admin_password: str) -> None:
    answer = pages.stranger().client.post(
        "/admin/sign-in",
        data={"name": "admin", "password": admin_password},
        base_url="https://localhost",
    )
    assert answer.status_code == 400
    assert "This form is too old" in answer.text


def test_a_form_of_another_site_is_refused(pages: Pages, admin_password: str) -> None:
    someone = pages.stranger()
    fields = {"name": "admin", "password": admin_password, "csrf_token": someone.form_token()}
    answer = someone.client.post(
        "/admin/sign-in",
        data=fields,
        base_url="https://localhost",
        headers={"Referer": "https://example.org/"},
    )
    assert answer.status_code == 400


def test_the_password_is_never_shown_again(pages: Pages) -> None:
    answer = sign_in(pages.stranger(), "a-wrong-password", name="admin<script>")
    assert "a-wrong-password" not in answer.text
    assert "admin&lt;script&gt;" in answer.text
