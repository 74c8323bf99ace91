"""Cards of each format are read by the kiosk's own reader, at the resolution of usual printers."""

import io
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from badges.printing.card import render_pdf, render_pngs
from badges.printing.look import FORMATS, Look
from kiosk.reader.passes import find_zxing
from kiosk.reader.photo import read_still
from tests.badges.printing import sheet
from tests.badges.printing.cards import CREDENTIAL
from tests.badges.printing.cards import texts as said_by
from tests.badges.printing.forum import BACK, FORUM, people

pytestmark = pytest.mark.system

PEOPLE = people()
# The first of each kind of script, the longest names, and many symbols.
SOME = [PEOPLE[at] for at in (0, 3, 8, 21, 22, 23)]


def gray(png: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(png)) as picture:
        return np.asarray(picture.convert("L"))


def texts(picture: np.ndarray) -> list[str]:
    return [sighting.text for sighting in read_still(picture)]


def cards_on(look: Look) -> int:
    return 4 if look.format.on_page == "four" else 1


@pytest.mark.parametrize("layer_only", [False, True], ids=["whole", "layer"])
@pytest.mark.parametrize("name", FORMATS)
def test_each_format_is_read(name: str, layer_only: bool) -> None:
    look = replace(FORUM, format=FORMATS[name], back=BACK, layer_only=layer_only)
    dpi = 203 if look.format.mono else 150
    some = SOME[: 4 if cards_on(look) == 4 else 2]
    drawn = render_pngs(some, look, dpi)
    assert len(drawn) == (2 if look.format.on_page != "folded" else len(some)) * (
        1 if look.format.on_page in ("four", "folded") else len(some)
    )
    for png in drawn:
        picture = gray(png)
        if look.format.mono:
            picture = np.where(picture < 128, 0, 255).astype(np.uint8)
        both = 2 if look.format.on_page == "folded" else 1
        assert texts(picture) == [CREDENTIAL] * cards_on(look) * both


@pytest.mark.parametrize("name", FORMATS)
def test_pages_have_the_size_of_their_paper(name: str) -> None:
    paper = FORMATS[name]
    (picture,) = map(gray, render_pngs([PEOPLE[0]], replace(FORUM, format=paper), 254))
    assert picture.shape == pytest.approx((paper.page_height * 10, paper.page_width * 10), abs=2)


def said_on(look: Look) -> list[str]:
    """The text on each card, front and back, without spaces."""
    if cards_on(look) > 1:
        pages = [said_by(render_pdf([card], look=look)) for card in SOME]
    else:
        together = said_by(render_pdf(SOME, look=look))
        each = 1 if look.format.on_page == "folded" else 2
        assert len(together) == each * len(SOME)
        pages = [together[each * at : each * (at + 1)] for at in range(len(SOME))]
    return ["".join("".join(page).split()) for page in pages]


@pytest.mark.parametrize("name", FORMATS)
def test_all_texts_stand_on_all_formats(name: str) -> None:
    look = replace(FORUM, format=FORMATS[name], back=BACK)
    for card, text in zip(SOME, said_on(look), strict=True):
        for part in (card.latin_name, card.category_name, card.category_second_name,
                     card.badge_number, look.event_name, "HARBOUR-FORUM"):  # fmt: skip
            assert "".join(part.split()) in text, part
        for part in (card.given_name, card.family_name, card.organisation):
            assert set("".join(part.split())) - set("()") <= set(text), part


def test_a_layer_leaves_out_the_parts_of_the_shell() -> None:
    layer = replace(FORUM, layer_only=True)
    (picture,) = map(gray, render_pngs([PEOPLE[0]], layer, 100))
    assert picture[: int(23 * 100 / 25.4)].min() > 250
    assert (picture[int(129 * 100 / 25.4) :] < 128).mean() < 0.15  # words, and no ground
    (text,) = said_by(render_pdf([PEOPLE[0]], look=layer))
    assert "代表" in text
    assert FORUM.event_name not in text


