"""`would-enter`: the door's own answer beforehand, for a person by any name or number."""

import json
from collections.abc import Callable
from zoneinfo import ZoneInfo

import pytest

from badges.admission.facts import Admitted, Denied
from server.core.event.calendar import Clock
from server.core.event.directory import Event
from server.core.occupancy import hall_control
from server.core.people import attendees, day_credentials, issuing, search
from server.core.people.attendees import UnknownAttendeeError
from server.features.rehearsal.answer_text import facts
from server.features.rehearsal.places import AskedError, find_person, find_place
from server.features.rehearsal.would_enter import WouldEnter, would_enter
from server.storage.database import Database
from tests.server.conftest import HOUR, NOW, serial_of
from tests.server.support.console import Console
from tests.server.support.pages import Pages

Ask = Callable[..., WouldEnter]


@pytest.fixture
def ask(event: Event, site: Database) -> Ask:
    site.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))

    def asked(person: str, place: str, at: int = NOW, **more) -> WouldEnter:
        return would_enter(site.reader, event, person, place, at, **more)

    return asked


def reason(result: WouldEnter) -> str:
    (answer,) = result.answers
    assert isinstance(answer.decision, Denied)
    return answer.decision.reason.value


def test_too_early_then_admitted(ask: Ask) -> None:
    early = ask("A1", "h1", NOW)
    assert reason(early) == "hall_closed"
    (answer,) = early.answers
    assert answer.doors == ("h1-west",)
    assert answer.says["en"].reason == "Opens 10:30, in 30 minutes: Opening"
    assert answer.says["zh"].reason == "10:30开放，还有30分钟：开幕式"
    at_last = ask("A1", "h1", NOW + HOUR)
    assert at_last.admitted
    assert at_last.answers[0].says["en"].reason == "Opening"


def test_who_is_invited_and_who_is_not(ask: Ask) -> None:
    press_hour = NOW + 3 * HOUR
    assert reason(ask("A1", "h1", press_hour)) == "not_entitled"
    assert ask("A3", "h1", press_hour).admitted  # press
    assert ask("A4", "h1", press_hour).admitted  # an invited visitor
    assert list(ask("A4", "h1", press_hour).guest_of.values()) == [True]


def test_a_door_reads_the_badge_and_not_the_roster(ask: Ask, site: Database, event: Event) -> None:
    serial = serial_of(site, "A2")  # a speaker
    assert ask("A2", "green").admitted
    site.write(
        lambda db: attendees.change_attendee(db, serial, {"category": 1}, by="test", now=NOW)
    )
    assert ask("A2", "green").admitted
    site.write(lambda db: issuing.reissue(db, event, serial, reason="changed", now=NOW, by="test"))
    assert reason(ask("A2", "green")) == "not_entitled"
    assert reason(ask("A2", "green", issue=1)) == "superseded"
    with pytest.raises(issuing.IssuingError, match="no badge of issue 3"):
        ask("A2", "green", issue=3)


def test_who_has_no_badge_yet(event: Event, site: Database) -> None:
    result = would_enter(site.reader, event, "A1", "site", NOW)
    assert result.admitted
    assert not result.has_badge


def test_revoked_and_closed_are_as_now(ask: Ask, site: Database) -> None:
    hall = find_place(site.reader, "site").hall.hall_id
    site.write(lambda db: hall_control.set_closed(db, hall, True, by="test", now=NOW))
    assert reason(ask("A1", "site")) == "hall_closed"
    anna = serial_of(site, "A1")
    site.write(lambda db: issuing.revoke(db, anna, reason="conduct", now=NOW, by="test"))
    assert reason(ask("A1", "site")) == "revoked"


def test_presence_and_places_as_now(event: Event, site: Database) -> None:
    with Pages(event, site) as pages:
        pages.issue()
        main_door = pages.connected_kiosk("main-1", "main")
        pages.send(main_door)
        main_door.scan(NOW, pages.serial("A1"))
        pages.send(main_door)

        def ask(person: str, **more) -> WouldEnter:
            return would_enter(site.reader, event, person, "main", NOW + 60_000, **more)

        assert ask("A1").admitted
        assert reason(ask("A1", as_now=True)) == "already_inside"
        sentence = ask("A1", as_now=True).answers[0].says["en"].reason
        assert sentence == "Already inside since 10:00, by Main entrance"
        assert ask("A2", as_now=True).admitted
        site.write(lambda db: hall_control.set_capacity(db, main_door.hall, 1, by="test", now=NOW))
        assert reason(ask("A2", as_now=True)) == "hall_full"
        assert ask("A2").admitted


@pytest.mark.parametrize("text", ["A1", "Anna Keller", "keller anna", "anna@example.org"])
def test_a_person_by_what_one_knows(site: Database, text: str) -> None:
    assert find_person(site.reader, text) == serial_of(site, "A1")


def test_an_exact_email_is_not_ambiguous(site: Database) -> None:
    site.write(
        lambda db: db.execute(
            "UPDATE attendee SET email = ? WHERE external_id = 'A3'", ("boris.anna@example.org",)
        )
    )
    site.write(search.fold)
    assert find_person(site.reader, "ANNA@example.org") == serial_of(site, "A1")
    assert find_person(site.reader, "boris.anna@example.org") == serial_of(site, "A3")


