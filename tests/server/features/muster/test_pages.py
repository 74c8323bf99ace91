"""The muster's pages: roles that may see and begin it, its list, its paper, in both languages."""

import re
from html import unescape
from urllib.parse import parse_qs, urlsplit

import pytest

from badges.record import StayRef
from server.core.venue import kept_places
from server.features.muster.pages import pages as pages_of_musters
from server.features.privacy import erase
from server.web import live
from tests.server.conftest import MINUTE, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff, acts, assert_only, words

prepare = Pages.issue  # for every attendee


def inside(pages: Pages, *external_ids: str) -> FakeDoor:
    """These people are in hall 1."""
    west = pages.kiosk("west-1", "h1-west")
    for external_id in external_ids:
        west.scan(NOW - MINUTE, pages.serial(external_id))
    pages.send(west)
    return west


def begin(officer: Staff) -> str:
    fields = {"reason": "drill <b>", "confirm": "yes"}
    return officer.post("/admin/muster/begin", fields, follow_redirects=True).text


def line(staff: Staff, serial: int, query: str = "") -> dict[str, object]:
    """The fields of the person's tick on the list, opened now."""
    page = staff.get(f"/admin/muster/1?{query}").text
    form = page.partition(f'name="serial" value="{serial}"')[2].partition("</form>")[0]
    return {"serial": serial, **dict(re.findall(r'name="(\w+)" value="([\w:]+)"', form))}


def test_it_is_begun_with_a_confirmation_and_ended_with_a_note(pages: Pages) -> None:
    inside(pages, "A1")
    officer = pages.staff("supervisor")
    assert "Nothing is locked or opened" in officer.get("/admin/muster/").text
    fields = {"reason": "drill"}
    page = officer.post("/admin/muster/begin", fields, follow_redirects=True).text
    assert "Nothing was begun: tick the box." in page
    fields = {"reason": " ", "confirm": "yes"}
    page = officer.post("/admin/muster/begin", fields, follow_redirects=True).text
    assert "Nothing was begun: state briefly why" in page
    page = begin(officer)
    assert "The muster has begun. Doors go on as before" in page
    assert "drill &lt;b&gt;" in page
    assert "Anna Keller" in page
    assert "on already" in begin(officer)
    page = officer.post("/admin/muster/1/end", {"note": ""}, follow_redirects=True).text
    assert "state briefly how it ended" in page
    page = officer.post("/admin/muster/1/end", {"note": "all out"}, follow_redirects=True).text
    assert "The muster has ended" in page
    assert "I see them" not in page
    assert acts(pages)[-2:] == ["muster_begun", "muster_ended"]
    assert 'href="/admin/muster/1"' in officer.get("/admin/muster/").text


def test_telephones_of_people_not_seen_yet_for_supervisors_while_it_is_on(pages: Pages) -> None:
    inside(pages, "A1", "A3")
    sql = "UPDATE attendee SET phone = '+41 79 <1>' WHERE external_id = ?"
    pages.database.write(lambda db: db.execute(sql, ("A1",)) and None)
    officer, steward = pages.staff("supervisor"), pages.staff("steward")
    begin(officer)
    page = officer.get("/admin/muster/").text
    assert '<a class="nowrap" href="tel:+4179&lt;1&gt;" aria-label="Call Anna Keller: ' in page
    assert page.count("tel:") == 1, "the other has none"
    paper = officer.get("/admin/muster/1/list").text
    assert "<th>Telephone</th>" in paper
    assert "+41 79 &lt;1&gt;" in paper
    for path in ("", "1/list"):
        text = steward.get(f"/admin/muster/{path}").text
        assert "Anna Keller" in text
        assert "+41 79" not in text
    steward.post("/admin/muster/1/seen", {**line(steward, pages.serial("A1")), "point": "B"})
    assert "tel:" not in officer.get("/admin/muster/").text, "she was seen"
    steward.post("/admin/muster/1/unseen", {"serial": pages.serial("A1")})
    assert "tel:" in officer.get("/admin/muster/").text
    officer.post("/admin/muster/1/end", {"note": "all out"})
    assert "tel:" not in officer.get("/admin/muster/1").text
    assert "Telephone" not in officer.get("/admin/muster/1/list").text


