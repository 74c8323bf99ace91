"""Receipts: their proof, and refusal of everything else."""

import base64
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import (
    Checkpoint,
    cosign,
    open_checkpoint,
    sign_checkpoint,
    witness_name,
)
from badges.transparency.commitment import commitment
from badges.transparency.merkle import leaf_hash, verify_inclusion
from badges.transparency.signed_note import verifier_key
from badges.transparency.witnessing import witness_key
from server.core.entry_log import checkpoints
from server.core.entry_log.act_names import Act
from server.core.entry_log.checkpoints import Cosigned
from server.core.entry_log.receipts import ReceiptError, receipt
from server.features.evidence.export import RECEIPT_VERIFIER, VERIFIER
from server.features.evidence.verify import Refused
from server.features.evidence.verify_receipt import verify_receipt
from tests.server.conftest import MINUTE, NOW
from tests.server.features.evidence.conftest import Evidence
from tests.server.support.fake_door import FakeDoor


@pytest.fixture
def key(evidence: Evidence) -> str:
    return verifier_key(evidence.event.log_name, evidence.event.log_key.public)


def test_it_proves_each_entry(evidence: Evidence, key: str) -> None:
    log = evidence.log  # It reads all entries when it is made.
    for number, body in evidence.rows("SELECT number, body FROM leaf"):
        text = receipt(evidence.database.reader, log, number)
        proof = verify_receipt(text.encode(), key)
        assert proof.number == number
        assert proof.record.encode() == body


def test_it_is_as_the_specification_has_it(evidence: Evidence) -> None:
    """Read line by line, and verified with another implementation of the proof."""
    evidence.alter("DELETE FROM cosignature")
    text = receipt(evidence.database.reader, evidence.log, 30)
    first, extra, index, *rest = text.split("\n")
    assert first == "c2sp.org/tlog-proof@v1"
    assert index == "index 30"
    end = rest.index("")
    proof = [base64.b64decode(line) for line in rest[:end]]
    note = "\n".join(rest[end + 1 :])
    checkpoint = open_checkpoint(evidence.event.log_key.public, evidence.event.log_name, note)
    fields = json.loads(base64.b64decode(extra.removeprefix("extra ")))
    entry = commitment(bytes.fromhex(fields["salt"]), fields["record"].encode())
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
        with pytest.raises(Refused, match="the key .* is malformed"):
            verify_receipt(text.encode(), malformed)


def test_what_there_is_no_receipt_of(evidence: Evidence) -> None:
    size = evidence.log.size()
    with pytest.raises(ReceiptError, match=f"there is no entry {size}; the log has {size}"):
        receipt(evidence.database.reader, evidence.log, size)
    evidence.alter("UPDATE leaf SET body = x'7b7d' WHERE number = 12")
    with pytest.raises(ReceiptError, match="entry 12 in the database is not the record"):
        receipt(evidence.database.reader, evidence.log, 12)


def test_it_is_no_receipt(evidence: Evidence, key: str) -> None:
    """Any other form of the extra is refused in plain words."""
    lines = receipt(evidence.database.reader, evidence.log, 30).split("\n")
    for extra in (
        b'{"record":5,"salt":null}', b'{"record":"x","salt":5}', b'{"record":"x","salt":"-"}',
        b'{"record":["x"],"salt":null}', b'[]', b'"x"', b'{"record":"\\ud800","salt":null}',
        b'{"record":"a","record":"b","salt":null}', b'{"record":"\\u0061","salt":null}',
        b'{"record":"x","salt":null} ',
    ):  # fmt: skip
        line = f"extra {base64.b64encode(extra).decode()}"
        changed = "\n".join([lines[0], line, *lines[2:]])
        with pytest.raises(Refused):
            verify_receipt(changed.encode(), key)
    for raw in (b"\xff", b"[" * 100_000, b"x" * 2_000_000):
        with pytest.raises(Refused):
            verify_receipt(raw, key)


def test_other_ways_to_write_the_same_bytes(evidence: Evidence, key: str) -> None:
    """Base64 may have spare bits at its end. Two texts must not be the same receipt."""
    text = receipt(evidence.database.reader, evidence.log, 30)
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
    lines = text.splitlines(keepends=True)
    count = 0
    for at, line in enumerate(lines):
        for padding in ("==\n", "=\n"):
            if line.endswith(padding):
                place = len(line) - len(padding) - 1
                same = line[:place] + letters[letters.index(line[place]) ^ 1] + padding
                changed = "".join([*lines[:at], same, *lines[at + 1 :]])
                with pytest.raises(Refused, match="canonical|the signature of"):
                    verify_receipt(changed.encode(), key)
                count += 1
                break
    assert count > 8, "proof, root and signatures"


