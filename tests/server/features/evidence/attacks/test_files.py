"""Deceptive files: links, zips with two readings, and misleading names."""

import os
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from server.features.evidence.verify import check, say
from tests.server.conftest import NOW
from tests.server.features.evidence.conftest import Evidence

Verified = Callable[..., list[str]]


def zipped(folder: Path, out: Path, extra: dict[str, bytes] | None = None) -> Path:
    """A zip of a folder as common tools make it, with entries for folders."""
    with zipfile.ZipFile(out, "w") as target:
        for file in sorted(folder.rglob("*")):
            target.write(file, file.relative_to(folder).as_posix())
        for name, data in (extra or {}).items():
            target.writestr(name, data)
    return out


def test_a_zip_that_somebody_else_made(evidence: Evidence, verified: Verified) -> None:
    path = evidence.export()
    assert verified(zipped(path, evidence.folder / "again.zip")) == []
    findings = verified(zipped(path, evidence.folder / "more.zip", {"tile/0/001": b"x" * 32}))
    assert findings == ["tile/0/001 does not belong to the export"]


@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_two_files_of_one_name(evidence: Evidence, verified: Verified) -> None:
    """Two programs could read different ones."""
    path = evidence.export()
    for name in ("README.txt", "records.txt", "checkpoint"):
        same = {name: (path / name).read_bytes()}
        findings = verified(zipped(path, evidence.folder / "two.zip", same))
        assert findings == ["it has a link, or two files of one name"]


@pytest.mark.parametrize("name", ["README.txt", "tile/entries", "keys.json"])
def test_links(evidence: Evidence, verified: Verified, name: str) -> None:
    """A link's target may change tomorrow, though today it has the export's content."""
    path = evidence.export()
    other = evidence.folder / "other"
    shutil.move(path / name, other)
    (path / name).symlink_to(other)
    assert verified(path) == ["it has a link, or two files of one name"]


def test_links_to_nothing_and_what_is_no_file(evidence: Evidence, verified: Verified) -> None:
    path = evidence.export()
    (path / "more").symlink_to(path / "nothing")
    assert verified(path) == ["it has a link, or two files of one name"]
    (path / "more").unlink()
    os.mkfifo(path / "pipe")  # Opening it would block forever.
    assert verified(path) == ["it has a link, or two files of one name"]
    (path / "pipe").unlink()
    shutil.move(path / "keys.json", evidence.folder / "keys")
    os.mkfifo(path / "keys.json")
    assert verified(path) == ["it has a link, or two files of one name"]


def test_a_link_in_a_zip(evidence: Evidence, verified: Verified) -> None:
    """Unpacked, a verified file would be a link."""
    path = evidence.export()
    data = (path / "README.txt").read_bytes()
    (path / "README.txt").unlink()
    link = zipfile.ZipInfo("README.txt")
    link.external_attr = 0o120777 << 16
    out = zipped(path, evidence.folder / "link.zip")
    with zipfile.ZipFile(out, "a") as target:
        target.writestr(link, data)
    assert verified(out) == ["it has a link, or two files of one name"]


def test_names_with_control_codes(evidence: Evidence, capsys: pytest.CaptureFixture[str]) -> None:
    path = evidence.export()
    (path / "\x1b[2J\rVERIFIED").write_text("")
    assert say(*check(path)) == 1
    output = capsys.readouterr().out
    assert output == "WRONG: ?[2J?VERIFIED does not belong to the export.\nREFUSED\n"
    assert say([], ["a\nVERIFIED\n"]) == 0
    assert capsys.readouterr().out == "a?VERIFIED?\nVERIFIED\n"


def test_tiles_that_are_cut_off_or_too_long(evidence: Evidence, verified: Verified) -> None:
    """Over 256 entries, so that there is a tile above the first level."""
    for number in range(300):
        evidence.scan(evidence.site.west, number % 20 + 1, NOW, decision="denied", reason="revoked")
    evidence.send(evidence.site.west, NOW)
    path = evidence.export()
    files = [tile for tile in sorted((path / "tile").rglob("*")) if tile.is_file()]
    assert len(files) == 5
    for file in files:
        whole = file.read_bytes()
        for changed in (b"", whole[:-1], whole[:-32], whole + b"\0", whole * 2, whole[::-1]):
            file.write_bytes(changed)
            (finding,) = verified(path)
            assert "is not" in finding or "cut off" in finding
        file.unlink()
        assert verified(path) == [f"{file.relative_to(path)} is missing"]
        file.write_bytes(whole)
    assert verified(path) == []
