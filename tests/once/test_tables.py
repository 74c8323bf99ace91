"""That a table is made by one process, and read by the next (tests/once/tables.py)."""

from pathlib import Path

from tests.once.tables import shared


def test_what_one_process_made_another_reads(tmp_path: Path) -> None:
    made: list[str] = []

    def table(name: str) -> frozenset[str]:
        made.append(name)
        return frozenset(name)

    here, there = shared(table, tmp_path), shared(table, tmp_path)
    assert here("one") == there("one") == here("one") == {"o", "n", "e"}
    assert there("two") == {"t", "w", "o"}
    assert made == ["one", "two"]


def test_what_rests_on_something_else_is_made_anew(tmp_path: Path) -> None:
    made: list[str] = []

    def table(name: str) -> str:
        made.append(name)
        return name.upper()

    for fonts in ("old", "old", "new"):
        assert shared(table, tmp_path, lambda fonts=fonts: [fonts])("one") == "ONE"
    assert made == ["one", "one"]
