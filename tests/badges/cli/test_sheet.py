"""`hallkeeper-badges sheet`: from a roster file to cards whose codes open, without a server."""

import itertools
import json
from dataclasses import replace
from pathlib import Path

import pypdfium2
import pytest
from click.testing import CliRunner

from badges.categories import DEFAULT_CATEGORIES
from badges.cli.main import main
from badges.credential.keyfile import decode_keys
from badges.printing import offline_sheet
from badges.printing.look import FORMATS
from badges.roster.reader import read_roster

ROSTER = """\
id,given_name,family_name,organisation,country,category,days,zones,language
R1,Anna,Lee,Example GmbH,DE,press,"1,3",EXPO,en
R2,Bo,Berg,Beispiel AB,SE,speaker,all,"EXPO,STAGE",en
"""
ZONES = ["--zone", "EXPO=3", "--zone", "STAGE=31"]


def run(*arguments, status=0):
    result = CliRunner().invoke(main, [str(each) for each in arguments])
    assert result.exit_code == status, result.output
    return result


@pytest.fixture
def keys(tmp_path) -> Path:
    run("keygen", "--out", tmp_path / "event.json", "--badge-keys", "2")
    return tmp_path / "event.json"


def print_sheet(keys: Path, text: str = ROSTER, *more, status=0, name="roster.csv"):
    roster, out = keys.with_name(name), keys.with_name("cards.pdf")
    roster.write_text(text)
    arguments = ["--roster", roster, "--out", out, "--event-name", "Forum"]
    return run("sheet", "--keys", keys, *arguments, *more, status=status), out


def inspected(keys: Path, pdf: Path) -> list[dict]:
    """The credential in the code on each page."""
    answers = []
    with pypdfium2.PdfDocument(pdf) as document:
        for page in document:
            picture = keys.with_name("page.png")
            page.render(scale=3).to_pil().save(picture)
            answers.append(json.loads(run("inspect", picture, "--keys", keys).stdout))
    return answers


def cards_of(keys: Path, text: str):
    roster = read_roster(text.encode(), "r.csv", categories=tuple(offline_sheet.CATEGORIES))
    assert roster.problems == ()
    bits = {zone: 0 for row in roster.rows for zone in row.zones}
    return offline_sheet.make_cards(decode_keys(keys.read_bytes()), roster.rows, bits)


def test_it_works(keys):
    result, pdf = print_sheet(keys, ROSTER, *ZONES)
    assert result.stdout == f"2 cards: {pdf}\n"
    anna, bo = inspected(keys, pdf)
    assert (anna["category"], anna["days"], anna["zones"]) == (4, [1, 3], [3])
    assert (bo["category"], bo["days"], bo["zones"]) == (2, list(range(1, 17)), [3, 31])
    assert [anna["issue"], anna["key_id"], anna["kind"]] == [1, 2, "printed"]
    assert anna["serial"] != bo["serial"]


@pytest.mark.parametrize("name", FORMATS)
def test_every_format(keys, name):
    paper = FORMATS[name]
    _, pdf = print_sheet(keys, ROSTER, *ZONES, "--format", name)
    with pypdfium2.PdfDocument(pdf) as document:
        sizes = {tuple(round(side / 72 * 25.4, 1) for side in page.get_size()) for page in document}
        assert sizes == {(paper.page_width, paper.page_height)}
        assert len(document) == (1 if paper.on_page == "four" else 2)


def test_the_same_roster_gives_the_same_cards(keys, tmp_path):
    """In any order, with a row more, and with a corrected name if there is an id."""
    first = {card.given_name: card.text for card in cards_of(keys, ROSTER)}
    header, anna, bo = ROSTER.splitlines()
    again = cards_of(keys, "\n".join([header, bo, "3,Cy,,,,vip,,,", anna.replace("Lee", "Li")]))
    assert {card.given_name: card.text for card in again if card.given_name != "Cy"} == first
    run("keygen", "--out", tmp_path / "other.json")
    others = {card.badge_number for card in cards_of(tmp_path / "other.json", ROSTER)}
    assert others.isdisjoint(card.badge_number for card in cards_of(keys, ROSTER))


def test_no_two_people_share_a_serial(keys):
    """Two people of one name, without id and e-mail."""
    cards = cards_of(keys, "name,category\n" + "Kim Lee,visitor\n" * 3)
    assert len({card.badge_number for card in cards}) == 3


def test_after_the_last_serial_comes_the_first(keys):
    roster = read_roster(
        b"name,category\nKim,vip\n", "r.csv", categories=tuple(offline_sheet.CATEGORIES)
    )
    event_keys = decode_keys(keys.read_bytes())
    names = (replace(roster.rows[0], given_name=f"Kim {i}") for i in itertools.count())
    serial, row = next(
        (serial, row)
        for row in names
        if (serial := offline_sheet._serial(event_keys, row, set())) > 0xFFF000
    )
    assert offline_sheet._serial(event_keys, row, set(range(serial, 0x1000000))) == 0


