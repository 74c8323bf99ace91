"""The witness that others run: its cosignatures, refusals and memory."""

import http.client
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.checkpoint import verify_cosignature
from badges.transparency.witnessing import Submission, read_cosignature, read_witness_key
from server.features.evidence.witnesses.witness import Answer, Witness, WitnessError, opened
from server.features.evidence.witnesses.witness_http import WitnessServer
from server.storage import durable_files
from tests.server.features.evidence.witnesses.conftest import OtherLog

NAME = "example.org/w1"
KEY = PrivateKey(b"the key of a log".ljust(32))
NOW_S = 1_777_860_000


@pytest.fixture
def log() -> OtherLog:
    other = OtherLog(KEY)
    other.grow(*"abcdefgh")
    return other


@pytest.fixture
def witness(tmp_path: Path, log: OtherLog) -> Iterator[Witness]:
    with opened(tmp_path / "w", NAME, [log.vkey]) as running:
        yield running


def ask(witness: Witness, log: OtherLog, old: int, size: int, proof: bool = True) -> Answer:
    hashes = tuple(log.tree.consistency(old, size)) if proof and 0 < old < size else ()
    return witness.add_checkpoint(Submission(old, hashes, log.note(size)).encoded(), NOW_S)


def test_it_cosigns_what_goes_on(witness: Witness, log: OtherLog) -> None:
    name, public = read_witness_key(witness.key)
    for old, size in ((0, 3), (3, 3), (3, 8)):
        answer = ask(witness, log, old, size)
        assert answer.status == 200, answer
        line, at = read_cosignature(answer.body.encode(), name, public, log.note(size))
        assert (line, at) == (answer.body, NOW_S)
        assert verify_cosignature(public, NAME, log.note(size) + line) == NOW_S
    assert witness.size(log.origin) == 8


def test_it_tells_the_size_that_it_knows(witness: Witness, log: OtherLog) -> None:
    ask(witness, log, 0, 3)
    for old, size in ((0, 5), (2, 5), (5, 5), (0, 2)):
        answer = ask(witness, log, old, size)
        assert (answer.status, answer.body, answer.content_type) == (409, "3\n", "text/x.tlog.size")
    assert witness.size(log.origin) == 3


def test_a_fork_is_refused_and_kept(witness: Witness, log: OtherLog, tmp_path: Path) -> None:
    """The log's owner signs another history with the same key."""
    ask(witness, log, 0, 3)
    other = OtherLog(KEY)
    other.grow(*"abXdefgh")
    answer = ask(witness, other, 3, 8)
    assert answer.status == 422
    assert "do not go on from 3" in answer.alert
    (evidence,) = (tmp_path / "w" / "evidence").iterdir()
    text = evidence.read_text()
    assert log.note(3) in text
    assert other.note(8) in text
    # The same size with another root.
    answer = ask(witness, other, 3, 3)
    assert (answer.status, answer.body) == (409, "3\n")
    assert answer.alert
    # The true one goes on.
    assert ask(witness, log, 3, 8).status == 200


def test_what_is_no_proof(witness: Witness, log: OtherLog) -> None:
    ask(witness, log, 0, 3)
    good = tuple(log.tree.consistency(3, 8))
    for proof in ((), good[:-1], (*good, good[0]), good[::-1]):
        raw = Submission(3, proof, log.note(8)).encoded()
        assert witness.add_checkpoint(raw, NOW_S).status == 422
    raw = Submission(0, good, log.note(8)).encoded()
    assert witness.add_checkpoint(raw, NOW_S).status == 409
    assert witness.size(log.origin) == 3


def test_a_proof_from_nothing_is_refused(witness: Witness, log: OtherLog) -> None:
    raw = Submission(0, tuple(log.tree.consistency(3, 8)), log.note(8)).encoded()
    assert witness.add_checkpoint(raw, NOW_S).status == 422


def test_who_is_not_known(witness: Witness, log: OtherLog) -> None:
    stranger = OtherLog(KEY, "example.org/other", log.tree)
    assert ask(witness, stranger, 0, 3).status == 404
    forger = OtherLog(PrivateKey(bytes(32)), log.origin, log.tree)
    assert ask(witness, forger, 0, 3).status == 403
    assert ask(witness, log, 5, 3).status == 400
    assert witness.size(log.origin) == 0


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"old 0\n",
        b"old 00\n\nx\n1\nAA==\n",
        b"old -1\n\nx\n",
        b"old 0\nAAAA\n\nx\n",
        b"old 0\n" + b"A" * 43 + b"=\n" * 64 + b"\nx\n",
        b"\xff\xfe\n\n",
        b"old 99999999999999999999\n\nx\n",
        b"new 0\n\nx\n",
    ],
)
def test_what_is_no_request(witness: Witness, raw: bytes) -> None:
    assert witness.add_checkpoint(raw, NOW_S).status in (400, 404)


