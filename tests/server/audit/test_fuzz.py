"""Exports and receipts with bytes altered, cut or put in are refused, and never with a traceback.

HALLKEEPER_FUZZ says how many of each (100,000 take about an hour). The seed stands in the
failure.
"""

import os
import random
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from badges.transparency.signed_note import verifier_key
from server.audit import erasure
from server.audit.receipts import receipt
from server.audit.verify import FILE_MAX, Refused, check, verify_receipt
from server.entry_log.act_names import Act
from server.event.directory import Event
from server.storage.database import Database
from tests.server.audit.conftest import Evidence
from tests.server.conftest import MINUTE, NOW
from tests.server.support.site import open_site

TURNS = int(os.environ.get("HALLKEEPER_FUZZ", "300"))

STRANGE = (b"\x00", b"\n", b"9", b"-1", b"null", b"{", b'"', b"\xff\xfe", b"[" * 5_000)


def mutated(draw: random.Random, raw: bytes) -> bytes:
    """The bytes with a small change, which is one in any case."""
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


def seeds() -> Iterator[random.Random]:
    base = random.SystemRandom().randrange(1 << 40)
    for turn in range(TURNS):
        yield random.Random(base + turn)


@pytest.fixture
def few(event: Event, database: Database, tmp_path: Path) -> Evidence:
    """A few entries of each kind, so that many turns take little time."""
    made = Evidence(event, open_site(database), tmp_path)
    for minute in range(5):
        now = NOW + minute * MINUTE
        for door in (made.site.west, made.site.east):
            made.scan(door, minute + 1, now, decision="denied", reason="revoked")
            made.send(door, now)
            made.cosign(door, now)
        made.act(Act.BADGE_REVOKED, now, serial=7)
    made.database.write(lambda db: erasure.erase(db, 2, by="user:1", now=NOW))
    return made


def test_receipts(few: Evidence) -> None:
    evidence = few
    key = verifier_key(evidence.event.log_name, evidence.event.log_key.public)
    db, log = evidence.database.reader, evidence.log
    texts = [receipt(db, log, number).encode() for number in (0, 1, 8, log.size() - 1)]
    for draw in seeds():
        state = draw.getstate()
        changed = mutated(draw, draw.choice(texts))
        try:
            verify_receipt(changed, key)
        except (Refused, ValueError, RecursionError):
            continue
        pytest.fail(f"accepted: {changed!r} {state[1][:2]}")


def test_exports(few: Evidence) -> None:
    """One file of a folder is altered, cut, or put in another's place."""
    path = few.export()
    names = sorted(file for file in path.rglob("*") if file.is_file())
    assert check(path, checkpoints=[], key=None)[0] == []
    for draw in seeds():
        file = draw.choice(names)
        whole = file.read_bytes()
        changed = mutated(draw, whole)
        if draw.random() < 0.05:
            changed = draw.choice(names).read_bytes()
        if changed == whole:
            continue
        file.write_bytes(changed)
        findings, _ = check(path, checkpoints=[], key=None)
        assert findings, f"{file.name}: accepted {changed!r}"
        assert not any("Error" in one and "malformed (" not in one for one in findings)
        file.write_bytes(whole)
    assert check(path, checkpoints=[], key=None)[0] == []


def test_zips(few: Evidence) -> None:
    """A zip has bytes that say nothing, such as times. Whatever is accepted has the same files."""
    path = few.export(name="export.zip")
    whole = path.read_bytes()
    said = check(path, checkpoints=[], key=None)
    assert said[0] == []
    for draw in seeds():
        path.write_bytes(mutated(draw, whole))
        found = check(path, checkpoints=[], key=None)
        assert found[0] or found == said


def test_a_zip_that_swells(evidence: Evidence, tmp_path: Path) -> None:
    """Small in the zip, huge outside: what is read of a file has a limit."""
    out = evidence.export()
    (out / "keys.json").write_bytes(bytes(FILE_MAX + 1))
    shutil.make_archive(str(tmp_path / "bomb"), "zip", out)
    findings, _ = check(tmp_path / "bomb.zip", checkpoints=[], key=None)
    assert findings == ["keys.json is too large"]