def test_the_texts_on_a_card(keys):
    anna, _ = cards_of(keys, ROSTER)
    assert (anna.category_name, anna.category_second_name) == ("媒体", "Press")
    assert (anna.category_letter, anna.country) == ("P", "Germany")
    (li,) = cards_of(keys, "name,category,language\n李雷,speaker,zh\n")
    assert (li.category_name, li.language) == ("演讲嘉宾", "zh")


def test_the_categories_are_a_new_servers():
    assert offline_sheet.CATEGORIES == {plan.key: plan for plan in DEFAULT_CATEGORIES}
    # The numbers are in credentials, so they never change.
    assert {key: each.code for key, each in offline_sheet.CATEGORIES.items()} == {
        "delegate": 1,
        "speaker": 2,
        "exhibitor": 3,
        "press": 4,
        "staff": 5,
        "vip": 6,
        "visitor": 7,
    }


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("id,name\n1,Anna\n", "category"),
        (ROSTER.replace("press", "queen"), "'queen' is no category"),
        (ROSTER.replace('"1,3"', "17"), "line 2"),
        (ROSTER.replace("EXPO", "MOON"), "MOON"),
        (ROSTER.replace("2,Bo", "1,Bo"), "line 3"),
    ],
)
def test_a_roster_with_problems_makes_nothing(keys, text, message):
    result, pdf = print_sheet(keys, text, *ZONES, status=2)
    assert message in result.stderr
    assert "Traceback" not in result.output
    assert not pdf.exists()


def test_a_roster_with_open_questions_makes_nothing(keys):
    """Serials follow from ids: with row numbers, a sorted file would swap badges."""
    numbered = ROSTER.replace("R1", "1").replace("R2", "2")
    result, pdf = print_sheet(keys, numbered, *ZONES, status=2)
    assert "'id' only numbers the rows, from 1 to 2" in result.stderr
    assert "--row-numbers ids" in result.stderr
    assert not pdf.exists()
    print_sheet(keys, numbered, *ZONES, "--row-numbers", "ids")
    cancelled = ROSTER.replace("language", "status").replace(",en", ",cancelled")
    result, _ = print_sheet(keys, cancelled, *ZONES, status=2)
    assert "rows of cancelled orders: 2" in result.stderr
    assert "Correct these in a copy of the file" in result.stderr


def test_all_problems_are_reported_at_once(keys):
    result, _ = print_sheet(
        keys, ROSTER.replace("press", "queen").replace("speaker", "king"), *ZONES, status=2
    )
    assert "line 2" in result.stderr
    assert "line 3" in result.stderr


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ((ROSTER, *ZONES, "--format", "a5"), "no format 'a5': use a6, 4x6in, a4-four"),
        ((ROSTER,), "EXPO"),
        ((ROSTER, *ZONES, "--zone", "EXPO=4"), "give each zone once"),
        ((ROSTER, *ZONES, "--keys", "event.ring.json"), "can't sign"),
        ((ROSTER, *ZONES, "--event-name", " "), "the event's name"),
        (("name,category\n",), "0 cards"),
    ],
    ids=["format", "no zones", "a zone twice", "public ring", "event name", "no people"],
)
def test_a_wrong_sheet_is_not_printed(keys, monkeypatch, arguments, problem):
    monkeypatch.chdir(keys.parent)
    result, pdf = print_sheet(keys, *arguments, status=2)
    assert problem in result.stderr
    assert not pdf.exists()


@pytest.mark.parametrize("zone", ["EXPO", "EXPO=", "EXPO=32", "EXPO=-1", "=1", "A=1=2"])
def test_a_wrong_zone(keys, zone):
    result, _ = print_sheet(keys, ROSTER, "--zone", zone, status=2)
    assert "give each zone once, as in EXPO=3" in result.stderr


def test_names_that_no_font_draws(keys):
    """Every such badge is reported at once, and nothing is printed, never a box."""
    text = "name,category\nAnna \u0378,press\nBo,press\nCy \u0379,press\n"
    result, pdf = print_sheet(keys, text, status=2)
    assert result.stderr.count("no installed font draws") == 2
    assert "U+0378" in result.stderr
    assert "U+0379" in result.stderr
    assert not pdf.exists()


def test_files_that_are_not_there(keys):
    arguments = ["--out", keys.with_name("a.pdf"), "--event-name", "Forum"]
    missing = ["--roster", keys.with_name("none.csv")]
    assert "does not exist" in run("sheet", "--keys", keys, *missing, *arguments, status=2).stderr
    result, _ = print_sheet(keys, ROSTER, *ZONES, "--out", keys.with_name("no") / "a.pdf", status=2)
    assert "a.pdf can't be written" in result.stderr


def test_only_their_owner_may_read_the_cards(keys: Path) -> None:
    pdf = keys.with_name("cards.pdf")
    pdf.write_bytes(b"earlier ones")
    pdf.chmod(0o644)
    _, files = print_sheet(keys, ROSTER, *ZONES)
    assert files.stat().st_mode & 0o777 == 0o600
    assert pdf.read_bytes().startswith(b"%PDF")
    assert not list(keys.parent.glob(".*.part"))
