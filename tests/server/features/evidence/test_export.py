"""Contents of an export, whole and of a part, as a folder and as a zip."""

import base64
import subprocess
import sys
from pathlib import Path

import pytest

from badges.transparency.merkle import Tree, leaf_hash
from server.features.evidence import export as module
from server.features.evidence.export import ExportError
from server.features.evidence.selection import Selection
from server.features.evidence.verify import check
from server.storage.errors import UnusableError
from tests.server.conftest import MINUTE, NOW
from tests.server.features.evidence.conftest import Evidence
from tests.server.support.disks.small_disk import fill, small_disk

PARTS = {
    "hall": Selection("hall H1", hall_id=1),
    "day": Selection("day 2026-05-04", since=NOW, until=NOW + 10 * MINUTE),
    "person": Selection("badge 7", serial=7),
}


def root_of(path: Path) -> bytes:
    note = (path / "checkpoint").read_text()
    return base64.b64decode(note.split("\n")[2])


def test_it_works(evidence: Evidence) -> None:
    path = evidence.export()
    findings, notes = check(path, checkpoints=[], key=None)
    assert findings == []
    size = evidence.log.size()
    assert notes[0].startswith(f"{size} entries, as the log's key signed them: {size} records")
    assert notes[0].endswith(" shown (all), 0 not")
    assert notes[1] == "scans of 3 kiosks, each chain as its kiosk signed it"
    assert notes[2].startswith("cosigned by 3 kiosks; the log's key: hallkeeper/")


