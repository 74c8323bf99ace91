"""The read model of entries: filters, keyset pages, CSV, discrepancies."""

import csv
import io
import json
from collections.abc import Iterator

import pytest

from server.core.event.directory import Event
from server.core.ledger import entries, entries_files
from server.core.ledger.finding import Filter
from server.core.staff import users
from server.storage.database import Database
from server.storage.sheets import csv_cells
from tests.server.conftest import MINUTE, NOW
from tests.server.support.pages import Pages


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    """Nine scans at one door, a minute apart."""
    with Pages(event, site) as opened:
        opened.issue()
        main = opened.connected_kiosk("main-1", "main")
        for minute in range(9):
            opened.now = NOW + minute * MINUTE
            denied = {"decision": "denied", "reason": "hall_full"} if minute % 3 == 2 else {}
            main.scan(opened.now, opened.serial(f"A{minute % 3 + 1}"), category=1, **denied)
        opened.send(main)
        yield opened


def test_it_works(pages: Pages) -> None:
    page = entries.page(pages.database.reader, Filter())
    assert len(page.entries) == 9
    newest = page.entries[0]
    assert (newest.name, newest.organisation) == ("Boris Novak", "Daily Anchor")
    assert newest.hall_names["zh"] == "海港中心"
    assert (newest.scanned_at, newest.received_at) == (pages.now, pages.now)
    assert (newest.decision, newest.reason, newest.quarantined) == ("denied", "hall_full", False)
    assert page.older is page.newer is None


@pytest.mark.parametrize("rows", [1, 2, 4, 9, 20])
def test_pages_forth_and_back_show_every_scan_once(pages: Pages, rows: int) -> None:
    db, turn = pages.database.reader, entries.page(pages.database.reader, Filter(), rows=rows)
    everything = [entry.number for entry in entries.page(db, Filter(), rows=100).entries]
    seen = [entry.number for entry in turn.entries]
    assert turn.newer is None
    while turn.older is not None:
        turn = entries.page(db, Filter(), before=turn.older, rows=rows)
        seen += [entry.number for entry in turn.entries]
        assert turn.newer is not None
    assert seen == everything
    back = [entry.number for entry in reversed(turn.entries)]
    while turn.newer is not None:
        turn = entries.page(db, Filter(), after=turn.newer, rows=rows)
        back += [entry.number for entry in reversed(turn.entries)]
    assert back == everything[::-1]


def test_a_scan_that_arrives_meanwhile_moves_no_page(pages: Pages) -> None:
    db = pages.database.reader
    first = entries.page(db, Filter(), rows=4)
    before = entries.page(db, Filter(), before=first.older, rows=4)
    late = pages.kiosk("main-2", "main")
    late.scan(NOW, None, decision="denied", reason="not_a_badge")
    pages.send(late)
    assert entries.page(db, Filter(), before=first.older, rows=4) == before
    assert entries.latest(db, 1)[0].reason == "not_a_badge"


def test_filters_meet(pages: Pages) -> None:
    db = pages.database.reader
    boris = pages.serial("A3")
    wanted = Filter(serial=boris, decision="denied", since=NOW + 3 * MINUTE, until=pages.now)
    matching = entries.page(db, wanted).entries
    assert [entry.scanned_at for entry in matching] == [NOW + 5 * MINUTE]
    assert entries.page(db, Filter(door_id=99)).entries == []


def test_unknown_serials_and_nothing_at_all_have_no_name(pages: Pages) -> None:
    door = pages.connected_kiosk("main-2", "main")
    door.scan(pages.now, 1, category=1)
    door.scan(pages.now, None, decision="denied", reason="forged")
    pages.send(door)
    forged, unknown = entries.latest(pages.database.reader, 2)
    assert (forged.serial, forged.name, forged.category_names) == (None, "", {})
    assert (unknown.serial, unknown.name) == (1, "")


