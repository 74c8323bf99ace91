"""No import changes a person's identity, or drops or doubles people, without asking first."""

import os
import sqlite3
from functools import partial

import openpyxl
import pytest

from badges.roster.problems import Finding
from badges.roster.reader import read_roster
from badges.roster.table import RosterAnswers
from server.core.event.directory import Event
from server.core.people import issuing
from server.core.people.attendees import add_attendee, attendee, change_attendee
from server.features.imports import roster_import
from server.features.imports.roster_import import (
    ImportResult,
    RosterChangedError,
    RosterRefusedError,
    plan_import,
)
from server.features.imports.roster_questions import ImportAnswers
from server.features.imports.venue_plan import VenueError
from server.storage.database import Database
from tests.messy.cases import saved
from tests.server.conftest import NOW, ROSTER, VENUE, roster_of, serial_of
from tests.server.support.stores import attendees, dump, load_roster, load_venue

HEADER = ROSTER.partition("\n")[0]
KEEP = {"missing": "keep"}


def asked(database: Database, text: str, **answers: object) -> dict[str, Finding]:
    """The import's questions by kind; the database stays unchanged."""
    before = dump(database)
    with pytest.raises(RosterRefusedError) as caught:
        load_roster(database, text, **answers)
    assert dump(database) == before
    assert caught.value.problems == ()
    return {finding.kind: finding for finding in caught.value.findings if finding.open}


def sharing(text: str) -> roster_import.Roster:
    """A roster whose people may share an address."""
    shared = RosterAnswers(shared_emails=True)
    return read_roster(text.encode(), "r.csv", categories=["vip"], answers=shared)


def counts(result: ImportResult) -> dict[str, int]:
    return {finding.kind: finding.count for finding in result.findings}


def names(database: Database) -> list[str]:
    return sorted(row["given_name"] for row in attendees(database))


@pytest.mark.parametrize(("name", "other"), [("Seema", "Soma"), ("सीमा", "सोम"), ("ราตรี", "ราตรู")])
class TestNamesOfOthers:
    """An id or an organisation is not enough to make one person another."""

    def test_by_id(self, site: Database, name: str, other: str) -> None:
        load_roster(site, f"{ROSTER}D1,{name},,Port,IN,,delegate,,,,en\n")
        assert "renames" in asked(site, f"{ROSTER}D1,{other},,Port,IN,,delegate,,,,en\n")

    def test_by_organisation(self, site: Database, name: str, other: str) -> None:
        load_roster(site, f"{ROSTER},{name},,Port,IN,,delegate,,,,en\n")
        assert "missing" in asked(site, f"{ROSTER},{other},,Port,IN,,delegate,,,,en\n")


def test_ids_that_differ_by_case_alone_are_those_of_two_people(site: Database) -> None:
    """The desk may register both."""
    people = {"a9": "Xi", "A9": "Yo"}
    for external_id, name in people.items():
        given = {"given_name": name, "category": 1, "external_id": external_id}
        site.write(partial(add_attendee, values=given, by="test", now=NOW, random=os.urandom))
    for external_id, name in people.items():
        row = f"{external_id},{name},,,,,delegate,,,,en\n"
        assert load_roster(site, ROSTER + row, missing="keep").unchanged == 5


class TestSheets:
    def roster(self, second: str = "Anna") -> roster_import.Roster:
        """One person on two sheets, with a day on each."""
        book = openpyxl.Workbook()
        book.remove(book.worksheets[0])
        for title, name, day in (("Mon", "Anna", "1"), ("Tue", second, "2")):
            sheet = book.create_sheet(title)
            sheet.append(["id", "name", "organisation", "category", "days"])
            sheet.append(["A1", name, "Port", "vip", day])
        answers = RosterAnswers(sheets=("Mon", "Tue"))
        return read_roster(saved(book), "r.xlsx", categories=["vip"], answers=answers)

    def test_a_person_on_two_sheets_is_asked_about_and_has_both_days(
        self, database: Database
    ) -> None:
        twins = asked(database, self.roster())["twins"]
        assert "line 2 (Tue): 'Anna', vip, Port may be the person" in twins.items[0].words
        assert load_roster(database, self.roster(), twins="same").added == 1
        assert attendees(database)[0]["valid_days"] == 0b11

    def test_one_id_on_two_sheets_is_no_two_people(self, database: Database) -> None:
        with pytest.raises(RosterRefusedError) as caught:
            load_roster(database, self.roster(), twins="new")
        (problem,) = caught.value.problems
        assert str(problem) == ("line 2 (Tue), external_id: the same as in line 2 (Mon). Keep one")

    def test_one_id_of_two_names_is_a_fault_of_the_file(self) -> None:
        assert [problem.column for problem in self.roster("Bo").problems] == ["external_id"]


