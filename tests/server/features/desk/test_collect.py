"""Cards that were printed beforehand are handed over once, by name or by code."""

from dataclasses import replace

import pytest

from server.core.event.directory import Event
from server.core.occupancy import copies
from server.core.people import cards, collection, desk_search, issuing
from server.features.desk import hand_over
from server.features.desk.person import desk_person
from server.features.desk.submissions import DeskError, Kind, StaleError, Why
from server.features.desk.undo import Does
from server.storage import dialect
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.features.desk.support import Clerk, add_printer
from tests.server.features.desk.test_hand_over import finish_all


@pytest.fixture
def clerk(event: Event, site: Database) -> Clerk:
    return Clerk(event, site)


def print_all(clerk: Clerk) -> None:
    """Print everyone's card, as before the event."""

    def step(db) -> None:
        issuing.issue_missing(db, clerk.event, now=NOW, by="user:2")
        badges = cards.read(db, clerk.event, issuing.current_badges(db))
        cards.note_printed(db, badges, by="user:2", now=NOW)

    clerk.database.write(step)


def collect(clerk: Clerk, serial: int, form=None):
    asked = form or clerk.form(serial)
    return clerk.database.write(lambda db: hand_over.collect(db, asked, serial))


def act_names(database: Database) -> list[str]:
    act = dialect.in_json("body", "act")
    rows = database.reader.execute(f"SELECT {act} FROM leaf WHERE kind = 'act' ORDER BY number")
    return [row[0] for row in rows]


def uncollected(clerk: Clerk) -> int:
    return collection.uncollected(clerk.database.reader)


def test_it_works(clerk: Clerk) -> None:
    print_all(clerk)
    serial, before = clerk.serial("A1"), uncollected(clerk)
    assert desk_person(clerk.database.reader, clerk.event, serial).is_to_collect
    done = collect(clerk, serial)
    assert done.submission.kind is Kind.COLLECTED
    person = desk_person(clerk.database.reader, clerk.event, serial)
    assert (person.collected_at, person.is_to_collect) == (clerk.now, False)
    assert uncollected(clerk) == before - 1
    assert act_names(clerk.database)[-1] == "badge_collected"


def test_by_the_code_of_the_card(clerk: Clerk) -> None:
    print_all(clerk)
    serial = clerk.serial("A1")
    code = issuing.current_badge(clerk.database.reader, serial).credential
    (hit,) = desk_search.find(clerk.database.reader, code, limit=8).people
    assert (hit.serial, hit.printed, hit.collected) == (serial, True, False)
    collect(clerk, serial)
    (hit,) = desk_search.find(clerk.database.reader, code, limit=8).people
    assert hit.collected


def test_a_form_that_is_sent_twice(clerk: Clerk) -> None:
    print_all(clerk)
    serial = clerk.serial("A1")
    form = clerk.form(serial)
    assert [collect(clerk, serial, form).again for _ in range(2)] == [False, True]
    assert act_names(clerk.database).count("badge_collected") == 1


def test_two_desks(clerk: Clerk) -> None:
    print_all(clerk)
    serial = clerk.serial("A1")
    other = replace(clerk, desk="South 1", by="user:2", opened={})
    clerk.open(serial)
    collect(other, serial)
    with pytest.raises(StaleError):
        collect(clerk, serial)
    with pytest.raises(DeskError) as refused:
        collect(clerk, serial)
    assert refused.value.why is Why.COLLECTED_ALREADY


def test_cards_of_revoked_people_do_not_wait(clerk: Clerk) -> None:
    print_all(clerk)
    serial, before = clerk.serial("A1"), uncollected(clerk)
    clerk.database.write(lambda db: issuing.revoke(db, serial, reason="lost", by="user:2", now=NOW))
    assert uncollected(clerk) == before - 1