def test_a_steward_ticks_off_and_takes_back(pages: Pages) -> None:
    inside(pages, "A1", "A3")
    begin(pages.staff("admin"))
    steward = pages.staff("steward")
    serial = {**line(steward, pages.serial("A1")), "point": "B"}
    text = steward.post("/admin/muster/1/seen?state=seen", serial, follow_redirects=True).text
    assert "Noted as seen." in text
    assert "Anna Keller" in text
    assert "Boris Novak" not in text, "the filter stays"
    page = words(steward.get("/admin/muster/").text)
    assert page.index("Boris Novak") < page.index("Anna Keller"), "who is not seen stands first"
    text = steward.post("/admin/muster/1/unseen", serial, follow_redirects=True).text
    assert "On the list again." in text
    text = steward.post("/admin/muster/1/unseen", serial, follow_redirects=True).text
    assert "Nothing was changed: this person was not reported as seen." in text
    assert steward.post("/admin/muster/1/seen", {"serial": "x"}).status_code == 400
    nobody = {"serial": 1 if pages.serial("A1") != 1 else 2}
    text = steward.post("/admin/muster/1/seen", nobody, follow_redirects=True).text
    assert "There is no attendee with this badge number" in text


def test_the_list_filters_by_help_hall_and_sureness(pages: Pages) -> None:
    west = inside(pages, "A1", "A3")
    pages.database.write(
        lambda db: kept_places.put(db, [(pages.serial("A3"), "wheelchair")], by="t", now=NOW)
    )
    officer = pages.staff("supervisor")
    begin(officer)
    helped = officer.get("/admin/muster/1?help=1").text
    assert "Boris Novak" in helped
    assert "Wheelchair" in helped
    assert "Anna Keller" not in helped
    assert "Anna Keller" in officer.get(f"/admin/muster/1?hall={west.hall}").text
    assert "Anna Keller" not in officer.get("/admin/muster/1?hall=1000").text
    assert "Anna Keller" not in officer.get("/admin/muster/1?sureness=door_away").text
    assert officer.get("/admin/muster/1?hall=x&state=y&sureness=z&page=q").status_code == 200
    assert officer.get("/admin/muster/2").status_code == 404


def test_a_tick_on_a_page_that_was_opened_before_a_new_entry(pages: Pages) -> None:
    west = inside(pages, "A1")
    begin(pages.staff("admin"))
    steward = pages.staff("steward")
    opened = line(steward, pages.serial("A1"))
    pages.now += MINUTE
    west.scan(pages.now, pages.serial("A1"), flags=("passback",))
    pages.send(west)
    for fields in (opened, {"serial": pages.serial("A1")}):
        text = steward.post("/admin/muster/1/seen", fields, follow_redirects=True).text
        assert "since you opened the list, the entries" in text
    assert pages.value("SELECT COUNT(*) FROM muster_seen") == 0
    fields = line(steward, pages.serial("A1"))
    text = steward.post("/admin/muster/1/seen", fields, follow_redirects=True).text
    assert "Noted as seen." in text


@pytest.mark.parametrize(("lang", "word"), [("en", "Not seen yet: 2"), ("zh", "尚未见到: 2")])
def test_the_board_shows_a_running_muster(pages: Pages, lang: str, word: str) -> None:
    inside(pages, "A1", "A3")
    officer = pages.staff("supervisor")
    link = 'href="/admin/muster/1"'
    assert link not in officer.get(f"/admin/?lang={lang}").text
    begin(officer)
    page = officer.get(f"/admin/?lang={lang}").text
    assert link in page
    assert word in words(page)
    officer.post("/admin/muster/1/end", {"note": "all out"})
    assert link not in officer.get(f"/admin/?lang={lang}").text


