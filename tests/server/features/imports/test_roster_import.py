import itertools
import os
import sqlite3

import pytest

from badges.categories import DEFAULT_CATEGORIES
from badges.roster.problems import Problem
from badges.roster.reader import read_roster
from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.people import issuing, search
from server.core.people.attendees import add_attendee, attendee, find_attendees
from server.core.venue import kept_places, kiosk_facts
from server.features.imports import roster_import
from server.features.imports.roster_import import ImportResult, RosterRefusedError
from server.storage.database import Database
from tests.server.conftest import NOW, ROSTER, roster_of, serial_of
from tests.server.support.stores import attendees, load_roster

HEADER = ROSTER.partition("\n")[0]


def test_it_works(site: Database) -> None:
    anna, wang, boris, chen = attendees(site)
    assert (anna["given_name"], anna["family_name"], anna["country"]) == ("Anna", "Keller", "DE")
    assert (anna["category"], anna["valid_days"], anna["zones"]) == (1, 0xFFFF, 0xFFFFFFFF)
    assert (wang["category"], wang["language"]) == (2, "zh")
    assert (boris["valid_days"], boris["zones"]) == (0b001, 0b01)
    assert chen["valid_days"] == 0b011
    assert all(0 < row["serial"] < 2**24 and row["created_at"] == NOW for row in attendees(site))
    assert attendee(site.reader, wang["serial"]).name == "王小明"
    assert attendee(site.reader, anna["serial"]).name == "Anna Keller"


def test_a_name_in_han_characters_means_chinese_where_no_language_is_named(
    database: Database,
) -> None:
    people = "A1,小明,王,CN", "A2,Anna,Keller,CH", "A3,翼,大空,JP", "A4,伟,陈,"
    rows = ("id,given_name,family_name,country,category", *(f"{row},delegate" for row in people))
    load_roster(database, "\n".join(rows))
    assert [row["language"] for row in attendees(database)] == ["zh", "en", "en", "zh"]


def test_the_same_file_again_changes_nothing(site: Database) -> None:
    before = attendees(site)
    leaves = site.reader.execute("SELECT COUNT(*) FROM leaf").fetchone()[0]
    assert load_roster(site, ROSTER) == ImportResult(added=0, updated=0, unchanged=4, skipped=0)
    assert attendees(site) == before
    assert site.reader.execute("SELECT COUNT(*) FROM leaf").fetchone()[0] == leaves


def test_a_changed_row_keeps_its_serial(event: Event, site: Database) -> None:
    serial = serial_of(site, "A1")
    text = ROSTER.replace("Keller", "Keller-Voss").replace("Chen,Lee", "Chen,Li")
    result = load_roster(site, text, renames="accept")
    assert (result.added, result.updated, result.unchanged) == (0, 2, 2)
    assert result.needs_reissue == ()  # there are no badges yet
    assert attendee(site.reader, serial).family_name == "Keller-Voss"


@pytest.mark.parametrize(
    ("old", "new", "reissue"),
    [
        ("Keller", "Keller-Voss", True),
        ("Harbour Pilots", "Pilots Ltd", True),
        (",DE,", ",AT,", True),
        ("anna@example.org,delegate,", "anna@example.org,vip,", True),
        ("anna@example.org,delegate,,", "anna@example.org,delegate,2,", True),
        ("anna@example.org,delegate,,,", "anna@example.org,delegate,,public,", True),
        ("anna@example.org", "keller@example.org", False),
        (",,,en\nA2", ",,,de\nA2", False),
    ],
)
def test_what_needs_a_reissue(
    event: Event, site: Database, old: str, new: str, reissue: bool
) -> None:
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    assert old in ROSTER
    result = load_roster(site, ROSTER.replace(old, new), renames="accept")
    assert result.updated == 1
    assert result.needs_reissue == ((serial_of(site, "A1"),) if reissue else ())


def test_by_mail_where_there_is_no_id(database: Database) -> None:
    load_roster(database, "name,email,category\nAnna,anna@example.org,vip\n")
    text = "name,email,category\nAnna K,ANNA@example.org,vip\n"
    result = load_roster(database, text, renames="accept")
    assert (result.added, result.updated) == (0, 1)
    assert [row["given_name"] for row in attendees(database)] == ["Anna K"]


def test_an_id_that_comes_later_is_taken_on(database: Database) -> None:
    load_roster(database, "name,email,category\nAnna,anna@example.org,vip\n")
    result = load_roster(database, "id,name,email,category\nA1,Anna,anna@example.org,vip\n")
    assert (result.added, result.updated) == (0, 1)
    assert attendees(database)[0]["external_id"] == "A1"


