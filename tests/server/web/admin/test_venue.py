"""The venue: halls, doors and the programme, to be read."""

from collections.abc import Iterator

import pytest

from server.event.directory import Event
from server.storage.database import Database
from tests.server.support.pages import Pages, assert_only


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        yield opened


def test_it_works(pages: Pages) -> None:
    answer = pages.staff("auditor").get("/admin/venue/")
    assert answer.status_code == 200
    for text in (
        "Harbour Centre", "海港中心", "within Harbour Centre", "120", "Green Room door", "(entry)",
        "Mon 04 May", "11:00–12:00", "Opening", "开幕式", "Press hour", "12:50–14:05",
        "Asia/Shanghai", "from Harbour Centre",
    ):  # fmt: skip
        assert text in answer.text


def test_who_may(pages: Pages) -> None:
    assert_only(pages, "/admin/venue/", "auditor")


def test_an_empty_event_says_what_to_do(event: Event, database: Database) -> None:
    with Pages(event, database) as pages:
        text = pages.staff("admin").get("/admin/venue/").text
    assert "hallkeeper import-venue" in text
    assert "No sessions yet" in text


def test_a_door_of_which_nobody_said_where_it_leads_from(pages: Pages) -> None:
    pages.database.write(lambda db: db.execute("DELETE FROM door_from") and None)
    assert "from outside, as nobody said" in pages.staff("auditor").get("/admin/venue/").text
