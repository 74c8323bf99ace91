"""The checklist until doors open."""

import re
from dataclasses import replace
from datetime import timedelta

import pytest

from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.support.pages import Pages

DAY_MS = 86_400_000


@pytest.fixture
def pages(event: Event, site: Database):
    """The event's first day is in three days."""
    settings = event.settings
    later = replace(settings, first_day=settings.first_day + timedelta(days=3))
    with Pages(replace(event, settings=later), site) as opened:
        yield opened


def states(text: str) -> dict[str, tuple[bool, str]]:
    """Return whether each step is done, and its figures."""
    steps = re.findall(
        r'<span class="tag \w+">(✓|○).*?<b>([^<]+)</b></a> <span class="muted">([^<]*)<', text, re.S
    )
    return {words: (sign == "✓", figures) for sign, words, figures in steps}


def test_each_step_has_a_state_with_figures_and_a_page(pages: Pages) -> None:
    admin = pages.known("admin")
    text = admin.get("/admin/start").text
    steps = states(text)
    assert steps["Halls"][0]
    assert steps["Kiosks"] == (False, "0 of 3 doors have a kiosk that has reported")
    assert not steps["Badges"][0]
    people = re.match(r"(\d+) people · 0 with a badge", steps["Badges"][1])
    assert people
    pages.issue()
    steps = states(admin.get("/admin/start").text)
    assert steps["Badges"] == (True, f"{people[1]} people · {people[1]} with a badge")
    for link in re.findall(r'href="([^"]+)"><b>', text):
        assert admin.get(link).status_code == 200, link


def test_steps_that_block_come_first_and_open_ones_on_top(pages: Pages) -> None:
    text = pages.known("admin").get("/admin/start").text
    needed, advised = text.partition('id="h-advised"')[::2]
    assert "2 steps are needed before doors can open" in text
    assert list(states(needed))[:2] == ["Badges", "Kiosks"]
    assert {"Cards", "Mails", "Users", "Second factor"} <= states(advised).keys()


class TestLanding:
    def test_admins_before_the_event_while_it_is_blocked(self, pages: Pages) -> None:
        assert pages.known("admin").get("/").location == "/admin/start"

    def test_not_once_a_badge_was_scanned(self, pages: Pages) -> None:
        pages.issue()
        door = pages.connected_kiosk("k-1", "main")
        door.scan(pages.now, pages.serial("A1"))
        pages.send(door)
        assert pages.known("admin").get("/").location == "/admin/"

    def test_the_page_warns_once_the_event_has_begun(self, pages: Pages) -> None:
        pages.now += 3 * DAY_MS
        admin = pages.staff("admin")
        assert admin.get("/").location == "/admin/start"
        assert "2 steps are missing, and the event has begun" in admin.get("/admin/start").text

    def test_not_once_nothing_blocks(self, pages: Pages) -> None:
        pages.issue()
        for number, (code,) in enumerate(
            pages.database.reader.execute("SELECT code FROM door").fetchall()
        ):
            pages.connected_kiosk(f"k-{number}", code)
        admin = pages.known("admin")
        assert admin.get("/").location == "/admin/"
        assert "Doors can open." in admin.get("/admin/start").text

    def test_other_roles_get_their_first_page(self, pages: Pages) -> None:
        for role, page in (("steward", "/admin/"), ("badge_desk", "/desk/")):
            assert pages.known(role).get("/").location == page
            assert pages.known(role).get("/admin/start").status_code == 403