def test_by_name_and_organisation_where_there_is_nothing_else(database: Database) -> None:
    text = "name,organisation,category\nLi Wei,Port,vip\nLi Wei,Port,vip\nLi Wei,Dock,vip\n"
    assert load_roster(database, text, twins="new").added == 3
    assert load_roster(database, text).unchanged == 3
    assert load_roster(database, text + "Li Wei,Port,vip\n", twins="new").added == 1


def test_an_empty_cell_leaves_a_text_as_it_was(site: Database) -> None:
    before = attendees(site)[1]
    text = "id,given name,family name,category\nA2,小明,王,speaker\n"
    result = load_roster(site, text, missing="keep")
    assert result.unchanged == 1
    assert attendees(site)[1] == before


def test_days_and_zones_are_always_the_files(site: Database) -> None:
    text = "id,given name,family name,category\nA3,Boris,Novak,press\n"
    load_roster(site, text, missing="keep")
    assert (attendees(site)[2]["valid_days"], attendees(site)[2]["zones"]) == (0xFFFF, 0xFFFFFFFF)


def test_for_whom_places_are_kept(site: Database) -> None:
    head = "id,given name,family name,category,accessible\n"
    rows = "A1,Anna,Keller,delegate,{}\nA2,小明,王,speaker,{}\n"

    def after(*words: str) -> dict[str, str | None]:
        load_roster(site, head + rows.format(*words), missing="keep")
        return {
            label: kept_places.kind_of(site.reader, serial_of(site, label))
            for label in ("A1", "A2")
        }

    assert after("轮椅", "companion") == {"A1": "wheelchair", "A2": "companion"}
    assert after("", "none") == {"A1": "wheelchair", "A2": None}, "an empty cell says nothing"
    load_roster(site, ROSTER, missing="keep")
    assert kept_places.serials(site.reader) == [serial_of(site, "A1")]
    bodies = b"".join(row[0] for row in site.reader.execute("SELECT body FROM leaf"))
    assert b"wheelchair" not in bodies
    with pytest.raises(RosterRefusedError) as caught:
        load_roster(site, head + rows.format("ramp", ""), missing="keep")
    (problem,) = caught.value.problems
    assert (problem.line, problem.column) == (2, "accessible")
    assert "Use wheelchair, companion or none" in problem.message


def test_invitations(site: Database) -> None:
    start = changes.cursor(site.reader)
    assert load_roster(site, ROSTER.replace("delegate,,,,", "delegate,,,press,")).unchanged == 4
    press = kiosk_facts.session_facts(site.reader, 2, NOW)[1]
    assert set(press.invited) == {serial_of(site, "A1"), serial_of(site, "A4")}
    changed = changes.changes_after(site.reader, start)
    assert [wire.decode_change(change.body) for change in changed] == [wire.VenueChanged()]
    load_roster(site, ROSTER)  # an invitation is withdrawn on the session's page, not by a roster
    assert len(kiosk_facts.session_facts(site.reader, 2, NOW)[1].invited) == 2


class TestRefused:
    def test_bad_rows_import_nothing(self, site: Database) -> None:
        before = attendees(site)
        text = ROSTER + "A5,Eve,Hill,,US,not-mail,vip,,,,en\nA6,Fay,Ito,,JP,,,,,,en\n"
        with pytest.raises(RosterRefusedError) as caught:
            load_roster(site, text)
        assert [(p.line, p.column) for p in caught.value.problems] == [
            (6, "email"),
            (7, "category"),
        ]
        assert attendees(site) == before

    def test_unless_they_are_to_be_skipped(self, site: Database) -> None:
        text = ROSTER + "A5,Eve,Hill,,US,not-mail,vip,,,,en\nA6,Fay,Ito,,JP,,vip,,,,en\n"
        result = load_roster(site, text, skip_bad=True)
        assert (result.added, result.unchanged, result.skipped) == (1, 4, 1)
        assert [problem.line for problem in result.problems] == [6]
        assert attendees(site)[-1]["given_name"] == "Fay"

    def test_a_file_without_a_good_row_is_refused_anyhow(self, site: Database) -> None:
        with pytest.raises(RosterRefusedError):
            load_roster(site, "nickname\nAnna\n", skip_bad=True)

    @pytest.mark.parametrize(
        ("row", "message"),
        [
            ("A9,X,Y,,,a9@example.org,vip,,,,en\na9,X,Y,,,,vip,,,,en", "the same as in line 2"),
            (
                ",X,Y,,,Anna@Example.org,vip,,,,en\nA1,X,Y,,,,vip,,,,en",
                "the same attendee as in line 3",
            ),
        ],
    )
    def test_duplicates_against_the_event(self, site: Database, row: str, message: str) -> None:
        before = attendees(site)
        with pytest.raises(RosterRefusedError) as caught:
            load_roster(site, f"{HEADER}\n{row}\n", missing="keep", renames="accept", twins="new")
        assert message in str(caught.value.problems[0])
        assert attendees(site) == before

    @pytest.mark.parametrize(("row", "column"), [("chef,,", "category"), ("vip,attic,", "zones")])
    def test_codes_that_the_event_lacks(self, site: Database, row: str, column: str) -> None:
        read = read_roster(
            f"name,category,zones,invitations\nAnna,{row}\n".encode(),
            "r.csv",
            categories=["chef", "vip"],
        )
        assert read.problems == ()
        with pytest.raises(RosterRefusedError) as caught:
            load_roster(site, read)
        assert caught.value.problems == (
            Problem(2, column, f"{row.strip('vip,') if column != 'category' else 'chef'!r} is not"
                    " known in this event"),
        )  # fmt: skip

    def test_a_failure_half_way_leaves_nothing(self, site: Database) -> None:
        before = attendees(site)
        text = ROSTER.replace("Harbour", "Port") + "A5,Eve,Hill,,US,,vip,,,press,en\n"

        def step(db: sqlite3.Connection) -> None:
            roster_import.import_roster(
                db, roster_of(text), skip_bad=False, by="test", now=NOW, random=os.urandom
            )
            assert db.in_transaction
            (count,) = db.execute("SELECT COUNT(*) FROM attendee").fetchone()
            assert count == 5
            raise OSError("the disk is full")

        with pytest.raises(OSError, match="disk is full"):
            site.write(step)
        assert attendees(site) == before


