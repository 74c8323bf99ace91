"""The badge desk's pages: each act's form, wrong input, old pages, and repeated forms."""

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
from werkzeug.datastructures import FileStorage
from werkzeug.test import TestResponse, encode_multipart

from server.core.event.directory import Event
from server.core.people import issuing
from server.core.people.phone_token import phone_token
from server.features.desk import id_check
from server.features.printers import jobs
from server.storage.database import Database
from tests.server.features.desk.pages.support import DeskClerk, fields_of
from tests.server.features.desk.support import add_printer
from tests.server.features.desk.test_photo import picture
from tests.server.support.pages import Pages, acts


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    with Pages(event, site) as opened:
        yield opened


def prepare(pages: Pages) -> None:
    """Anna has a badge, and its print waits."""
    add_printer(pages.database)
    # A new clerk, because the shown pages have no signed-in staff yet.
    press_print(DeskClerk(pages, Pages.staff(pages, "badge_desk")))


def press_print(clerk: DeskClerk) -> None:
    clerk.press(clerk.page("A1"), f"{clerk.page('A1')}/print")


@pytest.fixture
def watcher(shown: Pages) -> DeskClerk:
    """A clerk who changes nothing."""
    return DeskClerk(shown, shown.staff("badge_desk"))


@pytest.fixture
def clerk(pages: Pages) -> DeskClerk:
    add_printer(pages.database)
    return DeskClerk(pages, pages.staff("badge_desk"))


@pytest.fixture
def printing(clerk: DeskClerk) -> DeskClerk:
    """Anna has a badge, and its print waits."""
    press_print(clerk)
    return clerk


def queued(pages: Pages) -> list[tuple[int, int, str]]:
    rows = reversed(jobs.newest_jobs(pages.database.reader, 50))
    return [(job.serial, job.issue, job.state.value) for job in rows]


def people(pages: Pages) -> int:
    return pages.value("SELECT COUNT(*) FROM attendee")


def test_it_works(watcher: DeskClerk) -> None:
    page = watcher.get("/")
    assert page.status_code == 200
    assert "North 2" in page.text
    assert "Register a walk-in" in page.text
    assert "<script>" not in page.text
    assert "style=" not in page.text


class TestName:
    def test_without_a_name_it_is_asked(self, pages: Pages) -> None:
        someone = pages.staff("badge_desk")
        for target in ("/desk/", "/desk/name"):
            assert "Which desk is this?" in someone.get(target).text

    def test_it_is_kept_by_the_browser(self, pages: Pages) -> None:
        clerk = DeskClerk(pages, pages.staff("badge_desk"))
        assert clerk.staff.post("/desk/name", {"desk": "北二 & co"}).status_code == 303
        assert "北二 &amp; co" in clerk.get("/").text
        cookie = clerk.staff.client.get_cookie("__Host-hallkeeper-desk")
        assert cookie is not None
        assert (cookie.secure, cookie.http_only, cookie.same_site) == (True, True, "Lax")

    @pytest.mark.parametrize("name", ["", "   ", "x" * 25, "a\x07"])
    def test_what_is_no_name_is_refused(self, shown: Pages, name: str) -> None:
        someone = shown.staff("badge_desk")
        assert someone.post("/desk/name", {"desk": name}).location == "/desk/name"
        assert "1 to 24 letters" in someone.get("/desk/name").text

    def test_a_form_without_a_desk_does_nothing(self, clerk: DeskClerk) -> None:
        values = clerk.fields(clerk.page("A1"), f"{clerk.page('A1')}/print")
        clerk.staff.client.delete_cookie("__Host-hallkeeper-desk", domain="localhost")
        clerk.send(f"{clerk.page('A1')}/print", values)
        assert queued(clerk.pages) == []


