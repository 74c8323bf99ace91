"""The search in the header, and the menu in groups."""

import re

import pytest

from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.support.pages import Pages, acts


@pytest.fixture
def pages(event: Event, site: Database):
    with Pages(event, site) as opened:
        yield opened


def links(text: str) -> list[str]:
    return re.findall(r'href="([^"]+)"', text.partition("<main")[2])


def test_a_page_by_a_word_of_either_language(pages: Pages) -> None:
    admin = pages.known("admin")
    for word in ("kiosk", "验证机", "FENCE"):
        assert "/admin/kiosks/" in links(admin.get(f"/admin/find?q={word}").text), word


def test_people_halls_sessions_doors_and_kiosks(pages: Pages) -> None:
    pages.kiosk("west-1", "h1-west")
    admin = pages.known("admin")
    for text, start in (
        ("keller", "/admin/people/"), ("main", "/admin/venue/door/"), ("h1", "/admin/halls/"),
        ("west-1", "/admin/kiosks/#kiosk-west-1"), ("opening", "/admin/venue/session/"),
    ):  # fmt: skip
        targets = links(admin.get(f"/admin/find?q={text}").text)
        assert any(link.startswith(start) for link in targets), (text, targets)


def test_a_role_finds_only_pages_and_things_that_it_may_open(pages: Pages) -> None:
    steward = pages.known("steward")
    for text in ("keller", "h1", "users"):
        answer = steward.get(f"/admin/find?q={text}")
        assert "Nothing matches" in answer.text, text
    assert "/admin/kiosks/" not in links(answer.text)


def test_a_search_for_people_is_an_act(pages: Pages) -> None:
    pages.known("admin").get("/admin/find?q=keller")
    assert acts(pages).count("people_searched") == 1


def test_without_a_text_all_pages_of_the_role(pages: Pages) -> None:
    text = pages.known("admin").get("/admin/find").text
    for group in ("Today", "People", "Programme", "Doors", "Records and settings"):
        assert f">{group}</h2>" in text
    assert {"/admin/kiosks/", "/admin/mail/", "/admin/privacy/"} <= set(links(text))


def test_markup_in_the_text_is_shown_as_text(pages: Pages) -> None:
    text = pages.known("admin").get("/admin/find?q=<b>qqq</b>").text
    assert "<b>qqq</b>" not in text
    assert "Nothing matches" in text


class TestMenu:
    def test_five_groups_and_the_current_page(self, pages: Pages) -> None:
        header = pages.known("admin").get("/admin/kiosks/").text.partition("<main")[0]
        assert re.findall(r'aria-current="true">([^<]+)<', header) == ["Doors"]
        assert re.findall(r'aria-current="page">([^<]+)<', header) == ["Kiosks"]
        assert header.count("<ul>") == 5

    @pytest.mark.parametrize(
        ("role", "first"),
        [
            ("admin", ["Board", "Attendees", "Forum", "Kiosks", "Users"]),
            ("auditor", ["Board", "Attendees", "Forum", "Kiosks", "Staff actions"]),
        ],
    )
    def test_a_group_opens_the_page_that_its_name_says(
        self, pages: Pages, role: str, first: list[str]
    ) -> None:
        header = pages.known(role).get("/admin/").text.partition("<main")[0]
        groups = re.findall(
            r'<a href="([^"]+)"[^>]*>[^<]+</a>\s*<ul>\s*<li><a href="([^"]+)"[^>]*>([^<]+)<', header
        )
        assert [words for _, _, words in groups] == first
        assert all(opened == entry for opened, entry, _ in groups)

    def test_a_role_with_few_pages_has_few_groups(self, pages: Pages) -> None:
        header = pages.known("steward").get("/admin/").text.partition("<main")[0]
        assert ">Records and settings<" not in header
        assert header.count("<ul>") < 5

    def test_a_page_without_an_entry_marks_none(self, pages: Pages) -> None:
        header = pages.known("steward").get("/admin/account/").text.partition("<main")[0]
        assert 'aria-current="' not in header
