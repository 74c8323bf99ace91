"""Forgeries with the log's key: parts posing as whole, records of no kiosk, impossible logs."""

import hashlib
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency.chain import chain_next
from badges.transparency.checkpoint import Checkpoint, sign_checkpoint
from server.core.entry_log import entry_log
from server.features.evidence.export import sign_manifest
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from tests.server.conftest import MINUTE, NOW
from tests.server.features.evidence.conftest import Evidence
from tests.server.features.evidence.test_alterations import rewrite, scans
from tests.server.features.evidence.test_fuzz import TURNS, draws, mutated

Verified = Callable[..., list[str]]
PART = Selection("badge 7", serial=7)


def sign(evidence: Evidence, path: Path, **changes: str) -> None:
    """Change lines of the manifest and sign it anew over the present files."""
    head, _, _ = (path / "manifest").read_text().rpartition("\n\n")
    lines = head.split("\n")
    lines[2] = changes.get("size", lines[2])
    lines[3] = changes.get("selection", lines[3])
    for at, line in enumerate(lines[5:], 5):
        digest, _, name = line.partition(" ")
        if digest != "-":
            digest = hashlib.sha256((path / name).read_bytes()).hexdigest()
        lines[at] = f"{digest} {name}"
    name, key = evidence.event.log_name, evidence.event.log_key
    (path / "manifest").write_text(sign_manifest(key, name, lines))


def checkpoint(evidence: Evidence, size: int, root: bytes) -> str:
    name = evidence.event.log_name
    return sign_checkpoint(evidence.event.log_key, name, Checkpoint(name, size, root))


def lines_of(path: Path) -> list[bytes]:
    return (path / "records.txt").read_bytes().splitlines(keepends=True)


def put(evidence: Evidence, path: Path, lines: list[bytes], **changes: str) -> Path:
    (path / "records.txt").write_bytes(b"".join(lines))
    sign(evidence, path, **changes)
    return path


def test_signing_anew_changes_nothing(evidence: Evidence, verified: Verified) -> None:
    """A control: re-signing alone causes no finding."""
    for path in (evidence.export(), evidence.export(PART, "part")):
        assert verified(put(evidence, path, lines_of(path))) == []


@pytest.mark.parametrize("size", [0, 10**6, 10**17, 10**18 - 1])
def test_sizes_that_can_not_be(evidence: Evidence, verified: Verified, size: int) -> None:
    """An empty log, and sizes too large to walk through, are refused at once."""
    path = evidence.export()
    root = hashlib.sha256().digest() if not size else bytes(32)
    (path / "checkpoint").write_text(checkpoint(evidence, size, root))
    sign(evidence, path, size=str(size))
    assert verified(path) == ["it has no entries, or too few files"]


def test_two_checkpoints_of_one_size(evidence: Evidence, verified: Verified) -> None:
    path, size = evidence.export(), evidence.log.size()
    true = evidence.log.note(size).encode()
    other = checkpoint(evidence, size, bytes(32)).encode()
    assert verified(path, true, true) == []
    for given in ((other,), (true, other), (other, true)):
        (finding,) = verified(path, *given)
        number = given.index(other) + 1
        assert finding.startswith(
            f"a fork: checkpoint {number} that was given is of another history"
        )
    empty = checkpoint(evidence, 0, bytes(32)).encode()
    assert verified(path, empty)[0].startswith("a fork: checkpoint 1 that was given")
    assert verified(path, checkpoint(evidence, 0, hashlib.sha256().digest()).encode()) == []


def test_a_checkpoint_of_another_name_is_no_proof(evidence: Evidence, verified: Verified) -> None:
    """A rewritten log may carry the name of a log after a restore."""
    name, key = f"{evidence.event.log_name}/2", evidence.event.log_key
    note = sign_checkpoint(key, name, Checkpoint(name, 9, bytes(32)))
    assert verified(evidence.export(), note.encode()) == [
        f"checkpoint 1 that was given: it is of another log, {name}"
    ]


def test_a_part_that_claims_to_be_whole(evidence: Evidence, verified: Verified) -> None:
    path = evidence.export(PART, "part")
    findings = verified(put(evidence, path, lines_of(path), selection="all"))
    assert findings == ["entry 0 is missing in records.txt"]