class TestFind:
    def found(self, clerk: DeskClerk, text: str) -> list[str]:
        answer = clerk.get("/find", query_string={"q": text})
        assert answer.status_code == 200
        return [person["name"] for person in answer.json["people"]]

    def test_as_one_types(self, clerk: DeskClerk) -> None:
        assert self.found(clerk, "kel") == ["Anna Keller"]
        assert self.found(clerk, "小明") == ["王小明"]
        assert self.found(clerk, "boris@example.org") == ["Boris Novak"]
        assert self.found(clerk, clerk.number("A4")) == ["Chen Lee"]
        assert self.found(clerk, "") == self.found(clerk, "nobody at all") == []

    def test_what_a_hit_says(self, clerk: DeskClerk) -> None:
        (hit,) = clerk.get("/find?q=keller").json["people"]
        assert hit | {
            "name": "Anna Keller", "organisation": "Harbour Pilots", "state": "No badge yet",
            "category": "Delegate", "url": f"/desk{clerk.page('A1')}",
        } == hit  # fmt: skip
        clerk.pages.issue()
        assert clerk.get("/find?q=keller").json["people"][0]["state"] == "Not printed yet"

    def test_a_scanned_badge_and_a_scanned_link(self, clerk: DeskClerk) -> None:
        clerk.pages.issue()
        serial = clerk.pages.serial("A3")
        badge = issuing.current_badge(clerk.pages.database.reader, serial)
        link = f"https://localhost:8443/b/{phone_token(clerk.pages.event, serial, 1)}"
        assert self.found(clerk, badge.credential) == ["Boris Novak"]
        assert self.found(clerk, link) == ["Boris Novak"]
        assert (
            self.found(clerk, badge.credential[:-1] + ("B" if badge.credential[-1] == "A" else "A"))
            == []
        )

    def test_without_scripts_one_hit_opens_at_once(self, clerk: DeskClerk) -> None:
        assert clerk.get("/?q=keller").location == f"/desk{clerk.page('A1')}"
        page = clerk.get("/?q=example.org").text
        assert page.count('role="option"') == 4

    def test_it_says_how_it_went(self, clerk: DeskClerk) -> None:
        assert "No one found" in clerk.get("/find?q=zzz").json["says"]
        assert clerk.get("/find?q=keller").json["says"] == "1 found"

    def test_searches_are_in_the_log_once_a_minute(self, clerk: DeskClerk) -> None:
        for _ in range(3):
            clerk.get("/find?q=keller")
        assert acts(clerk.pages).count("people_searched") == 1
        clerk.pages.now += 60_001
        clerk.get("/find?q=keller")
        assert acts(clerk.pages).count("people_searched") == 2


class TestPerson:
    def test_it_works(self, clerk: DeskClerk) -> None:
        page = clerk.get(clerk.page("A2")).text
        for text in ("王小明", "WANG Xiaoming", "海事大学", "Speaker", "No badge yet", "China"):
            assert text in page, text

    @pytest.mark.parametrize("number", ["ZZZZZ", "nonsense", "00000", "1" * 60])
    def test_nobody(self, watcher: DeskClerk, number: str) -> None:
        for target in ("", "/correct", "/phone"):
            assert watcher.get(f"/person/{number}{target}").status_code == 404

    def test_the_badge_is_told(self, printing: DeskClerk) -> None:
        page = printing.get(printing.page("A1")).text
        assert "Badge 1, not printed yet" in page
        assert "is being printed at the desk North 2" in page
        finish(printing.pages)
        page = printing.get(printing.page("A1")).text
        assert "Badge 1, printed once" in page
        assert "Print again" in page

    def test_a_revoked_badge_has_no_buttons(self, printing: DeskClerk) -> None:
        serial = printing.pages.serial("A1")
        printing.pages.revoke(serial)
        page = printing.get(printing.page("A1")).text
        assert "Only an admin can reinstate it" in page
        assert "/reissue" not in page
        assert "/print" not in page

    def test_names_are_text(self, clerk: DeskClerk) -> None:
        serial = clerk.pages.serial("A1")
        clerk.pages.change_attendee(serial, organisation="<b>Bold & co</b>")
        assert "&lt;b&gt;Bold &amp; co&lt;/b&gt;" in clerk.get(clerk.page("A1")).text


