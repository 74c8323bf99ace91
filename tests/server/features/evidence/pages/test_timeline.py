"""The entry log as a timeline: filters, pages, single entries, and the summary."""

import html
import json
import re

import pytest

from badges.transparency.checkpoint import cosign, witness_name
from badges.transparency.signed_note import verifier_key
from badges.wire import wire
from server.core.entry_log import cosignatures, entry_log, erasure
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.ledger import marks
from server.features.evidence import timeline
from server.web.services import services_of
from tests.server.conftest import HOUR, NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff, assert_only, four_scans

DAY = 24 * HOUR


def prepare(pages: Pages) -> None:
    """Four scans and two acts."""
    four_scans(pages)
    act(pages, Act.HALL_CLOSED, NOW + DAY, hall=2)
    act(pages, Act.BADGE_REVOKED, NOW + 2 * DAY, serial=pages.serial("A3"))


@pytest.fixture
def auditor(pages: Pages) -> Staff:
    return pages.staff("auditor")


def act(pages: Pages, name: Act, now: int, **subject: str | int) -> None:
    pages.database.write(lambda db: entry_log.act(db, "user:1", name, subject, now))


def numbers(page: str) -> list[int]:
    return [int(number) for number in re.findall(r'href="/admin/log/(\d+)"', page)]


NONE = "1 = 0"


def stored(pages: Pages, where: str = "1 = 1") -> list[int]:
    rows = pages.database.reader.execute(f"SELECT number FROM leaf WHERE {where} ORDER BY 1 DESC")
    return [number for (number,) in rows.fetchall()]


def test_it_shows_every_entry_once_newest_first(shown: Pages) -> None:
    auditor = shown.staff("auditor")
    text = auditor.get("/admin/log/").text
    assert numbers(text) == stored(shown)
    for label in ("Closed a hall", "Hall closed", "Admitted", "Revoked a badge", "west-1"):
        assert label in text
    assert_only(shown, "/admin/log/", "auditor")


@pytest.mark.parametrize(
    ("query", "where"),
    [
        ("what=scan", "kind = 'scan'"),
        ("what=entry", "number IN (SELECT number FROM scan WHERE decision = 'admitted')"),
        ("what=denial", "number IN (SELECT number FROM scan WHERE decision = 'denied')"),
        ("what=act", "kind = 'act'"),
        ("what=act:hall_closed", "CAST(body AS TEXT) LIKE '%hall_closed%' AND kind = 'act'"),
        ("what=inferred_exit", NONE),
        ("what=erased", NONE),
        ("kiosk=west-1", "CAST(body AS TEXT) LIKE '%\"kiosk\":\"west-1\"%'"),
        ("kiosk=west-1&what=scan", "number IN (SELECT number FROM scan WHERE kiosk = 'west-1')"),
        ("hall=2", "number IN (SELECT number FROM scan WHERE hall_id = 2)"
                   " OR CAST(body AS TEXT) LIKE '%\"hall\":2}%'"),
        ("day=2026-05-05", f"at >= {NOW + DAY} AND at < {NOW + DAY + HOUR}"),
        ("day=2026-05-05&hall=2", f"at >= {NOW + DAY} AND at < {NOW + DAY + HOUR}"),
        ("day=2026-05-04&what=scan", "kind = 'scan'"),
        ("day=2026-05-06&what=scan", NONE),
    ],
)  # fmt: skip
def test_filters(shown: Pages, query: str, where: str) -> None:
    auditor = shown.staff("auditor")
    expected = stored(shown, where)
    assert bool(expected) is (where != NONE), "the filter is about something"
    for is_marked in (False, True):
        if is_marked:
            mark(shown)
        answer = auditor.get(f"/admin/log/?{query}")
        assert answer.status_code == 200
        assert numbers(answer.text) == expected
        assert ("No entries match" in answer.text) is not bool(expected)


def mark(pages: Pages) -> None:
    """Mark all full blocks of entries."""
    while marks.mark_next(pages.database):
        pass


