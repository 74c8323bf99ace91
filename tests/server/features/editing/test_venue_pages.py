"""Read-only pages of the venue: halls, doors and the programme."""

from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.support.pages import Pages
from tests.server.support.stores import load_venue


def test_it_works(shown: Pages) -> None:
    answer = shown.staff("auditor").get("/admin/venue/")
    assert answer.status_code == 200
    for text in (
        "Harbour Centre", "海港中心", "within Harbour Centre", "120", "Green Room door", "(entry)",
        "Mon 04 May", "11:00–12:00", "Opening", "开幕式", "Press hour", "12:50–14:05",
        "Asia/Shanghai", "from Harbour Centre",
    ):  # fmt: skip
        assert text in answer.text


def test_an_empty_event_says_what_to_do(event: Event, database: Database) -> None:
    with Pages(event, database) as pages:
        text = pages.staff("admin").get("/admin/venue/").text
    assert "Add the first one, or import a venue file" in text
    assert "/admin/venue/hall/new" in text
    assert "No sessions yet" in text


def test_the_programme_is_shown_day_by_day_and_in_pages(event: Event, site: Database) -> None:
    many = "".join(
        f"""[[session]]\ncode = "s{n}"\nhall = "h1"\ntitle = "Talk {n}"
starts = "2026-05-05 09:00"\nends = "2026-05-05 10:00"\n"""
        for n in range(101, 222)
    )
    load_venue(event, site, many)
    with Pages(event, site) as pages:
        auditor = pages.staff("auditor")
        first = auditor.get("/admin/venue/?day=2026-05-05").text
        assert "Talk 101<" in first
        assert "Talk 201<" not in first
        assert "121 sessions, page 1 of 2" in first
        assert "Opening" not in first
        assert "Talk 221<" in auditor.get("/admin/venue/?day=2026-05-05&page=2").text
        for wrong in ("?day=x", "?day=2030-01-01", "?page=0", "?page=x"):
            assert "Opening" in auditor.get(f"/admin/venue/{wrong}").text


def test_a_door_of_which_nobody_said_where_it_leads_from(pages: Pages) -> None:
    pages.database.write(lambda db: db.execute("DELETE FROM door_from") and None)
    assert "from outside (not specified)" in pages.staff("auditor").get("/admin/venue/").text


def test_a_hall_whose_places_are_never_freed(pages: Pages) -> None:
    """The green room has only an entry door, and counts scanned exits."""
    admin, db = pages.staff("admin"), pages.database
    (hall_id,) = db.reader.execute("SELECT hall_id FROM hall WHERE code = 'green'").fetchone()
    addresses = {
        "/admin/venue/": "no door scans exits",
        f"/admin/halls/{hall_id}": "No door of this hall scans exits",
        "/admin/start": "1 hall never frees its places",
    }
    for address, warning in addresses.items():
        assert warning in admin.get(address).text
    db.write(lambda db: db.execute("UPDATE hall SET leaving = 'inferred'") and None)
    for address, warning in addresses.items():
        assert warning not in admin.get(address).text