def finish(pages: Pages) -> None:
    """The printer reports that its cards are out."""

    def step(db) -> None:
        for job in jobs.open_jobs(db):
            claimed = jobs.claim(db, job.printer_id)
            jobs.finish(db, claimed, jobs.printed_badges(db, pages.event, claimed), pages.now)

    pages.database.write(step)


class TestPrint:
    def test_it_works(self, clerk: DeskClerk) -> None:
        answer = clerk.press(clerk.page("A1"), f"{clerk.page('A1')}/print")
        assert answer.location == "/desk/"
        assert "The badge of Anna Keller is queued" in clerk.said()
        assert queued(clerk.pages) == [(clerk.pages.serial("A1"), 1, "waiting")]
        assert acts(clerk.pages)[-1] == "badge_reissued"

    def test_twice_prints_once_and_says_so(self, clerk: DeskClerk) -> None:
        action = f"{clerk.page('A1')}/print"
        values = clerk.fields(clerk.page("A1"), action)
        for _ in range(2):
            assert clerk.send(action, values).status_code == 303
        assert len(queued(clerk.pages)) == 1
        assert "nothing was done twice" in clerk.said()

    def test_an_old_page_is_answered_with_409(self, clerk: DeskClerk) -> None:
        other = DeskClerk(clerk.pages, clerk.pages.staff("badge_desk"), "South 1")
        action = f"{clerk.page('A1')}/print"
        old = clerk.fields(clerk.page("A1"), action)
        other.press(other.page("A1"), action)
        answer = clerk.send(action, old)
        assert answer.status_code == 409
        assert "Nothing was done" in answer.text
        assert len(queued(clerk.pages)) == 1

    @pytest.mark.parametrize("nonce", ["", "short", "x" * 100])
    def test_a_form_without_a_nonce_is_refused(self, clerk: DeskClerk, nonce: str) -> None:
        action = f"{clerk.page('A1')}/print"
        values = {**clerk.fields(clerk.page("A1"), action), "nonce": nonce}
        clerk.send(action, values)
        assert "This page is too old" in clerk.said()
        assert queued(clerk.pages) == []

    def test_without_a_form_token_nothing_is_done(self, clerk: DeskClerk) -> None:
        values = {"csrf_token": "", "nonce": "x" * 22, "seen": clerk.mark("A1")}
        assert clerk.send(f"{clerk.page('A1')}/print", values).status_code == 400
        assert queued(clerk.pages) == []


class TestReissue:
    def ask(self, clerk: DeskClerk, reason: str = "lost") -> str:
        return f"{clerk.page('A1')}/new-badge?reason={reason}"

    def test_it_works(self, printing: DeskClerk) -> None:
        page = printing.page("A1")
        printing.press(self.ask(printing, "stolen"), f"{page}/reissue")
        assert "Badge 2 of Anna Keller is issued" in printing.said()
        serial = printing.pages.serial("A1")
        assert queued(printing.pages) == [(serial, 1, "cancelled"), (serial, 2, "waiting")]

    def test_the_question_names_card_and_consequence(self, printing: DeskClerk) -> None:
        page = printing.get(self.ask(printing)).text
        assert "Make badge 1 of Anna Keller void?" in page
        assert "Lost" in page
        assert "becomes void at every door" in page
        assert printing.person("A1").issue == 1

    @pytest.mark.parametrize("reason", ["", "first", "anything"])
    def test_without_a_reason_nothing_is_done(self, printing: DeskClerk, reason: str) -> None:
        assert printing.get(self.ask(printing, reason)).status_code == 404
        page = f"{printing.page('A1')}/reissue"
        values = printing.fields(self.ask(printing), page)
        printing.send(page, {**values, "reason": reason})
        assert printing.person("A1").issue == 1

    def test_twice_issues_once(self, printing: DeskClerk) -> None:
        page = printing.page("A1")
        values = printing.fields(self.ask(printing), f"{page}/reissue")
        for _ in range(2):
            printing.send(f"{page}/reissue", values)
        assert printing.person("A1").issue == 2


