"""The overview: figures, latest entries, kiosks, discrepancies."""

import re
from collections.abc import Iterator

import msgspec
import pytest

from badges.wire import wire
from server.event.clock import Epoch
from server.event.directory import Event
from server.occupancy.figures import HallFigures
from server.storage.database import Database
from server.web.admin.overview import nested
from tests.server.conftest import MINUTE
from tests.server.support.pages import Pages, assert_only


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        yield opened


def test_it_works(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main)
    main.scan(pages.now, pages.serial("A1"), category=1)
    main.scan(pages.now, pages.serial("A2"), decision="denied", reason="hall_full", category=2)
    pages.now += 1000
    pages.send(main)
    text = _words(pages.staff("steward").get("/admin/").text)
    assert "Harbour Centre 海港中心" in text
    assert "1 of 500" in text
    assert re.search(r"At most 4\d\d inside, of which 4\d\d are unspent places at doors\.", text)
    assert "Within Harbour Centre." in text
    assert "Legal limit 120." in text
    assert "1 of 1 heard lately" in text
    assert "✕ Hall full" in text
    assert "None: every door answered" in text


def test_who_may(pages: Pages) -> None:
    assert_only(pages, "/admin/", "steward", "supervisor", "auditor")


def test_names_of_people_are_not_shown(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main)
    main.scan(pages.now, pages.serial("A1"))
    pages.send(main)
    for role in ("steward", "admin"):
        assert "Keller" not in pages.staff(role).get("/admin/").text


def test_links_only_for_those_who_may_follow(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main)
    main.scan(pages.now, pages.serial("A1"))
    pages.send(main)
    steward, admin = (pages.staff(role).get("/admin/").text for role in ("steward", "admin"))
    for link in ("/admin/people/", "/admin/entries", "/admin/kiosks/"):
        assert link not in steward
        assert link in admin


def test_a_full_hall_and_a_closed_hall_are_said_in_words(pages: Pages) -> None:
    pages.database.write(
        lambda db: db.execute("UPDATE hall SET open_stays = capacity WHERE code = 'green'") and None
    )
    pages.database.write(
        lambda db: db.execute("UPDATE hall SET closed_at = 1 WHERE code = 'h1'") and None
    )
    text = _words(pages.staff("steward").get("/admin/").text)
    assert "■ Full" in text
    assert "— Closed" in text
    pages.database.write(
        lambda db: db.execute("UPDATE hall SET open_stays = 11 WHERE code = 'green'") and None
    )
    assert "▲ Over capacity" in _words(pages.staff("steward").get("/admin/").text)


def test_a_discrepancy_names_both_doors_and_both_times(pages: Pages) -> None:
    main, other = pages.kiosk("main-1", "main"), pages.kiosk("main-2", "main")
    pages.send(main)
    pages.send(other)
    main.scan(pages.now, pages.serial("A1"))
    other.scan(pages.now + 2 * MINUTE, pages.serial("A1"))
    pages.now += 3 * MINUTE
    pages.send(main)
    pages.send(other)
    text = _words(pages.staff("steward").get("/admin/").text)
    assert "Already inside" in text
    assert "Admitted at Main entrance, Harbour Centre, Mon 04 May 10:02:00" in text
    assert "Inside since Main entrance, Harbour Centre, Mon 04 May 10:00:00" in text


def test_a_door_that_denied_in_vain_is_named(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main)
    main.scan(pages.now, pages.serial("A2"), decision="denied", reason="revoked")
    pages.send(main)
    text = _words(pages.staff("steward").get("/admin/").text)
    assert "Would have been admitted" in text
    assert "Denied (Revoked) at Main entrance" in text


def test_a_silent_or_sick_kiosk_is_named(pages: Pages) -> None:
    main, west = pages.kiosk("main-1", "main"), pages.kiosk("west-1", "h1-west")
    pages.send(main, health=wire.Health(camera="no camera found", battery_percent=9))
    pages.now += 5 * MINUTE
    pages.send(west)
    text = _words(pages.staff("steward").get("/admin/").text)
    assert "1 of 2 heard lately" in text
    assert "Silent for 5 min" in text
    assert "Camera: no camera found" in text
    assert "Battery at 9 %" in text
    assert "west-1" not in text


def test_halls_stand_before_what_they_contain() -> None:
    def hall(hall_id: int, parent: int | None) -> HallFigures:
        return HallFigures(hall_id, "{}", parent, 1, 1, 0, 0, 0, False, 0, 0)

    halls = [hall(1, 3), hall(2, 1), hall(3, None), hall(4, None)]
    assert [one.hall_id for one in nested(halls)] == [3, 1, 2, 4]


def test_an_event_without_a_venue_says_what_to_do(event: Event, site: Database) -> None:
    site.write(lambda db: [db.execute(f"DELETE FROM {table}") for table in _VENUE] and None)
    with Pages(event, site) as pages:
        text = pages.staff("admin").get("/admin/").text
        assert "Add the first one" in text
        assert "/admin/venue/hall/new" in text


_VENUE = (
    "session_guest",
    "session_category",
    "session",
    "door_from",
    "door",
    "hall_category",
    "hall",
)


def _words(html: str) -> str:
    """The text of a page, its spaces folded."""
    import re

    text = re.sub(r"<[^>]+>", " ", html)
    return re.sub(r"\s+([.,])", r"\1", re.sub(r"\s+", " ", text))


@pytest.mark.parametrize(("by_ms", "said"), [(3_600_000, "forward by 1 h"), (-300_000, "back by")])
def test_a_clock_that_was_set_is_told(pages: Pages, by_ms: int, said: str) -> None:
    admin = pages.staff("admin")
    assert "clock was set" not in admin.get("/admin/").text
    kept = Epoch(7, 0, "boot", pages.now - MINUTE, by_ms)
    text = msgspec.json.encode(kept).decode()
    pages.database.write(
        lambda db: (
            db.execute("INSERT OR REPLACE INTO setting VALUES ('clock', ?)", (text,)) and None
        )
    )
    page = " ".join(admin.get("/admin/").text.split())
    assert f"The server's clock was set {said}" in page
