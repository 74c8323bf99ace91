"""Two exports, or an export and the log: equal, a prefix, a fork, or of two keys."""

import shutil
from pathlib import Path

import pytest

from badges.transparency.commitment import commitment
from badges.transparency.merkle import leaf_hash
from badges.transparency.signed_note import verifier_key
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.features.evidence import compare
from server.features.evidence.compare import (
    CompareError,
    Comparison,
    compare_exports,
    compare_with_log,
)
from server.features.evidence.selection import Selection
from server.storage.connection import Connection
from tests.server.conftest import NOW
from tests.server.features.evidence.conftest import Evidence

OTHER = b'{"act":"signed_in","at":1,"by":"user:1","subject":{},"type":"act"}'


def rewrite(evidence: Evidence, number: int) -> None:
    evidence.alter(
        "UPDATE leaf SET body = ?, salt = ?, hash = ? WHERE number = ?",
        OTHER, bytes(16), leaf_hash(commitment(bytes(16), OTHER)), number,
    )  # fmt: skip


def with_log(evidence: Evidence, path: Path) -> Comparison:
    key = verifier_key(evidence.event.log_name, evidence.event.log_key.public)
    return compare_with_log(evidence.database.reader, path, log=evidence.event.log_name, key=key)


def grow(evidence: Evidence, count: int) -> None:
    def step(db: Connection) -> None:
        for _ in range(count):
            entry_log.act(db, "user:1", Act.HALL_CLOSED, {"hall": 1}, NOW)

    evidence.database.write(step)


@pytest.mark.parametrize("more", [1, 56, 300, 512])
def test_one_begins_the_other(evidence: Evidence, more: int) -> None:
    """Also where an end coincides with a tile's end."""
    first = evidence.export(name="first.zip")
    size = evidence.log.size()
    grow(evidence, more)
    second = evidence.export(name="second")
    comparison = compare_exports(first, second)
    assert (comparison.verdict, comparison.agreed, comparison.longer) == (
        compare.BEGINNING,
        size,
        1,
    )
    assert comparison.first.size + more == comparison.other.size
    assert compare_exports(second, first).longer == 0
    assert compare_exports(second, second).verdict == compare.SAME
    assert with_log(evidence, second).verdict == compare.SAME
    assert with_log(evidence, first).agreed == size


@pytest.mark.parametrize("number", [0, 5, 255, 256, 400])
def test_a_fork_is_named_at_its_first_difference(evidence: Evidence, number: int) -> None:
    grow(evidence, 300)
    first = evidence.export(name="first")
    ((before,),) = evidence.rows(f"SELECT body FROM leaf WHERE number = {number}")
    rewrite(evidence, number)
    grow(evidence, 3)
    second = evidence.export(name="second")
    for comparison in (compare_exports(first, second), with_log(evidence, first)):
        assert (comparison.verdict, comparison.agreed) == (compare.FORK, number)
        assert comparison.records == (before.decode(), OTHER.decode())
    part = evidence.export(Selection("badge 7", serial=7), "part")
    assert compare_exports(first, part).records[1] is None


def test_another_key(evidence: Evidence) -> None:
    path = evidence.export()
    comparison = compare_with_log(evidence.database.reader, path, log="x", key="x+0+AAAA")
    assert comparison.verdict == compare.OTHER


def test_what_is_not_what_its_checkpoint_says_is_refused(evidence: Evidence) -> None:
    path = evidence.export()
    (tile,) = (path / "tile/0/000.p").iterdir()
    whole = tile.read_bytes()
    tile.write_bytes(whole[:64] + bytes(32) + whole[96:])
    with pytest.raises(CompareError, match="File 1 was altered"):
        compare_exports(path, path)
    tile.write_bytes(whole[:-1])
    with pytest.raises(CompareError, match="a tile is missing or malformed"):
        compare_exports(path, path)
    tile.unlink()
    with pytest.raises(CompareError, match="a tile is missing or malformed"):
        with_log(evidence, path)


@pytest.mark.parametrize("name", ["keys.json", "checkpoint", "manifest"])
def test_files_that_are_missing_or_malformed(evidence: Evidence, tmp_path: Path, name: str) -> None:
    good = evidence.export()
    bad = tmp_path / "bad"
    shutil.copytree(good, bad)
    for data in (b"", b"{}", b"[" * 5_000, bytes(9)):
        (bad / name).write_bytes(data)
        with pytest.raises(CompareError, match="File 2 is not an export of an entry log"):
            compare_exports(good, bad)
    (bad / name).unlink()
    with pytest.raises(CompareError, match=f"{name} is missing"):
        compare_exports(good, bad)


def test_a_doors_name_that_was_altered(evidence: Evidence) -> None:
    """Names are not in the log. An earlier export has them signed."""
    first = evidence.export(name="first")
    ((names,),) = evidence.rows("SELECT names FROM door WHERE door_id = 1")
    evidence.alter("UPDATE door SET names = ? WHERE door_id = 1", '{"en": "Est"}')
    second = evidence.export(name="second")
    for comparison in (compare_exports(first, second), with_log(evidence, first)):
        assert comparison.verdict == compare.SAME
        (change,) = comparison.renamed
        assert (change.kind, change.number) == ("door", "1")
        assert "en: Est" in change.other
        assert change.first != change.other, names
    assert compare_exports(first, first).renamed == ()