class TestVoidCard:
    def scan(self, clerk: DeskClerk, issue: int) -> str:
        """Scan a card, and open the page that the search names."""
        row = clerk.pages.database.reader.execute(
            "SELECT credential FROM badge WHERE serial = ? AND issue = ? UNION ALL"
            " SELECT credential FROM withdrawn_badge WHERE serial = ? AND issue = ?",
            (clerk.pages.serial("A1"), issue) * 2,
        ).fetchone()
        (hit,) = clerk.get("/find", query_string={"q": row[0]}).json["people"]
        return clerk.get(hit["url"].removeprefix("/desk")).text

    def reissue(self, clerk: DeskClerk) -> None:
        page = clerk.page("A1")
        clerk.press(f"{page}/new-badge?reason=lost", f"{page}/reissue")

    def test_a_replaced_card(self, printing: DeskClerk) -> None:
        self.reissue(printing)
        page = self.scan(printing, 1)
        assert "This card (badge 1) is void since" in page
        assert "Reason: Lost." in page
        assert "Valid is badge 2." in page
        assert "✓" not in page

    def test_the_valid_card(self, printing: DeskClerk) -> None:
        self.reissue(printing)
        assert "This card" not in self.scan(printing, 2)

    def test_a_card_that_was_taken_back(self, printing: DeskClerk) -> None:
        self.reissue(printing)
        values = printing.fields("/", "/undo")
        printing.send("/undo", values)
        page = self.scan(printing, 2)
        assert "This card (badge 2) is void since" in page
        assert "taken back" in page
        assert "Valid is badge 1." in page
        assert "This card" not in self.scan(printing, 1)

    def test_a_revoked_holder(self, printing: DeskClerk) -> None:
        serial = printing.pages.serial("A1")
        printing.pages.database.write(
            lambda db: issuing.revoke(
                db, serial, reason="conduct", now=printing.pages.now, by="user:1"
            )
        )
        page = self.scan(printing, 1)
        assert "Reason: Conduct." in page
        assert "no valid badge" in page
        assert "✓" not in page


class TestCorrect:
    def sent(self, clerk: DeskClerk, **changes: object) -> tuple[dict, Any]:
        page = f"{clerk.page('A1')}/correct"
        values = {**clerk.fields(page, page), **changes}
        return values, clerk.send(page, values)

    def test_it_says_first_what_becomes_void(self, printing: DeskClerk) -> None:
        _, answer = self.sent(printing, given_name="Hanna")
        assert answer.status_code == 200
        assert "Badge 1 becomes void everywhere" in answer.text
        assert "Hanna" in answer.text
        assert printing.person("A1").given_name == "Anna"
        page = f"{printing.page('A1')}/correct"
        printing.send(page, fields_of(answer.text, f"/desk{page}"))
        assert "Hanna Keller is corrected. Badge 2 is issued" in printing.said()
        assert (printing.person("A1").given_name, printing.person("A1").issue) == ("Hanna", 2)

    def test_what_is_not_on_the_badge_is_done_at_once(self, printing: DeskClerk) -> None:
        _, answer = self.sent(printing, email="a.keller@example.org")
        assert answer.status_code == 303
        assert "The badge stays valid" in printing.said()
        assert printing.person("A1").issue == 1

    def test_nothing_changed(self, printing: DeskClerk) -> None:
        _, answer = self.sent(printing)
        assert answer.status_code == 303
        assert "Nothing was changed" in printing.said()
        assert printing.person("A1").issue == 1

    def test_a_latin_line_is_on_paper_alone(self, watcher: DeskClerk) -> None:
        _, answer = self.sent(watcher, latin_name="Anna Keller-Lee")
        assert "stays good at every door" in answer.text

    def test_twice_corrects_once(self, printing: DeskClerk) -> None:
        values, _ = self.sent(printing, given_name="Hanna")
        page = f"{printing.page('A1')}/correct"
        for _ in range(2):
            assert printing.send(page, {**values, "confirm": "voids"}).status_code == 303
        assert "done already" in printing.said()
        assert printing.person("A1").issue == 2

    def test_an_old_page_is_answered_with_409(self, printing: DeskClerk) -> None:
        values, _ = self.sent(printing, given_name="Hanna")
        other = DeskClerk(printing.pages, printing.pages.staff("badge_desk"), "South 1")
        other.press(other.page("A1"), f"{other.page('A1')}/id-checked")
        page = f"{printing.page('A1')}/correct"
        for confirm in ("", "voids"):
            assert printing.send(page, {**values, "confirm": confirm}).status_code == 409
        assert printing.person("A1").given_name == "Anna"

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"given_name": "", "family_name": ""}, "A name is needed"),
            ({"email": "nonsense"}, "not an e-mail address"),
            ({"country": "Atlantis"}, "country"),
            ({"latin_name": "王"}, "no Latin letter"),
            ({"organisation": "=cmd"}, "formula"),
            ({"organisation": "x" * 200}, "the limit is 160"),
        ],
    )
    def test_wrong_input(self, watcher: DeskClerk, changes: dict, words: str) -> None:
        _values, answer = self.sent(watcher, **changes)
        assert answer.status_code == 400
        assert words in answer.text
        assert "Nothing was done" in answer.text
        assert watcher.person("A1").issue == 1

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"country": "Albanja"}, "是指阿尔巴尼亚 (AL)吗？"),
            ({"latin_name": "王"}, "拉丁字母姓名：含有"),
        ],
    )
    def test_a_refusal_in_chinese(self, watcher: DeskClerk, changes: dict, words: str) -> None:
        watcher.get("/?lang=zh")
        problem = re.search(r'role="alert">([^<]*)</p>', self.sent(watcher, **changes)[1].text)
        assert problem
        assert words in problem[1]
        assert problem[1].endswith("。")

    def test_a_confirmation_in_chinese(self, watcher: DeskClerk) -> None:
        watcher.get("/?lang=zh")
        _, answer = self.sent(watcher, country="Albania")
        assert "<b>阿尔巴尼亚</b>" in answer.text

    @pytest.mark.parametrize("category", ["999", "delegate", "-1", ""])
    def test_no_category_of_ours(self, printing: DeskClerk, category: str) -> None:
        self.sent(printing, category=category, confirm="voids")
        assert printing.person("A1").issue == 1


