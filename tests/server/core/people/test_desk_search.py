"""The badge desk's single search box, for typed and scanned text."""

import os
import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.credential.badge_number import badge_number
from server.core.event.directory import Event
from server.core.people import cards, day_credentials, desk_search, issuing, phone_links, search
from server.core.people.attendees import add_attendee, change_attendee, find_attendees
from server.core.people.desk_search import Found
from server.core.people.folding import folded, is_east_asian
from server.core.people.lookup import look_up
from server.core.people.phone_token import phone_token
from server.storage.database import Database
from server.storage.opening import connect
from tests.bench import searching
from tests.server.conftest import NOW, serial_of
from tests.server.support.stores import load_roster, load_venue

ROSTER = """\
id,given name,family name,name,latin name,organisation,email,phone,order number,category
B1,子衿,柳,,,清华大学,liu@example.org,+86 138 1234 5678,ORD-2026-001,delegate
B2,柳永,,,,北京航空航天大学,,010-6278 1234,ORD-2026-001,delegate
B3,Anna,Keller,,,Harbour Pilots,anna.keller@example.org,+44 20 7946 0018,77001,delegate
B4,Susanna,Keller-O’Brien,,,Pilots & Sons,,,,delegate
B5,Jean-Pierre,Müller,,,Institut de Physique,,,,delegate
B6,大文,陳,,Tai Man CHAN,香港大學,,,,delegate
B7,Łukasz,Ødegård,,,,,,,delegate
B8,ปรียา,ศรี,,,มหาวิทยาลัย,,,,delegate
B9,,,김민준,,서울대학교,,,,delegate
B10,Юлия,Иванова,,,МГУ,,,,delegate
B11,أحمد,الفارسي,,Ahmad AL-FARISI,,,,,delegate
B12,Annabel,Lee,,,,,,,delegate
"""
CROWD = 4_000
ORGANISATIONS = """
[[organisation]]
code = "thu"
name = "Tsinghua University"
name_zh = "清华大学"
other_names = ["Tsing Hua", "五道口学院"]
kind = "university"
"""


@pytest.fixture
def people(database: Database) -> Database:
    load_roster(database, ROSTER)
    return database


def ids(database: Database, text: str, limit: int = 20, **more: Event) -> list[str]:
    hits = desk_search.find(database.reader, text, limit=limit, **more)
    by_serial = dict(database.reader.execute("SELECT serial, external_id FROM attendee").fetchall())
    return [by_serial[hit.serial] for hit in hits.people]


def test_it_works(event: Event, people: Database) -> None:
    hits = desk_search.find(people.reader, "liu zijin", limit=20)
    (hit,) = hits.people
    assert (hit.name, hit.latin, hit.organisation) == ("柳子衿", "LIU Zijin", "清华大学")
    assert (hit.issue, hit.printed, hit.revoked, hits.more) == (0, False, False, False)


def test_nothing_is_asked_for(people: Database) -> None:
    assert desk_search.find(people.reader, "  ", limit=20) == Found([], more=False)
    assert desk_search.find(people.reader, "anna", limit=0) == Found([], more=True)


