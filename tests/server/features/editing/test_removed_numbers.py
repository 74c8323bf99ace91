"""Badges and scans carry the numbers of categories and sessions, so nothing else may get them."""

import pytest

from server.core.venue import numbers
from server.features.imports.roster_read import RosterFile, read_for_event
from server.features.imports.venue_plan import VenueError
from server.features.rehearsal.would_enter import would_enter
from tests.server.conftest import ROSTER
from tests.server.features.editing.test_editing import (
    GUEST,
    address,
    edit,
    number,
    removed,
    removed_category,
)
from tests.server.support.pages import Pages, Staff
from tests.server.support.stores import load_venue

MINISTER = {"name": "Minister", "letter": "M", "colour": "#5b008a"}
BOARD = {"title": "Board meeting", "hall": "h1", "starts": "2026-05-05T09:00",
         "ends": "2026-05-05T10:00", "categories": ["vip"]}  # fmt: skip


@pytest.fixture
def guest_card(pages: Pages, admin: Staff) -> int:
    """A1 is a delegate, whose card still says Guest. That category was removed. Returns its
    number.
    """
    admin.post("/admin/venue/category/new", GUEST)
    guest = number(pages, "category", "guest")
    pages.change_attendee(pages.serial("A1"), category=guest)
    pages.issue()
    pages.change_attendee(pages.serial("A1"), category=number(pages, "category", "delegate"))
    removed_category(pages, admin, "guest")
    assert pages.value("SELECT COUNT(*) FROM category WHERE code = 'guest'") == 0
    return guest


def test_a_card_of_a_removed_category_is_not_one_of_the_next(
    pages: Pages, admin: Staff, guest_card: int
) -> None:
    admin.post("/admin/venue/category/new", MINISTER)
    edit(admin, address(pages, "hall", "site"), categories=["minister"])
    answer = would_enter(pages.database.reader, pages.event, "A1", "site", pages.now)
    assert not answer.admitted


def test_a_category_of_the_same_name_gets_its_number_back_from_a_file(
    pages: Pages, guest_card: int
) -> None:
    with pytest.raises(VenueError, match=f"number {guest_card} was that of guest, which was"):
        load_venue(pages.event, pages.database, CATEGORY.format(guest_card, "minister"))
    load_venue(pages.event, pages.database, CATEGORY.format(guest_card, "guest"))
    assert number(pages, "category", "guest") == guest_card


def test_a_new_category_of_a_roster_has_another_number(pages: Pages, admin: Staff) -> None:
    load_venue(pages.event, pages.database, CATEGORY.format(8, "guest"))
    removed_category(pages, admin, "guest")
    data = f"{ROSTER}Z1,Zoe,,,,,Astronaut,,,,en\n".encode()
    file = RosterFile(data, "people.csv", new_categories=True)
    read = read_for_event(pages.database.reader, pages.event.settings, file)
    assert [plan.code for plan in read.new_categories] == [9]


def test_scans_of_a_removed_session_are_not_those_of_the_next(pages: Pages, admin: Staff) -> None:
    pages.issue()
    press = number(pages, "session", "press")
    west = pages.connected_kiosk("west-1", "h1-west")
    west.scan(pages.now, pages.serial("A3"), category=4, session=press)
    pages.send(west)
    assert "Press hour" in admin.get("/admin/entries").text
    removed(admin, address(pages, "session", "press"))
    admin.post("/admin/venue/session/new", BOARD)
    assert "Board meeting" not in admin.get("/admin/entries").text
    load_venue(pages.event, pages.database, SAME_PRESS)
    assert number(pages, "session", "press") == press
    assert "Press hour" in admin.get("/admin/entries").text


def test_a_removed_hall_has_a_number_of_its_own(pages: Pages, admin: Staff) -> None:
    load_venue(pages.event, pages.database, HALL.format("spare"))
    spare = number(pages, "hall", "spare")
    removed(admin, address(pages, "hall", "spare"))
    load_venue(pages.event, pages.database, HALL.format("other"))
    assert number(pages, "hall", "other") > spare
    assert numbers.removed(pages.database.reader, "hall") == {spare: "spare"}


CATEGORY = """[[category]]
code = {}
key = "{}"
name = "X"
letter = "G"
colour = "#8a5b00"
"""
HALL = '[[hall]]\ncode = "{}"\nname = "Spare"\ncapacity = 9\n'
SAME_PRESS = """[[session]]\ncode = "press"\nhall = "h1"\ntitle = "Press hour"
starts = "2026-05-05 12:00"\nends = "2026-05-05 13:00"\ncategories = ["press"]\n"""