def test_huge_numbers(evidence: Evidence, key: str) -> None:
    """A log's owner may sign any size. The proof must still lead there."""
    text = receipt(evidence.database.reader, evidence.log, 30)
    size = 10**17
    name, signer = evidence.event.log_name, evidence.event.log_key
    note = sign_checkpoint(signer, name, Checkpoint(name, size, bytes(32)))
    for number in (0, 30, size - 1, size, 10**18 - 1):
        head = text.partition("\n\n")[0].replace("index 30", f"index {number}")
        with pytest.raises(Refused):
            verify_receipt(f"{head}\n\n{note}".encode(), key)


class TestCosigned:
    """A receipt's checkpoint bears its cosigners' lines."""

    WITNESSES = tuple(PrivateKey(f"witness {n}".encode().ljust(32)) for n in range(3))

    def name(self, number: int) -> str:
        return f"example.org/w{number}"

    def keys(self, *numbers: int) -> list[str]:
        return [witness_key(self.name(n), self.WITNESSES[n].public) for n in numbers]

    def kiosk_key(self, evidence: Evidence, door: FakeDoor) -> str:
        name = witness_name(evidence.event.log_name, door.kiosk, 1)
        return witness_key(name, door.key.public)

    def cosign(self, evidence: Evidence, number: int, size: int) -> None:
        log, name, at = evidence.log, self.name(number), NOW + 40 * MINUTE
        note = log.note(size)
        note += cosign(self.WITNESSES[number], name, note, at // 1000)
        kept = Cosigned(name, size, note, at, at)
        evidence.database.write(lambda db: checkpoints.keep_cosigned(db, log.name, kept))

    def receipt(self, evidence: Evidence, number: int) -> bytes:
        return receipt(evidence.database.reader, evidence.log, number).encode()

    def test_kiosks(self, evidence: Evidence, key: str) -> None:
        site, size = evidence.site, evidence.log.size()
        raw = self.receipt(evidence, 30)
        names = {
            witness_name(evidence.event.log_name, kiosk, 1) for kiosk in ("west", "east", "other")
        }
        assert set(verify_receipt(raw, key).strangers) == names
        wanted = [self.kiosk_key(evidence, door) for door in (site.west, site.east, site.other)]
        proven = verify_receipt(raw, key, wanted)
        assert {name for name, _ in proven.cosigned} == names
        assert (proven.size, proven.strangers) == (size, ())
        assert proven.notes()[0].startswith("witness ")
        assert proven.notes()[-1] == proven.record

    def test_witnesses_outside_come_first(self, evidence: Evidence, key: str) -> None:
        size = evidence.log.size()
        self.cosign(evidence, 0, size - 9)
        self.cosign(evidence, 1, size - 9)
        self.cosign(evidence, 2, size - 1)
        proven = verify_receipt(self.receipt(evidence, 30), key, self.keys(0, 1))
        assert (proven.size, len(proven.cosigned)) == (size - 9, 2)
        # Entries that these two have not seen, and then one that no witness has.
        assert verify_receipt(self.receipt(evidence, size - 5), key, self.keys(2)).size == size - 1
        newest = verify_receipt(self.receipt(evidence, size - 1), key)
        assert len(newest.strangers) == 3, "the kiosks"
        evidence.act(Act.HALL_CLOSED, NOW, hall=1)
        bare = verify_receipt(self.receipt(evidence, size), key)
        assert (bare.size, bare.cosigned, bare.strangers) == (size + 1, (), ())

    def test_too_few_and_unknown_ones(self, evidence: Evidence, key: str) -> None:
        self.cosign(evidence, 0, evidence.log.size())
        raw = self.receipt(evidence, 30)
        assert verify_receipt(raw, key, self.keys(0, 1), 1).cosigned[0][0] == self.name(0)
        with pytest.raises(Refused, match=r"2 witnesses are needed, and 1 .*\(example.org/w1\)"):
            verify_receipt(raw, key, self.keys(0, 1))
        with pytest.raises(Refused, match="2 witnesses are needed, and 1"):
            verify_receipt(raw, key, self.keys(0) * 2, 2)
        impostor = witness_key(self.name(0), self.WITNESSES[1].public)
        with pytest.raises(Refused, match="1 witnesses are needed, and 0"):
            verify_receipt(raw, key, [impostor])
        for malformed in ("nonsense", key, impostor[:-1], ""):
            with pytest.raises(Refused, match="the key .* is malformed"):
                verify_receipt(raw, key, [malformed])

    def test_an_altered_line(self, evidence: Evidence, key: str) -> None:
        """With the witness' key it is refused. Without the key the line is not judged."""
        self.cosign(evidence, 0, evidence.log.size())
        raw = self.receipt(evidence, 30)
        at = raw.index(b" example.org/w0 ") + 60
        for changed in (
            raw[:at] + (b"B" if raw[at : at + 1] == b"A" else b"A") + raw[at + 1 :],
            raw.replace(b"example.org/w0", b"example.org/w1"),
        ):
            with pytest.raises(Refused):
                verify_receipt(changed, key, self.keys(0))
            with pytest.raises(Refused):
                verify_receipt(changed, key, self.keys(1))
            assert verify_receipt(changed, key).cosigned == ()
        # A line of another checkpoint.
        size = evidence.log.size()
        self.cosign(evidence, 0, size - 3)
        (line,) = [row for row in self.receipt(evidence, 5).decode().splitlines(True)
                   if "example.org/w0" in row]  # fmt: skip
        other = receipt(evidence.database.reader, evidence.log, size - 1) + line
        with pytest.raises(Refused, match="the signature of example.org/w0 is wrong"):
            verify_receipt(other.encode(), key, self.keys(0))

    def test_foreign_and_malformed_lines_are_left_out(self, evidence: Evidence, key: str) -> None:
        size = evidence.log.size()
        self.cosign(evidence, 0, size)
        other = "UPDATE witness_cosignature SET note = 'x' || note"
        for statement in (other, "UPDATE witness_cosignature SET note = 'x\n— y z'",
                          "UPDATE witness_cosignature SET note = ''"):  # fmt: skip
            evidence.alter(statement)
            raw = self.receipt(evidence, 30)
            assert b"example.org" not in raw
            assert len(verify_receipt(raw, key).strangers) == 3

    def test_no_more_lines_than_every_verifier_accepts(self, evidence: Evidence, key: str) -> None:
        log, size = evidence.log, evidence.log.size()
        note = log.note(size)
        for number in range(20):
            signer = PrivateKey(bytes([number] * 32))
            line = cosign(signer, witness_name(log.name, "west", number + 2), note, 1)
            evidence.alter(
                "INSERT INTO kiosk (kiosk, generation, door_id, state, public_key, created_at)"
                " VALUES ('west', ?, 1, 'retired', ?, 0)", number + 2, signer.public.raw,
            )  # fmt: skip
            evidence.alter(
                "INSERT INTO cosignature (kiosk, generation, size, note, at)"
                " VALUES ('west', ?, ?, ?, 1)", number + 2, size, note + line,
            )  # fmt: skip
        self.cosign(evidence, 0, size)
        lines = self.receipt(evidence, 30).decode().rpartition("\n\n")[2].splitlines()
        assert len(lines) == 16
        assert lines[1].startswith("— example.org/w0 ")


@pytest.mark.system
def test_the_two_files_run_alone(evidence: Evidence, key: str, tmp_path: Path) -> None:
    for program in (VERIFIER, RECEIPT_VERIFIER):
        shutil.copy(program, tmp_path)
    file = tmp_path / "entry-30.tlog-proof"
    file.write_text(receipt(evidence.database.reader, evidence.log, 30))
    command = [sys.executable, str(tmp_path / "verify_receipt.py"), str(file), "--key", key]
    done = subprocess.run(command, cwd="/", capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert "not checked, for its key was not given: hallkeeper/" in done.stdout
    assert done.stdout.endswith("VERIFIED\n")
    wanted = witness_key("x", PrivateKey(bytes(32)).public)
    done = subprocess.run([*command, "--witness", wanted], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "WRONG: 1 witnesses are needed, and 0 cosigned it (x).\nREFUSED\n"
    command[2] = str(tmp_path / "nothing")
    done = subprocess.run(command, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")


@pytest.mark.system
@pytest.mark.parametrize("encoding", ["ascii", "gbk"])
def test_the_verifier_prints_a_record_in_any_encoding(
    evidence: Evidence, key: str, tmp_path: Path, encoding: str
) -> None:
    """Letters that the encoding has not are written by their numbers."""
    for program in (VERIFIER, RECEIPT_VERIFIER):
        shutil.copy(program, tmp_path)
    number = evidence.log.size()
    evidence.act(Act.HALL_CLOSED, NOW, hall=1, reason="门口")
    file = tmp_path / "entry.tlog-proof"
    file.write_text(receipt(evidence.database.reader, evidence.log, number))
    command = [sys.executable, str(tmp_path / "verify_receipt.py"), str(file), "--key", key]
    settings = {**os.environ, "PYTHONIOENCODING": encoding}
    done = subprocess.run(command, capture_output=True, env=settings)
    assert (done.returncode, done.stderr) == (0, b"")
    wanted = {"ascii": r"\u95e8\u53e3", "gbk": "门口"}
    assert f'"reason":"{wanted[encoding]}"' in done.stdout.decode(encoding)
    assert done.stdout.endswith(b"VERIFIED\n")