@pytest.mark.parametrize(
    ("text", "numbers"),
    [
        ("柳子衿", ["B1"]),
        ("子衿柳", ["B1"]),
        ("子衿", ["B1"]),
        ("衿", ["B1"]),
        ("柳", ["B2", "B1"]),
        ("liu zijin", ["B1"]),
        ("Zijin LIU", ["B1"]),
        ("zi jin liu", ["B1"]),
        ("liuzijin", ["B1"]),
        ("zijinliu", ["B1"]),
        ("liuzi", ["B1"]),
        ("lzj", ["B1"]),
        ("liu", ["B2", "B1"]),
        ("柳 清华", ["B1"]),
        ("柳 航天大学", ["B2"]),
        ("清华 柳子", ["B1"]),
        ("chan", ["B6"]),
        ("chen dawen", ["B6"]),
        ("chantaiman", ["B6"]),
        ("kelleranna", ["B3"]),
        ("KELLER,anna", ["B3"]),
        ("anna", ["B3", "B12", "B4"]),
        ("obrien", ["B4"]),
        ("o'brien", ["B4"]),
        ("keller o brien", ["B4"]),
        ("jean pierre muller", ["B5"]),
        ("jeanpierre", ["B5"]),
        ("mueller", ["B5"]),
        ("lukasz odegard", ["B7"]),
        ("ＬＵＫＡＳＺ", ["B7"]),
        ("ปรียา", ["B8"]),
        ("priya", ["B8"]),
        ("김민준", ["B9"]),
        ("민준", ["B9"]),
        ("minjun kim", ["B9"]),
        ("юлия", ["B10"]),
        ("ivanova yu", ["B10"]),
        ("احمد", ["B11"]),
        ("al farisi", ["B11"]),
        ("pilots", ["B3", "B4"]),
        ("arbou", ["B3"]),
        ("anna.keller@example.org", ["B3"]),
        ("ANNA.KELLER@EXAMPLE", ["B3"]),
        ("keller@example.org", ["B3"]),
        ("B3", ["B3"]),
        ("ORD-2026-001", ["B2", "B1"]),
        ("ord2026001", ["B2", "B1"]),
        ("ORD 2026 001 子衿", ["B1"]),
        ("77001", ["B3"]),
        ("13812345678", ["B1"]),
        ("+8613812345678", ["B1"]),
        ("008613812345678", ["B1"]),
        ("86 138-1234-5678", ["B1"]),
        ("138 1234 5678", ["B1"]),
        ("12345678", ["B1"]),
        ("+86 10 62781234", ["B2"]),
        ("010 6278 1234", ["B2"]),
        ("+44 (20) 7946-0018", ["B3"]),
        ("0044 20 7946 0018", ["B3"]),
        ("020 7946 0018", ["B3"]),
        ("柳 anna", []),
        ("ll", []),
    ],
)
def test_what_is_typed(people: Database, text: str, numbers: list[str]) -> None:
    assert ids(people, text) == numbers


@pytest.mark.parametrize(
    "text",
    [
        "\0", "%", "_", "*", '"', "'", '""', "^nobody", "anna*nobody", 'anna" OR "1', "NOT", "AND",
        "NEAR(anna keller)", "name:nobody", "{name}:", "-nobody", "' OR 1=1 --", "\ud800",
        "HK\ud800", "HK" + "A" * 120, "/b/" + "A" * 27, "\u202eanna\u202c nobody", "a" * 100_000,
        "柳" * 10_000, "nobody " * 5_000, "0" * 50, "+" * 50, "\x1b[2J", "\n\n\n",
    ],
)  # fmt: skip
def test_hostile_texts_find_nobody(event: Event, people: Database, text: str) -> None:
    assert ids(people, text, event=event) == []
    assert find_attendees(people.reader, f"{text}.")[0] == []


def test_words_of_the_indexes_language_are_words(people: Database) -> None:
    load_roster(people, "id,name,category\nC1,Or Not Near,vip\n", missing="keep")
    assert ids(people, "NEAR or NOT") == ["C1"]
    assert ids(people, "anna OR nobody") == []


def test_who_is_called_so_comes_first(people: Database) -> None:
    people_of = "id,given name,family name,organisation,category\n"
    rows = ["D1,Ian,Wu,", "D2,Ian,Wulf,", "D3,Wu,Ian,", "D4,Brian,Wuttke,", "D5,Zoe,Kim,Ian & Wu"]
    load_roster(people, people_of + "".join(f"{row},vip\n" for row in rows), missing="keep")
    assert ids(people, "ian wu") == ["D3", "D1", "D2", "D5", "D4"]


