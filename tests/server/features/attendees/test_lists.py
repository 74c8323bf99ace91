"""The list of attendees: filters in the address, export, and one action for many people."""

import io
import json
import re
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from werkzeug.test import TestResponse

from badges.credential.badge_number import badge_number
from server.core.event.calendar import Clock
from server.core.people import attendees, cards, collection, issuing
from server.features.attendees import bulk, listing, lists
from server.features.attendees.bulk import Action
from server.features.attendees.listing import Filter
from tests.server.conftest import HOUR, MINUTE
from tests.server.support.pages import Pages, Staff, acts

LIST = "/admin/people/"


def shown(page: TestResponse) -> list[str]:
    return re.findall(r'data-label="Name"><a [^>]*><bdi>(.*?)</bdi>', page.text)


def names(pages: Pages, **wanted: object) -> list[str]:
    db = pages.database.reader
    people, total = listing.page(db, listing.condition(db, Filter(**wanted)), "name", 50, 0)
    assert total == len(people)
    return [person.name for person in people]


def issue_and_print(pages: Pages, *external_ids: str) -> None:
    def step(db) -> None:
        issuing.issue_missing(db, pages.event, now=pages.now, by="user:9")
        badges = [issuing.current_badge(db, pages.serial(name)) for name in external_ids]
        cards.note_printed(db, cards.read(db, pages.event, badges), by="user:9", now=pages.now)

    pages.database.write(step)


def ask(staff: Staff, action: str, *people: str, **filters: str) -> TestResponse:
    query = [("do", action), *(("person", number) for number in people), *filters.items()]
    return staff.get("/admin/people/many", query_string=query)


def send(staff: Staff, preview: TestResponse, **more: str) -> TestResponse:
    form = preview.text[preview.text.index('action="/admin/people/many"') :]
    fields: dict[str, object] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value)  # type: ignore[attr-defined]
    fields.pop("csrf_token", None)
    return staff.post("/admin/people/many", {**fields, **more})


def admin(pages: Pages) -> Staff:
    return pages.staff("admin")