def test_labels_are_black_and_white_but_for_their_logo() -> None:
    for name in ("4x3in", "62mm"):
        look = replace(FORUM, format=FORMATS[name], logo="")
        for png in render_pngs(SOME[:2], look, 203):
            with Image.open(io.BytesIO(png)) as picture:
                colours = np.asarray(picture.convert("RGB")).astype(int)
            assert np.ptp(colours, axis=2).max() < 24  # the grey of a country is nearly neutral


def test_four_on_a_sheet_meet_their_backs() -> None:
    """Turned on the long edge, the second column is behind the first."""
    look = replace(FORUM, format=FORMATS["a4-four"], back=BACK)
    cards = [replace(card, text=f"{CREDENTIAL[:-1]}{at}") for at, card in enumerate(SOME[:4])]
    front, back = map(gray, render_pngs(cards, look, 150))

    def by_place(picture: np.ndarray) -> list[list[str]]:
        places: dict[tuple[bool, bool], str] = {}
        for sighting in read_still(picture):
            x, y = np.mean(sighting.corners, axis=0)
            places[bool(y > picture.shape[0] / 2), bool(x > picture.shape[1] / 2)] = sighting.text[
                -1
            ]
        return [[places[row, column] for column in (False, True)] for row in (False, True)]

    assert by_place(front) == [["0", "1"], ["2", "3"]]
    assert by_place(back) == [["1", "0"], ["3", "2"]]


def test_five_cards_need_two_sheets() -> None:
    look = replace(FORUM, format=FORMATS["a4-four"])
    assert len(said_by(render_pdf(PEOPLE[:5], look=look))) == 2


@pytest.mark.parametrize("name", FORMATS)
def test_a_code_s_quiet_zone_is_empty(name: str) -> None:
    """The backs have much text, and long names are near the codes of the fronts."""
    busy = replace(BACK, programme=BACK.programme * 3)
    paper = FORMATS[name]
    looks = [replace(FORUM, format=paper, back=back) for back in (BACK, busy)]
    # Modules are five pixels wide or more, but on the backs of small cards.
    dpi = 150 if max(paper.page_width, paper.page_height) > 140 else 200
    # Both have the same fronts.
    for png in {png for look in looks for png in render_pngs(SOME[:4], look, dpi)}:
        picture = gray(png)
        # The first pass finds the codes. All texts of each page are tested above.
        codes = find_zxing(picture)
        assert len(codes) == cards_on(looks[0]) * (2 if paper.on_page == "folded" else 1)
        for code in codes:
            corners = np.asarray(code.corners)
            (left, top), (right, bottom) = corners.min(axis=0), corners.max(axis=0)
            module = (right - left) / 37
            quiet = picture[
                int(top - 3 * module) : int(bottom + 3 * module),
                int(left - 3 * module) : int(right + 3 * module),
            ].copy()
            inner = int(2.4 * module)
            quiet[inner:-inner, inner:-inner] = 255
            assert quiet.min() > 200


def test_the_sheet_of_thirty_is_read_by_the_command(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the whole, which `python -m tests.badges.printing.sheet` does, one small format.

    The same command also reads an empty page.
    """
    read, blank, on_blank = sheet.read, tmp_path / "blank.png", []
    Image.new("1", (300, 300), 1).save(blank)

    def read_with_a_blank(paths: Sequence[Path]) -> list[set[str]]:
        *seen, none = read([*paths, blank])
        on_blank.append(none)
        return seen

    monkeypatch.setattr(sheet, "read", read_with_a_blank)
    cards = sheet.thirty()
    assert len({card.text for card in cards}) == 30
    result = sheet.check("62mm", cards[21:24], tmp_path / "62mm")
    assert (result["codes"], result["read"], result["others"]) == (6, 6, 0)
    assert {path.name for path in tmp_path.glob("62mm*")} == {
        "62mm",
        "62mm-front-1.png",
        "62mm-back-1.png",
    }
    assert on_blank == [set()]
