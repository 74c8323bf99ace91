"""The list of attendees: filters in the address, export, and one action for many people."""

import io
import json
import re
import threading
from collections.abc import Iterator
from types import SimpleNamespace
from urllib.parse import parse_qsl, urlsplit
from zoneinfo import ZoneInfo

import openpyxl
import pytest
from werkzeug.test import TestResponse

from badges.credential.badge_number import badge_number
from server.core.event.calendar import Clock
from server.core.people import attendees, cards, collection, issuing
from server.features.attendees import bulk, listing, lists, many
from server.features.attendees.bulk import Action
from server.features.attendees.listing import Filter
from server.storage.database import Database
from server.web.jobs import Job, State, jobs_of
from server.web.services import services_of
from tests.server.conftest import HOUR, MINUTE
from tests.server.support.pages import Pages, Staff, acts, assert_only, words
from tests.waiting import LONGEST_S

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


def form_of(preview: TestResponse) -> dict[str, object]:
    """Return the fields of a preview's form."""
    form = preview.text[preview.text.index('action="/admin/people/many"') :]
    fields: dict[str, object] = {}
    for name, value in re.findall(r'<input type="hidden" name="(\w+)" value="([^"]*)"', form):
        fields.setdefault(name, []).append(value)  # type: ignore[attr-defined]
    fields.pop("csrf_token", None)
    return fields


def send(staff: Staff, preview: TestResponse, **more: str) -> TestResponse:
    """Send the form, and wait for the job that it begins."""
    answer = staff.post("/admin/people/many", {**form_of(preview), **more})
    for action in many.JOBS:
        job = jobs_of(services_of(staff.client.application)).own(f"people: {action}")
        assert job is None or job.ended.wait(LONGEST_S)
    return answer


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

    def test_replace_badges(self, pages: Pages) -> None:
        issue_and_print(pages)
        pages.revoke(pages.serial("A4"))
        staff = admin(pages)
        preview = ask(staff, "reissue", whole="yes")
        assert "This is for 3 people." in preview.text
        assert "void at every door at once" in words(preview.text)
        assert "Left out: 1 revoked" in preview.text
        assert "choose a reason" in send(staff, preview).text
        send(staff, preview, reason="misprint")
        db = pages.database.reader
        assert attendees.attendee(db, pages.serial("A1")).issue == 2
        assert attendees.attendee(db, pages.serial("A4")).issue == 1
        assert "Nothing was done now" in send(staff, preview, reason="misprint").text
        assert acts(pages).count("badge_reissued") == 3
        later = ask(staff, "reissue", whole="yes", since=str(pages.now))
        assert "Left out: 4 have a new badge already" in words(later.text)

    def test_a_badge_that_was_replaced_meanwhile_stays(self, pages: Pages) -> None:
        issue_and_print(pages)
        serials = [pages.serial("A1"), pages.serial("A2")]
        pages.reissue(serials[0])
        told = []
        bulk.reissue(
            pages.event, pages.database, dict.fromkeys(serials, 1), "lost", by="user:1",
            clock=lambda: pages.now, tell=lambda *figures: told.append(figures),
        )  # fmt: skip
        assert told == [(2, 2, 1)]
        issues = [attendees.attendee(pages.database.reader, serial).issue for serial in serials]
        assert issues == [2, 2]

    def test_cards_are_drawn_with_progress(self, pages: Pages) -> None:
        issue_and_print(pages)
        staff = admin(pages)
        answer = send(staff, ask(staff, "print", whole="yes", country="DE"))
        assert answer.headers["Location"].endswith("/admin/cards/print")
        staff.post("/admin/cards/print/cancel")


