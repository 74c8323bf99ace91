"""One's own account: the first and a new password, sessions, and the repeated password."""

import re
from urllib.parse import unquote

import pytest

from server.core.staff import users
from server.web import auth
from tests.server.conftest import MINUTE
from tests.server.support.pages import PASSWORD, ROLES, Pages, Staff, acts
from tests.server.support.signing import sign_in

CHOSEN = "otter violin gravel seven"


def enter(pages: Pages, name: str, password: str) -> Staff:
    someone = pages.stranger()
    answer = someone.post("/admin/sign-in", {"name": name, "password": password})
    assert answer.status_code == 303, answer.status
    return someone


def change(someone: Staff, present: str, chosen: str = CHOSEN, again: str = ""):
    fields = {"present": present, "chosen": chosen, "again": again or chosen}
    return someone.post("/admin/account/password", fields)


def new_user(pages: Pages, role: str = "admin") -> tuple[str, Staff]:
    """A user just signed in with the password that the page showed."""
    page = pages.staff("admin").post("/admin/users/add", {"name": "Lin", "role": role})
    shown = re.search(r'<p class="code">([^<]+)</p>', page.text)
    assert shown
    return shown[1], enter(pages, "Lin", shown[1])


class TestFirstPassword:
    @pytest.mark.parametrize("role", ROLES)
    def test_opens_nothing_but_the_page_to_change_it(self, pages: Pages, role: str) -> None:
        _, lin = new_user(pages, role)
        for target in (
            "/admin/",
            "/admin/people/",
            "/admin/entries",
            "/admin/users/",
            "/admin/live",
        ):
            answer = lin.get(target)
            assert (answer.status_code, answer.location) == (303, "/admin/account/"), target
        assert lin.post("/admin/users/add", {"name": "X", "role": "admin"}).status_code == 303
        assert "X" not in {user.name for user in users.users(pages.database.reader)}
        assert lin.get("/", follow_redirects=True).request.path == "/admin/account/"
        assert "Choose your own password to continue" in lin.get("/admin/account/").text

    def test_is_changed_and_then_all_opens(self, pages: Pages) -> None:
        shown, lin = new_user(pages)
        assert change(lin, shown).status_code == 303
        assert lin.get("/admin/people/").status_code == 200
        with pytest.raises(users.SignInError):
            sign_in(pages.database, "Lin", shown, now=pages.now)
        assert acts(pages)[-1] == "password_changed"

    def test_can_not_be_kept(self, pages: Pages) -> None:
        shown, lin = new_user(pages)
        assert "is the present one" in change(lin, shown, shown).text
        assert lin.get("/admin/people/").status_code == 303

    def test_by_a_new_one_of_an_admin_too(self, pages: Pages) -> None:
        shown, lin = new_user(pages)
        change(lin, shown)
        user = next(row for row in users.users(pages.database.reader) if row.name == "Lin")
        page = pages.staff("admin").post(f"/admin/users/{user.user_id}/password")
        again = re.search(r'<p class="code">([^<]+)</p>', page.text)
        assert again
        assert lin.get("/admin/account/").location.startswith("/admin/sign-in")
        assert enter(pages, "Lin", again[1]).get("/admin/").location == "/admin/account/"

    def test_gives_no_second_persons_word(self, pages: Pages) -> None:
        pages.kiosk("main-1", "main")
        shown, _ = new_user(pages)
        fields = {
            "kiosk": "main-1", "generation": 1, "inside": 0, "stopped": "yes",
            "name": "Lin", "password": shown,
        }  # fmt: skip
        page = pages.staff("admin").post("/admin/halls/1/attest", fields, follow_redirects=True)
        assert "has not chosen a password yet" in page.text


