"""Each alteration of the database, an export or the whole log is found and named."""

import json
from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from badges.credential.keys import PrivateKey
from badges.record import ScanRecord, decode_record, encode_record
from badges.transparency.chain import chain_next, chain_start
from badges.transparency.commitment import commitment
from badges.transparency.merkle import leaf_hash
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.ledger.rows import ScanLeaf
from server.features.evidence.records import DamagedLogError
from server.features.evidence.verify import check
from tests.server.conftest import MINUTE, NOW
from tests.server.features.evidence.conftest import Evidence

Verified = Callable[..., list[str]]


def altered(path: Path, at: int) -> None:
    raw = bytearray(path.read_bytes())
    raw[at] ^= 1
    path.write_bytes(raw)


def scans(evidence: Evidence, kiosk: str = "west") -> list[int]:
    return [n for (n,) in evidence.rows(f"SELECT number FROM scan WHERE kiosk = '{kiosk}'")]


def scans_left(evidence: Evidence, first: int) -> int:
    """The next scan of west in the log, at that number or later."""
    records = evidence.rows("SELECT number, body FROM leaf WHERE kind = 'scan' ORDER BY number")
    return next(n for n, body in records if n >= first and b'"kiosk":"west"' in body)


def forget(evidence: Evidence, first: int) -> None:
    for table in ("discrepancy", "unnamed_exit"):
        evidence.alter(f"DELETE FROM {table}")
    evidence.alter("DELETE FROM scan WHERE number >= ?", first)
    evidence.alter("DELETE FROM leaf WHERE number >= ?", first)


def rewrite(evidence: Evidence, number: int, body: bytes) -> None:
    """Put another record into the log, as far as the server can forge it."""
    salt = bytes(16)
    evidence.alter(
        "UPDATE leaf SET body = ?, salt = ?, hash = ? WHERE number = ?",
        body, salt, leaf_hash(commitment(salt, body)), number,
    )  # fmt: skip


class TestDatabase:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (b'"decision":"denied"', b'"decision":"deniee"'),
            (b'"scanned_at":1777860', b'"scanned_at":1777861'),
            (b'"door":1', b'"door":2'),
        ],
        ids=["a decision", "a time", "a door"],
    )
    def test_a_byte_of_a_record(
        self, evidence: Evidence, verified: Verified, old: bytes, new: bytes
    ) -> None:
        number = scans(evidence)[10]
        ((body,),) = evidence.rows(f"SELECT body FROM leaf WHERE number = {number}")
        assert old in body
        evidence.alter("UPDATE leaf SET body = ? WHERE number = ?", body.replace(old, new), number)
        assert verified(evidence.export())[0] == f"entry {number} is not the one of the tile's hash"

    def test_an_act(self, evidence: Evidence, verified: Verified) -> None:
        ((number, body),) = evidence.rows(
            "SELECT number, body FROM leaf WHERE kind = 'act' ORDER BY number LIMIT 1 OFFSET 3"
        )
        evidence.alter(
            "UPDATE leaf SET body = ? WHERE number = ?",
            body.replace(b'"by":"user:1"', b'"by":"user:2"'), number,
        )  # fmt: skip
        assert verified(evidence.export()) == [f"entry {number} is not the one of the tile's hash"]

    def test_the_end_is_removed(self, evidence: Evidence, verified: Verified) -> None:
        size = evidence.log.size()
        forget(evidence, size - 10)
        assert verified(evidence.export()) == [
            "the log's end is missing: the checkpoint that kiosk east (generation 1) cosigned has"
            f" {size} entries"
        ]

    def test_one_is_removed(self, evidence: Evidence) -> None:
        number = scans(evidence)[10]
        evidence.alter("DELETE FROM discrepancy")
        evidence.alter("DELETE FROM scan WHERE number = ?", number)
        evidence.alter("DELETE FROM leaf WHERE number = ?", number)
        with pytest.raises(DamagedLogError, match=f"entry {number} is missing in the database"):
            evidence.export()
        assert not (evidence.folder / "export").exists()

    def test_one_is_removed_and_numbers_close(self, evidence: Evidence, verified: Verified) -> None:
        number = scans(evidence)[10]
        evidence.alter("DELETE FROM discrepancy")
        evidence.alter("DELETE FROM scan")
        evidence.alter("DELETE FROM leaf WHERE number = ?", number)
        evidence.alter("UPDATE leaf SET number = number - 1 WHERE number > ?", number)
        (finding,) = verified(evidence.export())
        assert finding.startswith("the log's end is missing: ")
        # Also where no kiosk has seen so much of the log.
        evidence.alter("DELETE FROM cosignature")
        following = scans_left(evidence, number)
        assert verified(evidence.export(name="bare")) == [
            f"entry {following}: kiosk west (generation 1): its chain breaks, 12 after 10"
        ]

    def test_two_are_swapped(self, evidence: Evidence, verified: Verified) -> None:
        first, second = scans(evidence)[10:12]
        rows = {
            number: tuple(row)
            for number, *row in evidence.rows(
                f"SELECT number, hash, body, salt FROM leaf WHERE number IN ({first}, {second})"
            )
        }
        for to, source in ((first, second), (second, first)):
            evidence.alter(
                "UPDATE leaf SET hash = ?, body = ?, salt = ? WHERE number = ?", *rows[source], to
            )
        assert verified(evidence.export()) == [
            f"entry {first}: kiosk west (generation 1): its chain breaks, 12 after 10"
        ]

    def test_yesterdays_database(self, evidence: Evidence, verified: Verified) -> None:
        """It has yesterday's cosignatures. A kiosk's later checkpoint reveals it."""
        size = evidence.log.size()
        kept = evidence.log.note(size).encode()
        forget(evidence, size - 20)
        evidence.alter("DELETE FROM cosignature")
        for door in (evidence.site.west, evidence.site.east, evidence.site.other):
            evidence.cosign(door, NOW + 40 * MINUTE)
        path = evidence.export()
        assert verified(path) == []
        assert verified(path, kept) == [
            f"the log's end is missing: checkpoint 1 that was given has {size} entries"
        ]


