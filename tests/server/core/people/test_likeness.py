"""Names are found by another usual spelling, after exact spellings and only if there is none."""

import pytest

from server.core.people import desk_search, likeness
from server.core.people.attendees import find_attendees
from server.core.people.lookup import look_up
from server.storage.database import Database
from tests.server.support.stores import load_roster

ROSTER = """\
id,given name,family name,organisation,email,category
P1,Anna,Kowalska,Harbour,a@example.org,delegate
P2,نور الدين,العلي,Port of Alexandria,n@example.org,delegate
P3,Юлия,Ковальская,МГУ,,delegate
P4,Muhammad,Al-Farisi,,,delegate
P5,عبد الرحمن,السيد,,,delegate
P6,Jan,Nowak,,,delegate
P7,Mei,Lin,,,delegate
P8,Ewa,Ivanova,,,delegate
P9,محمد,حسن,,,delegate
P10,伟,王,,,delegate
"""


@pytest.fixture
def people(database: Database) -> Database:
    load_roster(database, ROSTER)
    return database


def ids(database: Database, text: str) -> list[str]:
    serials = [hit.serial for hit in desk_search.find(database.reader, text, limit=20).people]
    labels = dict(database.reader.execute("SELECT serial, external_id FROM attendee").fetchall())
    return [labels[serial] for serial in serials]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("Kowalsky", ["P1", "P3"]),
        ("anna kowalski", ["P1"]),
        ("kowalsky harb", ["P1"]),
        ("noor al ali", ["P2"]),
        ("nour el-din", ["P2"]),
        ("Nooruddin alali", ["P2"]),
        ("mohamed alfarisi", ["P4"]),
        ("mohamed", ["P4", "P9"]),
        ("abdul rahman al sayed", ["P5"]),
        ("abdulrahman", ["P5"]),
        ("ivanov", ["P8"]),
        ("novak", ["P6"]),
    ],
)
def test_another_spelling(people: Database, text: str, wanted: list[str]) -> None:
    assert set(ids(people, text)) == set(wanted)


def test_exact_spellings_are_alone(people: Database) -> None:
    assert ids(people, "kowalska") == ["P1", "P3"] or ids(people, "kowalska") == ["P1"]
    assert ids(people, "muhammad") == ["P4"]


def test_the_most_similar_is_first(people: Database) -> None:
    assert ids(people, "Kowalsky")[0] == "P1"


@pytest.mark.parametrize("text", ["nobody", "wei wangg", "xx", "kowalsky oslo", "李", "zq 王"])
def test_no_one_is_like_that(people: Database, text: str) -> None:
    assert ids(people, text) == []


def test_lists_and_supervisors_find_them_too(people: Database) -> None:
    persons, total = find_attendees(people.reader, "Kowalsky")
    assert total == 2
    assert {person.external_id for person in persons} == {"P1", "P3"}
    assert look_up(people.reader, "Kowalsky").people == []  # None has a badge yet.


@pytest.mark.parametrize(
    "alike",
    [
        ("kowalski", "kowalska", "kowalsky", "kovalskaya", "kowalskij", "kovalskiy"),
        ("ivanov", "ivanova", "iwanow", "ivanoff"),
        ("muhammad", "mohamed", "mohammed", "muhamad"),
        ("noor", "nour", "nur"),
        ("hussein", "husain", "hussain"),
        ("novotzki", "novotzka"),
    ],
)
def test_one_stem(alike: tuple[str, ...]) -> None:
    assert len({tuple(likeness.keys([name])) for name in alike}) == 1


@pytest.mark.parametrize(
    ("first", "second"),
    [("anna", "anton"), ("keller", "kollar"), ("lee", "leo"), ("novak", "nowicki")],
)
def test_two_stems(first: str, second: str) -> None:
    assert likeness.keys([first]) != likeness.keys([second])