def test_people_are_asked_about_in_rows_that_wait_for_another_answer(database: Database) -> None:
    """So that all questions come at once."""
    text = "name,organisation,category\nAnna Li,Port,vip\nAnna  Li,Port,guest\n"
    with pytest.raises(RosterRefusedError) as caught:
        load_roster(database, text)
    assert {"twins", "unknown_categories"} <= {finding.kind for finding in caught.value.findings}


def test_two_people_of_one_address_are_asked_about_once(database: Database) -> None:
    text = "name,email,category\nAnna,,vip\nAnna,a@example.org,vip\n"
    assert set(asked(database, text)) == {"twins"}
    assert load_roster(database, text, twins="new").added == 2


class TestRenames:
    def test_a_sorted_file_with_row_numbers(self, database: Database) -> None:
        """The badge of one person must not become another's."""
        ids = RosterAnswers(row_numbers="ids")

        def numbered(*people: str) -> roster_import.Roster:
            rows = [f"{n},{name},vip" for n, name in enumerate(people, 1)]
            text = "\n".join(["编号,name,category", *rows])
            return read_roster(text.encode(), "r.csv", categories=["vip"], answers=ids)

        load_roster(database, numbered("Anna", "Bo", "Cy"))
        finding = asked(database, numbered("Aaron", "Anna", "Bo", "Cy"), doubles="new")["renames"]
        assert finding.count == 3
        assert "3 of them" not in finding.message
        assert (
            "2 of them would get another attendee's name: are the ids in the wrong rows?"
            in finding.message
        )
        old, new = "'Bo', id '2' (no badge yet)", "'Anna', id '1' (no badge yet)"
        assert finding.examples[1] == f"line 3: {old} → 'Anna', the name of {new}"

    @pytest.mark.parametrize("row", ["A1,Eve,Hill", ",Eve,Hill"])
    def test_another_name(self, event: Event, site: Database, row: str) -> None:
        site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
        text = ROSTER.replace("A1,Anna,Keller", row)
        findings = asked(site, text)
        kind = "renames" if row.startswith("A1") else "same_email"
        assert findings.keys() == {kind}
        assert "'Anna Keller', id 'A1' (badge " in findings[kind].examples[0]
        assert "'Eve Hill'" in findings[kind].examples[0]
        assert ("renames", "accept") in [
            (choice.field, choice.value) for choice in findings[kind].choices
        ]
        skipped = load_roster(site, text, renames="skip")
        assert (skipped.updated, skipped.skipped) == (0, 1)
        assert "Anna" in names(site)
        taken = load_roster(site, text, renames="accept")
        assert (taken.updated, taken.added) == (1, 0)
        assert taken.needs_reissue == (serial_of(site, "A1"),)
        assert counts(taken) == {"renames": 1}

    @pytest.mark.parametrize(
        "written", ["ANNA,Keller", "Anna Keller,", "Keller,Anna", "Ａnna,Keller"]
    )
    def test_the_same_name_written_otherwise_is_said(self, site: Database, written: str) -> None:
        result = load_roster(site, ROSTER.replace("Anna,Keller", written))
        assert result.updated == 1
        assert counts(result) == {"spellings": 1}
        assert "'Anna Keller', id 'A1' (no badge yet) →" in result.findings[0].examples[0]

    def test_a_row_further_down_keeps_its_attendee(self, database: Database) -> None:
        """A second person at the same address comes before the first in the new file."""
        load_roster(database, "name,email,category\nAnna,office@example.org,vip\n")
        text = "name,email,category\nBo,office@example.org,vip\nAnna,office@example.org,vip\n"
        result = load_roster(database, sharing(text))
        assert (result.added, result.updated, result.unchanged) == (1, 0, 1)
        assert names(database) == ["Anna", "Bo"]


