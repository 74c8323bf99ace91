"""Invitations: a link that works once, for a limited time, and only for its role."""

import re

import pytest

from server.core.staff import dual_control, users
from tests.server.support.pages import ROLES, Pages, Staff, acts

CHOSEN = "otter violin gravel seven"
HOUR = 3_600_000


def invite(admin: Staff, name: str = "Lin", role: str = "protocol") -> str:
    page = admin.post("/admin/users/invite", {"name": name, "role": role}).text
    match = re.search(r">https://localhost(/admin/invitation/\w+)<", page)
    assert match, page
    return match[1]


def accept(pages: Pages, link: str, chosen: str = CHOSEN, again: str = "") -> tuple[Staff, int]:
    someone = pages.stranger()
    return someone, someone.post(link, {"chosen": chosen, "again": again or chosen}).status_code


def names(pages: Pages) -> dict[str, str]:
    return {user.name: user.role for user in users.users(pages.database.reader)}


@pytest.mark.parametrize("role", ROLES)
def test_the_invited_chooses_the_password_and_is_signed_in(pages: Pages, role: str) -> None:
    link = invite(pages.staff("admin"), role=role)
    assert "Lin" in pages.stranger().get(link).text
    someone, status = accept(pages, link)
    assert status == 303
    assert someone.get("/admin/account/").status_code == 200
    assert names(pages)["Lin"] == role
    again = pages.stranger()
    assert again.post("/admin/sign-in", {"name": "Lin", "password": CHOSEN}).status_code == 303


def test_a_link_works_once(pages: Pages) -> None:
    link = invite(pages.staff("admin"))
    accept(pages, link)
    someone, status = accept(pages, link, "another otter violin gravel")
    assert status == 410
    assert "This invitation is over" in someone.get(link).text
    assert someone.get("/admin/account/").status_code == 303


@pytest.mark.parametrize(("hours", "status"), [(71, 303), (72, 410)])
def test_a_link_ends_after_three_days(pages: Pages, hours: int, status: int) -> None:
    link = invite(pages.staff("admin"))
    pages.now += hours * HOUR
    assert accept(pages, link)[1] == status


def test_a_link_is_taken_back(pages: Pages) -> None:
    admin = pages.staff("admin")
    link = invite(admin)
    mark = re.search(r"/admin/users/invitations/(\w+)/end", admin.get("/admin/users/").text)
    assert mark
    assert mark[1] not in link
    admin.post(f"/admin/users/invitations/{mark[1]}/end")
    assert accept(pages, link)[1] == 410
    assert acts(pages)[-1] == "invitation_ended"


@pytest.mark.parametrize(("step", "fields"), [("disable", {}), ("role", {"role": "steward"})])
def test_the_links_of_a_former_admin_are_over(pages: Pages, step: str, fields: dict) -> None:
    former = pages.staff("admin")
    number = pages.value("SELECT MAX(user_id) FROM staff_user")
    link, other = invite(former, role="admin"), pages.staff("admin")
    kept = invite(other, name="Mei")
    assert other.post(f"/admin/users/{number}/{step}", fields).status_code == 303
    assert accept(pages, link)[1] == 410
    assert acts(pages).count("invitation_ended") == 1
    assert accept(pages, kept)[1] == 303


@pytest.mark.parametrize(
    ("chosen", "again", "message"),
    [
        ("otter violin", "", "15 to 200 characters"),
        ("Harbour-Forum-2026", "", "too easy to guess"),
        (CHOSEN, "otter violin gravel eight", "differ"),
    ],
)
def test_a_poor_password_leaves_the_link(
    pages: Pages, chosen: str, again: str, message: str
) -> None:
    link, someone = invite(pages.staff("admin")), pages.stranger()
    answer = someone.post(link, {"chosen": chosen, "again": again or chosen})
    assert answer.status_code == 400
    assert message in answer.text
    assert "Lin" not in names(pages)
    assert accept(pages, link)[1] == 303


def test_a_name_that_was_taken_meanwhile_is_told(pages: Pages) -> None:
    admin = pages.staff("admin")
    link, other = invite(admin), invite(admin)
    accept(pages, link)
    someone = pages.stranger()
    answer = someone.post(other, {"chosen": CHOSEN, "again": CHOSEN})
    assert answer.status_code == 400
    assert "There is already a user called Lin" in answer.text


@pytest.mark.parametrize(("name", "role"), [("", "steward"), ("Lin", "boss"), ("admin", "steward")])
def test_that_can_not_be_invited(pages: Pages, name: str, role: str) -> None:
    admin = pages.staff("admin")
    answer = admin.post("/admin/users/invite", {"name": name, "role": role})
    assert answer.status_code == 400
    assert "Nothing was changed" in answer.text
    assert f'<input id="invited-name" name="name" value="{name}"' in answer.text


def test_the_secret_is_stored_as_a_hash(pages: Pages) -> None:
    token = invite(pages.staff("admin")).rpartition("/")[2]
    stored = pages.value("SELECT token_hash FROM invitation")
    assert stored.hex() != token
    assert len(stored) == 32


def test_the_invited_counts_as_one_person_with_who_saw_the_link(pages: Pages) -> None:
    accept(pages, invite(pages.staff("admin"), role="supervisor"))
    by = {user.name: user.by for user in users.users(pages.database.reader)}
    admin = next(by[name] for name in by if name.startswith("admin-"))
    now = pages.now + 1
    assert dual_control.apart_from(pages.database.reader, admin, by["Lin"], now) is not None
