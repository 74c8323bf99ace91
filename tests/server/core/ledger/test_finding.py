"""Each filter and combination finds the same as a plain comparison, with marks and without."""

import itertools
import random
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from server.core.event.directory import Event
from server.core.ledger import entries, finding, marks, remarks
from server.core.ledger.entries import Entry
from server.core.ledger.finding import Filter, TooManyPeopleError
from server.core.people import search
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.support.pages import Pages
from tests.tries import tries

BLOCK = 16


@pytest.fixture
def pages(event: Event, site: Database, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pages]:
    """Two hundred scans of every kind, in blocks of sixteen numbers."""
    monkeypatch.setattr(marks, "BLOCK", BLOCK)
    monkeypatch.setattr(finding, "BLOCK", BLOCK)
    monkeypatch.setattr(marks, "_ALL", (1 << BLOCK) - 1)
    monkeypatch.setattr(marks, "_BYTES", BLOCK // 8)
    monkeypatch.setattr(finding, "_CHUNK", 3)
    with Pages(event, site) as opened:
        opened.issue()
        site.write(fill)
        yield opened


def fill(db: Any) -> None:
    draw = random.Random(14)
    db.execute("DROP TRIGGER entry_unmarked_changed")
    db.execute("DROP TRIGGER entry_unmarked_gone")
    serials = [row[0] for row in db.execute("SELECT serial FROM attendee ORDER BY serial")]
    (first,) = db.execute("SELECT MAX(number) + 1 FROM leaf").fetchone()
    for number in range(first, first + 200):
        is_scan = draw.random() < 0.9
        db.execute(
            "INSERT INTO leaf (number, kind, at, hash, body) VALUES (?, ?, ?, X'00', X'7B7D')",
            (number, "scan" if is_scan else "word", NOW),
        )
        if not is_scan:
            continue
        denied, acted = draw.random() < 0.3, draw.random() < 0.3
        at = NOW + draw.randrange(40) * MINUTE // 2
        row = {
            "number": number,
            "kiosk": draw.choice(["main-1", "west-1", "west 2"]),
            "generation": 1,
            "seq": number,
            "act": draw.choice(["override", "annul"]) if acted else "scan",
            "direction": draw.choice(["entry", "entry", "exit"]),
            "door_id": draw.randint(1, 3),
            "hall_id": draw.randint(1, 2),
            "serial": draw.choice([None, 77, *serials]),
            "category": draw.choice([None, 1, 2]),
            "session_id": draw.choice([None, 1, 2, 3]),
            "decision": "denied" if denied else "admitted",
            "reason": draw.choice(["hall_full", "forged"]) if denied else None,
            "flags": draw.choice(["", "escort", "escort attention", "repeated"]),
            "scanned_at": at,
            "received_at": at + draw.choice([0, 59_999, 60_000, 900_000]),
            "skew_ms": draw.choice([None, 0, -2_000, 1_999, 60_000]),
            "facts_age_ms": draw.choice([None, 0, 60_000]),
            "supervisor": draw.choice(["user:1", "user:2"]) if acted else None,
            "note": draw.choice(["Lost Badge", "ÉCOLE 王", None]) if acted else None,
            "quarantined": int(draw.random() < 0.1),
        }
        db.execute(
            f"INSERT INTO scan ({', '.join(row)}) VALUES ({', '.join('?' * len(row))})",
            tuple(row.values()),
        )


def mark_all(database: Database) -> int:
    return sum(1 for _ in iter(lambda: marks.mark_next(database), False))


CHOICES: dict[str, tuple[object, ...]] = {
    "hall_id": (1, 2),
    "door_id": (1, 3),
    "kiosk": ("west 2", "none"),
    "sessions": ((1,), (2, 3)),
    "category": (1,),
    "name": ("keller", "小明", "a"),
    "organisation": ("harbour", "none such"),
    "decision": ("denied", "admitted"),
    "reason": ("forged",),
    "act": tuple(remarks.KINDS),
    "remark": ("escort", "attention", *remarks.MADE_HERE),
    "supervisor": ("user:1", "user:9"),
    "note": ("badge", "école", "王"),
    "since": (NOW + 5 * MINUTE, NOW + 5 * MINUTE + 1),
    "until": (NOW + 9 * MINUTE, NOW + 9 * MINUTE - 1),
}


KINDS: dict[str, Callable[[Entry], bool]] = {
    "entry": lambda entry: (
        (entry.direction, entry.decision) == ("entry", "admitted") and entry.act != "annul"
    ),
    "exit": lambda entry: entry.direction == "exit" and entry.act != "annul",
    "override": lambda entry: entry.act == "override",
    "annul": lambda entry: entry.act == "annul",
    "denial": lambda entry: entry.decision == "denied",
}
REMARKS: dict[str, Callable[[Entry], bool]] = {
    "fenced": lambda entry: entry.quarantined,
    "late": lambda entry: entry.received_at - (entry.scanned_at - (entry.skew_ms or 0)) >= 60_000,
    "old_facts": lambda entry: (entry.facts_age_ms or 0) >= 60_000,
    "skewed": lambda entry: abs(entry.skew_ms or 0) >= 2_000,
}
MEANS: dict[str, Callable[[Entry, Any], bool]] = {
    "hall_id": lambda entry, value: entry.hall_id == value,
    "door_id": lambda entry, value: entry.door_id == value,
    "kiosk": lambda entry, value: entry.kiosk == value,
    "sessions": lambda entry, value: entry.session_id in value,
    "category": lambda entry, value: entry.category == value,
    "serial": lambda entry, value: entry.serial == value,
    "name": lambda entry, value: (
        value in entry.name.casefold()
        if value != "a"
        else any(word.startswith("a") for word in entry.name.casefold().split())
    ),
    "organisation": lambda entry, value: value in entry.organisation.casefold(),
    "decision": lambda entry, value: entry.decision == value,
    "reason": lambda entry, value: entry.reason == value,
    "act": lambda entry, value: KINDS[value](entry),
    "remark": lambda entry, value: (
        REMARKS[value](entry) if value in REMARKS else value in entry.flags.split()
    ),
    "supervisor": lambda entry, value: entry.by in (value, {"user:1": "admin"}.get(value)),
    "note": lambda entry, value: value in entry.note.casefold(),
    "since": lambda entry, value: entry.scanned_at >= value,
    "until": lambda entry, value: entry.scanned_at < value,
}


def means(wanted: Filter, everything: list[Entry]) -> list[int]:
    """The filter's meaning, in plain Python on entries as the page shows them."""
    asked = [(MEANS[name], value) for name, value in vars(wanted).items() if value is not None]
    return [
        entry.number for entry in everything if all(says(entry, value) for says, value in asked)
    ]


def filters() -> Iterator[Filter]:
    """Each choice, pairs of them, and some with three."""
    yield Filter()
    for name, values in CHOICES.items():
        for value in values:
            yield Filter(**{name: value})
    for first, other in itertools.combinations(CHOICES, 2):
        yield Filter(**{first: CHOICES[first][0], other: CHOICES[other][-1]})
    draw = random.Random(43)
    for _ in range(tries(60)):
        yield Filter(**{name: draw.choice(CHOICES[name]) for name in draw.sample(list(CHOICES), 3)})


@pytest.mark.parametrize("few", [0, 100])
@pytest.mark.parametrize("marked", ["no", "some", "all"])
def test_it_works(pages: Pages, marked: str, few: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "FEW", few)
    if marked != "no":
        assert mark_all(pages.database) >= 10
    if marked == "some":
        pages.execute("DELETE FROM entry_block WHERE block % 3 = 1")
    db = pages.database.reader
    search_due = db.execute("SELECT COUNT(*) FROM search_due").fetchone()[0]
    assert search_due == 0
    everything = entries.page(db, Filter(), rows=1000).entries
    assert len(everything) > 150
    matched = 0
    for wanted in filters():
        if few == 0 and wanted.name is None and wanted.organisation is None:
            continue  # A small count of people is meaningless without people in the filter.
        expected = means(wanted, everything)
        newest = entries.page(db, wanted, rows=1000)
        assert [entry.number for entry in newest.entries] == expected, wanted
        oldest = entries.page(db, wanted, after=-1, rows=5)
        assert [entry.number for entry in oldest.entries] == expected[-5:], wanted
        whole = [
            entry.number for chunk in entries.found(db, wanted, everything[0].number + 1, 7)
            for entry in chunk
        ]  # fmt: skip
        assert whole == expected[::-1], wanted
        matched += bool(expected)
    assert matched > (60 if few else 15)


def test_edges_within_a_block(pages: Pages) -> None:
    mark_all(pages.database)
    db, wanted = pages.database.reader, Filter(hall_id=1)
    numbers = [entry.number for entry in entries.page(db, wanted, rows=1000).entries]
    for edge in numbers:
        before = entries.page(db, wanted, before=edge, rows=1000).entries
        after = entries.page(db, wanted, after=edge, rows=1000).entries
        others = [entry.number for entry in (*after, *before)]
        assert others == [number for number in numbers if number != edge]


def test_the_newest_block_is_not_marked_before_it_is_full(pages: Pages) -> None:
    blocks = mark_all(pages.database)
    size = pages.value("SELECT MAX(number) + 1 FROM leaf")
    assert blocks == size // BLOCK
    assert not marks.mark_next(pages.database)


def test_a_scan_that_changes_unmarks_its_block(event: Event, site: Database) -> None:
    """With the real triggers and the real block size."""
    with Pages(event, site) as opened:
        opened.issue()
        door = opened.connected_kiosk("main-1", "main")
        door.scan(opened.now, opened.serial("A1"), category=1)
        opened.send(door)
        number = entries.newest_number(site.reader)
        assert number < marks.BLOCK
        for statement in (
            "UPDATE scan SET serial = NULL",
            "DELETE FROM scan",
        ):
            site.write(
                lambda db: (
                    db.execute("INSERT INTO entry_block (block, marked) VALUES (0, 1)")
                    and db.execute("INSERT INTO entry_mark VALUES (0, 'hall', '1', X'00')")
                    and None
                )
            )
            site.write(lambda db, sql=statement: db.execute("DELETE FROM stay") and db.execute(
                "DELETE FROM arrival") and db.execute(sql) and None)  # fmt: skip
            for table in ("entry_block", "entry_mark"):
                assert site.reader.execute(f"SELECT COUNT(*) FROM {table}").fetchone()[0] == 0
            site.give_back()


def test_a_change_while_a_block_is_marked_leaves_it_unmarked(
    pages: Pages, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = marks._Made

    def changed(db: Any, block: int) -> object:
        block_marks = real(db, block)
        pages.execute("DELETE FROM entry_block WHERE block = ?", block)
        return block_marks

    monkeypatch.setattr(marks, "_Made", changed)
    assert marks.mark_next(pages.database)
    assert pages.value("SELECT COUNT(*) FROM entry_mark") == 0


def test_marks_that_lie_show_no_wrong_entry(pages: Pages) -> None:
    mark_all(pages.database)
    pages.execute(
        "UPDATE entry_mark SET value = '1' WHERE facet = 'hall'"
        " AND value = '2' AND block NOT IN"
        " (SELECT block FROM entry_mark WHERE facet = 'hall'"
        " AND value = '1')"
    )
    pages.execute("UPDATE scan SET hall_id = 2")
    assert entries.page(pages.database.reader, Filter(hall_id=1)).entries == []


def test_a_thread_marks_what_is_full_and_ends(pages: Pages) -> None:
    marking = marks.marking(pages.database)
    marking.start()
    full = threading.Event()
    pages.database.on_commit(
        lambda db: full.set() if db.execute("SELECT COUNT(*) >= 10 FROM entry_block"
                                            " WHERE marked = 1").fetchone()[0] else None
    )  # fmt: skip
    assert full.wait(240)
    marking.close()
    assert not marking.is_alive


def test_too_many_people_are_said(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(finding, "PEOPLE_MAX", 0)
    for part in ("name", "organisation"):
        with pytest.raises(TooManyPeopleError, match=part):
            entries.page(pages.database.reader, Filter(**{part: "a"}))


@pytest.mark.parametrize(
    "text", ["'", '"', "%", "*", "NEAR(", "a OR b", "\x00", "-", "🙂", "{name}:"]
)
def test_no_text_breaks_a_search(pages: Pages, text: str) -> None:
    mark_all(pages.database)
    for name in ("name", "organisation", "note", "kiosk", "remark", "supervisor"):
        entries.page(pages.database.reader, Filter(**{name: text}))


def test_a_name_is_no_organisation(pages: Pages) -> None:
    """Though one index holds both, with the Chinese character pairs of both."""
    pages.database.write(
        lambda db: (
            db.execute(
                "UPDATE attendee SET organisation = '王小明研究院' WHERE given_name = 'Anna'"
            )
            and search.fold(db)
        )
    )
    db = pages.database.reader
    called = {entry.name for entry in entries.page(db, Filter(name="小明"), rows=500).entries}
    assert called == {"王小明"}
    within = {
        entry.name for entry in entries.page(db, Filter(organisation="小明"), rows=500).entries
    }
    assert within == {"Anna Keller"}
