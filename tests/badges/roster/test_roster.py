"""Rosters as organisers send them: every fault is reported with its line, good rows are kept."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.roster.columns import COLUMNS, column_of
from badges.roster.problems import Problem, RosterError
from badges.roster.reader import Roster, read_roster
from badges.roster.rows import RosterRow
from tests.badges.roster.rosters import CATEGORIES, messages, read, read_cell


def test_it_works():
    roster = read(
        "External ID,First name,Surname,Company,Country,E-mail,Type,Days,Zones,Sessions,Lang,Hat\n"
        'R-1,Anna,Ødegård,"Fjord, AS",no,anna@example.org,Speaker,"1,3-4",VIP;stage,S1|S2,nb,555\n'
    )
    assert replace(roster, columns={}, words=(), layout=(), unknown={}) == Roster(
        (
            RosterRow(
                line=2,
                external_id="R-1",
                given_name="Anna",
                family_name="Ødegård",
                organisation="Fjord, AS",
                country="NO",
                email="anna@example.org",
                category="speaker",
                days=(1, 3, 4),
                zones=("VIP", "stage"),
                invitations=("S1", "S2"),
                language="nb",
            ),
        ),
        (),
        ("Hat",),
    )


def test_absent_columns_are_empty():
    (row,) = read("name,category\n王小明,press\n").rows
    assert row == RosterRow(2, "", "王小明", "", "", "", "", "press", None, (), (), "en")


@pytest.mark.parametrize(
    "title", ["latin_name", "Name in Latin", "English name", "英文名", "姓名拼音"]
)
def test_a_name_in_latin_letters(title):
    (row,) = read(f"姓名,{title},category\n柳子衿,Claire LIU,press\n").rows
    assert (row.given_name, row.latin_name) == ("柳子衿", "Claire LIU")


def test_a_latin_name_in_other_letters():
    roster = read("姓名,英文名,category\n柳子衿,柳 Zijin,press\n")
    assert "line 2, latin_name: has '柳', which is no Latin letter" in messages(roster)


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("phone", "phone"), ("Mobile *", "phone"), ("Tel.", "phone"), ("手机号码", "phone"),
        ("联系电话（必填）", "phone"), ("電話", "phone"), ("order_number", "order_number"),
        ("Order No.", "order_number"), ("订单号", "order_number"), ("訂單編號", "order_number"),
        ("order code", "external_id"), ("Job title", "job_title"), ("Position", "job_title"),
        ("职务", "job_title"), ("职务/职称", "job_title"), ("職位", "job_title"), ("Title", None),
    ],
)  # fmt: skip
def test_phone_order_number_and_job_title(title: str, column: str | None) -> None:
    assert column_of(title) == column


def test_a_position_is_the_job_title_and_an_academic_title_only_without_one() -> None:
    (row,) = read("姓名,职称,职务,类别\n王小明,教授,院长,press\n").rows
    assert row.job_title == "院长"
    (row,) = read("姓名,职称,类别\n王小明,教授,press\n").rows
    assert row.job_title == "教授"


@pytest.mark.parametrize(
    ("cell", "phone"),
    [
        ("+86 138 1234 5678", "+86 138 1234 5678"),
        ("＋８６１３８１２３４５６７８", "+8613812345678"),
        ("(010) 6278-1234", "(010) 6278-1234"),
        ("13812345678、13912345678", "13812345678、13912345678"),
        ("-", ""),
        ("", ""),
    ],
)
def test_a_phone_number(cell: str, phone: str) -> None:
    (row,) = read(f'name,phone,category\nAnna,"{cell}",press\n').rows
    assert row.phone == phone


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("phone", "none", "is no telephone number. Write it in digits such as +86 138 1234 5678"),
        ("phone", "+1+cmd|' /C calc'!A0", "starts with '+': looks like a formula"),
        ("phone", "=138", "starts with '='"),
        ("phone", "1" * 61, "has 61 characters; the limit is 60"),
        ("order_number", "@A1", "starts with '@'"),
    ],
)
def test_malformed_phone_and_order_numbers_are_refused(
    column: str, cell: str, message: str
) -> None:
    roster = read(f'name,{column},category\nAnna,"{cell}",press\n')
    assert roster.rows == ()
    assert f"line 2, {column}: " in messages(roster)
    assert message in messages(roster)


def test_chinese_headers():
    roster = read(
        "编号,姓名（必填）,单位 Company,国家/地区,类别,邮箱,有效日期,语言\n"
        "7,王小明,北京大学,中国,记者,wang@example.cn,全部,中文\n",
        categories={"press": "记者"},
    )
    assert roster.problems == ()
    (row,) = roster.rows
    assert (row.given_name, row.organisation, row.country) == ("王小明", "北京大学", "CN")
    assert (row.external_id, row.category, row.days, row.language) == ("7", "press", None, "zh")


@pytest.mark.parametrize(
    ("title", "column"),
    [
        ("E-mail *", "email"),
        ("FIRST_NAME", "given_name"),
        ("Last Name", "family_name"),
        ("Full name (as on passport)", "name"),
        ("姓名/Name", "name"),
        ("Ｅｍａｉｌ", "email"),
        ("姓", "family_name"),
        ("Shoe size", None),
        ("姓 / Given name", None),
    ],
)
def test_usual_headers(title, column):
    assert column_of(title) == column


def test_every_column_of_ours_names_itself():
    assert [column_of(column) for column in COLUMNS] == list(COLUMNS)


def test_mapping_wins_over_usual_names():
    roster = read(
        "Attendee,Name,Ticket type,Kind\nAnna,ignored,gold,press\n",
        mapping={"given_name": "attendee", "category": "Kind"},
    )
    assert [(row.given_name, row.category) for row in roster.rows] == [("Anna", "press")]


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"email": "Mail 2"}, "no column has that title. The columns are: 'name', 'category'"),
        ({"hat": "name"}, "the mapping names 'hat': use one of external_id,"),
    ],
)
def test_wrong_mapping(mapping, message):
    roster = read("name,category\nAnna,press\n", mapping=mapping)
    assert message in messages(roster)


def test_missing_columns_and_row_problems_come_together():
    roster = read("Nickname,Email\nAnna,not-an-address\n")
    assert roster.rows == ()
    assert [(p.line, p.column) for p in roster.problems] == [
        (1, "given_name"),
        (1, "category"),
        (2, "email"),
    ]
    assert "'Nickname', 'Email'. Add it, or name it in a mapping" in roster.problems[0].message


def test_two_columns_for_one():
    for titles in ("Mail,Email address", "email,EMAIL"):
        roster = read(f"name,category,{titles}\nAnna,press,a@x.org,b@x.org\n")
        assert [finding.kind for finding in roster.findings if finding.open] == ["columns"]
    assert read("name,category,email,Mail\nAnna,press,a@x.org,b\n").rows[0].email == "a@x.org"


def test_duplicates_name_both_lines():
    roster = read(
        "id,name,category,email\n1,Anna,press,anna@example.org\n2,Bo,press,ANNA@Example.org\n"
        "1,Cy,press,\n,Di,press,\n,Ed,press,\n"
    )
    assert [row.given_name for row in roster.rows] == ["Anna", "Bo", "Di", "Ed"]
    assert roster.problems == (Problem(4, "external_id", "the same as in line 2. Keep one"),)


def test_all_problems_of_a_row():
    roster = read("name,category,email,days\n,visitor,x,9\n", days=3)
    assert [problem.column for problem in roster.problems] == [
        "category",
        "email",
        "days",
        "given_name",
    ]
    assert "'visitor' is no category. Use one of delegate, press, speaker" in messages(roster)


@pytest.mark.parametrize(
    ("column", "cell", "message"),
    [
        ("given_name", "x" * 100_000, "has 100,000 characters; the limit is 120"),
        ("given_name", "x" * 200_000, "over 131,072 characters: is a closing quote missing?"),
        ("organisation", "x" * 161, "the limit is 160"),
        ("given_name", "=1+1", "starts with '=': looks like a formula"),
        ("given_name", "+86 10", "starts with '+'"),
        ("given_name", "-1", "starts with '-'"),
        ("organisation", "@SUM(A1)", "starts with '@'"),
        ("organisation", "\t=1", "starts with '\\t'"),
        ("organisation", "\rx", "starts with '\\r'"),
        ("organisation", "  =1", "starts with '='"),
        ("organisation", "＝1", "starts with '＝'"),
        ("given_name", "A\0nna", "a control character (U+0000)"),
        ("given_name", "A\x1b[31mnna", "a control character (U+001B)"),
        ("given_name", "A\u202ennA", "an invisible character (U+202E)"),
        ("given_name", "A\u2067nnA", "an invisible character (U+2067)"),
        ("given_name", "A\U000e0041", "an invisible character (U+E0041)"),
        ("given_name", "王\ue5d2", "a private character (U+E5D2)"),
        ("given_name", "Z\ufffdrich", "where a character was lost"),
        ("given_name", "A\uffff", "U+FFFF, which is no character"),
        ("given_name", "a" + "\u0301" * 9, "over 8 marks on one letter"),
        ("organisation", "#N/A", "an error of the spreadsheet"),
        ("email", "anna", "is not an e-mail address such as"),
        ("email", "Anna <a@x.org>", "is not an e-mail address"),
        ("email", "a@x..org", "is not an e-mail address"),
        ("email", "a@" + "x" * 300 + ".org", "the limit is 254"),
        ("country", "QQ", "'QQ' is not a known country"),
        ("days", "0", "'0' does not name event days from 1 to 16"),
        ("days", "3-1", "does not name event days"),
        ("days", "1-3-5", "does not name event days"),
        ("days", "2026-01-03", "a spreadsheet turns 1-3 into a date"),
        ("days", "1٣", "does not name event days"),
        ("zones", "VIP lounge", "'VIP lounge' is no code of a zone"),
        ("invitations", "S1,../S2", "'../S2' is no code of a session"),
        ("language", "1", "'1' is no language"),
        ("category", "\x07", "control character"),
    ],
)
def test_bad_cells(column, cell, message):
    roster = read_cell(column, cell)
    assert roster.rows == ()
    (problem,) = roster.problems
    assert problem.line == 2
    assert message in problem.message


@pytest.mark.parametrize(
    ("column", "cell", "value"),
    [
        ("given_name", "  Anna \u00a0 Maria\u3000X ", "Anna Maria X"),
        ("given_name", "Zoe\u0308", "Zoë"),
        ("given_name", "\u200fآرش\u200e", "آرش"),
        ("given_name", "می\u200cنا", "می\u200cنا"),
        ("given_name", "O'Brien-Łukasz", "O'Brien-Łukasz"),
        ("given_name", '#read("/etc/passwd") *x* $a$ ]', '#read("/etc/passwd") *x* $a$ ]'),
        ("organisation", "Line one\nline two", "Line one line two"),
        ("organisation", "-", ""),
        ("country", "cn", "CN"),
        ("country", "Côte d'Ivoire", "CI"),
        ("email", "李@例子.中国", "李@例子.中国"),
        ("days", "all", None),
        ("days", "1、3", (1, 3)),
        ("days", "2 - 4, 1", (1, 2, 3, 4)),
        ("zones", "A, B;A", ("A", "B")),
        ("language", "zh_Hant", "zh-Hant"),
        ("language", "English", "en"),
    ],
)
def test_good_cells(column, cell, value):
    roster = read_cell(column, cell)
    assert roster.problems == ()
    assert getattr(roster.rows[0], column) == value


def test_known_zones_and_sessions():
    assert read_cell("zones", "vip", zones={"VIP"}).rows[0].zones == ("VIP",)
    assert "'X' is not a zone of this event" in messages(read_cell("zones", "X", zones={"VIP"}))
    assert "'S9' is not a session" in messages(read_cell("invitations", "S9", sessions={"S1"}))


def ten_thousand() -> list[list[str]]:
    return [
        [
            f"R{i}",
            f"Given {i}",
            "Öberg",
            f"Company {i % 300}",
            "SE",
            f"p{i}@example.org",
            "delegate",
        ]
        for i in range(10_000)
    ]


def big_csv(rows: list[list[str]]) -> bytes:
    header = "id,given name,family name,company,country,email,category"
    return "\n".join([header, *map(",".join, rows)]).encode()


def test_three_bad_rows_of_ten_thousand():
    rows = ten_thousand()
    rows[5][6], rows[77][5], rows[9_999][1] = "vip", "nobody", "=cmd()"
    roster = read(big_csv(rows))
    assert len(roster.rows) == 9_997
    assert [problem.line for problem in roster.problems] == [7, 79, 10_001]


def test_at_most_a_thousand_problems_are_kept():
    roster = read("name,category\n" + "Anna,visitor\n" * 1_500)
    assert len(roster.problems) == 1_000
    assert (roster.problem_count, len(roster.bad_lines)) == (1_500, 1_500)


def test_messages_obey_no_terminal():
    with pytest.raises(RosterError) as caught:
        read_roster(b"", "a\x1b[2Jb.csv", categories=CATEGORIES)
    assert "\x1b" not in str(caught.value)


@given(st.binary(max_size=400))
def test_any_bytes_give_a_roster_or_an_error(data):
    try:
        read(data)
    except RosterError:
        return


@given(st.text(max_size=200))
def test_any_text_in_a_cell_gives_a_row_or_a_problem(text):
    roster = read_cell("organisation", text)
    assert len(roster.rows) + len(roster.problems) >= 1
    for row in roster.rows:
        assert row.organisation == " ".join(row.organisation.split())
        assert row.organisation[:1] not in tuple("=+-@\t\r")
