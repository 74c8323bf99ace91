"""The entries page and its CSV."""

import csv
import io
import re

import pytest

from badges.credential.badge_number import badge_number
from badges.transparency.signed_note import verifier_key
from server.core.staff import users
from server.features.evidence.verify_receipt import verify_receipt
from tests.server.conftest import NOW
from tests.server.support.pages import Pages, four_scans

prepare = four_scans


def rows(text: str) -> int:
    return text.count('<tr role="row">') - 1


def test_it_works(shown: Pages) -> None:
    answer = shown.staff("auditor").get("/admin/entries")
    assert answer.status_code == 200
    assert rows(answer.text) == 4
    for text in ("Anna Keller", "王小明", "Hall closed", "Main entrance", "一号厅", "11:00:00"):
        assert text in answer.text


def test_an_override_shows_who_and_why(pages: Pages) -> None:
    """In Entries and on the person's page, with the reason's text escaped."""
    mei = pages.database.write(
        lambda db: users.add_user(db, "Mei", "supervisor", "x", by="test", now=NOW)
    )
    green = pages.connected_kiosk("green-1", "green-door")
    word = {"act": "override", "by": mei.by, "note": "lost <b>badge</b>", "category": 1}
    green.scan(pages.now, pages.serial("A4"), **word)
    pages.send(green)
    person = f"/admin/people/{badge_number(pages.serial('A4'))}"
    for target in ("/admin/entries", "/admin/entries?act=override", person):
        text = pages.staff("auditor").get(target).text
        assert "Mei" in text, target
        assert "lost &lt;b&gt;badge&lt;/b&gt;" in text, target
    assert rows(pages.staff("auditor").get("/admin/entries?act=override").text) == 1
    assert pages.staff("auditor").get("/admin/entries?act=scan").status_code == 400


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("hall=1", 3),
        ("hall=2", 1),
        ("decision=denied", 1),
        ("decision=admitted&hall=2", -1),
        ("reason=hall_closed", 1),
        ("from=2026-05-04T10:30", 1),
        ("to=2026-05-04T10:30", 3),
        ("from=2026-05-04T10:00&to=2026-05-04T10:01", 3),
        ("badge=&hall=", 4),
    ],
)
def test_filters(shown: Pages, query: str, expected: int) -> None:
    answer = shown.staff("auditor").get(f"/admin/entries?{query}")
    assert answer.status_code == 200
    assert rows(answer.text) == expected
    assert ("No scans match" in answer.text) == (expected == -1)


def test_one_badge(shown: Pages) -> None:
    auditor, number = shown.staff("auditor"), badge_number(shown.serial("A1"))
    assert rows(auditor.get(f"/admin/entries?badge={number.lower()}").text) == 2


@pytest.mark.parametrize(
    ("query", "problem"),
    [
        ("badge=nobody", "five characters"),
        ("hall=one", "Choose a hall"),
        ("decision=maybe", "Choose from"),
        ("reason=mood", "Choose from"),
        ("from=yesterday", "A date and time"),
        ("from=2026-05-04T12:00&to=2026-05-04T12:00", "not after the beginning"),
        ("from=2026-05-04T12:00%2B08:00", "A date and time"),
        ("to=9999-12-31T23:59", "A date and time"),
        ("to=0001-01-01T00:00", "A date and time"),
        ("hall=99999999999999999999", "Choose a hall"),
    ],
)
def test_a_field_that_means_nothing_is_said(shown: Pages, query: str, problem: str) -> None:
    auditor = shown.staff("auditor")
    answer = auditor.get(f"/admin/entries?{query}")
    assert answer.status_code == 400
    assert problem in answer.text
    assert auditor.get(f"/admin/entries.csv?{query}").status_code == 400


def test_an_edge_that_means_nothing_is_the_first_page(pages: Pages) -> None:
    auditor, query = pages.staff("auditor"), "before=99999999999999999999"
    assert auditor.get(f"/admin/entries?{query}").status_code == 200
    assert auditor.get(f"/admin/entries.csv?{query}").status_code == 200


def test_turning_pages_shows_each_scan_once(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    from server.core.ledger import entries

    original = entries.page
    monkeypatch.setattr(
        entries, "page", lambda *args, **more: original(*args, **{**more, "rows": 2})
    )
    auditor = shown.staff("auditor")
    first = auditor.get("/admin/entries?decision=admitted").text
    assert 'rel="prev"' not in first
    older = _link(first, "next")
    assert "decision=admitted" in older
    second = auditor.get(older).text
    assert (rows(first), rows(second)) == (2, 1)
    assert 'rel="next"' not in second
    back = auditor.get(_link(second, "prev")).text
    assert re.findall(r"Keller|小明|Novak", back) == re.findall(r"Keller|小明|Novak", first)


def test_the_csv_has_the_same_filter_and_names(pages: Pages) -> None:
    answer = pages.staff("auditor").get("/admin/entries.csv?hall=1")
    assert answer.mimetype == "text/csv"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="entries.csv"'
    assert answer.text.startswith("\ufeffnumber,scanned_at,")
    lines = list(csv.DictReader(io.StringIO(answer.text.removeprefix("\ufeff"))))
    assert [row["hall"] for row in lines] == ["Harbour Centre"] * 3
    assert lines[0]["badge"] == badge_number(pages.serial("A1"))
    assert lines[0]["scanned_at"] == "2026-05-04T10:00:00.000+08:00"
    assert (lines[0]["name"], lines[0]["organisation"]) == ("Anna Keller", "Harbour Pilots")


def _link(page: str, rel: str) -> str:
    match = re.search(rf'rel="{rel}" href="([^"]+)"', page)
    assert match
    return match[1].replace("&amp;", "&")


def test_each_entry_has_a_receipt(shown: Pages) -> None:
    auditor = shown.staff("auditor")
    text = auditor.get("/admin/entries").text
    targets = re.findall(r'href="(/admin/entries/\d+/receipt)"', text)
    assert len(targets) == 4
    key = verifier_key(shown.event.log_name, shown.event.log_key.public)
    for target in targets:
        answer = auditor.get(target)
        assert answer.headers["Content-Disposition"].endswith('.tlog-proof"')
        receipt = verify_receipt(answer.data, key)
        assert f"/{receipt.number}/" in target
        assert '"type":"scan"' in receipt.record
    assert auditor.get("/admin/entries/99999/receipt").status_code == 404