class TestWalkIn:
    VALUES = {"given_name": "Noa", "family_name": "Bodin", "category": "1"}

    def register(self, clerk: DeskClerk, **more: object) -> tuple[dict, Any]:
        values = {**clerk.fields("/walk-in", "/walk-in"), **self.VALUES, **more}
        return values, clerk.send("/walk-in", values)

    def test_it_works(self, clerk: DeskClerk) -> None:
        before = people(clerk.pages)
        _, answer = self.register(clerk, organisation="Harbour Pilots")
        assert answer.location == "/desk/"
        assert "Noa Bodin is registered, and the badge is issued." in clerk.said()
        assert people(clerk.pages) == before + 1
        assert [state for *_, state in queued(clerk.pages)] == ["waiting"]
        assert acts(clerk.pages)[-2:] == ["attendee_added", "badge_reissued"]

    def test_twice_registers_once(self, clerk: DeskClerk) -> None:
        before = people(clerk.pages)
        values, _ = self.register(clerk)
        clerk.send("/walk-in", values)
        assert people(clerk.pages) == before + 1
        assert len(queued(clerk.pages)) == 1

    def test_somebody_like_that_is_shown_first(self, clerk: DeskClerk) -> None:
        before = people(clerk.pages)
        _, answer = self.register(clerk, given_name="anna", family_name="KELLER")
        assert answer.status_code == 409
        assert "Similar people are registered already" in answer.text
        assert f"/desk{clerk.page('A1')}" in answer.text
        assert people(clerk.pages) == before
        again = {**fields_of(answer.text, "/desk/walk-in"), "category": "1"}
        assert clerk.send("/walk-in", again).status_code == 303
        assert people(clerk.pages) == before + 1

    def test_a_known_email_is_not_used_again(self, clerk: DeskClerk) -> None:
        before = people(clerk.pages)
        serial = clerk.pages.serial("A1")
        _, answer = self.register(clerk, email="anna@example.org", known=str(serial))
        assert answer.status_code == 400
        assert "Another person has this e-mail address" in answer.text
        assert people(clerk.pages) == before

    @pytest.mark.parametrize(
        ("changes", "words"),
        [
            ({"given_name": " ", "family_name": ""}, "A name is needed"),
            ({"category": ""}, "A category is needed"),
            ({"category": "77"}, "no such category"),
            ({"email": "x"}, "not an e-mail address"),
            ({"given_name": "x" * 300}, "the limit is 120"),
            ({"given_name": "a\x01b"}, "control character"),
        ],
    )
    def test_wrong_input_is_kept(self, watcher: DeskClerk, changes: dict, words: str) -> None:
        before = people(watcher.pages)
        _, answer = self.register(watcher, organisation="Kept Pilots", **changes)
        assert answer.status_code == 400
        assert words in answer.text
        assert "Kept Pilots" in answer.text
        assert people(watcher.pages) == before

    def test_what_was_looked_for_in_vain_is_filled_in(self, watcher: DeskClerk) -> None:
        assert 'name="given_name" type="text" value="Noa"' in watcher.get("/walk-in?name=Noa").text
        assert 'value="n@example.org"' in watcher.get("/walk-in?name=n@example.org").text

    def test_waiting_counts_from_the_first_key(self, clerk: DeskClerk) -> None:
        self.register(clerk, busy_ms="42000")
        begun = clerk.pages.value("SELECT made_at - begun_at FROM desk_submission")
        assert begun == 42_000

    @pytest.mark.parametrize("busy", ["-5", "soon", "9" * 30])
    def test_a_wrong_waiting_time_spoils_nothing(self, clerk: DeskClerk, busy: str) -> None:
        _, answer = self.register(clerk, busy_ms=busy)
        assert answer.status_code == 303


