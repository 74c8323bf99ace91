"""That a hall is empty, and a lost kiosk's attestation, act on what their forms named. If that has
changed since the page was opened, nothing is changed, and the difference is shown.
"""

import re

import pytest

from badges.places.pool import PoolKey
from server.core.kiosks import registry
from server.core.occupancy import pools
from tests.server.conftest import HOUR, MINUTE
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import PASSWORD, Pages, Staff, acts, words


def fence(pages: Pages, door: FakeDoor) -> None:
    key = (door.kiosk, door.generation)
    pages.database.write(lambda db: registry.fence(db, *key, by="test", now=pages.now))


def hall_of(pages: Pages, code: str) -> int:
    return pages.value("SELECT hall_id FROM hall WHERE code = ?", code)


def places(pages: Pages, door: FakeDoor) -> int:
    """The places that the door may still have, by its hall's account."""
    pool = pools.load(pages.database.reader, PoolKey(door.hall))
    return pool.kiosks[door.kiosk, door.generation].held


def opened(admin: Staff, hall: int) -> dict[str, object]:
    """The fields of a page that was opened now, and is sent later."""
    page = f"/admin/halls/{hall}"
    return {"confirm": "yes", **admin.fields_shown(page, f"{page}/clear")}


def sent(admin: Staff, hall: int, fields: dict[str, object]) -> str:
    target = f"/admin/halls/{hall}/clear"
    return words(admin.post(target, fields, follow_redirects=True).text)


@pytest.fixture
def west(pages: Pages) -> FakeDoor:
    """A kiosk with places in h1, which is inside the hall "site"."""
    return pages.connected_kiosk("west-1", "h1-west")


def test_a_fenced_kiosk_of_an_inner_hall_is_named(pages: Pages, west: FakeDoor) -> None:
    fence(pages, west)
    admin, site = pages.staff("admin"), hall_of(pages, "site")
    page = words(admin.get(f"/admin/halls/{site}").text)
    assert re.search(r"fenced, lets nobody in any more: west-1 ?\( ?Hall 1 ?\)", page)
    without = {**opened(admin, site), "shown": [str(site), str(west.hall)]}
    refused = sent(admin, site, without)
    assert "New: kiosk west-1, number 1, in hall h1" in refused
    assert places(pages, west) > 0
    assert "hall_cleared" not in acts(pages)
    assert "counts as empty" in sent(admin, site, opened(admin, site))
    assert places(pages, west) == 0


def test_a_kiosk_fenced_after_the_page_was_opened(pages: Pages, west: FakeDoor) -> None:
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    admin = pages.staff("admin")
    before = opened(admin, west.hall)
    fence(pages, west)
    held = places(pages, west)
    refused = sent(admin, west.hall, before)
    assert "Nothing was changed: meanwhile this has changed. New: kiosk west-1" in refused
    assert "Inside, as scanned 1" in refused
    assert places(pages, west) == held > 0
    assert "hall_cleared" not in acts(pages)


def test_a_fenced_kiosk_that_holds_nothing_by_an_old_database(pages: Pages, west: FakeDoor) -> None:
    """It may have had places that this database has forgotten. They stay awaited if nobody named
    the kiosk.
    """
    fence(pages, west)
    pages.execute("UPDATE place_account SET granted = 0, returned = 0")
    admin, key = pages.staff("admin"), PoolKey(west.hall)
    assert "west-1" in words(admin.get(f"/admin/halls/{west.hall}").text)
    unnamed = {**opened(admin, west.hall), "shown": str(west.hall)}
    assert "New: kiosk west-1" in sent(admin, west.hall, unnamed)
    pool = pools.load(pages.database.reader, key)
    assert pool.kiosks["west-1", 1].attested is None
    assert "counts as empty" in sent(admin, west.hall, opened(admin, west.hall))
    pool = pools.load(pages.database.reader, key)
    assert pool.kiosks["west-1", 1].attested is not None
    assert "west-1" not in str(opened(admin, west.hall)["shown"])


