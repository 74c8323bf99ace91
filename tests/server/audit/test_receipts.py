"""Receipts: what they prove, and that nothing else is accepted."""

import base64
import json

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import open_checkpoint
from badges.transparency.commitment import commitment
from badges.transparency.merkle import leaf_hash, verify_inclusion
from badges.transparency.signed_note import verifier_key
from server.audit.receipts import ReceiptError, receipt
from server.audit.verify import Refused
from server.audit.verify_receipt import verify_receipt
from tests.server.audit.conftest import Evidence


@pytest.fixture
def key(evidence: Evidence) -> str:
    return verifier_key(evidence.event.log_name, evidence.event.log_key.public)


def test_it_proves_each_entry(evidence: Evidence, key: str) -> None:
    for number, body in evidence.rows("SELECT number, body FROM leaf"):
        text = receipt(evidence.database.reader, evidence.log, number)
        told = verify_receipt(text.encode(), key)
        assert told.number == number
        assert told.record.encode() == body


def test_it_is_as_the_specification_has_it(evidence: Evidence) -> None:
    """Read line by line, and verified with another implementation of the proof."""
    text = receipt(evidence.database.reader, evidence.log, 30)
    first, extra, index, *rest = text.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    assert index == "index 30"
    end = rest.index("")
    proof = [base64.b64decode(line) for line in rest[:end]]
    note = "\n".join(rest[end + 1 :])
    checkpoint = open_checkpoint(evidence.event.log_key.public, evidence.event.log_name, note)
    told = json.loads(base64.b64decode(extra.removeprefix("extra ")))
    entry = commitment(bytes.fromhex(told["salt"]), told["record"].encode())
    verify_inclusion(leaf_hash(entry), 30, proof, checkpoint.size, checkpoint.root)


def test_another_record_another_place_and_another_key(evidence: Evidence, key: str) -> None:
    text = receipt(evidence.database.reader, evidence.log, 30)
    other = receipt(evidence.database.reader, evidence.log, 31)
    lines, theirs = text.split("\n"), other.split("\n")
    for at, line in ((1, theirs[1]), (2, "index 31"), (2, "index 9999999"), (3, theirs[4]),
                     (1, "extra e30="), (1, "extra W10=")):  # fmt: skip
        changed = "\n".join([*lines[:at], line, *lines[at + 1 :]])
        with pytest.raises(ValueError, match="."):
            verify_receipt(changed.encode(), key)
    for changed in (text + "\n", text[:-1], "\n".join([*lines[:3], *lines[4:]]), "", other * 2,
                    text.replace("extra", "Extra"), "\n".join(lines[:1] + lines[2:])):  # fmt: skip
        with pytest.raises(Refused):
            verify_receipt(changed.encode(), key)
    wrong = verifier_key(evidence.event.log_name, PrivateKey(bytes(32)).public)
    with pytest.raises(Refused, match="not signed by the log's key"):
        verify_receipt(text.encode(), wrong)
    for malformed in ("", "a+b", "a+00000000+AAAA", key.replace("+", "+0", 1), f"{key}="):
        with pytest.raises(Refused, match="malformed"):
            verify_receipt(text.encode(), malformed)


def test_what_there_is_no_receipt_of(evidence: Evidence) -> None:
    size = evidence.log.size()
    with pytest.raises(ReceiptError, match=f"there is no entry {size}; the log has {size}"):
        receipt(evidence.database.reader, evidence.log, size)
    evidence.alter("UPDATE leaf SET body = x'7b7d' WHERE number = 12")
    with pytest.raises(ReceiptError, match="entry 12 in the database is not the record"):
        receipt(evidence.database.reader, evidence.log, 12)