class TestSharedEmails:
    def test_a_second_person_never_renames_the_first(self, database: Database) -> None:
        load_roster(database, "name,email,category\nAnna,office@example.org,vip\n")
        text = "name,email,category\nBo,OFFICE@example.org,vip\n"
        findings = asked(database, text, **KEEP)
        assert findings.keys() == {"same_email"}
        result = load_roster(database, text, shared_emails=True, **KEEP)
        assert (result.added, result.updated) == (1, 0)
        assert names(database) == ["Anna", "Bo"]
        both = text.replace("OFFICE", "office") + "Anna,office@example.org,vip\n"
        result = load_roster(database, sharing(both))
        assert (result.added, result.updated + result.unchanged) == (0, 2)

    def test_with_ids_there_is_no_question(self, database: Database) -> None:
        text = "id,name,email,category\nR1,Anna,o@example.org,vip\nR2,Bo,o@example.org,vip\n"
        assert load_roster(database, text).added == 2
        assert load_roster(database, text).unchanged == 2
        assert load_roster(database, text + "R3,Cy,o@example.org,vip\n").added == 1

    def test_a_shared_address_of_an_invitation(self, event: Event, database: Database) -> None:
        text = "id,name,email,category\nR1,Anna,o@example.org,vip\nR2,Bo,o@example.org,vip\n"
        load_roster(database, text)
        invited = f'{VENUE}invited = ["o@example.org"]\n'
        with pytest.raises(VenueError) as caught:
            load_venue(event, database, invited)
        assert "o…@example.org is the address of 2 people: name each by external id" in str(
            caught.value.problems
        )
        load_venue(event, database, invited.replace("o@example.org", "R1"))

    def test_whoever_has_two_ids_is_asked_about(self, database: Database) -> None:
        text = "id,name,email,category\nR1,Anna,o@example.org,vip\nR2,anna,o@example.org,vip\n"
        finding = asked(database, text)["doubles"]
        assert finding.examples == ("line 3: 'anna' is also in line 2, with another id",)
        assert load_roster(database, text, doubles="same").skipped == 1
        assert load_roster(database, text, doubles="new").added == 1
        assert load_roster(database, text).unchanged == 2

    def test_ids_may_move_within_a_file(self, database: Database) -> None:
        text = "id,name,email,category\nR1,Anna,a@example.org,vip\nR2,Bo,b@example.org,vip\n"
        load_roster(database, text)
        swapped = text.replace("R1", "R3").replace("R2", "R1").replace("R3", "R2")
        assert asked(database, swapped).keys() == {"renames"}
        assert load_roster(database, swapped, renames="accept").updated == 2


class TestDoubles:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("A1,Anna", "B1,Anna"),
            ("A1,Anna,Keller,Harbour Pilots,DE,anna@", ",anna,KELLER,Harbour Pilots,DE,keller@"),
            ("A1,Anna,Keller,Harbour Pilots,DE,anna@example.org", ",Anna,Keller,,DE,"),
        ],
        ids=["another id", "another address", "neither"],
    )
    def test_a_second_badge_for_one_person(self, site: Database, old: str, new: str) -> None:
        text = ROSTER.replace(old, new)
        assert text != ROSTER
        if "B1" in new:
            text = text.replace("anna@example.org", "")
        findings = asked(site, text)
        assert findings.keys() == {"doubles"}
        assert (
            "has the name of 'Anna Keller', id 'A1' (no badge yet)"
            in findings["doubles"].examples[0]
        )
        result = load_roster(site, text, doubles="same")
        assert (result.added, result.updated + result.unchanged) == (0, 4)

    def test_other_people_of_the_same_name(self, site: Database) -> None:
        text = ROSTER.replace("A1,Anna", "B1,Anna").replace("anna@", "other@")
        result = load_roster(site, text, doubles="new", **KEEP)
        assert (result.added, counts(result)) == (1, {"doubles": 1, "missing": 1})

    def test_namesakes_of_two_organisations_are_two_people(self, site: Database) -> None:
        """Also where the organiser answers that doubles are the same people."""
        before = attendees(site)
        row = "B1,Anna,Keller,Northern Light,DE,other@example.org,vip,,,,en\n"
        result = load_roster(site, HEADER + "\n" + row, doubles="same", **KEEP)
        assert (result.added, result.updated) == (1, 0)
        assert "doubles" not in counts(result)
        after = attendees(site)
        assert [person for person in after if person in before] == before
        assert len(after) == len(before) + 1

    def test_namesakes_without_id_and_address_by_organisation(self, database: Database) -> None:
        text = "name,organisation,category\nLi Wei,Port,vip\nLi Wei,Fjord,vip\n"
        load_roster(database, text)
        serials = {row["organisation"]: row["serial"] for row in attendees(database)}
        turned = "name,organisation,category\nLi Wei,Fjord,vip\nLi Wei,Port,vip\n"
        result = load_roster(database, turned)
        assert (result.added, result.updated, result.unchanged) == (0, 0, 2)
        assert {row["organisation"]: row["serial"] for row in attendees(database)} == serials
        third = "name,organisation,category\nLi Wei,Harbour,vip\n"
        assert load_roster(database, third, doubles="same", **KEEP).added == 1

    def test_who_has_a_row_of_their_own_is_somebody_else(self, site: Database) -> None:
        result = load_roster(
            site, ROSTER + "B1,Anna,Keller,Harbour Pilots,DE,two@example.org,vip,,,,en\n"
        )
        assert result.added == 1

    def test_new_namesakes_are_said(self, database: Database) -> None:
        text = "name,organisation,email,category\nLi,Port,a@x.org,vip\nLi,Port,b@x.org,vip\n"
        assert counts(load_roster(database, text, twins="new")) == {"twins": 1, "namesakes": 2}