@pytest.mark.parametrize("query", ["day=4 May", "hall=one", "kiosk=nowhere", "what=mood",
                                   "what=act:mood", "hall=99999999999999999999"])  # fmt: skip
def test_a_field_that_means_nothing_is_said(shown: Pages, query: str) -> None:
    auditor = shown.staff("auditor")
    answer = auditor.get(f"/admin/log/?{query}")
    assert answer.status_code == 400
    assert "Correct the fields in red first" in answer.text
    assert numbers(answer.text) == []


def test_addresses_last(pages: Pages, auditor: Staff, monkeypatch: pytest.MonkeyPatch) -> None:
    original = timeline.page
    monkeypatch.setattr(
        timeline, "page", lambda *args, **more: original(*args, **{**more, "rows": 3})
    )
    everything, seen, target = stored(pages), [], "/admin/log/"
    while target:
        text = auditor.get(target).text
        seen.append((target, numbers(text)))
        assert ('rel="prev"' in text) is (target != "/admin/log/")
        link = re.search(r'rel="next" href="([^"]+)"', text)
        target = html.unescape(link[1]) if link else ""
    assert [number for _, those in seen for number in those] == everything
    for _ in range(4):
        act(pages, Act.HALL_OPENED, NOW + 2 * DAY, hall=1)
    for target, those in seen[1:]:
        assert numbers(auditor.get(target).text) == those
    text = auditor.get(seen[2][0]).text
    back = html.unescape(re.search(r'rel="prev" href="([^"]+)"', text)[1])
    assert numbers(auditor.get(back).text) == seen[1][1]


def test_one_entry_by_itself(shown: Pages) -> None:
    auditor = shown.staff("auditor")
    (number,) = stored(shown, "number IN (SELECT number FROM scan WHERE decision = 'denied')")
    page = html.unescape(auditor.get(f"/admin/log/{number}").text)
    row = shown.database.reader.execute(
        "SELECT hash, body, salt FROM leaf WHERE number = ?", (number,)
    ).fetchone()
    assert row["hash"].hex() in page
    assert row["salt"].hex() in page
    assert json.loads(re.search(r"<pre[^>]*>(.*?)</pre>", page, re.S)[1]) == json.loads(row["body"])
    assert f'href="/admin/entries/{number}/receipt"' in page
    assert auditor.get("/admin/log/99999").status_code == 404
    assert_only(shown, f"/admin/log/{number}", "auditor")


def test_an_entry_that_was_altered_is_told(pages: Pages, auditor: Staff) -> None:
    (number,) = stored(pages, "kind = 'act' AND CAST(body AS TEXT) LIKE '%hall_closed%'")

    def alter(db) -> None:
        (body,) = db.execute("SELECT body FROM leaf WHERE number = ?", (number,)).fetchone()
        altered = bytes(body).replace(b"user:1", b"user:2")
        db.execute("UPDATE leaf SET body = ? WHERE number = ?", (altered, number))

    pages.database.write(alter)
    text = auditor.get(f"/admin/log/{number}").text
    assert "This is not the record that was logged" in text
    assert "/receipt" not in re.sub(r'href="/receipts?"', "", text)


def test_what_was_erased_stays_as_a_number(pages: Pages, auditor: Staff) -> None:
    serial = pages.serial("A2")
    pages.database.write(lambda db: db.execute("DELETE FROM stay WHERE serial = ?", (serial,)))
    count = pages.database.write(lambda db: erasure.erase(db, serial, by="t", now=NOW + 2 * DAY))
    erased = stored(pages, "kind = 'erased'")
    assert count == len(erased) > 0
    assert numbers(auditor.get("/admin/log/?what=erased").text) == erased
    (scan,) = stored(pages, "kind = 'erased' AND number IN (SELECT number FROM scan)")
    for query in ("what=erased&kiosk=main-1", "what=erased&hall=1", "what=erased&day=2026-05-04"):
        assert scan in numbers(auditor.get(f"/admin/log/?{query}").text)
    assert numbers(auditor.get("/admin/log/?what=erased&kiosk=west-1").text) == []
    assert scan in numbers(auditor.get("/admin/log/?kiosk=main-1").text)
    text = auditor.get(f"/admin/log/{scan}").text
    assert "The record was erased" in text
    assert "<pre" not in text
    assert '/receipt"' not in text


