"""The ledger: once, in order, with stays, places, discrepancies; after any repetition or loss."""

import json

import msgspec
import pytest
from msgspec import UNSET

from badges.record import WireError, decode_record
from badges.transparency.commitment import SALT_BYTES, commitment
from badges.transparency.merkle import leaf_hash
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.kiosks import contact
from server.core.ledger import ingest
from server.core.occupancy import hall_control, stays
from tests.server.conftest import NOW
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import ANNA, BORIS, OTHER, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls


def test_it_works(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    assert site.send(site.west).acked_seq == 1
    assert site.rows("SELECT kiosk, seq, decision FROM scan") == [("west", 1, "admitted")]
    assert [stay.serial for stay in stays.in_hall(site.database.reader, SMALL)] == [ANNA]
    assert site.figures(SMALL).inside == 1
    assert site.figures(SMALL).worst_case == 6


def test_a_repeated_batch_changes_nothing(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.scan(site.west, NOW + 1, BORIS)
    before = (site.rows("SELECT * FROM scan"), site.figures(SMALL))
    assert site.send(site.west, first=1).acked_seq == 2
    assert site.send(site.west, first=1, last=1).acked_seq == 2
    assert (site.rows("SELECT * FROM scan"), site.figures(SMALL)) == before


def test_an_overlapping_batch_adds_only_what_is_new(site: Site) -> None:
    site.scan(site.west, NOW, ANNA)
    site.west.scan(NOW + 1, BORIS)
    assert site.send(site.west, first=1).acked_seq == 2
    assert site.rows("SELECT seq FROM scan") == [(1,), (2,)]


def test_a_gap_is_refused_with_where_to_begin(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.west.scan(NOW, BORIS)
    with pytest.raises(ingest.GapError) as caught:
        site.send(site.west, first=2)
    assert caught.value.acked_seq == 0
    assert site.rows("SELECT * FROM scan") == []


@pytest.mark.parametrize("tamper", ["record", "head", "signature"])
def test_a_journal_that_does_not_add_up_is_a_fork(site: Site, tamper: str) -> None:
    site.west.scan(NOW, ANNA)
    batch = site.west.batch(NOW)
    changes = {
        "record": {"records": FakeDoor("west", 1, SMALL).batch(NOW).records or []},
        "head": {"head": bytes(32)},
        "signature": {"signature": bytes(64)},
    }[tamper]
    if tamper == "record":
        twin = FakeDoor("west", 1, SMALL)
        twin.scan(NOW, BORIS)
        changes = {"records": twin.batch(NOW).records}
    assert batch.records
    with pytest.raises(contact.ForkError):
        site.send(site.west, **changes)
    assert site.rows("SELECT * FROM scan") == []


@pytest.mark.parametrize(
    ("fields", "problem"),
    [
        ({"kiosk": "east"}, "another kiosk"),
        ({"hall": 77, "decision": "denied", "reason": "not_entitled"}, "no such hall"),
    ],
)
def test_a_record_that_is_not_the_kiosk_s_is_refused(
    site: Site, fields: dict, problem: str
) -> None:
    site.west.scan(NOW, ANNA, **fields)
    with pytest.raises(WireError, match=problem):
        site.send(site.west)


def test_a_hall_in_which_it_has_no_places_is_refused(site: Site) -> None:
    site.west.scan(NOW, ANNA, hall=OTHER)
    with pytest.raises(WireError, match="no places"):
        site.send(site.west)
    site.west.records.clear()
    del site.west.heads[1:]
    with pytest.raises(WireError, match="no such hall"):
        site.send(site.west, places=[wire.PlaceTotals(77, 0, 0, 0)])


def test_an_exit_closes_the_stay_that_it_names_once(site: Site) -> None:
    entry = site.scan(site.west, NOW, ANNA)
    site.east.leave(NOW + 1, ANNA, site.west.ref(entry))
    site.west.leave(NOW + 2, ANNA, site.west.ref(entry))
    site.send(site.east)
    site.send(site.west)
    assert site.figures(SMALL).inside == 0
    assert site.rows("SELECT closed_by, closed_at FROM stay") == [("exit", NOW + 1)]


def test_a_stay_that_was_over_when_first_offered_is_never_shown(site: Site) -> None:
    entry = site.west.scan(NOW, ANNA)
    site.west.leave(NOW + 1, ANNA, site.west.ref(entry), credited=True)
    site.west.entries -= 1
    site.send(site.west, gone=[1])
    assert site.figures(SMALL).inside == 0
    assert stays.in_hall(site.database.reader, SMALL) == []
    assert site.figures(SMALL).worst_case <= 6


def test_a_door_that_did_not_know_of_a_revocation(site: Site) -> None:
    site.execute("UPDATE attendee SET revoked_at = ?", NOW - 1)
    site.west.scan(NOW, ANNA)
    site.scan(site.west, NOW - 2, BORIS)
    assert site.rows("SELECT reason FROM discrepancy") == [("revoked",)]


def given_out(site: Site, at: int, day: int = 0, issue: int = 1) -> None:
    """A day credential of Anna's, as the ledger writes it."""
    row = (ANNA, issue, day, f"HK{issue}{day}", b"", b"", at, 90 + day)
    site.execute(
        "INSERT INTO day_credential (serial, issue, day, credential, lookup, sealed, issued_at,"
        " names_row) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
        *row,
    )


@pytest.mark.parametrize(
    ("at", "day", "issue", "reasons"),
    [(NOW - 1, 0, 1, ["day_credential"]), (NOW + 1, 0, 1, []), (NOW - 1, 1, 1, []),
     (NOW - 1, 0, 2, [])],
    ids=["out", "given out later", "of another day", "of another badge"],
)  # fmt: skip
def test_a_door_that_did_not_know_of_a_day_credential(
    site: Site, at: int, day: int, issue: int, reasons: list[str]
) -> None:
    given_out(site, at, day, issue)
    site.scan(site.west, NOW, ANNA)
    assert [reason for (reason,) in site.rows("SELECT reason FROM discrepancy")] == reasons


def test_a_day_credential_and_the_badge_that_it_stands_in_for_are_one_stay(site: Site) -> None:
    """Two doors unknown to each other count two, which is listed as for any badge."""
    given_out(site, NOW - 1)
    site.scan(site.west, NOW, ANNA, day=0)
    assert site.rows("SELECT * FROM discrepancy") == []
    left = site.east.leave(NOW + 1, ANNA, site.west.ref(decode_record(site.west.records[0])))
    assert left.day is UNSET
    site.send(site.east)
    assert site.figures(SMALL).inside == 0
    site.west.scan(NOW + 60_000, ANNA, day=0)
    site.east.scan(NOW + 120_000, ANNA, day=0)
    site.send(site.west)
    site.send(site.east)
    assert site.rows("SELECT reason FROM discrepancy") == [("already_inside",)]


@pytest.mark.parametrize(
    ("badge", "reason"),
    [
        pytest.param({"serial": ANNA, "day": 1}, "not_valid_today", id="another day's credential"),
        pytest.param({"serial": 999_999}, "unknown_serial", id="on no roster"),
    ],
)
def test_an_entry_that_no_door_would_admit_is_a_discrepancy(
    site: Site, badge: dict, reason: str
) -> None:
    """The kiosk or its clock was altered."""
    site.scan(site.west, NOW, **badge)
    assert site.rows("SELECT reason FROM discrepancy") == [(reason,)]


def test_a_denial_at_a_hall_that_staff_closed_is_no_discrepancy(site: Site) -> None:
    def close(closed: bool, now: int) -> None:
        site.database.write(
            lambda db: hall_control.set_closed(db, SMALL, closed, by="test", now=now)
        )

    close(True, NOW)
    site.scan(site.west, NOW + 1_000, ANNA, decision="denied", reason="hall_closed")
    assert site.rows("SELECT * FROM discrepancy") == []
    close(False, NOW + 2_000)
    site.scan(site.west, NOW + 3_000, ANNA, decision="denied", reason="hall_closed")
    assert site.rows("SELECT reason FROM discrepancy") == [("admitted",)]


def test_a_door_that_has_seen_a_day_credential_before_the_server_s_clock_is_right(
    site: Site,
) -> None:
    given_out(site, NOW + 5_000)
    site.scan(site.west, NOW, ANNA, decision="denied", reason="day_credential")
    assert site.rows("SELECT * FROM discrepancy") == []


def test_every_scan_is_a_leaf_of_the_entry_log(site: Site) -> None:
    log = entry_log.Log(site.database, "test", FakeDoor("log", 0, 0).key)
    _, nothing = log.checkpoint(0)
    site.scan(site.west, NOW, ANNA)
    note, _ = log.checkpoint(0)
    (size,) = site.rows("SELECT COUNT(*) FROM leaf")[0]
    assert nothing == []
    assert note.splitlines()[:2] == ["test", str(size)]
    (body,) = site.rows("SELECT body FROM leaf WHERE kind = 'scan'")[0]
    assert b'"type":"scan"' in body
    assert site.west.heads[1].hex().encode() in body


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"decision": "denied", "reason": "revoked", "skew_ms": -3, "facts_age_ms": None},
        {"act": "override", "by": "bob", "note": 'a "word" / \\ \n\t\x00\x1f\x7f é 会 \u2028 🎫'},
        {"flags": ("attention", "escort"), "issue": 255, "category": 0, "session": 2**53},
    ],
    ids=["plain", "denied", "any text", "numbers"],
)
def test_a_leaf_is_canonical_and_has_the_record_as_it_came(site: Site, changes: dict) -> None:
    record = site.scan(site.west, NOW, ANNA, **changes)
    leaf = {
        "chain": site.west.heads[1].hex(),
        "received_at": NOW,
        "record": msgspec.to_builtins(record),
        "signature": site.west.key.sign(wire.HEAD_CONTEXT + site.west.heads[1]).hex(),
        "type": "scan",
    }
    ((body, salt, digest),) = site.rows("SELECT body, salt, hash FROM leaf WHERE kind = 'scan'")
    assert body == entry_log.canonical(leaf)
    assert digest == leaf_hash(commitment(salt, body))