class TestTwins:
    TEXT = (
        "name,organisation,phone,category\n陈静,Port,,vip\n陈 静,Port,138 1234 5678,vip\n"
        "John Smith,Fjord,,vip\nJohn Smith,Ministry,,vip\n"
    )

    def test_one_name_in_two_rows_is_asked(self, database: Database) -> None:
        (item,) = asked(database, self.TEXT)["twins"].items
        assert item.words == (
            "line 3: '陈 静', vip, Port, 138 1234 5678 may be the person of line 2:"
            " '陈静', vip, Port"
        )
        assert [choice.as_option().partition(":")[0] for choice in item.choices] == [
            "--twin 3=same", "--twin 3=new",
        ]  # fmt: skip

    def test_rows_of_one_person_are_joined(self, database: Database) -> None:
        result = load_roster(database, self.TEXT, twin_lines={3: "same"})
        assert (result.added, result.skipped) == (3, 1)
        chen = next(row for row in attendees(database) if row["given_name"] == "陈静")
        assert chen["phone"] == "138 1234 5678"

    def test_rows_of_two_people_stay(self, database: Database) -> None:
        assert load_roster(database, self.TEXT, twins="new").added == 4
        assert load_roster(database, self.TEXT).unchanged == 4  # they are two people now

    @pytest.mark.parametrize(
        ("other", "is_asked"),
        [("Port Ltd", True), ("", True), ("Ministry of Fisheries", False)],
    )
    def test_another_spelling_of_the_organisation(
        self, database: Database, other: str, is_asked: bool
    ) -> None:
        text = f"name,organisation,category\nAnna Lee,Port Limited,vip\nLEE Anna,{other},vip\n"
        if is_asked:
            assert asked(database, text).keys() == {"twins"}
        else:
            assert load_roster(database, text).added == 2

    def test_people_with_different_ids_are_two(self, database: Database) -> None:
        text = "id,name,organisation,category\nA,Li,Port,vip\nB,Li,Port,vip\n"
        assert load_roster(database, text).added == 2