def csv_rows(pages: Pages, wanted: Filter, **more: str | bool) -> list[dict[str, str]]:
    asked = entries_files.Asked(wanted, "Asia/Shanghai", **more)
    text = "".join(entries_files.csv_lines(pages.database.reader, asked))
    assert text.startswith("\ufeff")
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def test_the_csv_has_every_scan_oldest_first(pages: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(entries_files, "CHUNK_ROWS", 4)
    rows = csv_rows(pages, Filter())
    assert tuple(rows[0]) == entries_files.COLUMNS
    assert [row["sequence"] for row in rows] == [str(n) for n in range(1, 10)]
    assert rows[2] | {"number": "", "badge": ""} == {
        "number": "",
        "scanned_at": "2026-05-04T10:02:00.000+08:00",
        "received_at": "2026-05-04T10:08:00.000+08:00",
        "hall": "Harbour Centre",
        "door": "Main entrance",
        "direction": "entry",
        "act": "scan",
        "decision": "denied",
        "reason": "hall_full",
        "flags": "",
        "badge": "",
        "issue": "1",
        "category": "Delegate",
        "session": "",
        "kiosk": "main-1",
        "generation": "1",
        "sequence": "3",
        "skew_ms": "0",
        "facts_age_ms": "0",
        "quarantined": "",
        "supervisor": "",
        "note": "",
    }


def test_the_csv_in_chinese(pages: Pages) -> None:
    row = csv_rows(pages, Filter(), language="zh")[0]
    assert (row["hall"], row["category"]) == ("海港中心", "代表")


def test_the_csv_names_nobody(pages: Pages) -> None:
    asked = entries_files.Asked(Filter(), "UTC")
    text = "".join(entries_files.csv_lines(pages.database.reader, asked))
    for personal in ("Anna", "Keller", "小明", "example.org", "Harbour Pilots"):
        assert personal not in text


FORMULAS = ["=1+1", "+1", "-1", "@SUM(1)", "\t=1", "\r=1", "＝1+1", "＋1", "－1", "＠SUM(1)", "﹣1"]


@pytest.mark.parametrize("name", FORMULAS)
def test_no_cell_is_a_formula(pages: Pages, name: str) -> None:
    pages.execute("UPDATE hall SET names = ?", json.dumps({"en": name}))
    assert csv_rows(pages, Filter())[0]["hall"] == "'" + name


def overridden(pages: Pages, by: str, note: str) -> None:
    door = pages.connected_kiosk("main-2", "main")
    word = {"act": "override", "by": by, "note": note, "category": 1}
    door.scan(pages.now, pages.serial("A1"), **word)
    pages.send(door)


def test_an_override_has_its_supervisor_and_reason(pages: Pages) -> None:
    mei = pages.database.write(
        lambda db: users.add_user(db, "Mei", "supervisor", "x", by="test", now=NOW)
    )
    overridden(pages, mei.by, "=his badge got wet")
    (override,) = entries.page(pages.database.reader, Filter(act="override")).entries
    assert (override.act, override.by, override.note) == ("override", "Mei", "=his badge got wet")
    row = csv_rows(pages, Filter(act="override"))[0]
    assert (row["supervisor"], row["note"]) == ("Mei", "'=his badge got wet")
    assert {entry.by for entry in entries.page(pages.database.reader, Filter()).entries} == {
        "",
        "Mei",
    }


@pytest.mark.parametrize("by", ["user:999", "user:01", "user:1 ", "1", "user:"])
def test_an_id_that_is_no_account_is_shown_as_it_is(pages: Pages, by: str) -> None:
    overridden(pages, by, "wet badge")
    assert entries.latest(pages.database.reader, 1)[0].by == by


def test_names_with_commas_quotes_and_lines_stay_one_cell(pages: Pages) -> None:
    name = 'Hall "A", north\nupper'
    pages.execute("UPDATE hall SET names = ?", json.dumps({"en": name}))
    assert csv_rows(pages, Filter())[0]["hall"] == name


def test_a_negative_number_stays_a_number() -> None:
    assert csv_cells.guarded(-5) == -5
    assert csv_cells.guarded("plain") == "plain"
    assert csv_cells.guarded("") == ""


def test_a_discrepancy_has_both_doors_and_both_times(pages: Pages) -> None:
    west, serial = pages.connected_kiosk("main-2", "main"), pages.serial("A1")
    west.scan(pages.now + MINUTE, serial)
    pages.send(west)
    rows = [row for row in entries.discrepancies(pages.database.reader) if row.at.kiosk == "main-2"]
    assert len(rows) == 1
    assert (rows[0].reason, rows[0].decision, rows[0].serial) == (
        "already_inside",
        "admitted",
        serial,
    )
    assert rows[0].at.scanned_at == pages.now + MINUTE
    assert rows[0].other is not None
    assert rows[0].other.kiosk == "main-1"
    assert rows[0].other.door_names == {"en": "Main entrance"}
    assert entries.discrepancy_count(pages.database.reader) >= 1
