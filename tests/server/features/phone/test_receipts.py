"""Receipts for attendees behind their badge's link, and the page that explains them."""

import html
import json
import re
from dataclasses import replace

from badges.credential.keys import PrivateKey
from badges.transparency.signed_note import verifier_key
from badges.transparency.witnessing import witness_key
from server.core.kiosks import registry
from server.core.people import issuing
from server.core.people.phone_token import phone_token
from server.core.staff import users
from server.features.evidence.export import RECEIPT_VERIFIER, VERIFIER
from server.features.evidence.verify_receipt import verify_receipt
from server.web.services import keep_services, services_of
from tests.server.conftest import MINUTE, NOW
from tests.server.support.pages import Pages


def prepare(pages: Pages) -> None:
    """A1 enters and leaves, and is turned away once. A2 enters."""
    pages.issue()
    door = pages.connected_kiosk("main-1", "main")
    entry = door.scan(pages.now, pages.serial("A1"), category=1)
    door.leave(pages.now + MINUTE, pages.serial("A1"), door.ref(entry))
    door.scan(pages.now + 2 * MINUTE, pages.serial("A1"), decision="denied", reason="hall_closed")
    door.scan(pages.now, pages.serial("A2"), category=1)
    pages.now += 3 * MINUTE
    pages.send(door)


def link(pages: Pages, external_id: str) -> str:
    badge = issuing.current_badge(pages.database.reader, pages.serial(external_id))
    return f"/b/{phone_token(pages.event, badge.serial, badge.issue)}"


def offered(pages: Pages, external_id: str) -> list[str]:
    text = pages.stranger().get(f"{link(pages, external_id)}/receipts").text
    return re.findall(r'href="(/b/[^"]+/receipts/\d+)"', text)


def test_each_own_entry_and_exit_has_one(shown: Pages) -> None:
    badge = link(shown, "A1")
    assert f'href="{badge}/receipts"' in shown.stranger().get(badge).text
    targets = offered(shown, "A1")
    assert len(targets) == 2, "what a door refused is not offered"
    key = verifier_key(shown.event.log_name, shown.event.log_key.public)
    directions = set()
    for target in targets:
        answer = shown.stranger().get(target)
        assert (answer.status_code, answer.mimetype) == (200, "text/plain")
        assert answer.headers["Content-Disposition"].endswith('.tlog-proof"')
        assert answer.headers["Cache-Control"] == "no-store"
        assert answer.text.startswith("c2sp.org/tlog-proof@v1\n")
        record = json.loads(verify_receipt(answer.data, key).record)["record"]
        assert record["serial"] == shown.serial("A1")
        directions.add(record["direction"])
    assert directions == {"entry", "exit"}


def test_nobody_elses(shown: Pages) -> None:
    (other,) = offered(shown, "A2")
    number = other.rpartition("/")[2]
    stranger = shown.stranger()
    assert stranger.get(f"{link(shown, 'A1')}/receipts/{number}").status_code == 404
    denied = shown.value("SELECT number FROM scan WHERE decision = 'denied'")
    for which in (denied, 0, 99_999):
        assert stranger.get(f"{link(shown, 'A1')}/receipts/{which}").status_code == 404
    for token in ("x", "A" * 43):
        for rest in ("", f"/{number}"):
            assert stranger.get(f"/b/{token}/receipts{rest}").status_code == 404


def test_a_link_that_stands_no_more_gives_none(pages: Pages) -> None:
    (target,) = offered(pages, "A2")
    serial = pages.serial("A2")
    pages.reissue(serial)
    for gone in (target, target.rpartition("/")[0]):
        answer = pages.stranger().get(gone)
        assert answer.status_code == 410
        assert "tlog-proof" not in answer.text
    assert len(offered(pages, "A2")) == 1, "the newer link has them"


def test_a_supervisors_word_is_the_organisers_to_give(pages: Pages) -> None:
    mei = pages.database.write(
        lambda db: users.add_user(db, "Mei", "supervisor", "x", by="test", now=NOW)
    )
    green = pages.connected_kiosk("green-1", "green-door")
    green.scan(pages.now, pages.serial("A4"), act="override", by=mei.by, note="lost badge",
               category=1)  # fmt: skip
    pages.send(green)
    assert offered(pages, "A4") == []
    text = pages.stranger().get(f"{link(pages, 'A4')}/receipts").text
    assert "ask the organiser for a receipt" in text


def test_none_of_a_scan_that_a_fenced_kiosk_handed_in(pages: Pages) -> None:
    """The kiosk may have made the scan up. The receipt of an earlier scan stays."""
    door = pages.connected_kiosk("green-1", "green-door")
    door.scan(pages.now, pages.serial("A4"), category=1)
    pages.send(door)
    pages.database.write(
        lambda db: registry.fence(db, door.kiosk, door.generation, by="test", now=pages.now)
    )
    door.scan(pages.now + MINUTE, pages.serial("A4"), category=1)
    pages.now += 2 * MINUTE
    pages.send(door)
    ((earlier, _), (later, quarantined)) = pages.database.reader.execute(
        "SELECT number, quarantined FROM scan WHERE serial = ? ORDER BY seq",
        (pages.serial("A4"),),
    ).fetchall()
    assert quarantined
    (target,) = offered(pages, "A4")
    assert target.endswith(f"/{earlier}")
    answer = pages.stranger().get(f"{link(pages, 'A4')}/receipts/{later}")
    assert answer.status_code == 404
    assert "tlog-proof" not in answer.text


def test_it_is_in_the_attendees_language(shown: Pages) -> None:
    target = f"{link(shown, 'A2')}/receipts"
    assert "Where you were" in shown.stranger().get(f"{target}?lang=en").text
    chinese = shown.stranger().get(f"{target}?lang=zh").text
    assert "您的到场记录" in chinese
    assert "Where you" not in chinese


def test_anybody_may_read_what_a_receipt_proves(shown: Pages) -> None:
    stranger = shown.stranger()
    text = html.unescape(stranger.get("/receipts").text)
    key = verifier_key(shown.event.log_name, shown.event.log_key.public)
    assert key in text
    for phrase in ("Limits of the proof", "Who carried the badge", "That there is no second log"):
        assert phrase in text
    chinese = stranger.get("/receipts?lang=zh").text
    assert "不存在第二份记录" in chinese
    for program in (VERIFIER, RECEIPT_VERIFIER):
        answer = stranger.get(f"/receipts/{program.name}")
        assert answer.data == program.read_bytes()
        assert answer.headers["Content-Disposition"].endswith(f'"{program.name}"')


def test_it_names_the_witnesses_and_what_their_lines_say(pages: Pages) -> None:
    here = services_of(pages.app)
    public = PrivateKey(bytes(range(32))).public
    key = witness_key("example.org/w1", public)
    settings = replace(here.event.settings, witnesses={"https://w1.example.org": key})
    keep_services(pages.app, replace(here, event=replace(here.event, settings=settings)))
    text = html.unescape(pages.stranger().get("/receipts").text)
    assert text.count(key) == 2
    assert f'--witness "{key}"' in text
    assert "Others saw it" in text
