"""A kiosk's chain, by reproducible vectors, and with a hash in place of a record."""

import hashlib
import json
from pathlib import Path

import pytest

from badges.record import ScanRecord, decode_record, encode_record
from badges.transparency.chain import chain_next, chain_next_hashed, chain_start, record_hash
from badges.transparency.commitment import SALT_BYTES, commitment
from badges.transparency.merkle import Tree, leaf_hash

VECTORS = json.loads(
    (Path(__file__).parents[2] / "vectors" / "entry_log.json").read_text(encoding="utf-8")
)


@pytest.mark.parametrize("entry", VECTORS["entries"], ids=lambda entry: entry["name"])
def test_entries_hash_as_written_down(entry: dict[str, str]) -> None:
    salt, body = bytes.fromhex(entry["salt"]), entry["body"].encode()
    plain = hashlib.sha256(b"hallkeeper/entry/v1\x00" + salt + body).digest()
    assert commitment(salt, body) == plain == bytes.fromhex(entry["entry"])
    assert leaf_hash(plain) == bytes.fromhex(entry["leaf_hash"])


def test_the_root_is_as_written_down() -> None:
    tree = Tree()
    for entry in VECTORS["entries"]:
        tree.append(bytes.fromhex(entry["leaf_hash"]))
    assert tree.root().hex() == VECTORS["root"]


def test_a_chain_of_both_versions_is_as_written_down() -> None:
    chain = VECTORS["chain"]
    head = chain_start(chain["kiosk"], chain["generation"])
    assert head.hex() == chain["start"]
    versions = []
    for step in chain["records"]:
        raw = step["record"].encode()
        versions.append(decode_record(raw).v)
        head = chain_next(head, raw)
        assert head.hex() == step["head"]
    assert versions == [1, 2, 2]


def test_a_hash_replaces_a_deleted_record() -> None:
    first, second = (step["record"].encode() for step in VECTORS["chain"]["records"][1:])
    before = bytes(32)
    whole = chain_next(chain_next(before, first), second)
    assert chain_next(chain_next_hashed(before, record_hash(first)), second) == whole
    assert chain_next(chain_next_hashed(before, bytes(32)), second) != whole


def test_the_version_ends_a_record_whatever_it_holds() -> None:
    """A note can contain anything, even the end of another version."""
    note = '","v":2}'
    fields = {
        "kiosk": "west", "generation": 1, "seq": 1, "direction": "entry", "door": 1, "hall": 1,
        "scanned_at": 1, "skew_ms": None, "facts_age_ms": None, "decision": "admitted",
    }  # fmt: skip
    record = encode_record(ScanRecord(**fields, note=note))
    assert record.endswith(b'"v":1}')
    assert encode_record(ScanRecord(**fields, note=note, v=2, salt="0" * 32)).endswith(b'"v":2}')
    context = b"hallkeeper/scan/v1\x00"
    assert chain_next(bytes(32), record) == hashlib.sha256(context + bytes(32) + record).digest()


@pytest.mark.parametrize("length", [0, SALT_BYTES - 1, SALT_BYTES + 1])
def test_a_salt_has_one_length(length: int) -> None:
    with pytest.raises(ValueError, match="a salt has 16 bytes"):
        commitment(bytes(length), b"body")


@pytest.mark.parametrize("length", [0, 31, 33])
def test_a_chain_hash_has_one_length(length: int) -> None:
    for step in (lambda: chain_next(bytes(length), b"{}"),
                 lambda: chain_next(bytes(length), b'{"v":2}'),
                 lambda: chain_next_hashed(bytes(32), bytes(length))):  # fmt: skip
        with pytest.raises(ValueError, match="a chain hash has 32 bytes"):
            step()
