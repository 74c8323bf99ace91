"""A roster's open questions are asked, and changed values are reported."""

import pytest

from badges.roster.mapping import RosterMapping
from badges.roster.problems import Finding
from badges.roster.reader import Roster
from badges.roster.same_name import name_key
from badges.roster.table import RosterAnswers
from tests.badges.roster.rosters import messages, read, read_cell


def finding(roster: Roster, kind: str) -> Finding:
    (question,) = [entry for entry in roster.findings if entry.kind == kind]
    return question


def kinds(roster: Roster) -> dict[str, bool]:
    """Whether each finding is open."""
    return {entry.kind: entry.open for entry in roster.findings}


class TestRowNumbers:
    @pytest.mark.parametrize("title", ["序号", "No.", "#", "Nr.", "№", "Ｎｏ．"])
    def test_a_column_that_counts_rows_is_no_id(self, title):
        roster = read(f"{title},name,category\n1,Anna,press\n2,Bo,press\n")
        assert [row.external_id for row in roster.rows] == ["", ""]
        assert kinds(roster) == {"row_number_column": False}
        assert f"'{title}' numbers the rows" in roster.findings[0].message

    @pytest.mark.parametrize(
        "ids",
        [
            ["1", "2", "3"],
            ["001", "002", "003"],
            ["0", "1", "2"],
            ["3", "1", "2"],
            ["１", "２", "３"],
            ["2", "3", "4"],  # the numbers of the lines
            ["1", "", "2"],
        ],
        ids=" ".join,
    )
    def test_ids_that_only_number_the_rows_are_asked_about(self, ids):
        text = "编号,name,category\n" + "".join(f"{row_id},A{row_id},press\n" for row_id in ids)
        question = finding(read(text), "row_numbers")
        assert question.open
        assert "'编号' only numbers the rows" in question.message
        ignored = read(text, answers=RosterAnswers(row_numbers="ignore"))
        assert [row.external_id for row in ignored.rows] == ["", "", ""]
        assert kinds(ignored) == {"row_numbers": False}
        taken = read(text, answers=RosterAnswers(row_numbers="ids"))
        assert [bool(row.external_id) for row in taken.rows] == [bool(row_id) for row_id in ids]
        assert kinds(taken)["row_numbers"] is False

    def test_a_mapping_does_not_make_them_ids(self):
        roster = read(
            "序号,name,category\n1,Anna,press\n2,Bo,press\n", mapping={"external_id": "序号"}
        )
        assert finding(roster, "row_numbers").open

    @pytest.mark.parametrize("ids", [["7", "9"], ["1001", "1002"], ["1", "2", "4"], ["A1", "A2"]])
    def test_real_ids(self, ids):
        text = "id,name,category\n" + "".join(f"{row_id},A,press\n" for row_id in ids)
        assert read(text).findings == ()


class TestOrders:
    @pytest.mark.parametrize(
        ("title", "status", "kind"),
        [
            ("Order Status", "Canceled", "cancelled"),
            ("Status", "canceled (paid fee)", "cancelled"),
            ("Attendee Status", "Not Attending", "cancelled"),
            ("Registration state", "Withdrawn", "cancelled"),
            ("订单状态", "已退款", "cancelled"),
            ("审核状态", "审核未通过", "cancelled"),
            ("Canceled", "yes", "cancelled"),
            ("是否取消", "是", "cancelled"),
            ("Order status", "Pending", "pending"),
            ("支付状态", "待支付", "pending"),
            ("Status", "On waitlist", "pending"),
        ],
    )
    def test_orders_that_do_not_stand(self, title, status, kind):
        text = f"name,category,{title}\nAnna,press,\nBo,press,{status}\nCy,press,{status}\n"
        roster = read(text)
        question = finding(roster, kind)
        assert (question.open, question.count) == (True, 2)
        assert question.examples == (f"'{status}' in 2 rows, first in line 3",)
        assert (question.choices[0].field, question.choices[0].value) == (kind, "leave")
        left = read(text, answers=RosterAnswers(**{kind: "leave"}))
        assert [row.given_name for row in left.rows] == ["Anna"]
        assert kinds(left) == {kind: False}
        taken = read(text, answers=RosterAnswers(**{kind: "take"}))
        assert len(taken.rows) == 3
        assert kinds(taken) == {kind: False}

    @pytest.mark.parametrize("status", ["Paid", "confirmed", "Attending", "已支付", "审核通过", ""])
    def test_orders_that_stand(self, status):
        assert read(f"name,category,status\nAnna,press,{status}\n").findings == ()

    def test_words_that_are_not_known_are_named(self):
        roster = read("name,category,status\nAnna,press,zugestellt\n")
        assert len(roster.rows) == 1
        question = finding(roster, "status_unknown")
        assert not question.open
        assert question.examples == ("'zugestellt' in 1 row, first in line 2",)

    def test_one_of_several_columns_is_enough(self):
        text = "name,category,order status,payment status\nAnna,press,paid,refunded\n"
        assert finding(read(text), "cancelled").count == 1

    def test_a_mapped_status_is_the_only_one(self):
        text = "name,category,status,Zustand\nAnna,press,cancelled,ok\n"
        assert kinds(read(text, mapping={"status": "Zustand"})) == {}

    def test_a_person_who_cancelled_and_registered_again_is_read_once(self):
        text = "name,category,email,status\nAnna,press,a@x.org,cancelled\nAnna,press,a@x.org,paid\n"
        roster = read(text, answers=RosterAnswers(cancelled="leave"))
        assert [row.line for row in roster.rows] == [3]
        assert roster.problems == ()