@pytest.mark.parametrize("gone", [0, 1, 5])
def test_a_kiosks_chain_with_a_gap(evidence: Evidence, verified: Verified, gone: int) -> None:
    """Also in a part, which has hashes in place of withheld records."""
    for path in (evidence.export(name=f"whole{gone}"), evidence.export(PART, f"part{gone}")):
        number = scans(evidence)[gone]
        lines = lines_of(path)
        at = [line.split()[0] for line in lines].index(b"%d" % number)
        without = lines[:at] + lines[at + 1 :]
        if "whole" in path.name:  # It calls it erased, and no scan.
            without.insert(at, b"%d erased\n" % number)
        next_one = scans(evidence)[gone + 1]
        assert verified(put(evidence, path, without)) == [
            f"entry {next_one}: kiosk west (generation 1): its chain breaks,"
            f" {gone + 2} after {gone}"
        ]


def test_an_erased_part_that_is_forged(evidence: Evidence, verified: Verified) -> None:
    """The hash in place of an erased record is another, or there is one too many."""
    path = evidence.export(PART, "part")
    lines, last = lines_of(path), scans(evidence)[-1]
    at = next(n for n, line in enumerate(lines) if b" = west 1 " in line)
    fields = lines[at].split()
    other = [*fields[:5], b"ab" * 32, *fields[6:]]
    (finding,) = verified(
        put(evidence, path, [*lines[:at], b" ".join(other) + b"\n", *lines[at + 1 :]])
    )
    assert "did not sign this record" in finding or "does not follow" in finding
    without = [*fields[:5], b"-", *fields[6:]]
    lines_without = [*lines[: at + 1], b" ".join(without) + b"\n", *lines[at + 2 :]]
    number = int(lines[at + 1].split()[0])
    lines_without[at + 1] = b"%d = west 1 %d -\n" % (number, int(fields[4]) + 1)
    (finding,) = verified(put(evidence, path, lines_without))
    assert "its chain breaks" in finding
    # One more scan after the last, in the place of an act.
    acts = list(range(last + 1, evidence.log.size()))
    if acts:
        seq = len(scans(evidence)) + 1
        more = [line for line in lines if int(line.split()[0]) < acts[0]]
        more.append(b"%d = west 1 %d %s\n" % (acts[0], seq, b"ab" * 32))
        (finding,) = verified(put(evidence, path, more))
        assert "has signed none of its records after" in finding


def forged_at_the_end(evidence: Evidence, *, salted: bool, version: int) -> int:
    """Write a scan after the kiosk's last, as far as the server can forge it."""
    ((body,),) = evidence.rows(f"SELECT body FROM leaf WHERE number = {scans(evidence)[-1]}")
    fields = json.loads(body)
    fields.pop("signature", None)
    record = fields["record"] | {"seq": fields["record"]["seq"] + 1, "serial": 7, "v": version}
    if version == 1:
        record.pop("salt")
    raw = entry_log.canonical(record)
    fields |= {"chain": chain_next(bytes.fromhex(fields["chain"]), raw).hex(), "record": record}
    body = entry_log.canonical(fields)
    number = evidence.log.size()
    evidence.alter(
        "INSERT INTO leaf (number, kind, at, hash, body) VALUES (?, 'scan', ?, x'00', x'')",
        number, NOW + 41 * MINUTE,
    )  # fmt: skip
    rewrite(evidence, number, body)
    if not salted:
        hashed = hashlib.sha256(b"\0" + body).digest()
        evidence.alter("UPDATE leaf SET salt = NULL, hash = ? WHERE number = ?", hashed, number)
    return number


@pytest.mark.parametrize("salted", [True, False])
@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("part", [True, False])
def test_a_scan_that_no_kiosk_signed(
    evidence: Evidence, verified: Verified, *, salted: bool, version: int, part: bool
) -> None:
    """At the chain's end, also in the format of early versions, and in a part that shows it."""
    number = forged_at_the_end(evidence, salted=salted, version=version)
    path = evidence.export()
    if part:
        path = put(evidence, path, [
            line for line in lines_of(path)
            if b'"kiosk":"west"' in line and b'"type":"scan"' in line
        ], selection="badge 7")  # fmt: skip
    (finding,) = verified(path)
    assert finding in (
        f"kiosk west (generation 1) has signed none of its records after entry"
        f" {scans(evidence)[-1]}, up to entry {number}",
        f"entry {number} has no salt, and one before it has",
    )