class TestIdCheck:
    def test_it_works_and_is_undone(self, clerk: DeskClerk) -> None:
        page = clerk.page("A1")
        answer = clerk.press(page, f"{page}/id-checked")
        assert answer.location == f"/desk{page}"
        assert "Checked" in clerk.get(page).text
        assert acts(clerk.pages)[-1] == "id_checked"
        clerk.press("/", "/undo")
        assert "is undone" in clerk.said()
        assert id_check.id_check(clerk.pages.database.reader, clerk.pages.serial("A1")) is None

    def test_once_is_enough(self, clerk: DeskClerk) -> None:
        page = clerk.page("A1")
        clerk.press(page, f"{page}/id-checked")
        values = {"nonce": "n" * 22, "seen": clerk.mark("A1")}
        clerk.send(f"{page}/id-checked", values)
        assert "noted already" in clerk.said()


class TestUndo:
    def test_a_walk_in(self, clerk: DeskClerk) -> None:
        TestWalkIn().register(clerk)
        assert "The badge becomes void" in clerk.get("/").text
        clerk.press("/", "/undo")
        assert [state for *_, state in queued(clerk.pages)] == ["cancelled"]
        assert acts(clerk.pages)[-1] == "edit_undone"

    def test_what_cannot_be_undone_says_why(self, printing: DeskClerk) -> None:
        page = printing.page("A1")
        printing.press(f"{page}/new-badge?reason=lost", f"{page}/reissue")
        assert "valid again at every door" in printing.get("/").text
        printing.pages.now += issuing.WITHDRAW_MS + 1
        home = printing.get("/").text
        assert "A new badge can be taken back for one minute" in home
        assert 'form="undo"' not in home

    @pytest.mark.parametrize("submission", ["0", "999", "x", ""])
    def test_nothing_of_theirs(self, clerk: DeskClerk, submission: str) -> None:
        clerk.send("/undo", {"nonce": "n" * 22, "submission": submission})
        assert "You have no action left to undo" in clerk.said()


class TestPhone:
    def test_it_works(self, printing: DeskClerk) -> None:
        page = f"{printing.page('A1')}/phone"
        assert "<svg" in printing.get(page).text
        printing.press(page, page)
        assert "Anna Keller has the badge on the phone" in printing.said()
        assert acts(printing.pages)[-1] == "phone_link_shown"

    def test_without_a_badge(self, clerk: DeskClerk) -> None:
        assert clerk.get(f"{clerk.page('A1')}/phone").status_code == 404