def test_serials_are_never_zero_nor_given_twice(database: Database) -> None:
    drawn = itertools.chain([0, 7, 7, 0, 7, 9], itertools.count(100))
    random = lambda size: next(drawn).to_bytes(size, "big")  # noqa: E731
    load_roster(database, "name,category\nAnna,vip\nBo,vip\n", random=random)
    assert {row["serial"] for row in attendees(database)} == {7, 9}


def test_the_log_says_nothing_personal(site: Database) -> None:
    gia = {"given_name": "Gia", "family_name": "Rossi", "category": 7}
    site.write(lambda db: add_attendee(db, gia, by="user:2", now=NOW, random=os.urandom))
    bodies = b"".join(row[0] for row in site.reader.execute("SELECT body FROM leaf"))
    assert b"roster_imported" in bodies
    for word in ("Anna", "Keller", "example.org", "Rossi", "Harbour", "A1", "王"):
        assert word.encode() not in bodies


def test_default_categories_fit_a_roster() -> None:
    assert len({category.letter for category in DEFAULT_CATEGORIES}) == len(DEFAULT_CATEGORIES) == 7


@pytest.mark.sqlite_alone
def test_many_new_people_at_once(site: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    """Indexes are rebuilt and words folded in batches; the result equals that with few people."""
    monkeypatch.setattr(roster_import, "ANEW_FROM", 10)
    monkeypatch.setattr(roster_import, "FOLDED_AT_ONCE_MAX", 10)
    monkeypatch.setattr(search, "FOLDED_TOGETHER", 400)
    indexes = "SELECT name, sql FROM sqlite_master WHERE type = 'index' ORDER BY name"
    before = [tuple(row) for row in site.reader.execute(indexes)]
    rows = [f"M{number},Max,Moss {number},Harbour Pilots,DE,,delegate" for number in range(1_201)]
    text = "id,given name,family name,organisation,country,email,category\n" + "\n".join(rows)
    roster = roster_of(text)
    plan = roster_import.plan_import(
        site.reader, roster, roster_import.ImportAnswers(missing="keep"), False, NOW, os.urandom
    )
    site.write(lambda db: plan.write(db, "test"))
    assert [tuple(row) for row in site.reader.execute(indexes)] == before
    assert site.reader.execute("PRAGMA integrity_check").fetchone()[0] == "ok"
    assert find_attendees(site.reader, "Moss")[1] == 0, "their words are folded later"
    folded = []

    def write(step):
        folded.append(site.write(step))
        return folded[-1]

    search.fold_all(write)
    assert folded == [400, 400, 400, 1]
    assert find_attendees(site.reader, "Moss")[1] == 1_201
    assert len(attendees(site)) == 4 + 1_201


def test_ids_that_change_places(site: Database) -> None:
    """Two rows of one statement may swap ids."""
    lines = ROSTER.splitlines()
    assert (lines[1][:3], lines[2][:3]) == ("A1,", "A2,")
    anna, wang = serial_of(site, "A1"), serial_of(site, "A2")
    plan_rows = [("A2", anna), ("A1", wang)]
    plan = roster_import.ImportPlan(
        ImportResult(added=0, updated=2, unchanged=0, skipped=0), False, 10**9, NOW, [],
        {("external_id",): plan_rows}, [], [], [],
    )  # fmt: skip
    site.write(lambda db: plan.write(db, "test"))
    assert (serial_of(site, "A2"), serial_of(site, "A1")) == (anna, wang)