def test_it_is_hidden_behind_an_early_erased_record(evidence: Evidence, verified: Verified) -> None:
    number = forged_at_the_end(evidence, salted=True, version=1)
    evidence.act(entry_log.Act.HALL_CLOSED, NOW, hall=1)
    path = evidence.export()
    lines = lines_of(path)
    seq = len(scans(evidence)) + 2
    lines[-1] = b"%d = west 1 %d -\n" % (number + 1, seq)
    assert verified(put(evidence, path, lines)) == [
        f"entry {number + 1}: kiosk west (generation 1): its chain breaks, {seq} after {seq - 1}"
    ]


@pytest.mark.parametrize(
    "end",
    [b'"type":"scan" }', b'"type": "scan"}', b'"type":"sc\\u0061n"}', b'"type":"scan","z":1}',
     b'"type":"act","type":"scan"}', b'"type":"door"}', b'"typo":"scan"}'],
)  # fmt: skip
def test_a_record_similar_to_a_scan(evidence: Evidence, verified: Verified, end: bytes) -> None:
    """It is not exactly a scan, so that no kiosk's signature is looked for."""
    ((body,),) = evidence.rows(f"SELECT body FROM leaf WHERE number = {scans(evidence)[3]}")
    ((number,),) = evidence.rows("SELECT MAX(number) FROM leaf WHERE kind = 'act'")
    assert body.endswith(b'"type":"scan"}')
    rewrite(evidence, number, body.removesuffix(b'"type":"scan"}') + end)
    evidence.alter("DELETE FROM cosignature")
    assert verified(evidence.export()) == [f"entry {number} is no record as the log has them"]


def test_two_keys_of_one_kiosk(evidence: Evidence, verified: Verified) -> None:
    path = evidence.export()
    keys = json.loads((path / "keys.json").read_text())
    other = dict(keys["kiosks"][0], key=PrivateKey(bytes(32)).public.raw.hex())
    for kiosks in ([other, *keys["kiosks"]], [*keys["kiosks"], other]):
        (path / "keys.json").write_text(json.dumps(keys | {"kiosks": kiosks}))
        sign(evidence, path)
        assert verified(path) == ["keys.json has two keys of kiosk east"]


def test_records_that_are_called_erased_are_counted(evidence: Evidence) -> None:
    """A holder of the log's key may withhold records, but can't hide how many."""
    path = evidence.export()
    lines = lines_of(path)
    for number, line in enumerate(lines):
        if b'"type":"act"' in line:
            lines[number] = b"%d erased\n" % number
    findings, notes = check(put(evidence, path, lines))
    acts = sum(b"erased" in line for line in lines)
    assert findings == []
    assert notes[0].endswith(f"{len(lines) - acts} records shown (all), {acts} not")


def fuzz_signed(evidence: Evidence, path: Path, turns: int) -> int:
    """Alter a file `turns` times, and re-sign the manifest. Each record shown in an accepted export
    must have been logged at that place. Return the number refused.
    """
    names = [path / name for name in ("records.txt", "records.txt", "keys.json")]
    names += sorted(path.glob("witness/*"))
    files = {file: file.read_bytes() for file in (*names, path / "manifest")}
    logged = set(lines_of(path))
    refused = 0
    for draw in draws(turns):
        file = draw.choice(names)
        file.write_bytes(mutated(draw, files[file]))
        sign(evidence, path)
        findings, _ = check(path)
        if not findings:
            shown = {line for line in lines_of(path) if b" {" in line}
            assert shown <= logged, f"{file.name}: {shown - logged}"
        refused += bool(findings)
        for target, data in files.items():
            target.write_bytes(data)
    assert check(path)[0] == []
    return refused


def test_altered_and_signed_anew(evidence: Evidence) -> None:
    path = evidence.export()
    assert TURNS * 0.8 < fuzz_signed(evidence, path, TURNS) <= TURNS
