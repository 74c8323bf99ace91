"""Words of a roster: saved mappings that are read again, and new categories."""

from pathlib import Path

import pytest

from badges.categories import DEFAULT_CATEGORIES, new_category
from badges.colours import LEAST, distance
from badges.printing.card import check_colour
from tests.server.support.console import Console

EVENTBRITE = (
    "Order #,First Name,Last Name,Email,Ticket Type,Attendee #,Attendee Status\n"
    "100,Anna,Keller,a@example.org,General Admission,1001,Attending\n"
    "100,Bo,Ek,b@example.org,General Admission,1002,Attending\n"
    "101,Cy,Dahl,c@example.org,Press pass,1003,Attending\n"
)


def test_a_mapping_is_begun_filled_in_and_used(console: Console, tmp_path: Path) -> None:
    roster = console.file("attendees.csv", EVENTBRITE)
    saved = tmp_path / "eventbrite.toml"
    result = console("import", roster, "--save-mapping", saved, status=1)
    assert "'General Admission' in 2 rows, first in line 2" in result.output
    assert "line 2, category: 'General Admission' is no category" in result.output
    assert "--new-categories makes each a category of its own" in result.output
    assert "Fill in the meaning of each empty word there" in result.output
    assert console.people == 0
    text = saved.read_text(encoding="utf-8")
    assert 'external_id = "Attendee #"' in text
    filled = text.replace('Admission" = ""', 'Admission" = "delegate"')
    saved.write_text(filled.replace('pass" = ""', 'pass" = "press"'), encoding="utf-8")
    result = console("import", roster, "--mapping", saved)
    assert "Added 3" in result.output
    assert "'General Admission' is delegate in 2 rows" in result.output
    assert console.rows("SELECT external_id, category FROM attendee ORDER BY 1") == [
        ("1001", 1),
        ("1002", 1),
        ("1003", 4),
    ]


def test_a_file_that_is_there_is_not_written_over(console: Console) -> None:
    roster = console.file("r.csv", "name,category\nAnna,vip\n")
    result = console("import", roster, "--save-mapping", roster, status=2)
    assert "is there already: name another file" in result.output
    assert Path(roster).read_text("utf-8") == "name,category\nAnna,vip\n"
    assert console.people == 0


@pytest.mark.parametrize(
    ("word", "code"),
    [
        ("代表", 1), ("参会代表", 1), ("DELEGATES", 1), ("ｄｅｌｅｇａｔｅ", 1), ("d", 1),
        ("Ｄ", 1),
        ("演讲嘉宾", 2), ("讲者", 2), ("Keynote", 2), ("参展商", 3), ("參展商", 3), ("X", 3),
        ("媒体", 4), ("记者", 4), ("媒體", 4), ("Media", 4), ("工作人员", 5), ("Crew", 5),
        ("贵宾", 6), ("貴賓", 6), ("特邀嘉宾", 6), ("vip", 6), ("观众", 7), ("专业观众", 7),
        ("代表 Delegate", 1), ("媒体/Press", 4),
    ],
)  # fmt: skip
def test_categories_by_any_of_their_names(console: Console, word: str, code: int) -> None:
    console("import", console.file("r.csv", f"name,category\nAnna,{word}\n"))
    assert console.rows("SELECT category FROM attendee") == [(code,)]


@pytest.mark.parametrize("word", ["嘉宾", "VIP guest", "General Admission", "Delegate, Press"])
def test_words_that_could_be_several_are_not_guessed(console: Console, word: str) -> None:
    roster = console.file("r.csv", f'name,category\nAnna,"{word}"\n')
    assert "is no category" in console("import", roster, status=1).output


def test_a_synonym_is_said(console: Console) -> None:
    roster = console.file("r.csv", "name,category\nAnna,记者\nBo,Press\n")
    assert "'记者' is press in 1 row" in console("import", roster).output


def test_new_categories(console: Console) -> None:
    text = "name,category\nAnna,Volunteer\nBo,志愿者\nCy,press\nDi,VOLUNTEER\n"
    roster = console.file("r.csv", text)
    hall = '[[hall]]\ncode = "{0}"\nname = "{0}"\ncapacity = 9\ncategories = {1}\n'
    venue = hall.format("H1", '"all"') + hall.format("H2", '["press"]')
    console("import-venue", console.file("v.toml", venue))
    before = console.rows("SELECT * FROM category")
    assert "'志愿者' is no category" in console("import", roster, status=1).output
    result = console("import", roster, "--new-categories", "--dry-run")
    assert "'Volunteer': key volunteer, letter O, colour #" in result.output
    assert console.rows("SELECT * FROM category") == before
    result = console("import", roster, "--new-categories")
    assert "new categories" in result.output
    assert "2 rows" in result.output
    assert "Added 4" in result.output
    rows = console.rows("SELECT code, names, letter FROM category WHERE category > 7 ORDER BY 1")
    assert rows == [
        ("category-9", '{"zh": "志愿者"}', "A"),
        ("volunteer", '{"en": "Volunteer"}', "O"),
    ]
    # Halls open to all categories admit them too; the others do not.
    admitted = console.rows(
        "SELECT h.code, c.category FROM hall_category c JOIN hall h USING (hall_id)"
        " WHERE h.code = 'H2' OR c.category > 7 ORDER BY 1, 2"
    )
    assert admitted == [("H1", 8), ("H1", 9), ("H2", 4)]
    # The next import knows them.
    assert "unchanged 4" in console("import", roster).output


def test_new_categories_have_what_no_other_has() -> None:
    categories = list(DEFAULT_CATEGORIES)
    for word in ("Volunteer", "志愿者", "Early Bird", "学生", "Day 1", "D", "!!", "V" * 64):
        category = new_category(word, categories)
        assert check_colour(category.colour) == category.colour
        # Among many names, a few pairs may be closer than the limit. Their page lists such pairs.
        assert min(distance(category.colour, other.colour) for other in categories) > 0.9 * LEAST
        categories.append(category)
    for values in zip(
        *[(other.code, other.key, other.letter, other.colour) for other in categories], strict=True
    ):
        assert len(set(values)) == len(categories)


def test_a_word_that_could_be_two_becomes_no_new_category(console: Console) -> None:
    category = "[[category]]\ncode = 20\nkey = 'crew'\nname = 'Media'\nletter = 'C'\n"
    other = "[[category]]\ncode = 21\nkey = 'tv'\nname = 'Media'\nletter = 'Q'\n"
    colours = ("colour = '#000000'\n", "colour = '#123456'\n")
    venue = category + colours[0] + other + colours[1]
    console("import-venue", console.file("v.toml", venue))
    roster = console.file("r.csv", "name,category\nAnna,Media\nBo,vip\n")
    before = console.rows("SELECT * FROM category")
    result = console("import", roster, "--new-categories", "--skip-bad")
    assert "line 2, category: 'Media' could be crew or tv. Write the code" in result.output
    assert console.rows("SELECT * FROM category") == before


def test_more_words_than_there_are_letters(console: Console) -> None:
    text = "name,category\n" + "".join(f"Anna {n},kind {n}\n" for n in range(60))
    result = console("import", console.file("r.csv", text), "--new-categories", status=1)
    assert "as many categories as there can be: assign" in result.output
    assert console.people == 0


def test_letters_run_out_and_it_is_said() -> None:
    categories = list(DEFAULT_CATEGORIES)
    while len(categories) < 34:
        categories.append(new_category("x", categories))
    with pytest.raises(ValueError, match="as many categories as there can be"):
        new_category("x", categories)
