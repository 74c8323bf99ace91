"""A journal on a stick: whole, as the kiosk signed it. Nothing else passes the check."""

import json
from pathlib import Path

import pytest

from badges.admission.facts import Direction
from kiosk.cli.export import ExportError, read_export, write_export
from kiosk.config.identity import load_identity
from tests.kiosk.support.door_fixture import (
    KIOSK_KEY,
    LocalDoor,
    badge,
    enrolled,
    key_of,
    records_of,
)


@pytest.fixture
def exported(door: LocalDoor, tmp_path: Path) -> Path:
    """Five scans: a stay that ended here before it was sent, and an open one."""
    identity = load_identity(enrolled(tmp_path / "enrolled"))
    door.present(badge(1))
    door.present(badge(2))
    door.present(badge(1), direction=Direction.EXIT)
    door.present("no badge at all")
    door.present(badge(3))
    path = tmp_path / "journal.jsonl"
    with path.open("wb") as out:
        assert write_export(door.journal, identity, KIOSK_KEY, out) == 5
    return path


def test_it_works(exported: Path, door: LocalDoor) -> None:
    export = read_export(exported)
    assert (export.scans, export.gone) == (5, (1,))
    assert export.identity.kiosk == door.journal.kiosk
    raw = [line for line in exported.read_bytes().splitlines() if b'"scan"' in line[:20]]
    for line, record in zip(raw, records_of(door.journal), strict=True):
        assert record in line, "byte for byte"


def test_exported_records_count_as_offered(exported: Path, door: LocalDoor) -> None:
    """Otherwise a place would be taken back here and by the server (docs/design/places.md, rule
    3).
    """
    free = door.free()
    door.present(badge(2), direction=Direction.EXIT)
    assert door.free() == free


def test_an_empty_journal(tmp_path: Path, door: LocalDoor) -> None:
    identity = load_identity(enrolled(tmp_path / "enrolled"))
    with (tmp_path / "out").open("wb") as out:
        write_export(door.journal, identity, KIOSK_KEY, out)
    assert read_export(tmp_path / "out").scans == 0


def test_many_pages(tmp_path: Path, door: LocalDoor, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("kiosk.cli.export.PAGE", 3)
    identity = load_identity(enrolled(tmp_path / "enrolled"))
    for serial in range(10):
        door.present(badge(serial))
    with (tmp_path / "out").open("wb") as out:
        write_export(door.journal, identity, KIOSK_KEY, out)
    assert read_export(tmp_path / "out").scans == 10


@pytest.mark.parametrize("number", range(7))
def test_every_changed_line_is_found(exported: Path, number: int) -> None:
    """A letter or digit of each line is changed, the order is changed, or a line is missing."""
    lines = exported.read_bytes().splitlines(keepends=True)
    for position in range(len(lines[number]) // 3, len(lines[number]) - 3, 7):
        spoilt = list(lines)
        line = bytearray(lines[number])
        line[position] ^= 1
        spoilt[number] = bytes(line)
        exported.write_bytes(b"".join(spoilt))
        with pytest.raises(ExportError):
            read_export(exported)


@pytest.mark.parametrize(
    ("change", "line", "match"),
    [
        (lambda lines: lines[:3] + lines[4:], 4, "scan 3"),
        (lambda lines: [*lines[:2], lines[3], lines[2], *lines[4:]], 3, "scan 2"),
        (lambda lines: lines[:-1], 7, "cut off"),
        (lambda lines: lines[:5] + lines[-1:], 6, "4 scans of 5"),
        (lambda lines: lines + lines[-1:], 8, "after the seal"),
        (lambda lines: lines[:1] + lines, 2, "second opening"),
        (lambda lines: lines[1:], 1, "not an exported journal"),
        (lambda lines: [], 1, "not an exported journal"),
        (lambda lines: [b"\xff\n"], 1, "malformed"),
    ],
    ids=[
        "missing",
        "swapped",
        "cut",
        "short",
        "twice sealed",
        "two",
        "headless",
        "empty",
        "binary",
    ],
)
def test_the_first_bad_line_is_named(exported: Path, change, line: int, match: str) -> None:
    lines = exported.read_bytes().splitlines(keepends=True)
    exported.write_bytes(b"".join(change(lines)))
    with pytest.raises(ExportError, match=match) as caught:
        read_export(exported)
    assert caught.value.line == line


def test_a_journal_that_another_key_sealed(exported: Path, door: LocalDoor, tmp_path: Path) -> None:
    identity = load_identity(tmp_path / "enrolled")
    with exported.open("wb") as out:
        write_export(door.journal, identity, key_of("thief"), out)
    with pytest.raises(ExportError, match="has not signed") as caught:
        read_export(exported)
    assert caught.value.line == 7


def test_nothing_personal_is_in_it(exported: Path) -> None:
    for line in exported.read_text().splitlines()[1:-1]:
        assert "name" not in json.loads(line)["record"]
