"""The independent verifier aics-tlog (Python 3.12 and later) reads our exports.

The tests' Python has it if new enough. HALLKEEPER_TLOG_PYTHON may name another.
"""

import base64
import importlib.util
import json
import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from badges.credential.keys import PublicKey
from badges.transparency.checkpoint import witness_name
from badges.transparency.signed_note import COSIGNATURE, key_id, verifier_key
from server.features.evidence.selection import Selection
from tests.server.conftest import NOW
from tests.server.features.evidence.conftest import Evidence

SCRIPT = Path(__file__).with_name("foreign.py")


def python() -> str:
    named = os.environ.get("HALLKEEPER_TLOG_PYTHON")
    if named:
        return named
    if importlib.util.find_spec("aics_tlog") is None:
        pytest.skip("aics-tlog is not here: it needs Python 3.12 (or HALLKEEPER_TLOG_PYTHON)")
    return sys.executable


def foreign(path: Path, key: str, *witness: str) -> tuple[int, str]:
    command = [python(), "-I", str(SCRIPT), str(path), key, *witness]
    done = subprocess.run(command, capture_output=True, text=True)
    return done.returncode, done.stdout or done.stderr.splitlines()[-1]


@pytest.fixture
def many(evidence: Evidence) -> Evidence:
    """More than a bundle."""
    for number in range(300):
        evidence.scan(evidence.site.west, number % 20 + 1, NOW, decision="denied", reason="revoked")
    evidence.send(evidence.site.west, NOW)
    return evidence


def key_of(evidence: Evidence) -> str:
    return verifier_key(evidence.event.log_name, evidence.event.log_key.public)


def witness_key(evidence: Evidence, kiosk: str, public: PublicKey) -> str:
    name = witness_name(evidence.event.log_name, kiosk, 1)
    encoded = base64.b64encode(COSIGNATURE + public.raw).decode()
    return f"{name}+{key_id(name, COSIGNATURE, public).hex()}+{encoded}"


@pytest.mark.system
def test_it_accepts_an_export_and_a_kiosk_as_witness(many: Evidence) -> None:
    path, west = many.export(), many.site.west
    result = foreign(
        path, key_of(many), str(path / "witness/west-1"), witness_key(many, "west", west.key.public)
    )
    size = many.log.size()
    report = {"size": size, "bundles": size // 256 + 1, "cosigned": True, "consistent": True}
    assert (result[0], json.loads(result[1])) == (0, report)


@pytest.mark.system
def test_it_accepts_a_part_and_one_with_erased_records(many: Evidence) -> None:
    path = many.export(Selection("badge 7", serial=7), "part")
    assert foreign(path, key_of(many))[0] == 0


@pytest.mark.system
def test_it_refuses_what_was_altered(many: Evidence) -> None:
    path, ask = many.export(), partial(foreign, key=key_of(many))
    assert ask(path)[0] == 0
    for name, at, error in (
        ("tile/0/000", 70, "tile/0/000 does not match"),
        ("tile/entries/000", 70, "entries/000"),
        ("tile/1/000.p/1", 7, "right-edge"),
    ):
        file = path / name
        whole = file.read_bytes()
        file.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        code, output = ask(path)
        assert code == 1
        assert error in output
        file.write_bytes(whole)
    (path / "tile/0/000").unlink()
    code, output = ask(path)
    assert code == 1
    assert "TileMissingError" in output


@pytest.mark.system
def test_it_refuses_a_database_that_was_altered(many: Evidence) -> None:
    ((number, body),) = many.rows("SELECT number, body FROM leaf WHERE number = 40")
    changed = body.replace(b'"type"', b'"typo"')
    many.alter("UPDATE leaf SET body = ? WHERE number = ?", changed, number)
    code, output = foreign(many.export(), key_of(many))
    assert code == 1
    assert "entries" in output