class TestRewritten:
    """The log is rewritten with the server's own key, consistent to the last hash."""

    @pytest.fixture
    def rewritten(self, evidence: Evidence) -> Evidence:
        """Another act is in the place of the logged one."""
        ((number,),) = evidence.rows(
            "SELECT number FROM leaf WHERE kind = 'act' ORDER BY number LIMIT 1 OFFSET 5"
        )
        self.before = evidence.log.note(evidence.log.size()).encode()
        self.early = evidence.log.note(number - 3).encode()
        rewrite(
            evidence, number, b'{"act":"signed_in","at":1,"by":"user:1","subject":{},"type":"act"}'
        )
        self.number = number
        return evidence

    def test_the_kiosks_cosigned_another(self, rewritten: Evidence, verified: Verified) -> None:
        findings = verified(rewritten.export())
        assert findings
        assert all(line.startswith("a fork: the checkpoint that kiosk") for line in findings)

    def test_missing_cosignatures_of_kiosks(self, rewritten: Evidence, verified: Verified) -> None:
        rewritten.alter("DELETE FROM cosignature")
        path = rewritten.export()
        assert verified(path) == [
            "kiosk east (generation 1) sent scans for 39 minutes and cosigned none of the log after"
            " entry -1"
        ]

    def test_invented_times_hide_nothing(self, evidence: Evidence, verified: Verified) -> None:
        """It claims that all scans came in one minute. The kiosks' own times contradict."""
        for number, body in evidence.rows("SELECT number, body FROM leaf WHERE kind = 'scan'"):
            fields = json.loads(body) | {"received_at": NOW}
            rewrite(evidence, number, entry_log.canonical(fields))
        evidence.alter("DELETE FROM cosignature")
        (finding,) = verified(evidence.export())
        assert finding.startswith("kiosk east (generation 1) sent scans for 39 minutes")

    def test_an_older_checkpoint_shows_where(self, rewritten: Evidence, verified: Verified) -> None:
        for door in (rewritten.site.west, rewritten.site.east, rewritten.site.other):
            rewritten.cosign(door, NOW)  # As if they had received this one.
        path = rewritten.export()
        assert verified(path, self.early) == []
        assert verified(path, self.early, self.before) == [
            "a fork: checkpoint 2 that was given is of another history than these first"
            f" {rewritten.log.size()} entries. They agree up to entry {self.number - 4}"
        ]

    def test_two_exports_of_two_histories(self, evidence: Evidence, verified: Verified) -> None:
        first = evidence.export(name="first")
        rewrite(evidence, 5, b'{"act":"signed_in","at":1,"by":"user:1","subject":{},"type":"act"}')
        second = evidence.export(name="second")
        findings = verified(second, (first / "checkpoint").read_bytes())
        assert any(line.startswith("a fork: checkpoint 1 that was given") for line in findings)

    def test_a_checkpoint_by_another_key(self, evidence: Evidence, verified: Verified) -> None:
        path = evidence.export()
        note = evidence.log.note(9)
        assert verified(path, note.replace("\n9\n", "\n8\n").encode()) == [
            f"checkpoint 1 that was given: the signature of {evidence.log.name} is wrong"
        ]
        assert verified(path, b"no note") == ["checkpoint 1 that was given: it is no signed note"]


