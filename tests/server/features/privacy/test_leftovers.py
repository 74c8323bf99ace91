"""The search for a person's remains in the event's files."""

from pathlib import Path

from server.features.privacy import leftovers as module
from server.features.privacy.leftovers import leftovers


def test_each_file_with_a_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "cards").mkdir()
    (tmp_path / "cards/list.csv").write_text("Anna,Keller\n", "utf-8")
    (tmp_path / "hallkeeper.db").write_bytes(b"\x00\x01Keller\x00")
    (tmp_path / "event.toml").write_text("name = 'Forum'", "utf-8")
    assert leftovers(tmp_path, ["Keller", "Anna"]) == [
        (tmp_path / "cards/list.csv", "Keller"),
        (tmp_path / "cards/list.csv", "Anna"),
        (tmp_path / "hallkeeper.db", "Keller"),
    ]
    assert leftovers(tmp_path, ["Quartermaine"]) == []


def test_a_text_across_two_pieces_is_found(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.setattr(module, "_PIECE", 8)
    (tmp_path / "file").write_text("123456Keller789", "utf-8")
    assert leftovers(tmp_path, ["Keller"]) == [(tmp_path / "file", "Keller")]