def test_a_crowd_hides_nobody_who_is_called_exactly_so(
    people: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only the first people are sorted, and longer names may precede them."""
    monkeypatch.setattr(desk_search, "RANKED_MAX", 3)
    rows = "".join(f"{n}0,{name},李,delegate\n" for n, name in enumerate(["明娜"] * 30 + ["娜"], 1))
    load_roster(people, f"id,given name,family name,category\n{rows}", missing="keep")
    assert ids(people, "li na", limit=3)[0] == "310"
    assert ids(people, "李娜", limit=3) == ["310"]
    for number in ("10", "20", "30", "310"):
        assert ids(people, number, limit=1) == [number]


def test_whoever_has_no_print_comes_first(event: Event, people: Database) -> None:
    rows = "".join(f"E{n},伟,王,大学{n},delegate\n" for n in range(4))
    load_roster(people, f"id,given name,family name,organisation,category\n{rows}", missing="keep")
    people.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    serials = [serial_of(people, f"E{n}") for n in range(4)]
    printed = sorted(serials)[:2]

    def print_some(db: sqlite3.Connection) -> None:
        badges = [issuing.current_badge(db, serial) for serial in printed]
        cards.note_printed(db, cards.read(db, event, badges), by="test", now=NOW)

    people.write(print_some)
    people_listed = desk_search.find(people.reader, "wangwei", limit=20).people
    assert [(hit.serial, hit.printed) for hit in people_listed] == [
        *((serial, False) for serial in sorted(serials)[2:]),
        *((serial, True) for serial in printed),
    ]
    people.write(
        lambda db: issuing.reissue(db, event, printed[0], reason="lost", now=NOW, by="test")
    )
    people_listed = desk_search.find(people.reader, "wangwei", limit=20).people
    assert {hit.serial for hit in people_listed if hit.printed} == {printed[1]}, (
        "the new one is not"
    )


def test_a_common_name_is_found_by_organisation(people: Database) -> None:
    rows = "".join(f"F{n},伟,王,第{n}医院,delegate\n" for n in range(39))
    rows += "F39,伟,王,清华大学,delegate\n"
    load_roster(people, f"id,given name,family name,organisation,category\n{rows}", missing="keep")
    hits = desk_search.find(people.reader, "王伟", limit=20)
    assert (len(hits.people), hits.more) == (20, True)
    assert not desk_search.find(people.reader, "王伟", limit=40).more
    for text in ("王伟 清华", "清华王伟", "wang wei 清华", "wangwei 华大学", "ww 清华"):
        assert ids(people, text) == (["F39"] if text != "清华王伟" else []), text


def test_scans(event: Event, people: Database) -> None:
    people.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    serial = serial_of(people, "B3")
    first = issuing.current_badge(people.reader, serial)
    people.write(lambda db: issuing.reissue(db, event, serial, reason="lost", now=NOW, by="test"))
    link = f"https://localhost:8443/b/{phone_token(event, serial, 1)}"
    for scan in (first.credential, f" {first.credential}\n", link, f"{link}?lang=zh"):
        assert ids(people, scan, event=event) == ["B3"], scan
    assert ids(people, f"{link[:-1]}{'A' if link[-1] != 'A' else 'B'}", event=event) == []
    assert ids(people, first.credential[:-1]) == []
    assert ids(people, badge_number(serial).lower())[0] == "B3"
    assert ids(people, badge_number(0)) == []


def test_a_day_credential_and_a_link_that_was_renewed_are_scanned_too(
    event: Event, people: Database
) -> None:
    people.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    serial = serial_of(people, "B3")
    badge, at = issuing.current_badge(people.reader, serial), "https://localhost:8443/b/"
    link = f"{at}{phone_links.token(people.reader, event, badge)}"
    people.write(lambda db: phone_links.renew(db, serial, by="test", now=NOW))
    newer = f"{at}{phone_links.token(people.reader, event, badge)}"
    of_day = people.write(
        lambda db: day_credentials.issue_day_credential(
            db, event, serial, day=0, by="test", now=NOW
        )
    )
    for scan in (link, newer, of_day.credential):
        assert ids(people, scan, event=event) == ["B3"], scan


def test_other_names_of_an_organisation(event: Event, people: Database) -> None:
    load_venue(event, people, ORGANISATIONS)
    for text in ("tsinghua liu", "柳 五道口", "tsing hua"):
        assert ids(people, text) == ["B1"], text
    load_venue(event, people, ORGANISATIONS.replace("五道口学院", "Wudaokou"))
    assert (ids(people, "五道口"), ids(people, "wudaokou")) == ([], ["B1"])


def test_no_door_and_no_log_hears_how_to_reach_somebody(event: Event, people: Database) -> None:
    serial = serial_of(people, "B1")
    people.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    values = {"phone": "+86 137 7777 0000", "order_number": "SECRET-1"}
    people.write(lambda db: change_attendee(db, serial, values, by="u", now=NOW))
    load_roster(people, ROSTER.replace("ORD-2026", "SECRET-2"), missing="keep")
    bodies = [bytes(row[0]) for row in people.reader.execute("SELECT body FROM leaf")]
    bodies += [row[0].encode() for row in people.reader.execute("SELECT body FROM change")]
    assert any(b"attendee_changed" in body for body in bodies)
    for body in bodies:
        for secret in (b"7777 0000", b"77770000", b"1234 5678", b"SECRET", b"77001"):
            assert secret not in body


class TestTrueToWhatIsKept:
    """The indexes equal the attendees' data after any history."""

    def test_changes(self, people: Database) -> None:
        add = {"given_name": "Gia", "category": 1, "phone": "+86 139 0000 1111"}
        serial = people.write(
            lambda db: add_attendee(db, add, by="u", now=NOW, random=os.urandom)
        ).serial
        change = {"given_name": "秀英", "family_name": "李", "phone": "", "order_number": "Q-9"}
        people.write(lambda db: change_attendee(db, serial, change, by="u", now=NOW))
        for text in ("gia", "13900001111"):
            assert desk_search.find(people.reader, text, limit=5).people == []
        for text in ("li xiuying", "q9", "秀英李"):
            (hit,) = desk_search.find(people.reader, text, limit=5).people
            assert hit.serial == serial, text
        self.check(people)

    def test_a_roster(self, people: Database) -> None:
        change = ROSTER.replace("子衿,柳", "若曦,柳").replace("5678", "9999")
        load_roster(people, change, renames="accept", missing="keep")
        assert (ids(people, "zijin"), ids(people, "liu ruoxi")) == ([], ["B1"])
        assert (ids(people, "13812345678"), ids(people, "13812349999")) == ([], ["B1"])
        self.check(people)

    def test_somebody_is_erased(self, people: Database) -> None:
        serial = serial_of(people, "B1")
        people.write(
            lambda db: db.execute("DELETE FROM attendee WHERE serial = ?", (serial,)) and None
        )
        for text in ("liu zijin", "子衿", "13812345678", "B1", badge_number(serial)):
            assert serial not in [
                hit.serial for hit in desk_search.find(people.reader, text, limit=5).people
            ]
        self.check(people)

    @staticmethod
    def check(people: Database) -> None:
        """Compare both indexes with the table of words, and that with the attendees."""

        def step(db: sqlite3.Connection) -> None:
            if isinstance(db, sqlite3.Connection):  # PostgreSQL has no separate search index.
                for index in ("search_word", "search_inside"):
                    db.execute(f"INSERT INTO {index} ({index}, rank) VALUES ('integrity-check', 1)")
            before = db.execute("SELECT * FROM attendee_search ORDER BY serial").fetchall()
            assert db.execute("SELECT COUNT(*) FROM search_due").fetchone()[0] == 0
            db.execute("INSERT INTO search_due SELECT serial FROM attendee")
            search.fold(db)
            after = db.execute("SELECT * FROM attendee_search ORDER BY serial").fetchall()
            assert list(map(tuple, before)) == list(map(tuple, after))

        people.write(step)


def crowd(path: Path, people: int) -> sqlite3.Connection:
    db = connect(path)
    searching.fill(db, people)
    with db:  # type: ignore[attr-defined]
        search.fold(db)
    return db


@pytest.fixture(scope="module")
def few(tmp_path_factory: pytest.TempPathFactory) -> Iterator[sqlite3.Connection]:
    """Four hundred people of the bench, for tests with many queries."""
    db = crowd(tmp_path_factory.mktemp("few") / "few.db", 400)
    yield db
    db.close()


Texts: TypeAlias = dict[int, tuple[str, list[str]]]


@pytest.fixture(scope="module")
def texts(few: sqlite3.Connection) -> Texts:
    """The texts of each of the four hundred, and their names reversed."""
    return {
        row["serial"]: (
            " " + search.BETWEEN.join(
                row[column] for column in ("whole", "name", "organisation", "contact")
            ),
            row["whole"].split()[1:],
        )
        for row in few.execute("SELECT * FROM attendee_search")
    }  # fmt: skip


@given(number=st.integers(1, 400), data=st.data())
def test_any_order_of_somebodys_words_finds_them(
    few: sqlite3.Connection, number: int, data: st.DataObject
) -> None:
    row = few.execute("SELECT * FROM attendee WHERE serial = ?", (number,)).fetchone()
    words = f"{row['given_name']} {row['family_name']} {row['organisation']} {row['email']}".split()
    some = data.draw(st.lists(st.sampled_from(words), min_size=3, max_size=8, unique=True))
    cut = [word[: data.draw(st.integers(1, len(word)))] for word in some]
    for asked in (some, cut, [word.upper() for word in some]):
        text = " ".join(asked)
        hits = desk_search.find(few, text, limit=400)
        assert number in [hit.serial for hit in hits.people], text


@given(st.text() | st.text(alphabet="ab\"*'^:(){}-+ \0王%_ANDORT/HK", max_size=40))
def test_anything_may_be_typed(few: sqlite3.Connection, text: str) -> None:
    hits = desk_search.find(few, text, limit=3)
    assert len(hits.people) <= 3
    assert len(find_attendees(few, text, 3)[0]) <= 3
    assert len(look_up(few, text).people) <= 400


@given(number=st.integers(1, 400), data=st.data())
def test_the_indexes_find_what_the_texts_have(
    few: sqlite3.Connection, texts: Texts, number: int, data: st.DataObject
) -> None:
    """Pieces of one person's texts find everyone whose texts contain each piece.

    A reversed name is found from its beginning only, never by its middle, where the names meet.
    """

    def stands(piece: str, serial: int) -> bool:
        text, turned = texts[serial]
        if not is_east_asian(piece):
            return (piece if len(piece) > 2 else f" {piece}") in text
        straight = text.replace(" ".join(turned), " ", 1)
        return piece in straight or any(word.startswith(piece) for word in turned)

    words = texts[number][0].split()
    pieces = []
    for word in data.draw(st.lists(st.sampled_from(words), min_size=1, max_size=3)):
        start = data.draw(st.integers(0, len(word) - 1))
        pieces.append(word[start : data.draw(st.integers(start + 1, len(word)))])
    expected = {n for n in texts if all(stands(piece, n) for piece in pieces)}
    wanted = search.anywhere(list(dict.fromkeys(pieces)))
    assert {row["serial"] for row in few.execute(*wanted)} == expected


@pytest.mark.system
def test_among_a_crowd(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each person of a sample is found by each of their texts.

    A search puts the first 60 in order here, as it does with 300 among 20,000, and many a piece of
    these texts is in hundreds of others. `make bench BENCH=searching` asks among 100,000.
    """
    monkeypatch.setattr(desk_search, "RANKED_MAX", 60)
    db = crowd(tmp_path / "many.db", CROWD)
    dice = random.Random(7)
    try:
        for number in dice.sample(range(1, CROWD + 1), 60):
            row = db.execute("SELECT * FROM attendee WHERE serial = ?", (number,)).fetchone()
            name = [row["given_name"], row["family_name"]]
            dice.shuffle(name)
            for text in (row["email"], row["external_id"], row["phone"], row["order_number"]):
                hits = desk_search.find(db, text, limit=20).people
                assert number in [hit.serial for hit in hits], text
            for text in (" ".join(name), "".join(name), folded(" ".join(name))):
                text = f"{text} {row['external_id']}"
                hits = desk_search.find(db, text, limit=20).people
                assert [hit.serial for hit in hits] == [number], text
    finally:
        db.close()