class TestForged:
    """The server forges a kiosk's scan, and signs the rest with its own key."""

    def leaf(self, evidence: Evidence, number: int) -> tuple[dict, ScanRecord]:
        ((body,),) = evidence.rows(f"SELECT body FROM leaf WHERE number = {number}")
        fields = json.loads(body)
        return fields, decode_record(encode_record(msgspec.convert(fields["record"], ScanRecord)))

    def test_at_the_end(self, evidence: Evidence, verified: Verified) -> None:
        _, record = self.leaf(evidence, scans(evidence)[-1])
        forged = msgspec.structs.replace(
            record, seq=record.seq + 1, decision="admitted", reason=None
        )
        raw = encode_record(forged)
        head = chain_next(evidence.site.west.heads[-1], raw)
        number = evidence.log.size()
        for signature in (None, PrivateKey(bytes(32)).sign(wire.HEAD_CONTEXT + head)):
            signed = msgspec.UNSET if signature is None else signature.hex()
            body = msgspec.json.encode(
                ScanLeaf(head.hex(), NOW + 41 * MINUTE, msgspec.Raw(raw), signed)
            )
            evidence.alter("DELETE FROM leaf WHERE number = ?", number)
            evidence.alter(
                "INSERT INTO leaf (number, kind, at, hash, body) VALUES (?, 'scan', ?, x'00', x'')",
                number, NOW,
            )  # fmt: skip
            rewrite(evidence, number, body)
            findings = verified(evidence.export(name=f"export-{signature is None}"))
            if signature is None:
                before = scans(evidence)[-1]
                assert findings == [
                    "kiosk west (generation 1) has signed none of its records after entry"
                    f" {before}, up to entry {number}"
                ]
            else:
                assert findings == [
                    f"entry {number}: kiosk west (generation 1) did not sign this record"
                ]

    def test_in_the_middle(self, evidence: Evidence, verified: Verified) -> None:
        """Make all later heads of the chain anew. Only the kiosk could sign them."""
        numbers = scans(evidence)
        head = chain_start("west", 1)
        for number in numbers:
            fields, record = self.leaf(evidence, number)
            if number == numbers[20]:
                record = msgspec.structs.replace(record, serial=19)
            head = chain_next(head, encode_record(record))
            fields |= {"chain": head.hex(), "record": msgspec.to_builtins(record)}
            rewrite(evidence, number, json.dumps(
                fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            ).encode())  # fmt: skip
        evidence.alter("DELETE FROM cosignature")
        assert verified(evidence.export()) == [
            f"entry {numbers[20]}: kiosk west (generation 1) did not sign this record"
        ]

    def test_between_erased_records(self, evidence: Evidence, verified: Verified) -> None:
        """The kiosk has hashed its records before, so erased ones must have hashes."""
        before, number, after = scans(evidence)[20:23]
        fields, record = self.leaf(evidence, number)
        forged = msgspec.structs.replace(record, serial=19)
        head = chain_next(bytes(32), encode_record(forged))
        fields |= {"chain": head.hex(), "record": msgspec.to_builtins(forged)}
        fields.pop("signature", None)
        rewrite(evidence, number, entry_log.canonical(fields))
        for erased in (before, after):
            evidence.alter("INSERT INTO erased_scan VALUES (?, NULL, NULL)", erased)
            evidence.alter(
                "UPDATE leaf SET kind = 'erased', body = ?, salt = NULL, hash = ? WHERE number = ?",
                bytes(32), leaf_hash(bytes(32)), erased,
            )  # fmt: skip
        evidence.alter("DELETE FROM cosignature")
        assert verified(evidence.export()) == [
            f"entry {before}: kiosk west (generation 1): its chain breaks, 21 after 20"
        ]

    @pytest.mark.parametrize("signature", [None, "ab" * 64])
    def test_between_early_erased_records(self, evidence: Evidence, signature: str | None) -> None:
        """The finding states that nothing proves the kiosk's authorship. A forged signature is
        found even if valid ones follow.
        """
        room = evidence.site.room
        for serial in (1, 2, 3, 4):
            evidence.scan(room, serial, NOW, salted=False, decision="denied", reason="revoked")
            evidence.send(room, NOW)
        before, number, after, _ = scans(evidence, "room")
        fields, record = self.leaf(evidence, number)
        forged = msgspec.structs.replace(record, serial=19)
        head = chain_next(bytes(32), encode_record(forged))
        fields |= {"chain": head.hex(), "record": msgspec.to_builtins(forged)}
        fields.pop("signature")
        fields |= {} if signature is None else {"signature": signature}
        rewrite(evidence, number, entry_log.canonical(fields))
        for erased in (before, after):
            evidence.alter("INSERT INTO erased_scan VALUES (?, NULL, NULL)", erased)
            evidence.alter("UPDATE leaf SET kind = 'erased', body = x'' WHERE number = ?", erased)
        for door in (evidence.site.west, evidence.site.east, evidence.site.other):
            evidence.cosign(door, NOW)
        findings, notes = check(evidence.export())
        if signature is not None:
            finding = f"entry {number}: kiosk room (generation 1) did not sign this record"
            assert findings == [finding]
            return
        assert findings == []
        assert "1 scans of kiosk room (generation 1) are covered by no signature of it" in notes

    def test_a_kiosk_that_nobody_knows(self, evidence: Evidence, verified: Verified) -> None:
        evidence.alter("DELETE FROM cosignature")
        evidence.alter("UPDATE kiosk SET public_key = NULL WHERE kiosk = 'west'")
        assert verified(evidence.export()) == [
            f"entry {scans(evidence)[0]} is by kiosk west, whose key is not in keys.json"
        ]