class TestSharedEmails:
    TEXT = "name,category,email\nAnna,press,office@x.org\nBo,press,Office@x.org\nCy,press,\n"

    def test_they_are_asked_about(self):
        question = finding(read(self.TEXT), "shared_emails")
        assert (question.open, question.count) == (True, 2)
        assert question.examples == ("'office@x.org' in lines 2, 3",)

    def test_and_taken(self):
        roster = read(self.TEXT, answers=RosterAnswers(shared_emails=True))
        assert len(roster.rows) == 3
        assert kinds(roster) == {"shared_emails": False}

    def test_with_ids_there_is_no_question(self):
        text = "id,name,category,email\nR1,Anna,press,o@x.org\nR2,Bo,press,o@x.org\n"
        assert read(text).findings == ()

    def test_one_id_is_not_enough(self):
        text = "id,name,category,email\nR1,Anna,press,o@x.org\n,Bo,press,o@x.org\n"
        assert finding(read(text), "shared_emails").open

    @pytest.mark.parametrize("name", ["Anna Lee", "anna  LEE", "Lee Anna", "Ａｎｎａ Lee"])
    def test_one_person_in_two_rows_stays_a_problem(self, name):
        roster = read(f"name,category,email\nAnna Lee,press,a@x.org\n{name},press,a@x.org\n")
        assert messages(roster) == "line 3, email: the same as in line 2. Keep one"


class TestNarrowed:
    def test_wide_letters_and_digits(self):
        text = "id,name,category,email\nＡ－１,Ａnna,ＰＲＥＳＳ,ａｎｎａ＠ｘ．ｏｒｇ\n"
        roster = read(text)
        (row,) = roster.rows
        assert (row.external_id, row.email, row.category) == ("A-1", "anna@x.org", "press")
        assert row.given_name == "Ａnna"  # a name is as its holder writes it
        question = finding(roster, "narrowed")
        assert (question.open, question.count) == (False, 2)
        assert question.examples[0] == "line 2, external_id: 'Ａ－１' is 'A-1'"

    def test_two_ways_to_write_one_id_are_one_id(self):
        roster = read("id,name,category\nA1,Anna,press\nＡ１,Bo,press\n")
        assert messages(roster) == "line 3, external_id: the same as in line 2. Keep one"

    def test_wide_days_and_codes(self):
        assert read_cell("days", "１－２").rows[0].days == (1, 2)
        assert read_cell("zones", "ＶＩＰ", zones={"VIP"}).rows[0].zones == ("VIP",)
        assert read_cell("country", "ｃｎ").rows[0].country == "CN"


class TestCategories:
    KNOWN = {
        "delegate": ["Delegate", "代表", "D"],
        "press": ["Press", "媒体", "P"],
        "staff": ["Staff", "工作人员", "P"],
    }

    @pytest.mark.parametrize(
        "cell", ["delegate", "Delegate", "代表", "d", "代表 Delegate", "代表/Delegate", "Ｄ"]
    )
    def test_by_any_of_its_names(self, cell):
        roster = read_cell("category", cell, categories=self.KNOWN)
        assert [row.category for row in roster.rows] == ["delegate"]

    @pytest.mark.parametrize(
        ("cell", "message"),
        [
            ("P", "'P' could be press or staff. Write the code"),
            ("嘉宾", "'嘉宾' is no category. Use one of delegate, press, staff"),
            ("代表 Press", "is no category"),
        ],
    )
    def test_unknown_categories_are_refused(self, cell, message):
        assert message in messages(read_cell("category", cell, categories=self.KNOWN))


