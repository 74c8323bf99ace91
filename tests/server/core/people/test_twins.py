"""People of the same name are told apart, without a whole address or number on a screen."""

import pytest

from server.core.event.directory import Event
from server.core.people import desk_search, issuing, twins
from server.core.people.lookup import look_up
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.stores import load_roster

ROSTER = """\
id,given name,family name,organisation,email,phone,order number,country,category
B1,伟,王,Harbour,wei.wang@harbour.example,+86 138 1234 5678,ORD-77001,CN,delegate
B2,伟,王,Harbour,wang88@pilots.example,+86 138 9999 1111,,SG,delegate
B3,Anna,Keller,Harbour,anna@harbour.example,+44 20 7946 0018,ORD-77002,DE,delegate
"""


@pytest.fixture
def people(event: Event, database: Database) -> Database:
    load_roster(database, ROSTER)
    database.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    return database


def test_it_works(people: Database) -> None:
    hits = desk_search.find(people.reader, "王伟", limit=8).people
    assert sorted((hit.country, hit.hints) for hit in hits) == [
        ("CN", ["wei…@ha…", "…678", "ORD-77001"]),
        ("SG", ["wan…@pi…", "…111"]),
    ]


def test_a_single_person_shows_nothing_more(people: Database) -> None:
    (hit,) = desk_search.find(people.reader, "keller", limit=8).people
    assert (hit.country, hit.hints) == ("", [])


def test_a_kiosk_gets_less(people: Database) -> None:
    persons = look_up(people.reader, "王伟").people
    assert sorted(person.hints for person in persons) == [
        ["wa…@pi…", "…11"],
        ["we…@ha…", "…78", "#…01"],
    ]
    (single,) = look_up(people.reader, "keller").people
    assert not single.hints


@pytest.mark.parametrize(
    ("names", "alike"),
    [
        (["Wei Wang", "WANG Wei"], True),
        (["陈静", "陈 静"], True),
        (["Zoë Müller", "Zoe Muller"], True),
        (["Anna Lee", "Anne Lee"], False),
    ],
)
def test_namesakes(names: list[str], alike: bool) -> None:
    assert twins.namesakes(dict(enumerate(names))) == ({0, 1} if alike else set())


@pytest.mark.parametrize(
    ("email", "shown"),
    [
        ("wei.wang@harbour.example", "wei…@ha…"),
        ("a@b.example", "a…@b.…"),
        ("ab@b.example", "a…@b.…"),
        ("", ""),
        ("no address", ""),
    ],
)
def test_no_whole_address(email: str, shown: str) -> None:
    assert twins.email_start(email) == shown


def test_no_whole_number() -> None:
    assert twins.phone_end("+86 138 1234 5678") == "…678"
    assert twins.phone_end("110") == ""
    assert twins.order_end("77001", 2) == "#…01"
    assert twins.order_end("7", 2) == ""