class TestProgress:
    @pytest.fixture
    def slow(self, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> Iterator[threading.Event]:
        """Let a job go on, in parts of one person, until this is set."""
        go = threading.Event()
        write = Database.write

        def wait(database: Database, step, **options):
            if options.get("long"):
                assert go.wait(LONGEST_S)
            return write(database, step, **options)

        monkeypatch.setattr(Database, "write", wait)
        monkeypatch.setattr(bulk, "AT_ONCE", 1)
        monkeypatch.setattr(many, "QUICK_S", 0.0)
        yield go
        go.set()

    def test_it_is_shown_and_ends(self, pages: Pages, slow: threading.Event) -> None:
        staff = admin(pages)
        page = ask(staff, "issue", whole="yes")
        slow_sent = staff.post("/admin/people/many", form_of(page))
        assert slow_sent.location == "/admin/people/many/progress?do=issue"
        running = staff.get(slow_sent.location)
        assert 'http-equiv="refresh"' in running.text
        assert "0 of 0 people are done." in running.text
        assert "under way" in words(staff.get(LIST).text)
        assert "This is under way already" in staff.post("/admin/people/many", form_of(page)).text
        slow.set()
        job = jobs_of(services_of(pages.app)).own("people: issue")
        assert job is not None
        assert job.ended.wait(LONGEST_S)
        assert (job.done, job.total) == (4, 4)
        ended = staff.get(slow_sent.location)
        assert "4 badges were issued." in ended.text
        assert 'http-equiv="refresh"' not in ended.text
        assert "under way" not in words(staff.get(LIST).text)

    def test_cancelled_and_begun_again(self, pages: Pages, slow: threading.Event) -> None:
        staff = admin(pages)
        staff.post("/admin/people/many", form_of(ask(staff, "issue", whole="yes")))
        staff.post("/admin/people/many/cancel", {"do": "issue"})
        slow.set()
        job = jobs_of(services_of(pages.app)).own("people: issue")
        assert job is not None
        assert job.ended.wait(LONGEST_S)
        assert job.state is State.CANCELLED
        page = staff.get("/admin/people/many/progress?do=issue")
        assert "Cancelled. 1 of 4 were done." in words(page.text)
        link = re.search(r'href="([^"]*)">Start the rest again', page.text)
        assert link is not None
        assert "This is for 3 people." in staff.get(link[1].replace("&amp;", "&")).text
        sent = form_of(staff.get(link[1].replace("&amp;", "&")))
        assert staff.post("/admin/people/many", sent).status_code == 303
        assert jobs_of(services_of(pages.app)).own("people: issue").ended.wait(LONGEST_S)
        assert "This is for 3 people." not in staff.get(link[1].replace("&amp;", "&")).text

    def test_a_search_leaves_no_words_but_numbers(self, pages: Pages) -> None:
        """A setting would keep them after the person's erasure, and in later backups."""
        issue_and_print(pages)
        staff = admin(pages)
        page = staff.get("/admin/people/many?do=reissue&whole=yes&q=Keller")
        form = {**form_of(page), "reason": "lost"}
        assert form["q"] == ["Keller"]
        staff.post("/admin/people/many", form)
        job = jobs_of(services_of(pages.app)).own("people: reissue")
        assert job.ended.wait(LONGEST_S)
        assert (job.state, job.total) == (State.READY, 1)
        settings = pages.database.reader.execute("SELECT key, value FROM setting").fetchall()
        assert [key for key, value in settings if "Keller" in value] == []

    def test_a_server_that_ended_in_the_middle(self, pages: Pages) -> None:
        job = Job("people: reissue", "user:1", "other", pages.now, done=2, total=4, again="/again")
        value = json.dumps({**vars(job), "state": "running"})
        pages.execute("INSERT INTO setting (key, value) VALUES (?, ?)", f"job {job.kind}", value)
        staff = admin(pages)
        assert "Replace badges : broke off, 2 of 4" in words(staff.get(LIST).text)
        page = staff.get("/admin/people/many/progress?do=reissue")
        assert "ended before it was done. At least 2 of 4 were done." in words(page.text)
        assert 'href="/again">Start the rest again' in page.text

    def test_only_for_those_who_may(self, pages: Pages) -> None:
        desk = pages.staff("badge_desk")
        assert desk.get("/admin/people/many/progress?do=revoke").status_code == 403
        assert "Nothing is under way." in desk.get("/admin/people/many/progress?do=reissue").text


class TestNumbers:
    PAGE = "/admin/people/by-numbers"

    def test_it_leads_to_the_preview(self, pages: Pages) -> None:
        issue_and_print(pages)
        staff = admin(pages)
        number = badge_number(pages.serial("A1"))
        sent = staff.post(self.PAGE, {"do": "reissue", "numbers": f"{number.lower()}, A3\n A1 A3"})
        preview = staff.get(sent.location)
        assert "This is for 2 people." in preview.text
        assert "Anna Keller" in preview.text
        send(staff, preview, reason="damaged")
        issues = [
            attendees.attendee(pages.database.reader, pages.serial(name)).issue
            for name in ("A1", "A2", "A3")
        ]
        assert issues == [2, 1, 2]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("A1 A9, ZZZZZ", "Nobody has these numbers"),
            (" , ", "Paste at least one number."),
        ],
    )
    def test_wrong_numbers_are_named(self, pages: Pages, text: str, message: str) -> None:
        page = admin(pages).post(self.PAGE, {"do": "reissue", "numbers": text})
        assert page.status_code == 400
        assert message in page.text
        assert f">{text}</textarea>" in page.text
        named = re.findall(r"<li><bdi>(.*?)</bdi>", page.text)
        assert named == (["A9", "ZZZZZ"] if "A9" in text else [])

    def test_too_many(self, pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(many, "CHOSEN_MAX", 1)
        page = admin(pages).post(self.PAGE, {"do": "reissue", "numbers": "A1 A2"})
        assert "At most 1 at a time." in page.text

    def test_for_the_badge_desk(self, pages: Pages) -> None:
        assert_only(pages, self.PAGE, "badge_desk")
        page = pages.staff("badge_desk").get(self.PAGE).text
        assert "Replace badges" in page
        assert "Revoke" not in page


def test_subjects_have_no_names(pages: Pages) -> None:
    staff = admin(pages)
    send(staff, ask(staff, "issue", whole="yes"))
    (body,) = pages.database.reader.execute(
        "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1"
    ).fetchone()
    assert json.loads(body)["subject"] == {"count": 4}