@pytest.mark.system
def test_the_verifier_in_the_export_runs_alone(evidence: Evidence) -> None:
    """In a process that can import none of our code."""
    path = evidence.export()
    command = [sys.executable, "-I", str(path / "verify.py"), str(path)]
    done = subprocess.run(command, cwd=path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.endswith("VERIFIED\n")
    (path / "names.json").write_text("{}")
    done = subprocess.run(command, cwd=path, capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (1, "")
    assert done.stdout == "WRONG: names.json was altered since the export.\nREFUSED\n"


def test_a_kiosk_with_one_scan_since_it_cosigned(evidence: Evidence) -> None:
    west, now = evidence.site.west, NOW + 41 * MINUTE
    evidence.cosign(west, now)
    evidence.scan(west, 1, now, decision="denied", reason="not_entitled")
    evidence.send(west, now)
    findings, _ = check(evidence.export(), checkpoints=[], key=None)
    assert findings == []


def test_a_zip_holds_the_same(evidence: Evidence) -> None:
    findings, notes = check(evidence.export(name="export.zip"), checkpoints=[], key=None)
    assert findings == []
    assert notes == check(evidence.export(), checkpoints=[], key=None)[1]
    assert not list(evidence.folder.glob(".*"))


@pytest.mark.parametrize("part", PARTS)
def test_a_part_verifies_with_the_same_root(evidence: Evidence, part: str) -> None:
    whole, path = evidence.export(), evidence.export(PARTS[part], "part")
    findings, notes = check(path, checkpoints=[], key=None)
    assert findings == []
    assert root_of(path) == root_of(whole)
    shown = [line for line in (path / "records.txt").read_bytes().splitlines() if b" {" in line]
    assert 0 < len(shown) < evidence.log.size()
    assert f" {len(shown)} records shown ({PARTS[part].text})" in notes[0]


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("kind", ["act", "scan"])
def test_a_record_removed_from_a_part_is_missed(evidence: Evidence, part: str, kind: str) -> None:
    """Only the digest of all records covers an act; no kiosk's chain does."""
    path = evidence.export(PARTS[part])
    records = path / "records.txt"
    lines = records.read_bytes().splitlines(keepends=True)
    (taken, *_) = [line for line in lines if f'"type":"{kind}"'.encode() in line]
    records.write_bytes(b"".join(line for line in lines if line is not taken))
    wrong, _ = check(path)
    assert len(wrong) == 1
    if kind == "act":
        assert wrong == ["records.txt was altered since the export"]


def test_what_could_still_be_lost_is_not_given_out(
    evidence: Evidence, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An export has a signed checkpoint. Its entries are on disk before it appears."""
    seen: list[bool] = []

    def make_durable(_: object) -> None:
        seen.append((evidence.folder / "export").exists())
        raise UnusableError("the standby does not answer")

    monkeypatch.setattr(module, "make_durable", make_durable)
    with pytest.raises(UnusableError):
        evidence.export()
    assert seen == [False]
    assert [path for path in evidence.folder.iterdir() if "export" in path.name] == []


def test_a_part_shows_nothing_of_others(evidence: Evidence) -> None:
    path = evidence.export(PARTS["person"], "part")
    everything = b"".join(file.read_bytes() for file in path.rglob("*") if file.is_file())
    assert everything.count(b'"serial":7,') + everything.count(b'"serial":7}') > 0
    for serial in range(1, 21):
        if serial != 7:
            assert b'"serial":%d,' % serial not in everything
    assert b"hall_closed" not in everything


def test_the_tiles_are_as_the_specification_has_them(evidence: Evidence) -> None:
    """Over 256 entries, so that there is a full tile and one above it."""
    for number in range(300):
        evidence.scan(evidence.site.west, number % 20 + 1, NOW, decision="denied", reason="revoked")
    evidence.send(evidence.site.west, NOW)
    path, size = evidence.export(), evidence.log.size()
    full, rest = divmod(size, 256)
    names = {file.relative_to(path).as_posix() for file in path.rglob("*") if file.is_file()}
    kinds = ("0", "entries")
    expected = {f"tile/{kind}/{index:03d}" for kind in kinds for index in range(full)}
    expected |= {f"tile/{kind}/{full:03d}.p/{rest}" for kind in kinds}
    assert {file for file in names if file.startswith("tile/")} == expected | {
        f"tile/1/000.p/{full}"
    }
    tree = Tree()
    for index in range(full + 1):
        name = f"{index:03d}" if index < full else f"{index:03d}.p/{rest}"
        bundle, tile = ((path / "tile" / kind / name).read_bytes() for kind in ("entries", "0"))
        for at in range(len(tile) // 32):
            assert bundle[at * 34 : at * 34 + 2] == b"\x00\x20", "each entry has 32 bytes"
            digest = leaf_hash(bundle[at * 34 + 2 : at * 34 + 34])
            assert tile[at * 32 : at * 32 + 32] == digest
            tree.append(digest)
    assert root_of(path) == tree.root()
    assert (path / "tile/1" / f"000.p/{full}").read_bytes()[:32] == tree.root(256) or full > 1
    assert check(path, checkpoints=[], key=None)[0] == []


def test_logs_from_before_there_were_salts(evidence: Evidence) -> None:
    """Their entries are the records themselves. A part must leave out the bundles with them."""
    for number in range(400):
        evidence.scan(evidence.site.west, number % 20 + 1, NOW, decision="denied", reason="revoked")
    evidence.send(evidence.site.west, NOW)
    for number, body in evidence.rows("SELECT number, body FROM leaf WHERE number < 200"):
        evidence.alter(
            "UPDATE leaf SET salt = NULL, hash = ? WHERE number = ?", leaf_hash(body), number
        )
    for door in (evidence.site.west, evidence.site.east, evidence.site.other):
        evidence.cosign(door, NOW)
    assert check(evidence.export())[0] == []
    part = evidence.export(PARTS["person"], "part")
    assert check(part)[0] == []
    assert not (part / "tile/entries/000").exists()
    assert (part / "tile/entries/001").exists()
    everything = b"".join(file.read_bytes() for file in part.rglob("*") if file.is_file())
    assert b'"serial":8,' not in everything
    assert root_of(part) == root_of(evidence.folder / "export")


def test_nothing_is_overwritten(evidence: Evidence) -> None:
    path = evidence.export()
    before = (path / "manifest").read_bytes()
    with pytest.raises(ExportError, match="is there already"):
        evidence.export()
    assert (path / "manifest").read_bytes() == before


def problem_of_export(evidence: Evidence, path: Path) -> str:
    try:
        evidence.export(name=str(path))
    except ExportError as error:
        return str(error)
    return ""


@pytest.mark.system
@pytest.mark.parametrize("name", ["export", "export.zip"])
def test_a_full_disk_keeps_nothing_of_it(evidence: Evidence, tmp_path: Path, name: str) -> None:
    """Each time the disk has a little more room, until the export fits."""
    failures = 0
    with small_disk(tmp_path / "disk", 4) as disk:
        for kilobytes in range(0, 4 * 1024, 16):
            fill(disk, kilobytes * 1024)
            problem = problem_of_export(evidence, disk / name)
            if not problem:
                break
            failures += 1
            assert "No space left" in problem
            assert [path.name for path in disk.iterdir()] == ["ballast"]
        assert sorted(path.name for path in disk.iterdir()) == ["ballast", name]
    assert failures > 1


def test_a_folder_that_is_not_there_is_said(evidence: Evidence) -> None:
    for name in ("no/export.zip", "file/export"):
        (evidence.folder / "file").write_text("")
        with pytest.raises(ExportError, match="can't be written"):
            evidence.export(name=name)
