"""Which characters a font draws is read as `fontTools` reads it, in each form that files have."""

import struct
from pathlib import Path

import pytest
from fontTools.ttLib import TTFont

from badges.printing.character_map import drawn
from badges.printing.fonts import coverage, installed

END = 0x40000
GLYPHS = 400
WINDOWS, WINDOWS_ALL, UNICODE, MACINTOSH = (3, 1), (3, 10), (0, 3), (1, 0)


def segments(*parts: tuple[int, int, int, list[int] | None]) -> bytes:
    """Form 4: first and last character, what is added, and perhaps a list of glyphs."""
    parts = (*parts, (0xFFFF, 0xFFFF, 1, None))
    listed: list[int] = []
    starts = []
    for at, (_, _, _, glyphs) in enumerate(parts):
        starts.append(0 if glyphs is None else 2 * (len(parts) - at + len(listed)))
        listed += glyphs or []
    words = [2 * len(parts), 0, 0, 0, *(part[1] for part in parts), 0]
    words += [*(part[0] for part in parts), *(part[2] for part in parts), *starts, *listed]
    return struct.pack(f">{3 + len(words)}H", 4, 6 + 2 * len(words), 0, *words)


def groups(*parts: tuple[int, int, int], form: int = 12) -> bytes:
    """Form 12: first and last character, and the first one's glyph."""
    data = b"".join(struct.pack(">LLL", *part) for part in parts)
    return struct.pack(">HHLLL", form, 0, 16 + len(data), 0, len(parts)) + data


def font(folder: Path, *tables: tuple[tuple[int, int], bytes]) -> Path:
    """A file with the tables alone that say what is drawn."""
    offset = 4 + 8 * len(tables)
    directory, data = struct.pack(">HH", 0, len(tables)), b""
    for (platform, encoding), table in tables:
        directory += struct.pack(">HHL", platform, encoding, offset + len(data))
        data += table
    return sfnt(folder, {b"cmap": directory + data})


def sfnt(folder: Path, tables: dict[bytes, bytes]) -> Path:
    tables = {**tables, b"maxp": struct.pack(">LH", 0x00005000, GLYPHS)}
    head, body = struct.pack(">LHHHH", 0x00010000, len(tables), 0, 0, 0), b""
    for tag, data in sorted(tables.items()):
        head += struct.pack(">4sLLL", tag, 0, 12 + 16 * len(tables) + len(body), len(data))
        body += data
    path = folder / "one.ttf"
    path.write_bytes(head + body)
    return path


def points(number: int) -> set[int]:
    return {at for at, digit in enumerate(reversed(f"{number:b}")) if digit == "1"}


def as_fonttools_reads_it(path: str | Path, index: int = 0) -> set[int]:
    with TTFont(path, fontNumber=index, lazy=True) as opened:
        opened.setGlyphOrder([""] * opened["maxp"].numGlyphs)
        return {code for code in opened.getBestCmap() or () if code < END}


A_TO_Z = set(range(65, 91))


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        (segments((65, 90, 0x10000 - 60, None)), A_TO_Z),
        (segments((65, 90, 0x10000 - 65, None)), A_TO_Z - {65}),
        (segments((65, 90, 0x10000 - 77, None)), A_TO_Z - {77}),
        (segments((65, 90, 0x10000 - 90, None)), A_TO_Z - {90}),
        (segments((65, 68, 0, [5, 0, 9, 2])), {65, 67, 68}),
        (segments((65, 68, 0x10000 - 9, [5, 0, 9, 2])), {65, 68}),
        (segments((32, 33, 0, [0, 7]), (65, 90, 1, None), (97, 98, 3, [4, 0])), A_TO_Z | {33, 97}),
        (segments((65, 70, 1, None), (68, 90, 1, None)), A_TO_Z),
        (segments((90, 65, 1, None)), set()),
        (segments(), set()),
        (groups((65, 90, 4)), A_TO_Z),
        (groups((65, 90, 0)), A_TO_Z - {65}),
        (groups((65, 65, 0), (66, 90, 3)), A_TO_Z - {65}),
        (groups((65, 77, 1), (78, 90, 40)), A_TO_Z),
        (groups((65, 77, 1), (77, 90, 40)), A_TO_Z),
        (groups((65, 80, 1), (70, 90, 40)), set(range(65, 81))),
        (groups((0, 3, 1), (0x3FFF0, 0x50000, 5)), {0, 1, 2, 3, *range(0x3FFF0, END)}),
        (groups((0x50000, 0x50001, 5)), set()),
        (groups((90, 65, 1), (97, 97, 2)), {97}),
        (groups(), set()),
        (groups((65, 90, 4), form=13), A_TO_Z),
        (struct.pack(">HHHHH3H", 6, 16, 0, 65, 3, 1, 0, 2), {65, 67}),
    ],
)  # fmt: skip
def test_each_form(tmp_path: Path, table: bytes, expected: set[int]) -> None:
    path = font(tmp_path, (WINDOWS, table))
    found = points(drawn(str(path), 0, END))
    assert found == expected == as_fonttools_reads_it(path)


