"""Altered, cut or extended answers of authorities and witnesses prove no more than the true answer,
and cause no traceback.
"""

import itertools
import shutil

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import cosign
from badges.transparency.signed_note import NoteError, ProofError
from badges.transparency.witnessing import Submission, read_cosignature, read_submission
from server.core.entry_log.outside import OutsideError
from server.core.outgoing import posting
from server.features.evidence.witnesses import authority
from server.features.evidence.witnesses.authority import Authority, read_certificates
from server.features.evidence.witnesses.witness import opened
from tests.server.features.evidence.test_fuzz import TURNS, draws, mutated
from tests.server.features.evidence.witnesses.conftest import OtherLog
from tests.server.features.evidence.witnesses.time_authority import TimeAuthority

KEY, WITNESS = PrivateKey(b"a log's".ljust(32)), PrivateKey(b"a witness's".ljust(32))
NAME = "example.org/w"


@pytest.fixture
def log() -> OtherLog:
    other = OtherLog(KEY)
    other.grow(*"abcdefghijk")
    return other


def test_stamps(time_authority: TimeAuthority, log: OtherLog) -> None:
    """Bytes outside the signed part may differ. The proof is the same."""
    time_authority.answer = None
    trusted = Authority(time_authority.url, read_certificates(time_authority.ca))
    message = log.note().encode()
    whole, true = authority.ask(posting.post, trusted, log.note())
    each_byte = (
        whole[:at] + bytes([byte ^ bits]) + whole[at + 1 :]
        for at, byte in enumerate(whole)
        for bits in (0x01, 0x80, 0xFF)
    )
    for changed in itertools.chain((mutated(draw, whole) for draw in draws(TURNS)), each_byte):
        try:
            stamp = authority.verify(changed, message, trusted)
        except OutsideError:
            continue
        assert stamp == true, changed.hex()


def test_cosignatures(log: OtherLog) -> None:
    note = log.note()
    whole = cosign(WITNESS, NAME, note, 1_777_860_000).encode()
    for draw in draws(TURNS):
        changed = mutated(draw, whole)
        try:
            cosignature = read_cosignature(changed, NAME, WITNESS.public, note)
        except NoteError:
            continue
        # Such as the same line with another line behind it.
        assert cosignature == (whole.decode(), 1_777_860_000), changed


def test_requests_to_a_witness(log: OtherLog, tmp_path) -> None:
    """It cosigns nothing but the log's own checkpoints, in their order."""
    with opened(tmp_path / "w", NAME, [log.vkey]) as witness:
        first = Submission(0, (), log.note(3)).encoded()
        assert witness.add_checkpoint(first, 1).status == 200
        whole = Submission(3, tuple(log.tree.consistency(3, 11)), log.note()).encoded()
        for draw in draws(TURNS):
            changed = mutated(draw, whole)
            try:
                same = read_submission(changed).note == log.note()
            except ProofError:
                same = False
            answer = witness.add_checkpoint(changed, 1)
            if answer.status != 200:
                assert answer.status in (400, 403, 404, 409, 422), changed
                continue
            # An unknown signature may follow the log's.
            assert same or log.note() in changed.decode(), changed
            shutil.rmtree(tmp_path / "w" / "evidence")
            (tmp_path / "w" / "evidence").mkdir()
            witness = reset(witness, first)


def reset(witness, first: bytes):
    (file,) = (witness._directory / "cosigned").iterdir()
    file.unlink()
    fresh = type(witness)(witness._directory, witness.name, witness._key)
    assert fresh.add_checkpoint(first, 1).status == 200
    return fresh