class TestMissing:
    def test_people_who_are_gone(self, event: Event, site: Database) -> None:
        site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
        text = "\n".join(ROSTER.splitlines()[:3])
        finding = asked(site, text)["missing"]
        assert finding.count == 2
        assert {item.partition(",")[0] for item in finding.examples} == {
            "'Boris Novak'",
            "'Chen Lee'",
        }
        assert counts(load_roster(site, text, **KEEP)) == {"missing": 2}
        result = load_roster(site, text, missing="revoke")
        assert result.revoked == 2
        revoked = {row["external_id"] for row in attendees(site) if row["revoked_at"] == NOW}
        assert revoked == {"A3", "A4"}
        acts = site.reader.execute("SELECT CAST(body AS TEXT) FROM leaf ORDER BY number").fetchall()
        assert (
            sum('"badge_revoked"' in item[0] and "not_on_roster" in item[0] for item in acts) == 2
        )
        count = site.reader.execute("SELECT COUNT(*) FROM change WHERE body LIKE '%older%'")
        assert count.fetchone()[0] >= 2
        again = load_roster(site, text)
        assert (again.revoked, counts(again)) == (0, {})

    def test_who_comes_back_stays_revoked_and_that_is_said(self, site: Database) -> None:
        load_roster(site, "\n".join(ROSTER.splitlines()[:4]), missing="revoke")
        assert counts(load_roster(site, ROSTER)) == {"revoked": 1}

    def test_walk_ins_were_never_on_a_roster(self, site: Database) -> None:
        gia = {"given_name": "Gia", "category": 7}
        site.write(lambda db: add_attendee(db, gia, by="u", now=NOW, random=os.urandom))
        assert load_roster(site, ROSTER, missing="revoke").revoked == 0

    def test_with_bad_rows_nobody_is_revoked(self, site: Database) -> None:
        text = ROSTER.replace("boris@example.org", "boris")
        with pytest.raises(RosterRefusedError) as caught:
            load_roster(site, text, skip_bad=True, missing="revoke")
        (finding,) = caught.value.result.open
        assert "With 1 bad rows it is unclear who is missing" in finding.message
        assert load_roster(site, text, skip_bad=True, **KEEP).revoked == 0

    @pytest.mark.parametrize(
        ("text", "instead"),
        [
            ("boris@example.org", "boris"),
            ("A3,", "A1,"),  # Another person's id
            (",press,1,", ",press,99,"),
        ],
    )
    def test_people_in_rows_with_problems_keep_their_badges(
        self, event: Event, site: Database, text: str, instead: str
    ) -> None:
        """Chen Lee has no row, and Boris Novak one that can't be read: neither is revoked."""
        site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
        before = [(badge.serial, badge.issue) for badge in issuing.current_badges(site.reader)]
        assert len(before) == 4
        roster = "\n".join(ROSTER.splitlines()[:4])
        assert roster.count(text) == 1
        with pytest.raises(RosterRefusedError) as caught:
            load_roster(site, roster.replace(text, instead), skip_bad=True, missing="revoke")
        assert caught.value.result.revoked == 0, "a preview would announce it"
        after = [(badge.serial, badge.issue) for badge in issuing.current_badges(site.reader)]
        assert after == before

    def test_a_row_that_was_left_out_is_not_gone(self, site: Database) -> None:
        result = load_roster(site, ROSTER.replace("Anna", "Eve"), renames="skip", missing="revoke")
        assert result.revoked == 0


class TestPlanning:
    @pytest.mark.sqlite_alone  # it looks for SQLite's lock
    def test_nobody_waits_for_it(self, site: Database) -> None:
        """Others write while a roster is compared; the finished rows are written in one
        transaction.
        """
        other = sqlite3.connect(site.path, isolation_level=None)
        other.execute("PRAGMA busy_timeout = 0")
        calls = []

        def random(size: int) -> bytes:
            other.execute("BEGIN IMMEDIATE")  # raises if the database is locked
            other.execute("COMMIT")
            calls.append(size)
            return os.urandom(size)

        try:
            read = roster_of(ROSTER + "A5,Eve,Hill,,US,,vip,,,press,en\n")
            plan = plan_import(site.reader, read, ImportAnswers(), False, NOW, random)
            assert calls
            site.write(lambda db: plan.write(db, "test"))
        finally:
            other.close()
        assert len(attendees(site)) == 5

    @pytest.mark.parametrize("harmless", [True, False])
    def test_what_was_changed_meanwhile(self, site: Database, harmless: bool) -> None:
        plan = plan_import(
            site.reader, roster_of(ROSTER.replace("Port", "X")), ImportAnswers(), False, NOW,
            os.urandom,
        )  # fmt: skip
        if harmless:
            site.write(lambda db: roster_import.entry_log.act(db, "u", "signed_in", {}, NOW))
            site.write(lambda db: plan.write(db, "test"))
            return
        change = {"organisation": "Elsewhere"}
        serial = serial_of(site, "A1")
        site.write(lambda db: change_attendee(db, serial, change, by="u", now=NOW))
        with pytest.raises(RosterChangedError):
            site.write(lambda db: plan.write(db, "test"))
        assert attendee(site.reader, serial).organisation == "Elsewhere"

    def test_a_plan_with_questions_can_not_be_written(self, site: Database) -> None:
        read = roster_of(ROSTER.replace("Anna", "Eve"))
        plan = plan_import(site.reader, read, ImportAnswers(), False, NOW, os.urandom)
        with pytest.raises(RosterRefusedError):
            site.write(lambda db: plan.write(db, "test"))