class TestTitleAbove:
    def test_lines_above_the_titles_are_passed_over(self):
        roster = read(
            "2026 论坛参会名单,,\n（共两人）,,\n姓名,类别,单位\n王小明,press,港\n李雷,press,\n"
        )
        assert [(row.given_name, row.line) for row in roster.rows] == [("王小明", 4), ("李雷", 5)]
        assert finding(roster, "header_line").message.startswith("the titles are in line 3")

    def test_without_titles_it_is_asked_whether_the_first_row_is_a_person(self):
        text = "List,,\nAnna,press,x\nBo,press,y\n"
        asked = finding(read(text), "title_line")
        assert "Is line 2 a person? 'Anna', 'press', 'x'" in asked.message
        assert [choice.value for choice in asked.choices] == ["0", "2", "3"]
        assert read(text).rows == ()

    def test_a_list_without_titles_loses_nobody(self):
        chosen = RosterMapping(places={0: "name", 1: "category", 2: "organisation"})
        answers = RosterAnswers(title_line=0)
        roster = read("Anna,press,x\nBo,press,y\n", words=chosen, answers=answers)
        assert [(row.line, row.given_name, row.organisation) for row in roster.rows] == [
            (1, "Anna", "x"),
            (2, "Bo", "y"),
        ]
        assert [column.letter for column in roster.layout] == ["A", "B", "C"]

    def test_the_line_with_the_titles_can_be_chosen(self):
        chosen = RosterMapping(places={0: "name", 1: "category"})
        text = "List of 4 May,\nWho,What\nAnna,press\n"
        (row,) = read(text, words=chosen, answers=RosterAnswers(title_line=2)).rows
        assert row.given_name == "Anna"

    def test_titles_in_two_lines_are_joined(self):
        (row,) = read("姓名,类别,联系方式,\n,,手机,邮箱\n王小明,press,13812345678,w@x.org\n").rows
        assert (row.given_name, row.phone, row.email) == ("王小明", "13812345678", "w@x.org")

    def test_repeated_titles_are_left_out_with_a_note(self):
        roster = read("name,category\nAnna,press\nname,category\nBo,press\n")
        assert [row.given_name for row in roster.rows] == ["Anna", "Bo"]
        assert finding(roster, "repeated_titles").count == 1


class TestColumns:
    TWO = "name,Company,Company,category\nAnna,Pilots,Invoice AG,press\nBo,Fjord,Invoice AS,press\n"

    def test_two_columns_with_one_title_are_told_apart_by_letter_and_sample(self):
        (item,) = finding(read(self.TWO), "columns").items
        assert [str(choice.words) for choice in item.choices] == [
            "column B, 'Company': 'Pilots', 'Fjord'",
            "column C, 'Company': 'Invoice AG', 'Invoice AS'",
            "column B is not used",
        ]
        assert item.choices[1].as_option().startswith("--column C=organisation: ")
        chosen = read(self.TWO, words=RosterMapping(places={2: "organisation"}))
        assert [row.organisation for row in chosen.rows] == ["Invoice AG", "Invoice AS"]
        assert not any(finding.open for finding in chosen.findings)

    def test_a_chosen_column_counts_more_than_its_title(self):
        chosen = RosterMapping(places={0: "latin_name", 1: "name"})
        (row,) = read("姓名,Nick,category\nAnna,安娜,press\n", words=chosen).rows
        assert (row.given_name, row.latin_name) == ("安娜", "Anna")

    def test_an_ignored_column_is_not_read(self):
        chosen = RosterMapping(places={1: ""})
        roster = read("name,phone,category\nAnna,x,press\n", words=chosen)
        assert roster.rows[0].phone == ""
        assert roster.unread == ("phone",)

    @pytest.mark.parametrize(
        ("title", "columns"),
        [("工作单位及职务", "organisation job_title"), ("服務單位", "organisation"),
         ("Company / role", "organisation"), ("Work e-mail address", "email"),
         ("Passport no.", ""), ("Date of birth", "")],
    )  # fmt: skip
    def test_a_similar_title_is_asked_about(self, title, columns):
        roster = read(f"name,{title},category\nAnna,x,press\n")
        items = [item for finding in roster.findings for item in finding.items]
        asked = [choice.value for item in items for choice in item.choices]
        assert asked == ([*columns.split(), "ignore"] if columns else [])

    def test_a_column_without_a_title_is_named_by_its_letter(self):
        rows = "".join(f"P{n},press,note {n}\n" for n in range(4))
        roster = read("name,category\n" + rows)
        assert len(roster.rows) == 4
        assert roster.unread == ("C",)


