"""One person's part of the log is erased without a trace, and every proof holds."""

import json
import zipfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from badges.transparency.checkpoint import open_checkpoint
from badges.transparency.merkle import leaf_hash, verify_consistency
from badges.transparency.signed_note import verifier_key
from server.core.entry_log import entry_log, erasure
from server.core.entry_log.act_names import Act
from server.core.entry_log.erasure import ErasureError
from server.core.entry_log.receipts import ReceiptError, receipt
from server.core.ledger import entries, finding
from server.features.evidence.selection import Selection
from server.features.evidence.verify_receipt import verify_receipt
from server.storage.database_file import fold_log
from server.storage.opening import connect
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.features.evidence.conftest import NOTE, Evidence
from tests.server.features.evidence.test_export import root_of

WHO, BY = 7, "user:1"
Verified = Callable[..., list[str]]


def erase(evidence: Evidence, serial: int = WHO) -> int:
    done = evidence.database.write(lambda db: erasure.erase(db, serial, by=BY, now=NOW + HOUR))
    with closing(connect(evidence.event.database_path)) as db:
        fold_log(db)
    return done


def stored(evidence: Evidence) -> bytes:
    """All bytes that the database has on disk."""
    path = evidence.event.database_path
    files = sorted(path.parent.glob(f"{path.name}*"))
    return b"".join(file.read_bytes() for file in files)


@pytest.fixture
def overridden(evidence: Evidence) -> Evidence:
    """A supervisor wrote a reason."""
    evidence.scan(
        evidence.site.west, WHO, NOW + HOUR, act="override", by="user:2", note=NOTE,
        decision="denied", reason="revoked",
    )  # fmt: skip
    evidence.send(evidence.site.west, NOW + HOUR)
    for door in (evidence.site.west, evidence.site.east, evidence.site.other):
        evidence.cosign(door, NOW + HOUR)
    return evidence


@pytest.mark.sqlite_alone
def test_nothing_of_the_person_is_in_any_file(overridden: Evidence) -> None:
    rows = overridden.rows(
        "SELECT salt, body FROM leaf l JOIN scan s USING (number) WHERE s.serial = 7"
    )
    ours = [NOTE.encode(), *(salt for salt, _ in rows), *(body[90:250] for _, body in rows)]
    assert len(rows) > 5
    fold_log(overridden.database.reader)
    before = stored(overridden)
    assert all(text in before for text in ours)
    acts = before.count(b'"subject":{"serial":7}')
    assert acts > 0
    count = erase(overridden)
    assert count == len(rows) + 4, "the acts about them too"
    after = stored(overridden) + b"".join(
        file.read_bytes() for file in overridden.export().rglob("*") if file.is_file()
    )
    for text in (*ours, b'"serial":7,', b'"serial":7}'):
        assert text not in after


def test_it_is_in_no_file_of_the_event_and_of_exports(overridden: Evidence) -> None:
    """Every file is read byte by byte, also inside zips."""
    rows = overridden.rows(
        "SELECT salt, body FROM leaf l JOIN scan s USING (number) WHERE s.serial = 7"
    )
    ours = [NOTE.encode(), *(salt for salt, _ in rows), *(body[90:250] for _, body in rows)]
    erase(overridden)
    folder, packed = overridden.export(), overridden.export(name="export.zip")
    with zipfile.ZipFile(packed) as archive:
        inside = b"".join(archive.read(name) for name in archive.namelist())
    files = [
        file
        for place in (overridden.event.path, folder)
        for file in place.rglob("*")
        if file.is_file()
    ]
    assert len(files) > 10
    for data in (inside, packed.read_bytes(), *(file.read_bytes() for file in files)):
        for text in (*ours, b'"serial":7,', b'"serial":7}'):
            assert text not in data


def test_the_root_and_the_kiosks_chains_stay(overridden: Evidence, verified: Verified) -> None:
    size = overridden.log.size()
    root = root_of(overridden.export(name="before"))
    early = overridden.log.note(size - 9)
    erase(overridden)
    log = overridden.log
    assert log.size() == size + 1, "the act"
    assert log.has(size, root)
    key, name = overridden.event.log_key.public, overridden.event.log_name
    old = open_checkpoint(key, name, early)
    note, proof = log.checkpoint(old.size)
    new = open_checkpoint(key, name, note)
    verify_consistency(old.size, old.root, new.size, new.root, proof)
    path = overridden.export()
    assert (
        verified(path, early.encode(), (overridden.folder / "before/checkpoint").read_bytes()) == []
    )
    assert (path / "records.txt").read_bytes().count(b" = west 1 ") > 2, "hashes stand in"


def test_a_part_with_erased_records_verifies(overridden: Evidence, verified: Verified) -> None:
    erase(overridden)
    assert verified(overridden.export(Selection("hall H1", hall_id=1), "part")) == []
    assert verified(overridden.export(Selection("badge 8", serial=8), "other")) == []


