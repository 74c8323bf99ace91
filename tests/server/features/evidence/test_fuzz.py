"""Altered, cut or extended exports and receipts are refused, never with a traceback.

`python -m tests.bench forged` does so 100,000 times each. The failure message has the seed.
"""

import random
import shutil
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from badges.transparency.checkpoint import witness_name
from badges.transparency.signed_note import verifier_key
from badges.transparency.witnessing import witness_key
from server.core.entry_log import erasure
from server.core.entry_log.act_names import Act
from server.core.entry_log.receipts import receipt
from server.core.event.directory import Event
from server.features.evidence.verify import FILE_MAX, Refused, check
from server.features.evidence.verify_receipt import verify_receipt
from server.storage.database import Database
from tests.server.conftest import MINUTE, NOW
from tests.server.features.evidence.conftest import Evidence
from tests.server.support.site import open_site
from tests.tries import tries

TURNS = tries(300)

STRANGE = (b"\x00", b"\n", b"9", b"-1", b"null", b"{", b'"', b"\xff\xfe", b"[" * 5_000)


def mutated(draw: random.Random, raw: bytes) -> bytes:
    """The bytes with a small change, guaranteed to differ."""
    while True:
        at = draw.randrange(len(raw) + 1)
        piece = raw[at : at + draw.choice((1, 1, 1, 2, 8, 40))]
        new = draw.choice((
            bytes(draw.randrange(256) for _ in piece),
            bytes([piece[0] ^ (1 << draw.randrange(8))]) + piece[1:] if piece else b"",
            b"",
            piece * 2,
            draw.choice(STRANGE),
        ))  # fmt: skip
        changed = raw[:at] + new + raw[at + len(piece) :]
        if draw.random() < 0.05:
            changed = raw[:at]
        if changed != raw:
            return changed


def draws(turns: int) -> Iterator[random.Random]:
    """Random sources, each with its own seed."""
    base = tries.first_seed()
    for turn in range(turns):
        yield random.Random(base + turn)


def fill(evidence: Evidence) -> None:
    """Write a few entries of each kind, so that many turns take little time."""
    for minute in range(5):
        now = NOW + minute * MINUTE
        for door in (evidence.site.west, evidence.site.east):
            evidence.scan(door, minute + 1, now, decision="denied", reason="revoked")
            evidence.send(door, now)
            evidence.cosign(door, now)
        evidence.act(Act.BADGE_REVOKED, now, serial=7)
    evidence.database.write(lambda db: erasure.erase(db, 2, by="user:1", now=NOW))


def fuzz_receipts(evidence: Evidence, turns: int) -> int:
    """Alter, cut or lengthen receipts `turns` times, and return the number refused, which is all.
    Any other error is raised.
    """
    key = verifier_key(evidence.event.log_name, evidence.event.log_key.public)
    db, log = evidence.database.reader, evidence.log
    texts = [receipt(db, log, number).encode() for number in (0, 1, 8, log.size() - 1)]
    doors = (evidence.site.west, evidence.site.east)
    named = [(witness_name(log.name, door.kiosk, 1), door.key.public) for door in doors]
    refused = 0
    for draw in draws(turns):
        state = draw.getstate()
        text = draw.choice(texts)
        changed = mutated(draw, text)
        wanted = [witness_key(*witness) for witness in named if f"— {witness[0]} ".encode() in text]
        # Without a line's key the reader learns only that the line was not checked. A missing line
        # leaves the rest of the receipt true.
        with suppress(Refused):
            result = verify_receipt(changed, key)
            true = verify_receipt(text, key)
            assert wanted, f"accepted: {changed!r} {state[1][:2]}"
            assert replace(result, strangers=true.strangers) == true
        try:
            verify_receipt(changed, key, wanted)
        except Refused:
            refused += 1
            continue
        raise AssertionError(f"accepted: {changed!r} {state[1][:2]}")
    return refused


def fuzz_exports(path: Path, turns: int) -> int:
    """Alter, cut or replace one file of a folder `turns` times. Return the number refused, which is
    all.
    """
    names = sorted(file for file in path.rglob("*") if file.is_file())
    files = {file: file.read_bytes() for file in names}
    assert check(path, checkpoints=[], key=None)[0] == []
    refused = 0
    for draw in draws(turns):
        file = draw.choice(names)
        changed = mutated(draw, files[file])
        if draw.random() < 0.05:
            changed = files[draw.choice([name for name in names if files[name] != files[file]])]
        file.write_bytes(changed)
        findings, _ = check(path, checkpoints=[], key=None)
        assert findings, f"{file.name}: accepted {changed!r}"
        assert not any("Error" in finding and "malformed (" not in finding for finding in findings)
        file.write_bytes(files[file])
        refused += 1
    assert check(path, checkpoints=[], key=None)[0] == []
    return refused


def fuzz_zips(path: Path, turns: int) -> tuple[int, int]:
    """Alter or cut a zip `turns` times. Return how many were refused and how many read as before:
    some bytes have no effect, such as times.
    """
    whole = path.read_bytes()
    expected = check(path, checkpoints=[], key=None)
    assert expected[0] == []
    refused = same = 0
    for draw in draws(turns):
        path.write_bytes(mutated(draw, whole))
        findings = check(path, checkpoints=[], key=None)
        assert findings[0] or findings == expected
        refused, same = refused + bool(findings[0]), same + (findings == expected)
    return refused, same


@pytest.fixture
def few(event: Event, database: Database, tmp_path: Path) -> Evidence:
    evidence = Evidence(event, open_site(database), tmp_path)
    fill(evidence)
    return evidence


def test_receipts(few: Evidence) -> None:
    assert fuzz_receipts(few, TURNS) == TURNS


def test_exports(few: Evidence) -> None:
    assert fuzz_exports(few.export(), TURNS) == TURNS


def test_zips(few: Evidence) -> None:
    assert sum(fuzz_zips(few.export(name="export.zip"), TURNS)) == TURNS


def test_a_zip_that_swells(evidence: Evidence, tmp_path: Path) -> None:
    """Small in the zip, huge unpacked: reading has a limit."""
    out = evidence.export()
    (out / "keys.json").unlink()
    shutil.make_archive(str(tmp_path / "bomb"), "zip", out)
    # The same packed megabyte repeated: to pack all of them takes half a second.
    packing = zlib.compressobj(1, wbits=-zlib.MAX_WBITS)
    megabyte = packing.compress(bytes(1_000_000)) + packing.flush(zlib.Z_FULL_FLUSH)
    times = FILE_MAX // 1_000_000 + 2
    with zipfile.ZipFile(tmp_path / "bomb.zip", "a") as archive:
        archive.writestr("keys.json", megabyte * times + packing.flush())
        packed = archive.getinfo("keys.json")
        packed.compress_type, packed.file_size = zipfile.ZIP_DEFLATED, times * 1_000_000
    findings, _ = check(tmp_path / "bomb.zip", checkpoints=[], key=None)
    assert findings == ["keys.json is too large"]