class TestCells:
    def read(self, column, cell, **answers):
        text = f'name,{column},category\nAnna,"{cell}",press\n'
        return read(text, answers=RosterAnswers(**answers))

    def test_several_emails_are_asked(self):
        cell = "a@x.org / b@x.org"
        assert finding(self.read("email", cell), "several_emails").open
        assert self.read("email", cell, several_emails="first").rows[0].email == "a@x.org"
        assert self.read("email", cell, several_emails="empty").rows[0].email == ""

    @pytest.mark.parametrize("column", ["phone", "external_id", "order_number"])
    def test_rounded_numbers_are_asked(self, column):
        asked = self.read(column, "1.38E+10")
        assert finding(asked, "rounded").open
        assert "1.38E+10" in finding(asked, "rounded").examples[0]
        (row,) = self.read(column, "1.38E+10", rounded="empty").rows
        assert getattr(row, column) == ""

    def test_a_number_with_all_its_digits_is_written_out(self):
        roster = self.read("phone", "1.3912345678E+10")
        assert roster.rows[0].phone == "13912345678"
        assert not finding(roster, "written_out").open

    def test_a_bad_cell_may_be_left_empty(self):
        refused = self.read("email", "none yet")
        assert refused.rows == ()
        assert not finding(refused, "bad_cells").open
        roster = self.read("email", "none yet", bad_cells="empty")
        assert [(row.given_name, row.email) for row in roster.rows] == [("Anna", "")]
        assert roster.problem_count == 0

    @pytest.mark.parametrize("column", ["days", "zones", "external_id"])
    def test_a_cell_that_decides_access_or_identity_is_never_left_empty(self, column):
        assert self.read(column, "\x07", bad_cells="empty").rows == ()

    def test_a_country_may_be_left_empty_or_mapped(self):
        roster = self.read("country", "Atlantis")
        assert [word.word for word in roster.unknown["country"]] == ["Atlantis"]
        near = self.read("country", "日本国").unknown["country"][0].near
        assert next(iter(near)) == "JP"
        for meaning, country in (("PT", "PT"), ("none", "")):
            words = RosterMapping(countries={"Atlantis": meaning})
            text = "name,country,category\nAnna,Atlantis,press\n"
            assert read(text, words=words).rows[0].country == country

    def test_days_in_words_may_be_mapped(self):
        assert self.read("days", "opening").unknown["days"][0].word == "opening"
        words = RosterMapping(days={"Opening": "1"})
        text = "name,days,category\nAnna,opening,press\n"
        assert read(text, words=words).rows[0].days == (1,)

    def test_a_total_is_asked(self):
        text = "name,category\nAnna,press\n合计：1人,\n"
        assert finding(read(text), "totals").open
        assert len(read(text, answers=RosterAnswers(totals="leave")).rows) == 1
        assert read(text, answers=RosterAnswers(totals="take")).problem_count == 1

    def test_names_with_a_comma_are_asked(self):
        text = 'name,category\n"KELLER, Anna",press\n"Ek, Bo",press\nCy Dahl,press\n'
        assert finding(read(text), "comma_names").open
        rows = read(text, answers=RosterAnswers(comma_names="split")).rows
        assert [(row.given_name, row.family_name) for row in rows] == [
            ("Anna", "KELLER"), ("Bo", "Ek"), ("Cy Dahl", ""),
        ]  # fmt: skip
        rows = read(text, answers=RosterAnswers(comma_names="keep")).rows
        assert rows[0].given_name == "KELLER, Anna"

    def test_one_name_with_a_title_after_a_comma_is_not_asked(self):
        text = 'name,category\n"Anna Keller, PhD",press\nBo Ek,press\n'
        assert not any(finding.open for finding in read(text).findings)


@pytest.mark.parametrize(
    ("name", "other", "same"),
    [
        (("Anna", "Lee"), ("ANNA  LEE", ""), True),
        (("Anna", "Lee"), ("Lee", "Anna"), True),
        (("Jean-Luc", "O'Neil"), ("Jean Luc", "O Neil"), True),
        (("小明", "王"), ("王小明", ""), True),
        (("小明", "王"), ("王 小明", ""), True),
        (("小明", "王"), ("明小", "王"), False),
        (("王明", ""), ("明王", ""), False),
        (("Anna", "Lee"), ("Anne", "Lee"), False),
        (("Zoë", ""), ("Zoe", ""), False),
        (("José", ""), ("Jose\u0301", ""), True),
        (("सीमा", "देवी"), ("देवी-सीमा", ""), True),
        (("सीमा", ""), ("सोम", ""), False),
        (("ราตรี", ""), ("ราตรู", ""), False),
        (("葛\U000e0100", ""), ("葛", ""), True),
    ],
)
def test_names_that_are_the_same(name, other, same):
    assert (name_key(*name) == name_key(*other)) is same