class TestPaper:
    def test_what_failed_comes_back(self, printing: DeskClerk) -> None:
        job = fail(printing.pages, jobs.Problem.NOT_PRINTED)
        part = printing.get("/part").text
        assert "The printer did not print it." in part
        assert f"/desk/jobs/{job}/retry" in part
        printing.send(f"/jobs/{job}/retry", {})
        assert [state for *_, state in queued(printing.pages)] == ["waiting"]
        printing.send(f"/jobs/{job}/retry", {})  # again: it waits already
        assert len(queued(printing.pages)) == 1

    def test_at_another_printer(self, printing: DeskClerk) -> None:
        other = add_printer(printing.pages.database, "South")
        job = fail(printing.pages, jobs.Problem.NOT_PRINTED)
        assert "Print at South" in printing.get("/part").text
        printing.send(f"/jobs/{job}/retry", {"printer": str(other)})
        assert jobs.job(printing.pages.database.reader, job).printer_id == other

    def test_was_it_printed_yes(self, printing: DeskClerk) -> None:
        job = fail(printing.pages, jobs.Problem.PERHAPS_PRINTED)
        assert "Did the card come out?" in printing.get("/part").text
        for _ in range(2):
            printing.send(f"/jobs/{job}/printed", {})
        assert [state for *_, state in queued(printing.pages)] == ["done"]
        assert acts(printing.pages).count("badges_printed") == 1

    def test_given_up(self, printing: DeskClerk) -> None:
        job = fail(printing.pages, jobs.Problem.NOT_PRINTED)
        printing.send(f"/jobs/{job}/give-up", {})
        assert [state for *_, state in queued(printing.pages)] == ["cancelled"]

    @pytest.mark.parametrize("act", ["retry", "printed", "give-up"])
    def test_no_such_job(self, clerk: DeskClerk, act: str) -> None:
        assert clerk.send(f"/jobs/999/{act}", {}).status_code == 303
        assert "There is no print job 999" in clerk.said()

    def test_a_printer_without_paper_is_told(self, printing: DeskClerk) -> None:
        printing.pages.database.write(
            lambda db: db.execute(
                "UPDATE printer SET state = 'paper_out', state_words = 'Load 62 mm labels.'"
            )
        )
        part = printing.get("/part").text
        assert "Paper out" in part
        assert "Load 62 mm labels." in part


def fail(pages: Pages, problem: jobs.Problem) -> int:
    (job,) = jobs.open_jobs(pages.database.reader)
    pages.database.write(lambda db: jobs.fail(db, job.job_id, problem, "", pages.now))
    return job.job_id


class TestWithoutAPrinter:
    @pytest.fixture
    def clerk(self, pages: Pages) -> DeskClerk:
        return DeskClerk(pages, pages.staff("badge_desk"))

    def test_the_browser_prints_and_the_clerk_confirms(self, clerk: DeskClerk) -> None:
        paper = clerk.press(clerk.page("A1"), f"{clerk.page('A1')}/print").location
        assert re.fullmatch(r"/desk/cards/\d+", paper)
        page = clerk.staff.get(paper)
        assert "frame-src 'self'" in page.headers["Content-Security-Policy"]
        pdf = clerk.staff.get(f"{paper}/card.pdf")
        assert pdf.data.startswith(b"%PDF")
        assert "frame-ancestors 'self'" in pdf.headers["Content-Security-Policy"]
        assert acts(clerk.pages).count("badges_printed") == 0
        for _ in range(2):
            assert clerk.staff.post(f"{paper}/printed", {}).status_code == 303
        assert acts(clerk.pages).count("badges_printed") == 1
        assert clerk.staff.get(paper).status_code == 404

    def test_given_up(self, clerk: DeskClerk) -> None:
        paper = clerk.press(clerk.page("A1"), f"{clerk.page('A1')}/print").location
        clerk.staff.post(f"{paper}/give-up", {})
        assert clerk.staff.get(paper).status_code == 404
        clerk.staff.post(f"{paper}/printed", {})
        assert acts(clerk.pages).count("badges_printed") == 0


