"""Fonts are read from files with any content."""

from pathlib import Path

from badges.printing.fonts import _character_map, installed


def test_a_damaged_font_has_no_glyphs_or_its_readable_ones(tmp_path: Path) -> None:
    faces = [(face.path, face.index) for face in installed().fonts() if face.path is not None]
    smallest = min(faces, key=lambda face: Path(face[0]).stat().st_size)[0]
    whole = Path(smallest).read_bytes()
    complete = _character_map(smallest, 0)
    assert complete
    cut = tmp_path / "cut.ttf"
    for length in range(0, len(whole), 40):
        cut.write_bytes(whole[:length])
        assert _character_map(str(cut), 0) | complete == complete
    # A missing table, and a table with a wrong length.
    for damaged in (whole.replace(b"maxp", b"none"), whole.replace(b"cmap", b"none")):
        cut.write_bytes(damaged)
        assert _character_map(str(cut), 0) == 0


def test_a_file_that_is_no_font_has_no_glyphs(tmp_path: Path) -> None:
    text = tmp_path / "text.ttf"
    text.write_text("no font at all, and long enough to have been one")
    for path in (str(text), str(tmp_path / "none.ttf"), None):
        assert _character_map(path, 0) == 0