def test_a_badge_that_staff_saw_to_be_no_copy_has_no_warning(clerk: Clerk) -> None:
    print_all(clerk)
    serial = clerk.serial("A1")

    def is_warned_of() -> bool:
        return desk_person(clerk.database.reader, clerk.event, serial).is_likely_copy

    clerk.database.write(
        lambda db: (
            db.execute("INSERT INTO likely_copy VALUES (?, 1, 0, 1, NULL)", (serial,)) and None
        )
    )
    assert is_warned_of()
    clerk.database.write(lambda db: copies.clear(db, serial, by="user:1", now=NOW))
    assert not is_warned_of()


def test_the_first_hand_over_stays(clerk: Clerk) -> None:
    """Also where another desk says once more that it has printed and handed over the card."""
    print_all(clerk)
    serial = clerk.serial("A1")
    collect(clerk, serial)
    later = clerk.now + 60_000
    clerk.database.write(
        lambda db: collection.note_collected(db, serial, 1, by="user:3", now=later)
    )
    rows = clerk.database.reader.execute(
        "SELECT collected_at, collected_by FROM badge WHERE serial = ?", (serial,)
    )
    assert [tuple(row) for row in rows] == [(clerk.now, clerk.by)]


def test_nothing_to_hand_over(clerk: Clerk) -> None:
    serial = clerk.serial("A1")
    with pytest.raises(DeskError) as refused:
        collect(clerk, serial)
    assert refused.value.why is Why.NOT_PRINTED


def test_undo(clerk: Clerk) -> None:
    print_all(clerk)
    serial, before = clerk.serial("A1"), uncollected(clerk)
    collect(clerk, serial)
    plan = clerk.plan()
    assert plan is not None
    assert plan.does is Does.UNCOLLECTS
    clerk.undo()
    assert uncollected(clerk) == before
    assert "badge_collection_undone" in act_names(clerk.database)


def test_a_card_printed_at_the_desk_is_handed_over(clerk: Clerk) -> None:
    add_printer(clerk.database)
    serial = clerk.serial("A1")
    clerk.print(serial)
    finish_all(clerk)
    assert desk_person(clerk.database.reader, clerk.event, serial).collected_at is not None
    assert uncollected(clerk) == 0


def test_a_new_badge_is_to_be_collected_anew(clerk: Clerk) -> None:
    print_all(clerk)
    serial, before = clerk.serial("A1"), uncollected(clerk)
    clerk.reissue(serial)
    # The earlier card is void, and the next one is not printed yet.
    assert uncollected(clerk) == before - 1


@pytest.mark.parametrize(
    ("first", "last", "family", "fits"),
    [
        ("K", "M", "Keller", True),
        ("K", "M", "Müller", True),
        ("K", "M", "Novak", False),
        ("k", "", "Jansen", False),
        ("Ka", "Ke", "Keller", True),
        ("Ka", "Ke", "Kim", False),
        ("K", "Ma", "Mueller", False),
        ("L", "L", "柳", True),
        ("I", "I", "Иванова", True),
        ("K", "K", "", True),
    ],
)
def test_letters(first: str, last: str, family: str, fits: bool) -> None:
    assert collection.named_between(first, last)("Karla" if not family else "Anna", family) is fits


@pytest.mark.parametrize(("first", "last"), [("", ""), ("M", "K"), ("abcdefghi", "")])
def test_wrong_letters(first: str, last: str) -> None:
    with pytest.raises(collection.BoxError):
        collection.named_between(first, last)


def test_boxes(clerk: Clerk) -> None:
    serials = [clerk.serial("A1"), clerk.serial("A2")]

    def put(text: str) -> None:
        clerk.database.write(lambda db: collection.put_box(db, serials, text, by="user:1", now=NOW))

    put("  K–M ")
    assert collection.box(clerk.database.reader, serials[0]) == "K–M"
    with pytest.raises(collection.BoxError):
        put("x" * 25)
    assert collection.box(clerk.database.reader, serials[1]) == "K–M"
    put("")
    assert collection.box(clerk.database.reader, serials[1]) == ""
