"""A hall's screen for the public: free places, sessions, and the links that open it."""

import re
from collections.abc import Iterator

import pytest

from server.core.event.directory import Event
from server.core.kiosks import registry
from server.core.occupancy.free_places import free_places
from server.features.halls import screen, screen_links
from server.storage.database import Database
from tests.server.conftest import MINUTE
from tests.server.features.halls.test_pages import hall_of
from tests.server.support.pages import Pages, acts, assert_only


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        opened.issue()
        yield opened


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen, "FRESH_S", 0.0)


def link_of(pages: Pages, code: str) -> str:
    """The path of a new link, made on the hall's page."""
    hall = hall_of(pages, code)
    answer = pages.known("admin").post(f"/admin/halls/{hall}/screens")
    assert answer.status_code == 201
    match = re.search(r"https://[^/<\s]+(/screen/[0-9a-f]{64})<", answer.text)
    assert match
    return match[1]


def shown(pages: Pages, link: str) -> str:
    answer = pages.stranger().get(f"{link}/now")
    assert answer.status_code == 200
    return " ".join(re.sub(r"<[^>]+>", " ", answer.text).split())


def change(pages: Pages, sql: str, *values: object) -> None:
    pages.database.write(lambda db: db.execute(sql, values) and None)


def test_it_works(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main)
    link = link_of(pages, "site")
    page = pages.stranger().get(link)
    assert page.headers["Cache-Control"] == "no-store"
    assert "Set-Cookie" not in page.headers
    text = shown(pages, link)
    assert text.startswith("Harbour Centre 海港中心 500 places free 个空位")
    main.scan(pages.now, pages.serial("A1"))
    pages.send(main)
    assert "499 places free" in shown(pages, link)
    chinese = pages.stranger().get(f"{link}?lang=zh").text
    assert chinese.index("海港中心") < chinese.index("Harbour Centre")


def test_it_shows_full_when_the_doors_would_refuse(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main)
    link, held = link_of(pages, "site"), main.free
    assert held > 1
    change(pages, "UPDATE hall SET open_stays = capacity - ? WHERE code = 'site'", held)
    assert f"{held} places free" in shown(pages, link), "those that the door holds"
    pages.now += 5 * MINUTE
    assert "Full 已满" in shown(pages, link), "the door is silent, and others can't have them"
    change(pages, "UPDATE hall SET open_stays = capacity - 1 - ? WHERE code = 'site'", held)
    assert "1 place free" in shown(pages, link)


