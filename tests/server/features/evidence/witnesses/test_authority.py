"""Stamps by an authority on this machine (`openssl ts`), and refusal of everything else."""

import subprocess
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from server.core.entry_log.outside import Code, OutsideError
from server.core.outgoing import posting
from server.features.evidence.witnesses import authority
from server.features.evidence.witnesses.authority import Authority, read_certificates
from tests.server.features.evidence.witnesses.time_authority import (
    NAME,
    OTHER_POLICY,
    POLICY,
    TimeAuthority,
    make_middle,
    make_root,
    make_signer,
)

NOTE = "hallkeeper/x\n5\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n— x AAAA\n"


@pytest.fixture
def tsa(time_authority: TimeAuthority) -> Iterator[TimeAuthority]:
    yield time_authority
    time_authority.answer = None


def trusted(tsa: TimeAuthority, policy: str | None = None, ca: Path | None = None) -> Authority:
    return Authority(tsa.url, read_certificates(ca or tsa.ca), policy)


def refused(tsa: TimeAuthority, words: str, code: Code = Code.WRONG, **changes) -> None:
    with pytest.raises(OutsideError, match=words) as caught:
        authority.ask(posting.post, trusted(tsa, **changes), NOTE)
    assert caught.value.code is code


def test_a_stamp(tsa: TimeAuthority, tmp_path: Path) -> None:
    answer, stamp = authority.ask(posting.post, trusted(tsa), NOTE)
    assert stamp.authority == NAME
    now = datetime.now(UTC).timestamp() * 1000
    assert abs(stamp.stamped_at - now) < 60_000
    assert authority.verify(answer, NOTE.encode(), trusted(tsa)) == stamp
    # The request contains only the note's hash.
    assert b"hallkeeper" not in tsa.asked[-1]
    # Others' tool agrees.
    (tmp_path / "n").write_text(NOTE)
    (tmp_path / "r").write_bytes(answer)
    command = ["openssl", "ts", "-verify", "-data", tmp_path / "n", "-in", tmp_path / "r"]
    done = subprocess.run([*command, "-CAfile", tsa.ca], capture_output=True, text=True)
    assert "Verification: OK" in done.stdout + done.stderr


def test_an_altered_checkpoint(tsa: TimeAuthority) -> None:
    answer, _ = authority.ask(posting.post, trusted(tsa), NOTE)
    for other in (NOTE.replace("\n5\n", "\n6\n"), NOTE + "— w BBBB\n", NOTE.rstrip(), ""):
        with pytest.raises(OutsideError, match="its stamp is of another checkpoint"):
            authority.verify(answer, other.encode(), trusted(tsa))


def test_a_stamp_of_before_is_replayed(tsa: TimeAuthority) -> None:
    """For another checkpoint, and for this one."""
    earlier, _ = authority.ask(posting.post, trusted(tsa), NOTE.replace("5", "4"))
    tsa.answer = lambda query: (200, earlier)
    refused(tsa, "its stamp is of another checkpoint")
    tsa.answer = None
    same, _ = authority.ask(posting.post, trusted(tsa), NOTE)
    tsa.answer = lambda query: (200, same)
    refused(tsa, "not made for this request")


def test_another_root(tsa: TimeAuthority, tmp_path: Path) -> None:
    """Also where the other root has the same name."""
    for name in ("Other Root", "Harbour Root"):
        folder = tmp_path / name.split()[0]
        folder.mkdir()
        make_root(folder, name)
        why = r"(self-signed certificate|certificate signature failure|unable to get).*"
        asks = r"[a-z]\. Are the certificates those of the authority that made it\?$"
        refused(tsa, f"^its stamp does not hold: {why}{asks}", ca=folder / "ca.pem")


@pytest.mark.system
def test_a_signer_out_of_date(tmp_path: Path) -> None:
    with TimeAuthority.made(tmp_path / "ended", ended=True) as tsa:
        refused(tsa, "its stamp does not hold: .*expired")


def test_a_signer_of_somebody_else(tsa: TimeAuthority, tmp_path: Path) -> None:
    """Its certificate claims the right root, and is signed by another key."""
    with TimeAuthority.made(tmp_path / "other") as other:
        root = make_root(tmp_path, "Somebody")
        make_signer(other.folder, root, "Harbour Root")
        tsa.answer = lambda query: (200, other.stamped(query))
        refused(tsa, "its stamp does not hold")


def test_policies(tsa: TimeAuthority) -> None:
    for policy in (POLICY, OTHER_POLICY):
        authority.ask(posting.post, trusted(tsa, policy), NOTE)
    # The authority refuses others by itself.
    refused(tsa, "it refuses to stamp", policy="1.2.3.4.99999")
    # An authority that stamps under another policy than requested.
    answer, _ = authority.ask(posting.post, trusted(tsa, POLICY), NOTE)
    with pytest.raises(OutsideError, match="Policy ID mismatch"):
        authority.verify(answer, NOTE.encode(), trusted(tsa, OTHER_POLICY))