class TestFilter:
    def test_it_works(self, pages: Pages) -> None:
        desk = pages.staff("badge_desk")
        page = desk.get(f"{LIST}?category=4&country=SI")
        assert shown(page) == ["Boris Novak"]
        assert page.status_code == 200

    def test_each_field(self, pages: Pages) -> None:
        issue_and_print(pages, "A1", "A3")
        serial = pages.serial("A1")
        pages.database.write(
            lambda db: collection.note_collected(db, serial, 1, by="user:9", now=pages.now)
        )
        pages.database.write(
            lambda db: issuing.revoke(
                db, pages.serial("A4"), reason="conduct", by="user:9", now=pages.now
            )
        )
        assert names(pages, badge="collected") == ["Anna Keller"]
        assert names(pages, badge="to_collect") == ["Boris Novak"]
        assert names(pages, badge="to_print") == ["王小明"]
        assert names(pages, badge="revoked") == ["Chen Lee"]
        assert names(pages, badge="none") == []
        assert len(names(pages, badge="valid")) == 3
        assert names(pages, organisation="harbour") == ["Anna Keller"]
        assert names(pages, country="SG") == ["Chen Lee"]
        assert names(pages, letters=("K", "L")) == ["Anna Keller", "Chen Lee"]
        assert names(pages, text="novak", category=4) == ["Boris Novak"]
        assert names(pages, text="novak", category=1) == []

    def test_who_has_come_and_when(self, pages: Pages) -> None:
        serial = pages.serial("A1")
        pages.database.write(
            lambda db: db.execute(
                "INSERT INTO stay (kiosk, generation, seq, hall_id, door_id, serial, opened_at)"
                " VALUES ('x', 1, 1, (SELECT MIN(hall_id) FROM hall),"
                " (SELECT MIN(door_id) FROM door), ?, ?)",
                (serial, pages.now),
            )
        )
        today = (pages.now - 1, pages.now + 1)
        later = (pages.now + 1, pages.now + 2)
        assert names(pages, come=True) == ["Anna Keller"]
        assert "Anna Keller" not in names(pages, come=False)
        assert names(pages, come=True, day=today) == ["Anna Keller"]
        assert names(pages, day=later) == []
        assert len(names(pages, come=False, day=later)) == 4

    @pytest.mark.parametrize(
        ("day", "hours"), [("2026-03-28", 24), ("2026-03-29", 23), ("2026-10-25", 25)]
    )
    def test_a_day_ends_at_midnight_where_clocks_change(
        self, monkeypatch: pytest.MonkeyPatch, day: str, hours: int
    ) -> None:
        venue = SimpleNamespace(venue_clock=Clock(ZoneInfo("Europe/Berlin")))
        monkeypatch.setattr(lists, "services", lambda: venue)
        begins, ends = lists.asked({"day": day}).wanted.day
        assert ends - begins == hours * HOUR

    @pytest.mark.parametrize(
        "query",
        ["category=x", "country=Germany", "badge=lost", "letters=M-K", "come=x", "day=x"],
    )
    def test_a_wrong_field_is_named(self, pages: Pages, query: str) -> None:
        page = pages.staff("badge_desk").get(f"{LIST}?{query}")
        assert page.status_code == 400
        assert 'role="alert"' in page.text

    def test_pages_keep_the_filter(self, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr("server.features.attendees.pages.PAGE_ROWS", 1)
        page = pages.staff("badge_desk").get(f"{LIST}?letters=K-N&sort=newest")
        link = re.search(r'rel="next" href="([^"]*)"', page.text)
        assert link is not None
        query = dict(parse_qsl(urlsplit(link[1].replace("&amp;", "&")).query))
        assert query == {"letters": "K-N", "sort": "newest", "page": "2"}

    @pytest.mark.parametrize("sort", list(listing.SORTS))
    def test_orders(self, pages: Pages, sort: str) -> None:
        page = pages.staff("badge_desk").get(f"{LIST}?sort={sort}")
        assert len(shown(page)) == 4


class TestExport:
    def test_it_works(self, pages: Pages) -> None:
        staff = admin(pages)
        answer = staff.get(f"{LIST}list.csv?country=DE")
        rows = answer.text.lstrip("\ufeff").splitlines()
        assert rows[0].startswith("badge,id,given name")
        assert len(rows) == 2
        assert "anna@example.org" in rows[1]
        assert acts(pages)[-1] == "people_exported"

    def test_as_a_workbook(self, pages: Pages) -> None:
        answer = admin(pages).get(f"{LIST}list.xlsx")
        rows = list(openpyxl.load_workbook(io.BytesIO(answer.data)).active.values)
        assert len(rows) == 5
        assert "Keller" in rows[1] or "Keller" in rows[2] or "Keller" in rows[4]

    def test_only_after_the_password_and_for_who_may(self, pages: Pages) -> None:
        staff = pages.staff("admin")
        pages.now += 16 * MINUTE
        assert staff.get(f"{LIST}list.csv").status_code in (302, 303)
        assert pages.staff("badge_desk").get(f"{LIST}list.csv").status_code == 403


class TestMany:
    def test_the_preview_changes_nothing(self, pages: Pages) -> None:
        page = ask(admin(pages), "issue", whole="yes")
        assert "This is for 4 people." in page.text
        assert "gets a valid badge" in page.text
        assert issuing.missing_badges(pages.database.reader) == 4

    def test_issue_all_of_the_filter(self, pages: Pages) -> None:
        staff = admin(pages)
        send(staff, ask(staff, "issue", whole="yes", country="DE"))
        assert issuing.missing_badges(pages.database.reader) == 3
        assert acts(pages)[-1] == "badges_issued"

    def test_sent_twice_does_nothing_more(self, pages: Pages) -> None:
        staff = admin(pages)
        preview = ask(staff, "revoke", whole="yes")
        send(staff, preview, reason="withdrawn")
        again = send(staff, preview, reason="withdrawn")
        assert "Nothing was done now" in again.text
        assert acts(pages).count("badge_revoked") == 4

    def test_the_ticked_ones(self, pages: Pages) -> None:
        staff = admin(pages)
        number = badge_number(pages.serial("A1"))
        send(staff, ask(staff, "revoke", number), reason="conduct")
        revoked = [row[0] for row in pages.database.reader.execute(
            "SELECT external_id FROM attendee WHERE revoked_at IS NOT NULL")]  # fmt: skip
        assert revoked == ["A1"]

    def test_a_reason_is_needed(self, pages: Pages) -> None:
        staff = admin(pages)
        page = send(staff, ask(staff, "revoke", whole="yes"))
        assert "choose a reason" in page.text
        assert "badge_revoked" not in acts(pages)

    def test_a_list_that_has_changed_is_shown_again(self, pages: Pages) -> None:
        staff = admin(pages)
        preview = ask(staff, "issue", whole="yes")
        serial = pages.serial("A1")
        pages.database.write(
            lambda db: issuing.reissue(
                db, pages.event, serial, reason="first", now=pages.now, by="user:9"
            )
        )
        page = send(staff, preview)
        assert "this list has changed" in page.text
        assert "This is for 3 people." in page.text
        assert issuing.missing_badges(pages.database.reader) == 3

    def test_a_box_by_letters(self, pages: Pages) -> None:
        desk = pages.staff("badge_desk")
        send(desk, ask(desk, "box", whole="yes", letters="K–M"), box="K–M")
        db = pages.database.reader
        assert collection.box(db, pages.serial("A1")) == "K–M"
        assert collection.box(db, pages.serial("A3")) == ""
        assert acts(pages)[-1] == "card_box_set"

    def test_no_one_ticked(self, pages: Pages) -> None:
        assert ask(admin(pages), "revoke").status_code == 303

    def test_who_may_not_do_it_to_one_may_not_to_many(self, pages: Pages) -> None:
        desk = pages.staff("badge_desk")
        assert ask(desk, "revoke", whole="yes").status_code == 403
        assert ask(desk, "nothing", whole="yes").status_code == 400
        assert "Revoke" not in re.findall(
            r"<option value=\"revoke\">(.*?)</option>", desk.get(LIST).text
        )

    def test_reasons_for_being_left_out(self, pages: Pages) -> None:
        issue_and_print(pages)
        db = pages.database.reader
        serials = [row[0] for row in db.execute("SELECT serial FROM attendee")]
        assert bulk.preview(db, Action.ISSUE, serials).left_out == {"has_badge": 4}
        assert bulk.preview(db, Action.MAIL, serials).left_out == {}
        pages.database.write(
            lambda db: attendees.change_attendee(
                db, serials[0], {"email": ""}, by="user:9", now=pages.now
            )
        )
        assert bulk.preview(db, Action.MAIL, serials).left_out == {"no_email": 1}

    def test_cards_are_drawn_with_progress(self, pages: Pages) -> None:
        issue_and_print(pages)
        staff = admin(pages)
        answer = send(staff, ask(staff, "print", whole="yes", country="DE"))
        assert answer.headers["Location"].endswith("/admin/cards/print")
        staff.post("/admin/cards/print/cancel")


def test_subjects_have_no_names(pages: Pages) -> None:
    staff = admin(pages)
    send(staff, ask(staff, "issue", whole="yes"))
    (body,) = pages.database.reader.execute(
        "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1"
    ).fetchone()
    assert json.loads(body)["subject"] == {"count": 4}