def test_a_person_who_is_not_clear(site: Database) -> None:
    with pytest.raises(AskedError, match="may be any of 4 people: .* Name one by badge number"):
        find_person(site.reader, "example.org")
    for text in ("", "  ", "Nobody At All"):
        with pytest.raises(UnknownAttendeeError):
            find_person(site.reader, text)


def test_a_place_by_what_one_knows(site: Database) -> None:
    for text in ("h1", "H1", "Hall 1", "一号厅", "hall:h1", " hall 1 "):
        place = find_place(site.reader, text)
        assert (place.hall.code, [way.doors[0].code for way in place.ways]) == ("h1", ["h1-west"])
    assert find_place(site.reader, "一号厅西门").ways[0].doors[0].code == "h1-west"
    with pytest.raises(AskedError, match="There is no hall or door 'h9'"):
        find_place(site.reader, "h9")


def test_a_hall_and_a_door_of_one_name(site: Database) -> None:
    site.write(lambda db: db.execute("UPDATE door SET code = 'h1' WHERE code = 'h1-west'"))
    with pytest.raises(AskedError, match="'h1': did you mean hall:h1 or door:h1"):
        find_place(site.reader, "h1")
    assert find_place(site.reader, "door:h1").hall.code == "h1"


def test_a_door_for_exit_and_a_hall_without_a_way_in(ask: Ask, site: Database) -> None:
    site.write(lambda db: db.execute("UPDATE door SET mode = 'exit' WHERE code = 'h1-west'"))
    with pytest.raises(AskedError, match="Door h1-west is for exit only"):
        find_place(site.reader, "h1-west")
    (answer,) = ask("A1", "h1", NOW + HOUR).answers
    assert answer.doors == ()
    assert isinstance(answer.decision, Admitted)


def test_doors_that_lead_into_other_halls_answer_apart(ask: Ask, site: Database) -> None:
    def second_door(db) -> None:
        (door_id,) = db.execute(
            "INSERT INTO door (code, hall_id, names, mode) SELECT 'h1-east', hall_id, '{}', 'both'"
            " FROM hall WHERE code = 'h1' RETURNING door_id"
        ).fetchone()
        db.execute("INSERT INTO door_from VALUES (?, 1, NULL)", (door_id,))
        db.execute("UPDATE hall SET closed_at = 1 WHERE code = 'site'")

    site.write(second_door)
    result = ask("A1", "h1", NOW + HOUR)
    assert {answer.doors: answer.admitted for answer in result.answers} == {
        ("h1-west",): True,
        ("h1-east",): False,
    }
    assert not result.admitted


def test_the_command_says_all_of_it(filled: Console) -> None:
    output = filled("would-enter", "A4", "Hall 1", "--at", "2026-05-04 13:00").output
    assert "Chen Lee (" in output
    assert "Would be admitted at h1-west" in output
    assert "en: ADMIT · Press hour" in output
    assert "zh: 请进 · Press hour" in output
    assert "Category: Visitor" in output
    assert "Badge's days: 1, 2" in output
    assert "the doors admit people to it Mon 04 May 12:50–14:05; for Press;" in output
    assert "this person is invited" in output
    assert "Assumed: A place is free." in output
    filled("would-enter", "A4", "h1", "--at", "soon", status=2)
    filled("would-enter", "A4", "h7", "--at", "2026-05-04 13:00", status=2)
    filled("would-enter", "A9", "h1", "--at", "2026-05-04 13:00", status=1)
    assert (
        "has no badge of issue 7"
        in filled("would-enter", "A4", "h1", "--issue", "7", status=1).output
    )


def test_the_command_for_machines(filled: Console) -> None:
    arguments = ("would-enter", "A1", "h1", "--at", "2026-05-06 13:00", "--json")
    result = json.loads(filled(*arguments).output)
    assert (result["admitted"], result["hall"], result["category"]) == (False, "h1", "delegate")
    assert result["at"] == "2026-05-06T13:00:00.000+08:00"
    (answer,) = result["answers"]
    assert (answer["doors"], answer["reason"], answer["session"]) == (
        ["h1-west"], "hall_closed", None,
    )  # fmt: skip
    assert set(answer["says"]) == {"en", "zh"}
    assert {"about": "Day", "is": "day 3 of the event"} in result["facts"]


def test_on_its_day_a_day_credential_opens(ask: Ask, site: Database, event: Event) -> None:
    anna = serial_of(site, "A1")
    site.write(
        lambda db: day_credentials.issue_day_credential(db, event, anna, day=0, by="test", now=NOW)
    )
    of_day = ask("A1", "site")
    assert of_day.admitted
    lines = dict(facts(site.reader, of_day, Clock(ZoneInfo(event.settings.time_zone))))
    assert lines["Badge"] == "a day credential in place of issue 1"
    assert reason(ask("A1", "site", issue=1)) == "day_credential"
    tomorrow = ask("A1", "site", NOW + 24 * HOUR)
    assert tomorrow.admitted
    assert tomorrow.badge == ask("A1", "site", issue=1).badge