def test_receipts_of_others_stay_and_those_of_the_person_do_too(overridden: Evidence) -> None:
    """A receipt that was given out contains its record, and its holder may keep it."""
    db = overridden.database.reader
    given = {
        serial: receipt(db, overridden.log, number)
        for serial, number in overridden.rows(
            "SELECT serial, MIN(number) FROM scan GROUP BY serial"
        )
    }
    erase(overridden)
    key = verifier_key(overridden.event.log_name, overridden.event.log_key.public)
    for serial, text in given.items():
        proof = verify_receipt(text.encode(), key)
        assert json.loads(proof.record)["record"]["serial"] == serial
    number = verify_receipt(given[WHO].encode(), key).number
    with pytest.raises(ReceiptError, match=f"the record of entry {number} was erased"):
        receipt(db, overridden.log, number)
    other = verify_receipt(given[8].encode(), key).number
    assert receipt(db, overridden.log, other)


def test_the_ledger_counts_scans_of_nobody(overridden: Evidence) -> None:
    count = overridden.rows("SELECT COUNT(*) FROM scan")
    erase(overridden)
    assert overridden.rows("SELECT COUNT(*) FROM scan") == count
    db = overridden.database.reader
    assert entries.page(db, finding.Filter(serial=WHO)).entries == []
    newest = entries.latest(db, 1)[0]
    assert (newest.serial, newest.note, newest.act) == (None, "", "override")
    ((body,),) = overridden.rows(
        "SELECT body FROM leaf WHERE kind = 'act' ORDER BY number DESC LIMIT 1"
    )
    assert json.loads(body)["act"] == "log_erased"
    assert json.loads(body)["subject"] == {"count": 4 + 1 + 6}


def test_who_is_inside_is_not_erased(evidence: Evidence) -> None:
    site = evidence.site
    entry = site.west.scan(NOW, 9)
    site.send(site.west)
    before = evidence.rows("SELECT COUNT(*) FROM leaf WHERE kind = 'erased'")
    with pytest.raises(ErasureError, match="this person is counted in a hall"):
        erase(evidence, 9)
    assert evidence.rows("SELECT COUNT(*) FROM leaf WHERE kind = 'erased'") == before
    site.west.leave(NOW + MINUTE, 9, site.west.ref(entry))
    site.send(site.west, NOW + MINUTE)
    assert erase(evidence, 9) > 2
    assert evidence.rows("SELECT COUNT(*) FROM stay WHERE serial = 9") == [(0,)]


def test_an_exit_that_was_inferred_of_them_goes_too(evidence: Evidence) -> None:
    site = evidence.site
    first = site.west.scan(NOW, 9)
    site.send(site.west)
    entry = site.other.scan(NOW + 10 * MINUTE, 9)
    site.send(site.other, NOW + 10 * MINUTE)
    site.other.leave(NOW + 20 * MINUTE, 9, site.other.ref(entry))
    site.send(site.other, NOW + 20 * MINUTE)
    assert evidence.rows("SELECT COUNT(*) FROM leaf WHERE kind = 'inferred_exit'") == [(1,)]
    with pytest.raises(ErasureError, match="counted in a hall"):
        # The place in the first hall stays taken until an exit.
        erase(evidence, 9)
    site.west.leave(NOW + 5 * MINUTE, 9, site.west.ref(first))
    site.send(site.west, NOW + 21 * MINUTE)
    erase(evidence, 9)
    assert evidence.rows("SELECT COUNT(*) FROM leaf WHERE kind = 'inferred_exit'") == [(0,)]


def test_records_without_salts(evidence: Evidence, verified: Verified) -> None:
    """Nothing of an early version's record is kept. The chain continues after it."""
    room = evidence.site.room
    for serial in (WHO, 8, WHO):
        evidence.scan(room, serial, NOW, salted=False, decision="denied", reason="revoked")
        evidence.send(room, NOW)
    for number, body in evidence.rows("SELECT number, body FROM leaf ORDER BY number"):
        evidence.alter(
            "UPDATE leaf SET salt = NULL, hash = ? WHERE number = ?", leaf_hash(body), number
        )
    erase(evidence)
    for door in (evidence.site.west, evidence.site.east, evidence.site.other):
        evidence.cosign(door, NOW)
    assert evidence.rows(f"SELECT kind, body, salt FROM leaf WHERE number = {number}") == [
        (entry_log.ERASED, b"", None)
    ]
    hashes = evidence.rows(f"SELECT record_hash FROM erased_scan WHERE number = {number}")
    assert hashes == [(None,)]
    path = evidence.export()
    assert verified(path) == []
    assert b" = room 1 3 - " in (path / "records.txt").read_bytes()
    assert not list(Path(path / "tile/entries").rglob("*")), "the bundle would need the record"


def test_acts_that_name_them_second(evidence: Evidence) -> None:
    """A merge names two people; an export of one person names that person."""
    evidence.act(Act.ATTENDEES_MERGED, NOW, serial=8, merged=WHO)
    evidence.act(Act.LOG_EXPORTED, NOW, selection="badge", **Selection("badge 7", serial=WHO).ids)
    before = evidence.rows("SELECT number FROM leaf ORDER BY number DESC LIMIT 2")
    erase(evidence)
    for (number,) in before:
        assert evidence.rows(f"SELECT kind FROM leaf WHERE number = {number}") == [("erased",)]


def test_nothing_to_erase(evidence: Evidence) -> None:
    size = evidence.log.size()
    assert erase(evidence, 20_000) == 0
    assert evidence.log.size() == size