class TestPassword:
    def test_ends_every_other_session(self, pages: Pages) -> None:
        shown, lin = new_user(pages)
        change(lin, shown)
        other = enter(pages, "Lin", CHOSEN)
        before = lin.client.get_cookie(auth.COOKIE)
        assert change(lin, CHOSEN, "gravel seven otter violin").status_code == 303
        assert other.get("/admin/account/").location.startswith("/admin/sign-in")
        assert lin.get("/admin/account/").status_code == 200
        after = lin.client.get_cookie(auth.COOKIE)
        assert before is not None
        assert after is not None
        assert before.value != after.value, "under a new token"

    @pytest.mark.parametrize(
        ("chosen", "again", "message"),
        [
            ("tiny", "", "15 to 200 characters"),
            ("password12345678", "", "too easy to guess"),
            ("Harbour-Forum-2026", "", "too easy to guess"),
            (CHOSEN, "otter violin gravel eight", "The two new passwords differ"),
        ],
    )
    def test_a_poor_one_is_refused(
        self, pages: Pages, chosen: str, again: str, message: str
    ) -> None:
        shown, lin = new_user(pages)
        answer = change(lin, shown, chosen, again)
        assert answer.status_code == 400
        assert message in answer.text
        assert chosen not in answer.text
        sign_in(pages.database, "Lin", shown, now=pages.now)

    def test_needs_the_present_one_and_guesses_are_counted(self, pages: Pages) -> None:
        shown, lin = new_user(pages)
        for _ in range(10):
            assert "the present password is wrong" in change(lin, "wrong").text
        assert change(lin, shown).status_code == 429
        pages.now += MINUTE
        assert change(lin, shown).status_code == 303

    def test_may_be_long_and_of_any_characters(self, pages: Pages) -> None:
        shown, lin = new_user(pages)
        long = "一座灯塔 🦀 " + "x9 Ünïcode? " * 15
        assert change(lin, shown, long).status_code == 303
        sign_in(pages.database, "Lin", long, now=pages.now)
        with pytest.raises(users.SignInError):
            sign_in(pages.database, "Lin", long + "x" * 200, now=pages.now)


def test_sessions_are_listed_and_ended_by_their_user(pages: Pages) -> None:
    shown, lin = new_user(pages)
    change(lin, shown)
    other = enter(pages, "Lin", CHOSEN)
    text = lin.get("/admin/account/").text
    assert (text.count("This browser"), text.count("Another browser")) == (1, 1)
    pages.now += 15 * MINUTE
    late = lin.post("/admin/account/sign-out-elsewhere")
    assert late.location == "/admin/account/confirm?next=/admin/account/"
    assert other.get("/admin/account/").status_code == 200
    lin.post("/admin/account/confirm", {"present": CHOSEN})
    lin.post("/admin/account/sign-out-elsewhere")
    assert other.get("/admin/account/").status_code == 303
    assert lin.get("/admin/account/").status_code == 200


def test_one_session_is_ended_by_its_user_and_nobody_elses(pages: Pages) -> None:
    shown, lin = new_user(pages)
    change(lin, shown)
    first, second = enter(pages, "Lin", CHOSEN), enter(pages, "Lin", CHOSEN)
    marks = re.findall(r"/admin/account/sessions/(\w+)/end", lin.get("/admin/account/").text)
    assert len(marks) == 2
    stranger = pages.staff("admin")
    stranger.post(f"/admin/account/sessions/{marks[0]}/end")
    assert [browser.get("/admin/account/").status_code for browser in (first, second)] == [200, 200]
    lin.post(f"/admin/account/sessions/{marks[0]}/end")
    ended = sorted(browser.get("/admin/account/").status_code for browser in (first, second))
    assert ended == [200, 303]