def test_a_tick_returns_to_the_page_and_filter_of_the_list(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pages_of_musters, "ROWS", 1)
    inside(pages, "A1", "A3")
    begin(pages.staff("admin"))
    steward = pages.staff("steward")
    shown = "state=missing&sureness=exits_scanned"
    page = steward.get(f"/admin/muster/1?{shown}&page=2").text
    assert "Boris Novak" in page
    match = re.search(r'action="([^"]*/seen[^"]*)"', page)
    assert match
    answer = steward.post(unescape(match[1]), line(steward, pages.serial("A3"), f"{shown}&page=2"))
    query = parse_qs(urlsplit(answer.location).query)
    assert query == {"state": ["missing"], "sureness": ["exits_scanned"], "page": ["2"]}
    page = steward.get(answer.location).text
    assert "Noted as seen." in page
    assert "Anna Keller" in page, "it was the last page's last person"


def test_paper_has_one_hall_a_sheet_and_who_was_not_seen(pages: Pages) -> None:
    inside(pages, "A1", "A2", "A3")
    pages.database.write(
        lambda db: (
            db.execute(
                "UPDATE attendee SET organisation = '<script>' WHERE serial = ?",
                (pages.serial("A3"),),
            )
            and None
        )
    )
    officer = pages.staff("auditor")
    begin(pages.staff("supervisor"))
    steward = pages.staff("steward")
    steward.post("/admin/muster/1/seen", line(steward, pages.serial("A1")))
    paper = officer.get("/admin/muster/1/list").text
    assert paper.count("<section>") == 2, "the totals and the one hall"
    assert "王小明" in paper
    assert "Anna Keller" not in paper
    assert "&lt;script&gt;" in paper
    assert "<script>" not in paper.partition("<main")[2]
    assert "Anna Keller" in officer.get("/admin/muster/1/list?all=1").text
    assert acts(pages)[-1] == "muster_printed"


def test_somebody_on_the_list_is_erased(pages: Pages) -> None:
    """Their name and number are gone, and the rest can be read."""
    west = inside(pages, "A1")
    admin = pages.staff("admin")
    begin(admin)
    serial = pages.serial("A1")
    west.leave(pages.now, serial, StayRef(west.kiosk, west.generation, 1))
    pages.send(west)
    admin.post("/admin/muster/1/end", {"note": "all out"})
    pages.database.write(lambda db: erase.erase(db, pages.event, serial, by="t", now=pages.now))
    for page in ("/admin/muster/1", "/admin/muster/1/list?all"):
        answer = admin.get(page)
        assert answer.status_code == 200
        assert "Hall 1" in answer.text
        assert "Keller" not in answer.text


def test_it_speaks_chinese(pages: Pages) -> None:
    inside(pages, "A1")
    officer = pages.staff("supervisor")
    assert "开始清点" in officer.get("/admin/muster/?lang=zh").text
    begin(officer)
    page = officer.get("/admin/muster/1?lang=zh").text.partition('<div lang="zh')[2]
    assert "尚未见到" in page
    assert re.search(r"\d\d:\d\d</time> 由 <bdi>supervisor", page)
    assert "尚未见到" in officer.get("/admin/muster/1/list?lang=zh").text


def test_the_page_is_live(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(live, "LOOK_S", 0.05)
    monkeypatch.setattr(live, "PACE_S", 0.05)
    monkeypatch.setattr(pages_of_musters, "PACE_S", 0.05)
    west = inside(pages, "A1", "A3")
    officer = pages.staff("supervisor")
    begin(officer)
    feed = officer.get("/admin/muster/1/live")
    events = iter(feed.response)
    assert next(events) == b"retry: 1000\n\n"
    assert b"muster-totals" in next(events)
    west.scan(
        pages.now, pages.serial("A1"), decision="denied", reason="roll_call", note="A", by="user:1"
    )
    pages.send(west)
    changed = next(events)
    assert b"muster-halls" in changed
    feed.close()


def test_who_may_what(pages: Pages) -> None:
    inside(pages, "A1")
    begin(pages.staff("admin"))
    everybody = ("steward", "supervisor", "auditor")
    for target in ("/admin/muster/", "/admin/muster/1", "/admin/muster/1/list"):
        assert_only(pages, target, *everybody)
    for target in ("/admin/muster/1/seen", "/admin/muster/1/unseen"):
        assert_only(pages, target, "steward", "supervisor", method="POST")
    for target in ("/admin/muster/begin", "/admin/muster/1/end"):
        assert_only(pages, target, "supervisor", method="POST")