@pytest.mark.system
def test_a_request_with_a_policy_is_read_by_openssl(tmp_path: Path) -> None:
    plain = authority.TimestampRequestBuilder(b"x", nonce=True).build().as_bytes()
    for policy in ("1.2.3.4.9", "2.999.4294967295", "0.4.0.2023.1.1"):
        path = tmp_path / "q"
        path.write_bytes(authority.with_policy(plain, policy))
        command = ["openssl", "ts", "-query", "-in", path, "-text"]
        done = subprocess.run(command, capture_output=True, text=True, check=True)
        assert f"Policy OID: {policy}" in done.stdout


@pytest.mark.parametrize(
    "raw", [b"", b"<html>sign in</html>", b"0", b"\x30\x80\x00\x00", b"\x30\x03\x02\x01\x00"]
)
def test_answers_that_are_none(tsa: TimeAuthority, raw: bytes) -> None:
    tsa.answer = lambda query: (200, raw)
    refused(tsa, "malformed|refuses")


def test_it_says_no(tsa: TimeAuthority) -> None:
    for status in (301, 404, 500):
        tsa.answer = lambda query, status=status: (status, b"x")
        refused(tsa, str(status), Code.AWAY)
    # A refusal in the form of the protocol.
    tsa.answer = lambda query: (200, bytes.fromhex("3009300702010203020520"))
    refused(tsa, "malformed|refuses to stamp")


def test_a_huge_answer(tsa: TimeAuthority) -> None:
    tsa.answer = lambda query: (200, bytes(10 * authority.ANSWER_BYTES_MAX))
    refused(tsa, "too long")


def test_a_slow_authority(tsa: TimeAuthority, monkeypatch: pytest.MonkeyPatch) -> None:
    """In one piece, and byte by byte."""
    done = threading.Event()

    def slow(query: bytes) -> tuple[int, bytes]:
        done.wait(240)
        return 200, b""

    tsa.answer = slow
    monkeypatch.setattr(posting, "TIMEOUT_S", 0.2)
    try:
        refused(tsa, "no answer in time", Code.AWAY)
        monkeypatch.setattr(posting, "TIMEOUT_S", 10.0)
        monkeypatch.setattr(posting, "WHOLE_S", 0.2)
        refused(tsa, "no answer", Code.AWAY)
    finally:
        done.set()


def test_nobody_is_there() -> None:
    where = Authority("http://127.0.0.1:1/tsr", ())
    with pytest.raises(OutsideError, match="connection refused") as caught:
        authority.ask(posting.post, where, NOTE)
    assert caught.value.code is Code.AWAY


def test_certificate_files(tsa: TimeAuthority, tmp_path: Path) -> None:
    for name, raw, words in (
        ("none", None, "can't be read: No such file"),
        ("empty", b"", "can't be read as PEM"),
        ("strange", b"\xff\x00", "can't be read as PEM"),
        ("signer", (tsa.folder / "signer.pem").read_bytes(), "has no root certificate"),
    ):
        path = tmp_path / name
        if raw is not None:
            path.write_bytes(raw)
        with pytest.raises(OutsideError, match=words) as caught:
            read_certificates(path)
        assert caught.value.code is Code.SETTINGS


def test_a_certificate_between(tsa: TimeAuthority, tmp_path: Path) -> None:
    """The root signed an intermediate certificate, which signed the signer's. The file has both."""
    with TimeAuthority.made(tmp_path / "long") as longer:
        middle = longer.folder / "middle"
        middle.mkdir()
        root_pem = longer.ca.read_bytes()
        key = make_middle(middle, longer.root)
        make_signer(longer.folder, key, "Harbour Middle")
        longer.ca.write_bytes(root_pem + (middle / "middle.pem").read_bytes())
        _, stamp = authority.ask(posting.post, trusted(longer), NOTE)
        assert stamp.authority == NAME
        longer.ca.write_bytes(root_pem)
        refused(longer, "its stamp does not hold")


@pytest.mark.system
@pytest.mark.parametrize("with_root", [False, True])
def test_an_authority_that_sends_its_chain(tmp_path: Path, with_root: bool) -> None:
    """The file has the root alone. The second signer sends its chain in reverse order."""
    with TimeAuthority.made(tmp_path / "long") as longer:
        key = make_middle(longer.folder, longer.root)
        middle = (longer.folder / "middle.pem").read_bytes()
        chain = [middle, longer.ca.read_bytes()] if with_root else [middle]
        for order in (chain, chain[::-1]):
            make_signer(longer.folder, key, "Harbour Middle")
            longer.send_chain(b"".join(order))
            answer, stamp = authority.ask(posting.post, trusted(longer), NOTE)
            assert stamp.authority == NAME
            assert answer == longer.answered[-1], "as it was sent, for others to verify"


@pytest.mark.parametrize("size", [0, 1, 2, 20, 200])
def test_a_cut_answer(tsa: TimeAuthority, size: int) -> None:
    answer, _ = authority.ask(posting.post, trusted(tsa), NOTE)
    tsa.answer = lambda query: (200, answer[:size])
    refused(tsa, "malformed")
