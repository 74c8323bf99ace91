"""Walk-ins are registered, issued and queued in one act, and duplicates are shown first."""

import threading
from dataclasses import replace

import pytest

from badges.wire import wire
from server.core.event.directory import Event
from server.core.feed.changes import cursor
from server.core.people import attendees
from server.core.people.attendees import AttendeeError
from server.features.desk.submissions import Kind, Why
from server.features.desk.walk_in import SimilarError, similar
from server.features.printers import jobs
from server.storage.database import Database
from tests.server.features.desk.support import (
    NAMED,
    Clerk,
    add_printer,
    await_noa,
    named,
    refused,
)
from tests.server.support.stores import changes


@pytest.fixture
def clerk(event: Event, site: Database) -> Clerk:
    return Clerk(event, site)


def people(database: Database) -> int:
    return database.reader.execute("SELECT COUNT(*) FROM attendee").fetchone()[0]


def test_it_works(clerk: Clerk) -> None:
    add_printer(clerk.database)
    submission = clerk.walk_in(organisation="Harbour Pilots", email="noa@example.org").submission
    attendee = attendees.attendee(clerk.database.reader, submission.serial)
    assert (attendee.name, attendee.organisation, attendee.email, attendee.issue) == (
        "Noa Bodin", "Harbour Pilots", "noa@example.org", 1,
    )  # fmt: skip
    assert submission.kind is Kind.WALK_IN
    assert jobs.job(clerk.database.reader, submission.job_id).serial == submission.serial


def test_a_form_that_many_send_at_once_registers_once(clerk: Clerk) -> None:
    form, before = clerk.form(), people(clerk.database)
    together, results = threading.Barrier(6), []

    def send() -> None:
        together.wait()
        results.append(clerk.walk_in(form))

    threads = [threading.Thread(target=send) for _ in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert people(clerk.database) == before + 1
    assert sorted(result.again for result in results) == [False, *[True] * 5]


@pytest.mark.parametrize(
    "values",
    [
        {"given_name": "anna", "family_name": "KELLER"},
        {"given_name": "Keller", "family_name": "Anna"},
        {"given_name": "Ánna Keller", "family_name": ""},
        {"given_name": "Somebody", "family_name": "Else", "email": "ANNA@example.org"},
        {"given_name": "王小明", "family_name": ""},
        {"given_name": "小明", "family_name": "王"},
        {"given_name": "王", "family_name": "小明"},
        {"given_name": "Xiaoming", "family_name": "Wang"},
    ],
)
def test_who_is_there_already_is_shown_first(clerk: Clerk, values: dict[str, str]) -> None:
    before = people(clerk.database)
    with pytest.raises(SimilarError) as similar_people:
        clerk.walk_in(**values)
    assert [person.external_id for person in similar_people.value.people] in (["A1"], ["A2"])
    assert people(clerk.database) == before


@pytest.mark.parametrize(
    "name", ["Anna Kellerman", "Ann Keller", "小明", "Keller", "Anna Keller Smith"]
)
def test_others_are_not_alike(clerk: Clerk, name: str) -> None:
    assert similar(clerk.database.reader, {"given_name": name}) == []


def test_somebody_of_the_same_name_is_registered_when_seen(clerk: Clerk) -> None:
    seen = (clerk.serial("A1"),)
    submission = clerk.walk_in(seen=seen, given_name="Anna", family_name="Keller").submission
    assert submission.serial not in seen


def test_a_colleague_who_was_quicker_is_shown_too(clerk: Clerk) -> None:
    other = replace(clerk, desk="South 1", by="user:2", opened={})
    first = other.walk_in().submission
    with pytest.raises(SimilarError) as similar_people:
        clerk.walk_in()
    assert [person.serial for person in similar_people.value.people] == [first.serial]


def test_an_email_stands_for_one_person(clerk: Clerk) -> None:
    seen = (clerk.serial("A1"),)
    before = people(clerk.database)
    with refused(Why.EMAIL_KNOWN):
        clerk.walk_in(seen=seen, email="anna@example.org")
    assert people(clerk.database) == before


@pytest.mark.parametrize(
    ("values", "why"),
    [
        ({"given_name": " ", "family_name": ""}, Why.NO_NAME),
        ({"given_name": "-", "family_name": "–"}, Why.NO_NAME),
    ],
)
def test_what_is_needed(clerk: Clerk, values: dict[str, str], why: Why) -> None:
    with refused(why):
        clerk.walk_in(**values)


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"given_name": "=1+1"}, "formula"),
        ({"email": "noa"}, "not an e-mail address"),
        ({"country": "Atlantis"}, "country"),
        ({"latin_name": "王"}, "no Latin letter"),
        ({"given_name": "x" * 121}, "the limit is 120"),
        ({"category": 77}, "no such category"),
    ],
)
def test_wrong_input_registers_nobody(clerk: Clerk, values: dict[str, str], words: str) -> None:
    before = people(clerk.database)
    with pytest.raises(AttendeeError, match=words):
        clerk.walk_in(**values)
    assert people(clerk.database) == before


@pytest.mark.parametrize(
    ("values", "language"),
    [
        ({}, "en"),
        ({"given_name": "子衿", "family_name": "柳"}, "zh"),
        ({"given_name": "花子", "family_name": "佐藤", "country": "JP"}, "ja"),
        ({"given_name": "さくら", "family_name": "佐藤"}, "ja"),
    ],
)
def test_the_language_is_guessed(clerk: Clerk, values: dict[str, str], language: str) -> None:
    serial = clerk.walk_in(**values).submission.serial
    assert attendees.attendee(clerk.database.reader, serial).language == language


def test_what_a_venue_file_says_of_a_walk_in_applies_at_once(clerk: Clerk) -> None:
    await_noa(clerk.database)
    before = cursor(clerk.database.reader)
    serial = clerk.walk_in(email="Noa@example.org").submission.serial
    assert named(clerk.database, serial) == NAMED
    assert any(isinstance(change, wire.VenueChanged) for change in changes(clerk.database, before))