def test_texts_of_a_record_are_whole_in_the_ledger(site: Site) -> None:
    """A kiosk of another make may sign any text. Its scans must not wait behind it for ever."""
    word = {"act": "override", "by": "us\0er:2", "note": "Rene\u0301\0e: lost"}
    record = site.scan(site.west, NOW, ANNA, **word)
    site.scan(site.west, NOW + 1, BORIS)
    assert site.rows("SELECT supervisor, note FROM scan ORDER BY seq") == [
        ("user:2", "Ren\u00e9e: lost"),
        (None, None),
    ]
    ((body,),) = site.rows("SELECT body FROM leaf WHERE kind = 'scan' ORDER BY number LIMIT 1")
    logged = json.loads(body)["record"]
    assert (logged["by"], logged["note"]) == (record.by, record.note), "the log has it as it came"


def test_no_two_leaves_have_one_salt(site: Site) -> None:
    for n in range(3):
        site.west.scan(NOW, n + 1)
    site.send(site.west)
    salts = site.rows("SELECT salt FROM leaf")
    assert len(salts) >= 3
    assert len(set(salts)) == len(salts)
    assert {len(salt) for (salt,) in salts} == {SALT_BYTES}


def test_the_last_scan_of_a_batch_has_its_kiosks_signature(site: Site) -> None:
    for n in range(3):
        site.west.scan(NOW, n + 1)
    site.send(site.west)
    bodies = [json.loads(body) for (body,) in site.rows("SELECT body FROM leaf ORDER BY number")]
    scans = [body for body in bodies if body["type"] == "scan"]
    assert ["signature" in scan for scan in scans] == [False, False, True]
    head, signature = bytes.fromhex(scans[2]["chain"]), bytes.fromhex(scans[2]["signature"])
    site.west.key.public.verify(wire.HEAD_CONTEXT + head, signature)