class TestExport:
    """Files of an export, altered afterwards. Each is found with its place."""

    def test_a_record(self, evidence: Evidence, verified: Verified) -> None:
        path = evidence.export()
        number = scans(evidence)[7]
        lines = (path / "records.txt").read_bytes().splitlines(keepends=True)
        lines[number] = lines[number].replace(b'"decision":"denied"', b'"decision":"admitted"')
        (path / "records.txt").write_bytes(b"".join(lines))
        assert verified(path) == [f"entry {number} is not the record that was logged"]
        head, _, kind = lines[number].rpartition(b",")
        lines[number] = head + b" ," + kind
        (path / "records.txt").write_bytes(b"".join(lines))
        assert verified(path) == [f"entry {number} is not the record that was logged"]

    def test_records_are_removed_or_swapped(self, evidence: Evidence, verified: Verified) -> None:
        path = evidence.export()
        lines = (path / "records.txt").read_bytes().splitlines(keepends=True)
        for kept, finding in (
            (lines[:-10], f"entry {len(lines) - 10} is missing in records.txt"),
            (lines[:50] + lines[51:], "entry 50 is missing in records.txt"),
            ([*lines[:50], lines[51], lines[50], *lines[52:]],
             "entry 50 is missing in records.txt"),
            ([*lines, lines[-1].replace(b"%d " % (len(lines) - 1), b"%d " % len(lines), 1)],
             f"records.txt has a surplus entry {len(lines)}: the log has {len(lines)}"),
        ):  # fmt: skip
            (path / "records.txt").write_bytes(b"".join(kept))
            assert verified(path) == [finding]

    def test_a_tile_and_a_bundle(self, evidence: Evidence, verified: Verified) -> None:
        path = evidence.export()
        (tile,), (bundle,) = (
            list((path / "tile" / kind / "000.p").iterdir()) for kind in ("0", "entries")
        )
        altered(tile, 32 * 20 + 5)
        assert verified(path) == ["entry 20 is not the one of the tile's hash"]
        altered(tile, 32 * 20 + 5)
        altered(bundle, 34 * 30 + 9)
        assert verified(path) == ["entry 30 is not the one of the tile's hash"]
        altered(bundle, 34 * 30 + 9)
        assert verified(path) == []
        tile.unlink()
        assert verified(path) == [f"{tile.relative_to(path)} is missing"]

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("README.txt", "README.txt was altered since the export"),
            ("verify.py", "verify.py was altered since the export"),
            ("names.json", "names.json was altered since the export"),
            ("manifest", "is wrong"),
            ("witness/east-1", "witness/east-1 was altered since the export"),
        ],
    )
    def test_what_lies_beside(
        self, evidence: Evidence, verified: Verified, name: str, message: str
    ) -> None:
        path = evidence.export()
        altered(path / name, 30)
        (finding,) = verified(path)
        assert finding.endswith(message)
        (path / name).unlink()
        assert verified(path) == [f"{name} is missing"]

    def test_what_does_not_belong_there(self, evidence: Evidence, verified: Verified) -> None:
        path = evidence.export()
        (path / "more.txt").write_text("")
        assert verified(path) == ["more.txt does not belong to the export"]

    def test_another_key_than_the_known_one(self, evidence: Evidence, verified: Verified) -> None:
        path = evidence.export()
        key = json.loads((path / "keys.json").read_text())["log"]
        assert key["key"] == evidence.event.log_key.public.raw.hex()
        findings = verified(path, key="hallkeeper/other+00000000+AAAA")
        assert findings[0].startswith("the log's key is hallkeeper/")

    def test_a_witness_key_that_was_mistyped(self, evidence: Evidence, verified: Verified) -> None:
        path = evidence.export()
        for key in ("nonsense", "example.org/w+00000000+A"):
            assert verified(path, witnesses=[key]) == [
                f"the key {key} is malformed, or of another kind"
            ]

    def test_no_export_at_all(self, tmp_path: Path, verified: Verified) -> None:
        (tmp_path / "empty").mkdir()
        (tmp_path / "file.zip").write_bytes(b"PK")
        for name in ("empty", "file.zip", "nothing"):
            assert len(verified(tmp_path / name)) == 1