def test_a_hall_nested_after_the_page_was_opened(pages: Pages, west: FakeDoor) -> None:
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    site = hall_of(pages, "site")
    pages.execute("UPDATE hall SET parent_id = NULL WHERE hall_id = ?", west.hall)
    admin = pages.staff("admin")
    before = opened(admin, site)
    pages.execute("UPDATE hall SET parent_id = ? WHERE hall_id = ?", site, west.hall)
    assert "New: hall h1" in sent(admin, site, before)
    inside = "SELECT COUNT(*) FROM stay WHERE hall_id = ? AND closed_at IS NULL"
    assert pages.value(inside, west.hall) == 1


def test_scans_of_another_database_are_not_those_that_the_page_had(
    pages: Pages, west: FakeDoor
) -> None:
    """An earlier copy was put back: its numbers went to other scans, of people who came since."""
    admin = pages.staff("admin")
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    before = opened(admin, west.hall)
    newest = "(SELECT MAX(number) FROM scan)"
    pages.execute(f"UPDATE leaf SET hash = ? WHERE number = {newest}", b"another scan".ljust(32))
    assert "the database was put back since the page was opened" in sent(admin, west.hall, before)
    inside = "SELECT COUNT(*) FROM stay WHERE hall_id = ? AND closed_at IS NULL"
    assert pages.value(inside, west.hall) == 1
    assert "counts as empty" in sent(admin, west.hall, opened(admin, west.hall))
    assert pages.value(inside, west.hall) == 0


@pytest.mark.parametrize("newest", ["7 00", "99999999999999999999 00", "x", "-1 00", "²  "])
def test_a_newest_scan_that_is_none(pages: Pages, west: FakeDoor, newest: str) -> None:
    admin = pages.staff("admin")
    fields = {**opened(admin, west.hall), "newest": newest}
    assert "was put back since" in sent(admin, west.hall, fields)


def test_a_form_that_names_nothing(pages: Pages, west: FakeDoor) -> None:
    admin = pages.staff("admin")
    assert "the form is not complete" in sent(admin, west.hall, {"confirm": "yes"})
    assert "New: hall h1" in sent(admin, west.hall, {"confirm": "yes", "newest": "none"})


def test_the_stopped_one_of_two_kiosks_of_one_name(pages: Pages, west: FakeDoor) -> None:
    fence(pages, west)
    pages.now += HOUR
    again = FakeDoor("west-1", west.door, west.hall, generation=2)
    pages.shown(again, "h1-west")
    admin = pages.staff("admin")
    page = words(admin.get(f"/admin/halls/{west.hall}").text)
    assert "west-1 , stopped Mon 04 May 10:00:00 , before the present west-1, which was" in page
    assert "added Mon 04 May 11:00:00 and is another one" in page
    before = opened(admin, west.hall)
    pages.now += MINUTE
    pages.database.write(
        lambda db: registry.confirm(db, pages.event, "west-1", by="test", now=pages.now)
    )
    fence(pages, again)
    assert "New: kiosk west-1, number 2, in hall h1" in sent(admin, west.hall, before)


def test_an_attestation_of_other_numbers_than_were_shown(pages: Pages, west: FakeDoor) -> None:
    fence(pages, west)
    admin, page = pages.staff("admin"), f"/admin/halls/{west.hall}"
    second = pages.staff("supervisor")
    assert second.get(page).status_code == 200
    name = pages.value("SELECT name FROM staff_user WHERE role = 'supervisor'")
    fields = {"inside": 0, "stopped": "yes", "name": name, "password": PASSWORD}
    fields |= admin.fields_shown(page, f"{page}/attest")
    west.scan(pages.now, pages.serial("A1"), category=1)
    pages.send(west)
    held = places(pages, west)
    refused = words(admin.post(f"{page}/attest", fields, follow_redirects=True).text)
    assert (
        "Nothing was changed: meanwhile this has changed. New: kiosk west-1, number 1, with"
        in refused
    )
    assert places(pages, west) == held
    fields |= admin.fields_shown(page, f"{page}/attest")
    done = words(admin.post(f"{page}/attest", fields, follow_redirects=True).text)
    assert "at most 0 counted as inside" in done
