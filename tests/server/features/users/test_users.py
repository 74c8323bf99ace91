"""Users: adding, roles, passwords, removal of access; PINs for the doors."""

import re

import pytest

from server.core.staff import pins, users
from tests.server.conftest import NOW
from tests.server.support.pages import PASSWORD, Pages, acts
from tests.server.support.signing import sign_in


def new_user(pages: Pages, name: str, role: str) -> int:
    hashed = users.hash_password(PASSWORD)
    return pages.database.write(
        lambda db: users.add_user(db, name, role, hashed, by="test", now=NOW)
    ).user_id


def test_a_new_user_signs_in_with_the_password_that_was_shown(pages: Pages) -> None:
    page = pages.staff("admin").post("/admin/users/add", {"name": "Lin", "role": "supervisor"})
    shown = re.search(r'<p class="code">([^<]+)</p>', page.text)
    assert shown
    user, _ = sign_in(pages.database, "Lin", shown[1], now=NOW)
    assert user.role == "supervisor"


def test_a_pin_reaches_the_doors_as_a_hash_and_goes(pages: Pages) -> None:
    admin, lin = pages.staff("admin"), new_user(pages, "Lin", "supervisor")
    answer = admin.post(f"/admin/users/{lin}/pin", {"pin": "402917"}, follow_redirects=True).text
    assert "The PIN holds" in answer
    assert "Has a PIN" in answer
    (supervisor,) = pins.supervisors(pages.database.reader)
    assert (supervisor.user, supervisor.name) == (lin, "Lin")
    assert supervisor.pin_hash.startswith("$argon2id$")
    assert "402917" not in answer
    admin.post(f"/admin/users/{lin}/no-pin")
    assert pins.supervisors(pages.database.reader) == []
    assert acts(pages)[-2:] == ["pin_set", "pin_removed"]


@pytest.mark.parametrize(
    "pin", ["", "12345", "1234567890123", "abcdef", "111111", "123456", "１２３４５９"]
)
def test_poor_pins_are_refused(pages: Pages, pin: str) -> None:
    lin = new_user(pages, "Lin", "supervisor")
    page = pages.staff("admin").post(f"/admin/users/{lin}/pin", {"pin": pin}, follow_redirects=True)
    assert "Nothing was changed" in page.text
    assert pins.supervisors(pages.database.reader) == []


def test_only_supervisors_and_admins_have_one(pages: Pages) -> None:
    desk = new_user(pages, "Desk", "badge_desk")
    page = pages.staff("admin").post(
        f"/admin/users/{desk}/pin", {"pin": "402917"}, follow_redirects=True
    )
    assert "change the role first" in page.text


def test_who_is_shut_out_has_no_word_at_the_doors(pages: Pages) -> None:
    admin, lin = pages.staff("admin"), new_user(pages, "Lin", "supervisor")
    admin.post(f"/admin/users/{lin}/pin", {"pin": "402917"})
    admin.post(f"/admin/users/{lin}/disable")
    assert pins.supervisors(pages.database.reader) == []
    with pytest.raises(users.SignInError):
        sign_in(pages.database, "Lin", PASSWORD, now=NOW)
    admin.post(f"/admin/users/{lin}/enable")
    assert pins.supervisors(pages.database.reader) == [], "the old PIN stays gone"


def test_another_role_has_no_word_at_the_doors(pages: Pages) -> None:
    admin, lin = pages.staff("admin"), new_user(pages, "Lin", "supervisor")
    admin.post(f"/admin/users/{lin}/pin", {"pin": "402917"})
    admin.post(f"/admin/users/{lin}/role", {"role": "steward"})
    assert pins.supervisors(pages.database.reader) == []


def test_a_new_password_ends_the_old_one(pages: Pages) -> None:
    lin = new_user(pages, "Lin", "steward")
    page = pages.staff("admin").post(f"/admin/users/{lin}/password")
    shown = re.search(r'<p class="code">([^<]+)</p>', page.text)
    assert shown
    with pytest.raises(users.SignInError):
        sign_in(pages.database, "Lin", PASSWORD, now=NOW)
    sign_in(pages.database, "Lin", shown[1], now=NOW)


def test_a_refused_form_keeps_what_was_typed(pages: Pages) -> None:
    admin = pages.staff("admin")
    fields = {"name": "Lin", "role": "steward"}
    assert "New password" in admin.post("/admin/users/add", fields).text
    form = admin.post("/admin/users/add", fields).text.split('id="h-invite"')[0]
    assert '<input id="name" name="name" value="Lin"' in form
    assert '<option value="steward" selected>' in form


def test_wrong_input_changes_nothing(pages: Pages) -> None:
    admin = pages.staff("admin")
    before = users.users(pages.database.reader)
    for fields in ({"name": "", "role": "admin"}, {"name": "X", "role": "king"}):
        assert "Nothing was changed" in admin.post("/admin/users/add", fields).text
    for act in ("role", "disable", "enable", "pin", "no-pin"):
        page = admin.post(f"/admin/users/999/{act}", {"pin": "402917"}, follow_redirects=True)
        assert "Nothing was changed" in page.text
    assert "Nothing was changed" in admin.post("/admin/users/999/password").text
    assert users.users(pages.database.reader) == before