class TestPhoto:
    @pytest.fixture
    def event(self, event: Event) -> Event:
        folder = event.path / "cards/photos"
        folder.mkdir(parents=True)
        (event.path / "cards/cards.toml").write_text('photos = "photos"\n')
        return replace(event, settings=replace(event.settings, desk_photo=True))

    def upload(self, clerk: DeskClerk, data: bytes, **more: str) -> TestResponse:
        page = f"{clerk.page('A1')}/photo"
        values = {**clerk.fields(page, page), "csrf_token": clerk.staff.form_token(), **more}
        photo = FileStorage(io.BytesIO(data), "p.jpg", "photo")
        boundary, body = encode_multipart({**values, "photo": photo})
        return clerk.staff.client.post(  # the client would leave a large file open
            f"/desk{page}",
            data=body,
            content_type=f'multipart/form-data; boundary="{boundary}"',
            base_url="https://localhost",
            headers={"Referer": "https://localhost/"},
        )

    def test_it_works(self, clerk: DeskClerk) -> None:
        assert self.upload(clerk, picture()).status_code == 303
        assert "The photo is saved" in clerk.said()
        assert 'class="photo"' in clerk.get(clerk.page("A1")).text
        assert acts(clerk.pages)[-1] == "photo_taken"
        self.upload(clerk, b"", act="remove")
        assert 'class="photo"' not in clerk.get(clerk.page("A1")).text

    def test_the_camera_is_allowed_here_alone(self, clerk: DeskClerk) -> None:
        allowed = {
            target: "camera=(self)" in clerk.get(target).headers["Permissions-Policy"]
            for target in ("/", clerk.page("A1"), f"{clerk.page('A1')}/photo", "/walk-in", "/pace")
        }
        assert [target for target, is_so in allowed.items() if is_so] == [
            f"{clerk.page('A1')}/photo", "/walk-in",
        ]  # fmt: skip

    @pytest.mark.parametrize("data", [b"", b"nonsense", picture()[:-400]])
    def test_what_is_no_photo_is_refused(self, clerk: DeskClerk, data: bytes) -> None:
        self.upload(clerk, data)
        assert "photo can't be used" in clerk.said()

    def test_a_large_one_is_refused(self, clerk: DeskClerk) -> None:
        answer = self.upload(clerk, b"x" * 6_200_000)
        assert answer.status_code == 413
        assert "at most 6 MB" in answer.text
        clerk.get("/?lang=zh")
        assert "照片最大 6 MB" in self.upload(clerk, b"x" * 6_200_000).text

    def test_with_a_walk_in(self, clerk: DeskClerk) -> None:
        values = {**clerk.fields("/walk-in", "/walk-in"), **TestWalkIn.VALUES}
        photo = (io.BytesIO(picture()), "p.jpg")
        assert clerk.send("/walk-in", {**values, "photo": photo}).status_code == 303
        assert len(list((clerk.pages.event.path / "cards/photos").iterdir())) == 1


def test_without_the_setting_there_is_no_camera(watcher: DeskClerk) -> None:
    page = f"{watcher.page('A1')}/photo"
    assert watcher.get(page).status_code == 404
    assert "camera=()" in watcher.get("/walk-in").headers["Permissions-Policy"]
    assert "data-camera" not in watcher.get("/walk-in").text
    watcher.send(page, {"photo": (io.BytesIO(picture()), "p.jpg")})
    assert "takes no photos" in watcher.said()


def test_the_pace(printing: DeskClerk) -> None:
    finish(printing.pages)
    page = printing.get("/pace").text
    assert "North 2" in page
    assert "By desk" in page
    assert "North 2" in printing.get("/pace/part").text


@pytest.mark.parametrize("target", ["/", "/name", "/walk-in", "/pace"])
def test_chinese(watcher: DeskClerk, target: str) -> None:
    page = watcher.get(f"{target}?lang=zh").text
    assert '<html lang="zh' in page
    assert "证件服务台" in page
    assert "Badge desk" not in page
    assert "Delegate" not in page