def test_it_remembers_after_a_restart(tmp_path: Path, log: OtherLog) -> None:
    for old, size in ((0, 3), (3, 8)):
        with opened(tmp_path / "w", NAME, [log.vkey]) as witness:
            assert witness.size(log.origin) == old
            assert ask(witness, log, old, size).status == 200


def test_nothing_is_cosigned_that_is_not_on_disk(
    witness: Witness, log: OtherLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    ask(witness, log, 0, 3)
    monkeypatch.setattr(durable_files, "write_whole", fails)
    with pytest.raises(OSError, match="No space"):
        ask(witness, log, 3, 8)
    assert witness.size(log.origin) == 3


def test_a_damaged_memory_is_not_taken_for_none(tmp_path: Path, log: OtherLog) -> None:
    with opened(tmp_path / "w", NAME, [log.vkey]) as witness:
        ask(witness, log, 0, 3)
    (file,) = (tmp_path / "w" / "cosigned").iterdir()
    file.write_text(file.read_text().replace("3\n", "2\n", 1))
    with (
        pytest.raises(WitnessError, match="is damaged: restore it"),
        opened(tmp_path / "w", None, []),
    ):
        pass
    (tmp_path / "w" / "witness.key").unlink()
    with pytest.raises(WitnessError, match="is missing"), opened(tmp_path / "w", None, []):
        pass


def test_its_directory(tmp_path: Path, log: OtherLog) -> None:
    path = tmp_path / "w"

    def refused(match: str, name: str | None, *logs: str) -> None:
        with pytest.raises(WitnessError, match=match), opened(path, name, list(logs)):
            pass

    refused("name the witness", None)
    refused("without spaces", "two words")
    refused("is not a verifier key", NAME, "abc")
    with opened(path, NAME, [log.vkey]) as first:
        refused("another process", NAME)
    refused("keeps its name", "example.org/w2")
    refused("another key of", None, OtherLog(PrivateKey(bytes(32)), log.origin).vkey)
    with opened(path, None, []) as again:
        assert again.key == first.key
        assert again.origins == [log.origin]
    assert (path / "witness.key").stat().st_mode & 0o077 == 0


def test_two_at_once_are_judged_one_after_the_other(witness: Witness, log: OtherLog) -> None:
    """Of many requests from the same size one is cosigned, and none is rolled back."""
    ask(witness, log, 0, 3)
    statuses: list[int] = []
    threads = [
        threading.Thread(
            target=lambda size=size: statuses.append(ask(witness, log, 3, size).status)
        )
        for size in (4, 5, 6, 7, 8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409, 409]


@pytest.fixture
def served(witness: Witness) -> Iterator[tuple[WitnessServer, list[str]]]:
    reports: list[str] = []
    with WitnessServer(("127.0.0.1", 0), witness, reports.append, lambda: NOW_S) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server, reports
        server.shutdown()
        thread.join()


def request(server: WitnessServer, method: str, path: str, body: bytes = b"", **headers: str):
    connection = http.client.HTTPConnection("127.0.0.1", server.server_address[1], timeout=240)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.headers.get_content_type(), answer.read().decode()
    finally:
        connection.close()


def test_over_http(
    served: tuple[WitnessServer, list[str]], log: OtherLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    server, reports = served
    raw = Submission(0, (), log.note(3)).encoded()
    status, kind, body = request(server, "POST", "/add-checkpoint", raw)
    assert (status, kind) == (200, "text/plain")
    assert body.startswith(f"— {NAME} ")
    assert request(server, "POST", "/add-checkpoint", raw)[:2] == (409, "text/x.tlog.size")
    assert request(server, "POST", "/elsewhere", raw)[0] == 404
    assert request(server, "POST", "/add-checkpoint", **{"Content-Length": "99999999"})[0] == 413
    assert request(server, "POST", "/add-checkpoint", **{"Content-Length": "²"})[0] == 413
    assert request(server, "GET", "/")[2] == f"{server.witness.key}\n{log.origin} 3\n"
    assert request(server, "PUT", "/")[0] == 501
    other = OtherLog(KEY)
    other.grow(*"abX")
    raw = Submission(3, (), other.note()).encoded()
    assert request(server, "POST", "/add-checkpoint", raw)[0] == 409
    assert len(reports) == 1

    def fails(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(durable_files, "write_whole", fails)
    raw = Submission(3, tuple(log.tree.consistency(3, 8)), log.note()).encoded()
    assert request(server, "POST", "/add-checkpoint", raw)[0] == 503
    assert reports[1:] == ["nothing is cosigned: No space left on device"]