class TestConfirming:
    ACTS = ("add", "1/role", "1/disable", "1/enable", "1/pin", "1/no-pin", "1/password",
            "1/unlock", "1/sign-out")  # fmt: skip

    @pytest.mark.parametrize("act", ACTS)
    def test_account_changes_need_a_recent_password(self, pages: Pages, act: str) -> None:
        admin = pages.staff("admin")
        pages.now += 15 * MINUTE
        before = acts(pages), users.users(pages.database.reader)
        answer = admin.post(
            f"/admin/users/{act}", {"name": "Eve", "role": "admin", "pin": "402917"}
        )
        assert answer.location == "/admin/account/confirm?next=/admin/users/"
        assert (acts(pages), users.users(pages.database.reader)) == before

    @pytest.mark.parametrize(
        ("page", "target"),
        [
            ("/admin/people/?page=2", "/admin/people/?page=2"),
            ("/admin/users/1/password", "/admin/users/"),  # Shows a password; takes only a form.
            ("/admin/nothing", "/admin/users/"),
        ],
    )
    def test_it_leads_to_a_page(self, pages: Pages, page: str, target: str) -> None:
        admin = pages.staff("admin")
        pages.now += 15 * MINUTE
        answer = admin.client.post(
            "/admin/users/1/unlock",
            data={"csrf_token": admin.form_token()},
            base_url="https://localhost",
            headers={"Referer": f"https://localhost{page}"},
        )
        confirm = answer.location
        assert unquote(confirm) == f"/admin/account/confirm?next={target}"
        answer = admin.post(confirm, {"present": PASSWORD})
        assert answer.location == target
        assert admin.get(target).status_code == 200

    def test_the_password_once_more_is_enough(self, pages: Pages) -> None:
        admin = pages.staff("admin")
        pages.now += 15 * MINUTE
        target = "/admin/account/confirm?next=/admin/users/"
        wrong = admin.post(target, {"present": "wrong"})
        assert wrong.status_code == 400
        assert admin.post("/admin/users/1/unlock").location.startswith("/admin/account/confirm")
        before = admin.client.get_cookie(auth.COOKIE)
        assert admin.post(target, {"present": PASSWORD}).location == "/admin/users/"
        assert admin.client.get_cookie(auth.COOKIE) != before
        assert admin.post("/admin/users/1/unlock").location == "/admin/users/"

    def test_a_page_asks_for_it_before_its_form_is_filled_in(self, pages: Pages) -> None:
        admin, ask = pages.staff("admin"), "/admin/account/confirm?next=/admin/users/"
        assert ask not in admin.get("/admin/users/").text
        pages.now += 10 * MINUTE + 1  # It would end within 5 minutes.
        page = admin.get("/admin/users/").text
        assert ask in page
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)[1]
        admin.post(ask, {"present": PASSWORD})
        assert ask not in admin.get("/admin/users/").text
        # Also a form that was opened before is taken.
        fields = {"name": "Eve", "role": "steward", "csrf_token": token}
        assert "Eve" in admin.post("/admin/users/add", fields).text

    def test_a_page_without_its_form_does_not_ask(self, pages: Pages) -> None:
        auditor = pages.staff("auditor")
        pages.now += 15 * MINUTE
        assert "/admin/account/confirm" not in auditor.get("/admin/privacy/").text

    def test_the_forms_of_these_pages_need_it(self, pages: Pages) -> None:
        views = pages.app.view_functions
        forms = {getattr(view, "form_endpoint", "") for view in views.values()} - {""}
        assert "admin.mail_settings.save" in forms
        assert all(hasattr(views[form], "confirmed") for form in forms)

    def test_it_leads_to_no_other_site(self, pages: Pages) -> None:
        admin = pages.staff("admin")
        target = "/admin/account/confirm?next=https://example.org/admin/"
        assert admin.post(target, {"present": PASSWORD}).location == "/"


def test_an_admin_signs_somebody_out_everywhere(pages: Pages) -> None:
    _shown, lin = new_user(pages)
    user = next(row for row in users.users(pages.database.reader) if row.name == "Lin")
    pages.staff("admin").post(f"/admin/users/{user.user_id}/sign-out")
    assert lin.get("/admin/account/").location.startswith("/admin/sign-in")