def test_places_of_a_fenced_kiosk_and_kept_places_are_not_free(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    pages.send(main)
    hall = hall_of(pages, "site")

    def free() -> int:
        return free_places(pages.database.reader, hall, pages.now)

    assert free() == 500
    pages.database.write(lambda db: registry.fence(db, "main-1", 1, by="test", now=pages.now))
    left = 500 - main.free
    assert free() == left > 4
    change(pages, "UPDATE hall SET accessible_places = 4 WHERE code = 'site'")
    assert free() == left - 4


def test_the_hall_around_decides_too_where_the_doors_lead_in_from_outside(pages: Pages) -> None:
    site, inner = hall_of(pages, "site"), hall_of(pages, "h1")
    change(pages, "UPDATE hall SET open_stays = 495 WHERE hall_id = ?", site)
    change(pages, "DELETE FROM door_from")
    assert free_places(pages.database.reader, inner, pages.now) == 5
    change(
        pages,
        "INSERT INTO door_from (door_id, said, from_id)"
        " SELECT door_id, 1, ? FROM door WHERE hall_id = ?",
        site,
        inner,
    )
    assert free_places(pages.database.reader, inner, pages.now) == 100


def test_a_closed_hall_and_the_states_of_its_programme(pages: Pages) -> None:
    link, hall = link_of(pages, "h1"), hall_of(pages, "h1")
    sql = "UPDATE session SET opens_at = ?, starts_at = ?, closes_at = ?, ends_at = ?"
    change(pages, sql, 1, 2, 3, 4)

    def at(opens: int, starts: int, closes: int, ends: int) -> str:
        times = (pages.now + minute * MINUTE for minute in (opens, starts, closes, ends))
        first = "session_id = (SELECT MIN(session_id) FROM session)"
        change(pages, f"{sql}, hall_id = ? WHERE {first}", *times, hall)
        return shown(pages, link)

    assert "Opens 10:30 10:30开放" in at(30, 40, 60, 90)
    assert "Admission is over 已停止入场" in at(-60, -50, -10, 30)
    assert "places free" in at(-10, 10, 30, 60)
    running = at(-30, -20, 30, 60)
    assert "places free" in running
    assert "Now 正在进行 09:40–11:00" in running
    change(pages, "UPDATE hall SET closed_at = 1 WHERE code = 'site'")
    change(pages, "DELETE FROM door_from")
    assert "Closed 已关闭" in shown(pages, link), "its doors lead through the hall around"


def test_a_session_that_ended_before_midnight_and_still_admits(pages: Pages) -> None:
    link = link_of(pages, "h1")
    pages.now += 14 * 60 * MINUTE + 10 * MINUTE  # 00:10
    sql = "UPDATE session SET opens_at = ?, starts_at = ?, ends_at = ?, closes_at = ?"
    times = [pages.now + minutes * MINUTE for minutes in (-130, -120, -20, 10)]
    change(pages, sql, *times)
    assert "100 places free" in shown(pages, link)
    pages.now += 10 * MINUTE
    assert "Nothing today" in shown(pages, link)


def test_the_next_session_of_another_day_has_its_date(pages: Pages) -> None:
    link = link_of(pages, "h1")
    sql = "UPDATE session SET starts_at = ?, ends_at = ?, hall_id = ?"
    begins = pages.now + 24 * 60 * MINUTE
    change(pages, sql, begins, begins + 60 * MINUTE, hall_of(pages, "h1"))
    assert "Next 接下来 2026-05-05 10:00–11:00" in shown(pages, link)


def test_nothing_personal_is_on_it(pages: Pages) -> None:
    main = pages.kiosk("main-1", "main")
    main.scan(pages.now, pages.serial("A1"))
    pages.send(main)
    link = link_of(pages, "site")
    for path in (link, f"{link}/now"):
        page = pages.stranger().get(path).text
        assert "Keller" not in page
        assert "main-1" not in page


def test_a_revoked_link_shows_nothing(pages: Pages) -> None:
    link, hall = link_of(pages, "site"), hall_of(pages, "site")
    admin = pages.known("admin")
    page = admin.get(f"/admin/halls/{hall}").text
    assert link not in page, "it was shown once"
    (screen,) = screen_links.links(pages.database.reader, hall)
    target = f"/admin/halls/{hall}/screens/{screen.screen_id}/revoke"
    assert target in page
    answer = admin.post(target, follow_redirects=True)
    assert "The link is revoked" in answer.text
    for path in (link, f"{link}/now", f"/screen/{'0' * 64}"):
        assert pages.stranger().get(path).status_code == 404
    assert "Nothing was changed" in admin.post(target, follow_redirects=True).text
    assert acts(pages)[-2:] == ["hall_screen_added", "hall_screen_revoked"]
    stored = pages.database.reader.execute("SELECT token_hash FROM hall_screen").fetchone()[0]
    assert link.encode() not in bytes(stored)


def test_a_hall_has_so_many_screens(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(screen_links, "EACH_MAX", 1)
    link_of(pages, "site")
    hall = hall_of(pages, "site")
    answer = pages.known("admin").post(f"/admin/halls/{hall}/screens", follow_redirects=True)
    assert "this hall has 1 links of screens already; revoke one that is not used." in answer.text


def test_only_admins_make_and_revoke_links(pages: Pages) -> None:
    hall = hall_of(pages, "site")
    assert_only(pages, f"/admin/halls/{hall}/screens", method="POST")
    assert_only(pages, f"/admin/halls/{hall}/screens/1/revoke", method="POST")
    assert "/screens" not in pages.staff("supervisor").get(f"/admin/halls/{hall}").text