@pytest.mark.parametrize(
    ("several", "expected"),
    [
        ([(WINDOWS, groups((65, 65, 1))), (WINDOWS_ALL, groups((66, 66, 1)))], {66}),
        ([(UNICODE, groups((65, 65, 1))), (WINDOWS, groups((66, 66, 1)))], {66}),
        ([(UNICODE, groups((65, 65, 1))), (MACINTOSH, groups((66, 66, 1)))], {65}),
        ([(MACINTOSH, groups((66, 66, 1)))], set()),
        ([], set()),
    ],
)
def test_the_table_that_counts(
    tmp_path: Path, several: list[tuple[tuple[int, int], bytes]], expected: set[int]
) -> None:
    path = font(tmp_path, *several)
    assert points(drawn(str(path), 0, END)) == expected == as_fonttools_reads_it(path)


def test_every_byte_that_is_missing(tmp_path: Path) -> None:
    """A font that ends too early draws nothing, or what could be read of it."""
    tables = [segments((65, 68, 0, [5, 1, 9, 2]), (70, 80, 1, None)), groups((65, 68, 4))]
    for table in tables:
        whole = font(tmp_path, (WINDOWS, table)).read_bytes()
        complete = drawn(str(tmp_path / "one.ttf"), 0, END)
        for length in range(len(whole)):
            path = tmp_path / "short.ttf"
            path.write_bytes(whole[:length])
            assert drawn(str(path), 0, END) | complete == complete


def test_a_list_from_elsewhere_draws_nothing(tmp_path: Path) -> None:
    beyond = bytearray(segments((65, 68, 0, [5, 1, 9, 2])))
    for start in (2, 4000):
        struct.pack_into(">H", beyond, len(beyond) - 12, start)
        path = font(tmp_path, (WINDOWS, bytes(beyond)))
        assert drawn(str(path), 0, END) == 0


def test_what_is_no_font_draws_nothing(tmp_path: Path) -> None:
    assert drawn(str(tmp_path / "none.ttf"), 0, END) == 0
    text = tmp_path / "text.ttf"
    text.write_text("no font at all, and long enough to have been one")
    assert drawn(str(text), 0, END) == 0
    assert drawn(str(sfnt(tmp_path, {})), 0, END) == 0


def test_installed_fonts() -> None:
    """Each eighth face, which is the same one wherever the same fonts are installed."""
    faces = sorted((face.path, face.index) for face in installed().fonts() if face.path)
    for path, index in faces[::8]:
        digits = bytearray(b"0" * END)
        for code in as_fonttools_reads_it(path, index):
            digits[END - 1 - code] = ord("1")
        assert drawn(path, index, END) == int(digits, 2)


def test_a_family_draws_what_both_its_faces_draw() -> None:
    regular, bold = (
        next(
            drawn(face.path, face.index, END)
            for face in installed().fonts()
            if (face.family, face.style, face.weight) == ("Noto Sans", "normal", weight)
            if face.path
        )
        for weight in (400, 700)
    )
    assert int.from_bytes(coverage("Noto Sans"), "little") == regular & bold
    assert coverage("No such family") == bytes(END // 8)