def test_exits_that_were_worked_out(pages: Pages, auditor: Staff) -> None:
    body = {"at": NOW, "by": "move", "cause": None, "type": "inferred_exit",
            "closes": {"generation": 1, "kiosk": "main-1", "seq": 1}}  # fmt: skip
    around = {**body, "hall": 2}
    for entry in (body, around):
        pages.database.write(
            lambda db, entry=entry: entry_log.append(
                db, "inferred_exit", entry_log.canonical(entry), NOW + DAY
            )
        )
    ours, other = stored(pages, "kind = 'inferred_exit'")[::-1]
    assert numbers(auditor.get("/admin/log/?what=inferred_exit").text) == [other, ours]
    assert numbers(auditor.get("/admin/log/?what=inferred_exit&hall=1").text) == [ours]
    assert numbers(auditor.get("/admin/log/?what=inferred_exit&hall=2").text) == [other]
    assert other in numbers(auditor.get("/admin/log/?day=2026-05-05&hall=2").text)
    assert "Exit that was worked out" in auditor.get(f"/admin/log/{ours}").text


def test_looking_is_given_up_in_time_and_goes_on(
    pages: Pages, auditor: Staff, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Few of many entries match, and no index finds them. No page takes long."""

    def step(db) -> None:
        for number in range(1_300):
            body = {"at": NOW, "by": "move", "cause": None, "closes": {}, "type": "inferred_exit",
                    "hall": 2 if number == 0 else 1}  # fmt: skip
            entry_log.append(db, "inferred_exit", entry_log.canonical(body), NOW + DAY)

    pages.database.write(step)
    monkeypatch.setattr(timeline, "LOOKED_AT_MAX", 500)
    (last,) = stored(pages, "kind = 'inferred_exit' AND CAST(body AS TEXT) LIKE '%\"hall\":2%'")
    target, turns = "/admin/log/?what=inferred_exit&hall=2", 0
    while not (entries := numbers(text := auditor.get(target).text)):
        assert "Turn the page to look further" in text
        target, turns = html.unescape(re.search(r'rel="next" href="([^"]+)"', text)[1]), turns + 1
    assert (entries, turns) == ([last], 2)


def test_the_log_at_a_glance(pages: Pages, auditor: Staff, event: Event) -> None:
    assert "/admin/log/integrity" in auditor.get("/admin/entries").text
    log = services_of(pages.app).log
    size = log.size()
    main = FakeDoor("main-1", 0, 0)
    kept = wire.Cosigned(
        size - 2, cosign(main.key, witness_name(log.name, "main-1", 1), log.note(size - 2), 5)
    )
    kiosk, public = ("main-1", 1), main.key.public.raw
    pages.database.write(lambda db: cosignatures.keep(db, log, kiosk, public, kept, NOW))
    text = auditor.get("/admin/log/integrity").text
    size = log.size()
    assert f'<h2 id="h-log">{size} entries</h2>' in text
    assert verifier_key(event.log_name, event.log_key.public) in html.unescape(text)
    assert f"\n{size}\n" in text, "the checkpoint"
    assert re.findall(r'data-label="Entries cosigned" class="number">(\w+)<', text) == [
        str(kept.size), "none",
    ]  # fmt: skip
    for sentence in ("uses no outside witness", "No authority has stamped a checkpoint yet"):
        assert sentence in text
    assert_only(pages, "/admin/log/integrity", "auditor")


def test_pages_are_in_chinese(shown: Pages) -> None:
    auditor = shown.staff("auditor")
    for target in ("", "0", "integrity", "compare", "export"):
        text = auditor.get(f"/admin/log/{target}?lang=zh").text
        shown = re.sub(r"<(script|style|pre|code)\b.*?</\1>|<[^>]+>", " ", text, flags=re.S)
        assert "入场日志" in shown
        assert not re.search(r"\b(?:the|and|entries|which)\b", shown), target
