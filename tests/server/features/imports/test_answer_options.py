"""The command line asks the questions of the page, and takes the answers by options."""

import pytest

from server.core.event.directory import Event
from server.storage.database import Database
from tests.server.support.console import Console
from tests.server.support.stores import attendees


@pytest.mark.parametrize(
    ("text", "asked", "options", "people"),
    [
        ("王小明,代表\n李静,贵宾\n", "--title-line 0: there are no titles",
         ("--title-line", "0", "--column", "A=name", "--column", "B=category"),
         ["李静", "王小明"]),
        ("name,Company,Company,category\nAnna,Port,Bill,press\n",
         "--column C=organisation: column C, 'Company': 'Bill'",
         ("--column", "B=ignore", "--column", "C=organisation"), ["Anna, Bill"]),
        ("姓名,工作单位及职务,category\nAnna,Port,press\n",
         "--column B=ignore: column B is not used", ("--column", "B=ignore"), ["Anna"]),
        ("姓名,工作单位及职务,category\nAnna,Port,press\n",
         "--column B=job_title: it is read as “Job title”", ("--column", "B=organisation"),
         ["Anna, Port"]),
        ("name,organisation,category\n陈静,Port,press\n陈 静,Port,press\n",
         "--twin 3=same: one person", ("--twin", "3=same"), ["陈静, Port"]),
        ("name,organisation,category\n陈静,Port,press\n陈 静,Port,press\n",
         "--twin 3=new: two people", ("--twins", "new"), ["陈 静, Port", "陈静, Port"]),
        ("name,email,category\nAnna,a@x.org; b@x.org,press\n",
         "--several-emails first: take the first", ("--several-emails", "first"), ["Anna"]),
        ("name,phone,category\nAnna,1.38E+10,press\n",
         "--rounded empty: leave these cells empty", ("--rounded", "empty"), ["Anna"]),
        ("name,email,category\nAnna,none yet,press\n",
         "--bad-cells empty: leave these cells empty", ("--bad-cells", "empty"), ["Anna"]),
        ('name,category\n"KELLER, Anna",press\n', "--comma-names split: the family name",
         ("--comma-names", "split"), ["Anna KELLER"]),
        ("name,category\nAnna,press\nTotal: 1,\n", "--totals leave: skip", ("--totals", "leave"),
         ["Anna"]),
    ],
)  # fmt: skip
def test_an_option_answers_a_question(
    console: Console, text: str, asked: str, options: tuple[str, ...], people: list[str]
) -> None:
    path = console.file("list.csv", text)
    assert asked in console("import", path, status=1).output
    console("import", path, *options)
    rows = console.rows("SELECT given_name, family_name, organisation FROM attendee")
    named = [
        ", ".join(filter(None, (f"{given} {family}".strip(), organisation)))
        for given, family, organisation in rows
    ]
    assert sorted(named) == people


@pytest.mark.parametrize(
    ("option", "value", "message"),
    [
        ("--column", "3=name", "write LETTER=COLUMN, with ignore or one of external_id"),
        ("--column", "A=shoes", "write LETTER=COLUMN"),
        ("--twin", "3=maybe", "write LINE=same or LINE=new"),
    ],
)
def test_a_malformed_option_is_refused(
    console: Console, event: Event, option: str, value: str, message: str
) -> None:
    path = console.file("list.csv", "name,category\nAnna,press\n")
    assert message in console("import", path, option, value, status=2).output
    with Database(event.database_path) as database:
        assert attendees(database) == []