def test_places_are_shared_and_never_more_than_there_are(site: Site) -> None:
    assert (site.west.granted, site.east.granted) == (3, 3)
    for n in range(3):
        site.west.scan(NOW + n, n + 1)
    site.send(site.west, places=[wire.PlaceTotals(SMALL, 3, 0, 0, wants=True)])
    (body,) = site.rows("SELECT body FROM change WHERE kiosk = 'east' ORDER BY cursor DESC")[0]
    order = wire.decode_change(body)
    assert isinstance(order, wire.PlacesOrdered)
    assert order.order.recall == 1
    site.east.returned += 1
    site.send(site.east)
    site.send(site.west, places=[wire.PlaceTotals(SMALL, 3, 0, 0)])
    assert site.west.granted == 4
    assert site.figures(SMALL).worst_case == 6


def test_a_journal_that_has_gone_back_is_a_fork(site: Site) -> None:
    """An old copy of the disk: its head is right, but the ledger has more."""
    site.west.scan(NOW, ANNA)
    site.scan(site.west, NOW + 1, BORIS)
    with pytest.raises(contact.ForkError):
        site.send(site.west, first=2, last=1, last_seq=1)


def test_leaves_are_numbered_as_things_happened(site: Site) -> None:
    """An inferred exit follows the scan that implies it."""
    for door, serial in ((site.west, ANNA), (site.west, BORIS)):
        door.scan(NOW, serial)
    site.send(site.west)
    site.other.scan(NOW + 60_000, ANNA)
    site.scan(site.other, NOW + 60_000, BORIS)
    leaves = site.rows("SELECT number, kind FROM leaf WHERE kind <> 'act' ORDER BY number")
    kinds = ["scan", "scan", "scan", "inferred_exit", "scan", "inferred_exit"]
    assert leaves == list(enumerate(kinds, leaves[0][0]))
    scans = site.rows("SELECT number FROM scan ORDER BY number")
    assert scans == [(number,) for number, kind in leaves if kind == "scan"]


def test_who_asks_hears_at_once_that_no_place_can_come(site: Site) -> None:
    for door, first in ((site.west, 1), (site.east, 11)):
        for n in range(3):
            door.scan(NOW + n, first + n)
        site.send(door)
    wants = [wire.PlaceTotals(SMALL, 3, 0, 0, wants=True)]
    assert site.send(site.west, places=wants).full == (SMALL,)
    assert site.send(site.west).full == ()
