"""Rosters as organisers send them, each imported on the page. All people are invented.

The event has three days, from 29 November to 1 December 2026, and the default categories.
"""

import datetime as dt
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import openpyxl

from tests.messy.cases import saved, sheet_of, table, with_value, workbook

Answers = Mapping[str, str]


@dataclass(frozen=True)
class Sent:
    """A file that an organiser uploads, and the people whom the event has afterwards.

    `asks` are phrases of the preview before any answer. `answers` are the values chosen on it, by
    input. Without answers, the file is imported as it is. `tells` are phrases of the last preview.
    `rounds` is the number of pages that ask.
    """

    file: str
    messy: str
    data: bytes
    people: tuple[str, ...]
    asks: tuple[str, ...] = ()
    answers: Answers | None = None
    tells: tuple[str, ...] = ()
    rounds: int = 1


def _text(rows: Sequence[Sequence[object]]) -> bytes:
    return table(rows).encode()


def _described() -> list[Sent]:
    """Return the rosters on which earlier versions of the import went wrong."""
    return [
        _position(),
        _sheets(),
        _merged(),
        _dates(),
        _spreadsheet_dates(),
        _doubtful_dates(),
        _no_titles(),
        _two_emails(),
        _rounded_phones(),
        _spaced_name(),
        _same_titles(),
        _country(),
        _two_title_lines(),
        _ticked_category(),
        _no_category(),
    ]


def _position() -> Sent:
    rows = [
        ["姓名", "工作单位及职务", "类别", "备注"],
        ["王小明", "海洋大学 教授", "代表", "素食"],
        ["李静", "港务局 局长", "贵宾", ""],
    ]
    return Sent(
        "position.csv",
        "organisation and position in a column with its own title; remarks",
        _text(rows),
        ("李静 · vip · 港务局 局长", "王小明 · delegate · 海洋大学 教授"),
        asks=("B", "工作单位及职务", "海洋大学 教授", "备注", "素食"),
        answers={"use_1": "organisation", "use_3": "ignore"},
        tells=("D 备注",),
    )


def _sheets() -> Sent:
    book = openpyxl.Workbook()
    sheet_of(book, [["How to fill in this workbook"], ["One person a row"]]).title = "Read me"
    delegates = book.create_sheet("Delegates")
    for row in (["Name", "Category"], ["Anna Keller", "Delegate"]):
        delegates.append(row)
    press = book.create_sheet("Press")
    for row in (["Name", "Category"], ["Bo Ek", "Press"], ["Cy Dahl", "Press"]):
        press.append(row)
    return Sent(
        "sheets.xlsx",
        "a cover sheet, and a sheet for each group",
        saved(book),
        ("Bo Ek · press", "Cy Dahl · press"),
        asks=("Delegates", "Press"),
        answers={"answer-other_sheets": "sheets=Press"},
    )


def _merged() -> Sent:
    book = openpyxl.Workbook()
    sheet = sheet_of(
        book,
        [
            ["单位", "姓名", "类别"],
            ["港口大学", "陈大文", "代表"],
            [None, "何小燕", "代表"],
            [None, "马力", "媒体"],
            ["海事局", "孙丽", "代表"],
        ],
    )
    sheet.merge_cells("A2:A4")
    return Sent(
        "merged.xlsx",
        "one organisation merged over three people",
        saved(book),
        (
            "何小燕 · delegate · 港口大学",
            "孙丽 · delegate · 海事局",
            "陈大文 · delegate · 港口大学",
            "马力 · press · 港口大学",
        ),
        asks=("merged with the one above: 2",),
        answers={"answer-merged": "merged=fill"},
    )


def _dates() -> Sent:
    rows = [
        ["Name", "Category", "Days"],
        ["Anna Keller", "Delegate", "29/11/2026"],
        ["Bo Ek", "Delegate", "Nov 30"],
        ["Cy Dahl", "Delegate", "2026-12-01"],
        ["王小明", "Delegate", "11月29日-12月1日"],
        ["Di Moe", "Delegate", "30 November 2026 & 1 December 2026"],
        ["Ed Roe", "Delegate", "29.11.2026 - 30.11.2026"],
        ["Fay Lund", "Delegate", "Day 2, Day 3"],
        ["李静", "Delegate", "第一天"],
    ]
    return Sent(
        "dates.csv",
        "days as dates in eight forms",
        _text(rows),
        (
            "Anna Keller · delegate · days 1",
            "Bo Ek · delegate · days 2",
            "Cy Dahl · delegate · days 3",
            "Di Moe · delegate · days 2,3",
            "Ed Roe · delegate · days 1,2",
            "Fay Lund · delegate · days 2,3",
            "李静 · delegate · days 1",
            "王小明 · delegate · days 1,2,3",
        ),
    )


def _spreadsheet_dates() -> Sent:
    rows = [
        ["Name", "Category", "Days"],
        ["Anna Keller", "Delegate", dt.date(2026, 11, 30)],
        ["Bo Ek", "Delegate", dt.datetime(2026, 12, 1)],  # noqa: DTZ001 - as a spreadsheet has it
        ["Cy Dahl", "Delegate", "all"],
    ]
    return Sent(
        "spreadsheet-dates.xlsx",
        "days that the spreadsheet keeps as dates",
        workbook(rows),
        ("Anna Keller · delegate · days 2", "Bo Ek · delegate · days 3", "Cy Dahl · delegate"),
    )


def _doubtful_dates() -> Sent:
    rows = [
        ["Name", "Category", "Days"],
        ["Anna Keller", "Delegate", "01/12/2026"],
        ["Bo Ek", "Delegate", "12/01/2026"],
        ["Cy Dahl", "Delegate", "11/30/2026"],
    ]
    return Sent(
        "doubtful-dates.csv",
        "the day before the month in one row, after it in another",
        _text(rows),
        (
            "Anna Keller · delegate · days 3",
            "Bo Ek · delegate · days 3",
            "Cy Dahl · delegate · days 2",
        ),
        asks=("01/12/2026", "12/01/2026"),
        answers={"answer-day_order": "day_order=either"},
    )


def _no_titles() -> Sent:
    rows = [
        ["王小明", "海洋大学", "代表", "13812345678"],
        ["李静", "港务局", "贵宾", "13912345678"],
        ["Anna Keller", "Harbour Pilots", "Press", "+49 40 123456"],
    ]
    return Sent(
        "no-titles.csv",
        "a list without titles",
        _text(rows),
        (
            "Anna Keller · press · Harbour Pilots · +49 40 123456",
            "李静 · vip · 港务局 · 13912345678",
            "王小明 · delegate · 海洋大学 · 13812345678",
        ),
        asks=("line 1", "王小明"),
        answers={
            "answer-title_line": "title_line=0",
            "use_0": "name", "use_1": "organisation", "use_2": "category", "use_3": "phone",
        },
        rounds=2,
    )  # fmt: skip


def _two_emails() -> Sent:
    rows = [
        ["Name", "E-mail", "Category"],
        ["Anna Keller", "anna@example.org; a.keller@example.net", "Delegate"],
        ["Bo Ek", "bo@example.org", "Delegate"],
        ["Cy Dahl", "none yet", "Delegate"],
    ]
    return Sent(
        "two-emails.csv",
        "two addresses in a cell, and a text that is none",
        _text(rows),
        ("Anna Keller · delegate · anna@example.org", "Bo Ek · delegate · bo@example.org",
         "Cy Dahl · delegate"),
        asks=("a.keller@example.net", "is not an e-mail address"),
        answers={"answer-several_emails": "several_emails=first",
                 "answer-bad_cells": "bad_cells=empty"},
    )  # fmt: skip


def _rounded_phones() -> Sent:
    rows = [
        ["Name", "Mobile", "Category"],
        ["Anna Keller", "1.38E+10", "Delegate"],
        ["Bo Ek", "1.3912345678E+10", "Delegate"],
        ["Cy Dahl", "8613812345678", "Delegate"],
    ]
    return Sent(
        "rounded-phones.csv",
        "telephone numbers in scientific notation, one with all its digits",
        _text(rows),
        ("Anna Keller · delegate", "Bo Ek · delegate · 13912345678",
         "Cy Dahl · delegate · 8613812345678"),
        asks=("1.38E+10",),
        answers={"answer-rounded": "rounded=empty"},
        tells=("13912345678",),
    )  # fmt: skip


def _spaced_name() -> Sent:
    rows = [
        ["姓名", "单位", "类别", "手机"],
        ["陈静", "港务局", "代表", "13812345678"],
        ["陈 静", "港务局", "代表", ""],
        ["王小明", "海洋大学", "代表", ""],
    ]
    return Sent(
        "spaced-name.csv",
        "one person twice, with a space in the name",
        _text(rows),
        ("王小明 · delegate · 海洋大学", "陈静 · delegate · 港务局 · 13812345678"),
        asks=("陈 静",),
        answers={"answer-twin_3": "twin_3=same"},
    )


def _same_titles() -> Sent:
    rows = [
        ["Name", "Company", "Company", "Category"],
        ["Anna Keller", "Harbour Pilots", "Invoice GmbH", "Delegate"],
        ["Bo Ek", "Fjord AS", "Invoice AB", "Press"],
    ]
    return Sent(
        "same-titles.csv",
        "two columns with one title",
        _text(rows),
        ("Anna Keller · delegate · Harbour Pilots", "Bo Ek · press · Fjord AS"),
        asks=("Harbour Pilots", "Invoice GmbH"),
        answers={"use_1": "organisation", "use_2": "ignore"},
    )


def _country() -> Sent:
    rows = [
        ["姓名", "国家", "类别"],
        ["田中愛", "日本国", "代表"],
        ["佐藤健", "日本国", "代表"],
        ["Amal Noor", "Atlantis", "代表"],
    ]
    return Sent(
        "country.csv",
        "a country under an unusual name, and an invented one",
        _text(rows),
        ("Amal Noor · delegate", "佐藤健 · delegate · JP", "田中愛 · delegate · JP"),
        asks=("日本国", "Atlantis"),
        answers={
            "country_日本国": "JP",
            "country_Atlantis": "none",
        },
    )


def _two_title_lines() -> Sent:
    book = openpyxl.Workbook()
    sheet = sheet_of(
        book,
        [
            ["嘉宾名单"],
            ["姓名", "类别", "联系方式", None],
            [None, None, "手机", "邮箱"],
            ["王小明", "代表", "13812345678", "wang@example.cn"],
        ],
    )
    for cells in ("A1:D1", "A2:A3", "B2:B3", "C2:D2"):
        sheet.merge_cells(cells)
    return Sent(
        "two-title-lines.xlsx",
        "titles in two merged lines below a heading",
        saved(book),
        ("王小明 · delegate · wang@example.cn · 13812345678",),
    )


def _ticked_category() -> Sent:
    rows = [
        ["Name", "VIP", "Wheelchair"],
        ["Anna Keller", "✓", ""],
        ["Bo Ek", "", "✓"],
        ["Cy Dahl", "", "×"],
    ]
    return Sent(
        "ticks.csv",
        "yes as ✓, and a column of ticks in place of a category",
        _text(rows),
        ("Anna Keller · vip", "Bo Ek · delegate · wheelchair", "Cy Dahl · delegate"),
        asks=("VIP",),
        answers={"use_1": "category", "category_✓": "vip",
                 "category_": "delegate"},
        rounds=2,
    )  # fmt: skip


def _no_category() -> Sent:
    rows = [["Name", "Organisation"], ["Anna Keller", "Harbour Pilots"], ["Bo Ek", "Fjord AS"]]
    return Sent(
        "no-category.csv",
        "no column for the category, because all are exhibitors",
        _text(rows),
        ("Anna Keller · exhibitor · Harbour Pilots", "Bo Ek · exhibitor · Fjord AS"),
        asks=("category",),
        answers={"category_": "exhibitor"},
    )


def _real() -> list[Sent]:
    return [
        _gbk(),
        _big5(),
        _semicolons(),
        _line_breaks(),
        _totals(),
        _other_spelling(),
        _family_first(),
        _wide(),
        _birthdays(),
        _web_table(),
        _many(),
        _spaces(),
        _formulas(),
        _hidden(),
        _several_categories(),
        _sheet_of_each_organisation(),
        _sheet_of_each_language(),
        _sheet_of_each_day(),
        _two_dates(),
        _job_title(),
        _all_at_once(),
    ]


def _gbk() -> Sent:
    rows = [
        ["序号", "姓名", "工作单位", "人员类别", "手机号码"],
        ["1", "王小明", "海洋大学", "参会代表", "13812345678"],
        ["2", "李静", "港务局", "特邀嘉宾", "13912345678"],
    ]
    return Sent(
        "gbk.csv",
        "GBK, as a Chinese spreadsheet saves CSV, with row numbers",
        table(rows).encode("gbk"),
        ("李静 · vip · 港务局 · 13912345678", "王小明 · delegate · 海洋大学 · 13812345678"),
    )


def _big5() -> Sent:
    rows = [
        ["姓名", "服務單位", "類別", "電子郵件"],
        ["陳大文", "港口大學", "貴賓", "chan@example.tw"],
    ]
    return Sent(
        "big5.csv",
        "Big5, with a title for the organisation that is not known",
        table(rows).encode("big5"),
        ("陳大文 · vip · 港口大學 · chan@example.tw",),
        asks=("服務單位", "港口大學"),
        answers={"use_1": "organisation"},
    )


def _semicolons() -> Sent:
    rows = [
        ["Vorname", "Nachname", "Firma", "E-Mail", "Teilnehmerart", "Land"],
        ["Jörg", "Müller", "Hafen AG", "joerg@example.de", "Delegate", "Deutschland"],
        ["Zoë", "Groß", "Börse", "zoe@example.at", "Press", "Österreich"],
    ]
    return Sent(
        "semicolons.csv",
        "semicolons, a byte order mark, German titles of which two are not known",
        table(rows, ";").encode("utf-8-sig"),
        ("Jörg Müller · delegate · Hafen AG · joerg@example.de · DE",
         "Zoë Groß · press · Börse · zoe@example.at · AT"),
        asks=("Firma", "Teilnehmerart"),
        answers={"use_2": "organisation", "use_4": "category"},
    )  # fmt: skip


def _line_breaks() -> Sent:
    text = (
        'Name,"Organisation\n(as on the badge)",Category\r\n'
        '"Anna\nKeller","Harbour Pilots,\nPort Authority",Delegate\r\n'
        '"Bo ""Bobby"" Ek",Fjord AS,Press\r\n'
    )
    return Sent(
        "line-breaks.csv",
        "line breaks and quotes inside cells and titles",
        text.encode(),
        ('Anna Keller · delegate · Harbour Pilots, Port Authority',
         'Bo "Bobby" Ek · press · Fjord AS'),
    )  # fmt: skip


def _totals() -> Sent:
    titles = ["姓名", "单位", "类别"]
    rows = [
        ["海港论坛 嘉宾名单"], ["2026年11月"], [], titles, ["王小明", "海洋大学", "代表"],
        [], titles, ["李静", "港务局", "贵宾"], [], ["合计", "2人", ""],
    ]  # fmt: skip
    return Sent(
        "totals.xlsx",
        "headings above, blank rows, titles repeated on each page, a total below",
        workbook(rows),
        ("李静 · vip · 港务局", "王小明 · delegate · 海洋大学"),
        asks=("合计",),
        answers={"answer-totals": "totals=leave"},
    )


def _other_spelling() -> Sent:
    rows = [
        ["Name", "Organisation", "Category", "Phone"],
        ["Anna Keller", "Harbour Pilots Ltd", "Delegate", ""],
        ["KELLER Anna", "Harbour Pilots Limited", "Delegate", "+44 20 7946 0000"],
        ["John Smith", "Fjord AS", "Delegate", ""],
        ["John Smith", "Ministry of Fisheries", "Delegate", ""],
    ]
    return Sent(
        "other-spelling.csv",
        "one person twice with the organisation spelt otherwise, and two namesakes",
        _text(rows),
        ("Anna Keller · delegate · Harbour Pilots Ltd · +44 20 7946 0000",
         "John Smith · delegate · Fjord AS", "John Smith · delegate · Ministry of Fisheries"),
        asks=("Harbour Pilots Limited",),
        answers={"answer-twin_3": "twin_3=same"},
    )  # fmt: skip


def _family_first() -> Sent:
    rows = [
        ["Name (Family, Given)", "Category", "Nationality"],
        ["KELLER, Anna", "Delegate", "German"],
        ["de la Cruz, María José", "Press", "Spanish"],
        ["王, 小明", "Delegate", "中国"],
    ]
    return Sent(
        "family-first.csv",
        "family and given name in one column, with a comma between",
        _text(rows),
        ("Anna KELLER · delegate · DE", "María José de la Cruz · press · ES",
         "小明 王 · delegate · CN"),
        asks=("KELLER, Anna",),
        answers={"answer-comma_names": "comma_names=split"},
    )  # fmt: skip


def _wide() -> Sent:
    rows = [
        ["编号", "姓名", "邮箱", "电话", "类别", "参会日期"],
        [
            "Ａ００１",
            "王小明",
            "ｗａｎｇ＠ｅｘａｍｐｌｅ．ｃｎ",
            "１３８１２３４５６７８",
            "ＶＩＰ",
            "１－２",
        ],
    ]
    return Sent(
        "wide.csv",
        "full-width letters, digits and signs",
        _text(rows),
        ("王小明 · vip · wang@example.cn · 13812345678 · days 1,2",),
    )


def _birthdays() -> Sent:
    rows = [
        ["Full name", "Date of birth", "Passport no.", "Category"],
        ["Anna Keller", dt.date(1980, 4, 3), "C01X00T47", "Delegate"],
        ["Bo Ek", dt.date(1975, 12, 1), "X4RTBPFW4", "Press"],
    ]
    return Sent(
        "birthdays.xlsx",
        "dates of birth and passports, which have no place here",
        workbook(rows),
        ("Anna Keller · delegate", "Bo Ek · press"),
        tells=("B Date of birth", "C Passport no."),
    )


def _web_table() -> Sent:
    page = (
        '<html xmlns:x="urn:schemas-microsoft-com:office:excel"><head><meta charset="utf-8">'
        "<style>td{mso-number-format:'@'}</style></head><body><table border=1>"
        "<tr><th>姓名</th><th>单位</th><th>类别</th></tr>"
        "<tr><td>王小明</td><td>海洋大学<br>船舶学院</td><td>代表</td></tr>"
        "<tr><td>Anna&nbsp;Keller</td><td>Pilots &amp; Sons</td><td>Press</td></tr>"
        "</table></body></html>"
    )
    return Sent(
        "export.xls",
        "a web page's table under the name of a workbook",
        page.encode(),
        ("Anna Keller · press · Pilots & Sons", "王小明 · delegate · 海洋大学 船舶学院"),
    )


def _many() -> Sent:
    rows = [["id", "name", "email", "category"]]
    rows += [[f"R{n}", f"Guest {n}", f"g{n}@example.org", "delegate"] for n in range(10_000)]
    rows[7][3] = "dellegate"
    return Sent(
        "ten-thousand.csv",
        "10,000 people, and one misspelt category",
        _text(rows),
        tuple(sorted(f"Guest {n} · delegate · g{n}@example.org" for n in range(10_000))),
        asks=("dellegate",),
        answers={"category_dellegate": "delegate"},
    )


def _spaces() -> Sent:
    rows = [
        [" Name ", "Category\u00a0", " E-mail", "Country "],
        ["Anna  Keller ", " delegate", "anna@example.org ", "Germany "],
        ["\u00a0Нина Орлова", "Press\u3000", "nina@example.org", "Россия"],
        ["نور العلي ", "VIP ", "noor@example.org\u200b", "قطر"],
    ]
    return Sent(
        "spaces.csv",
        "spaces of several kinds, and countries in four languages",
        _text(rows),
        ("Anna Keller · delegate · anna@example.org · DE",
         "Нина Орлова · press · nina@example.org · RU",
         "نور العلي · vip · noor@example.org · QA"),
    )  # fmt: skip


def _formulas() -> Sent:
    rows = [
        ["First", "Last", "Name", "Category"],
        ["Anna", "Keller", '=A2&" "&B2', "Delegate"],
        ["Bo", "Ek", "Bo Ek", "Press"],
    ]
    return Sent(
        "formulas.xlsx",
        "names by a formula, with the values that it last gave",
        with_value(workbook(rows), "C2", "Anna Keller"),
        ("Anna Keller · delegate", "Bo Ek · press"),
        asks=("formula",),
        answers={"answer-formulas": "formulas=values"},
    )


def _hidden() -> Sent:
    book = openpyxl.Workbook()
    sheet = sheet_of(
        book,
        [
            ["Name", "Mobile", "Category"],
            ["Anna Keller", 7911123456, "Delegate"],
            ["Bo Ek", 7911654321, "Press"],
            ["Cy Dahl", "+47 22 00 00 00", "Press"],
        ],
    )
    sheet.row_dimensions[3].hidden = True
    sheet.column_dimensions["B"].hidden = True
    return Sent(
        "hidden.xlsx",
        "a hidden row and column, and telephone numbers that have lost a leading zero",
        saved(book),
        ("Anna Keller · delegate · 7911123456", "Cy Dahl · press · +47 22 00 00 00"),
        asks=("hidden or filtered away: 1",),
        answers={"answer-hidden_rows": "hidden_rows=leave"},
        tells=("leading zero",),
    )


def _several_categories() -> Sent:
    rows = [
        ["姓名 Name", "类别 Type", "单位 Organisation"],
        ["王小明", "嘉宾/媒体", "海洋大学"],
        ["Anna Keller", "Speaker, Press", "Harbour Pilots"],
        ["李静", "", "港务局"],
    ]
    return Sent(
        "several-categories.csv",
        "several categories in a cell, and none in another",
        _text(rows),
        ("Anna Keller · speaker · Harbour Pilots", "李静 · delegate · 港务局",
         "王小明 · vip · 海洋大学"),
        asks=("嘉宾/媒体", "Speaker, Press", "(empty)"),
        answers={"category_嘉宾/媒体": "vip",
                 "category_Speaker, Press": "speaker",
                 "category_": "delegate"},
    )  # fmt: skip


def _sheet_of_each_organisation() -> Sent:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, people in {
        "说明": [["每个单位一张表"]],
        "海洋大学": [["姓名", "职务", "类别"], ["王小明", "教授", "代表"], ["陈静", "", "代表"]],
        "港务局": [["姓名", "职务", "类别"], ["李静", "局长", "贵宾"], ["陈静", "科长", "代表"]],
    }.items():
        sheet = book.create_sheet(title)
        for row in people:
            sheet.append(row)
    return Sent(
        "a-sheet-for-each-organisation.xlsx",
        "an organisation on each sheet, named by the sheet alone, and a namesake",
        saved(book),
        ("李静 · vip · 港务局 · 局长", "王小明 · delegate · 海洋大学 · 教授",
         "陈静 · delegate · 海洋大学", "陈静 · delegate · 港务局 · 科长"),
        asks=("海洋大学", "港务局", "at most 2 more pages"),
        answers={"answer-other_sheets": "sheets=海洋大学/港务局", "use_3": "organisation"},
        rounds=2,
    )  # fmt: skip


def _sheet_of_each_language() -> Sent:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, people in {
        "国内嘉宾": [
            ["姓名", "单位", "职务", "手机", "国家", "参会日期", "类别"],
            ["王小明", "海洋大学", "教授", "13800000001", "中国", "11月29日", "代表"],
        ],
        "Abroad": [
            ["Name", "Category", "Country", "Job title", "Organisation", "Days", "E-mail"],
            ["Anna Keller", "Press", "Germany", "Editor", "Port", "30 Nov", "anna@example.org"],
        ],
    }.items():
        sheet = book.create_sheet(title)
        for row in people:
            sheet.append(row)
    return Sent(
        "a-sheet-for-each-language.xlsx",
        "a sheet in Chinese and one in English, with columns in another order",
        saved(book),
        ("Anna Keller · press · Port · Editor · anna@example.org · DE · days 2",
         "王小明 · delegate · 海洋大学 · 教授 · 13800000001 · CN · days 1"),
        asks=("whose columns match: '国内嘉宾', 'Abroad'",),
        answers={"answer-other_sheets": "sheets=国内嘉宾/Abroad"},
    )  # fmt: skip


def _sheet_of_each_day() -> Sent:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, people in {
        "11月29日": [["Anna Keller", "anna@example.org"], ["Bo Ek", "bo@example.org"]],
        "11月30日": [["Cy Dahl", "cy@example.org"], ["Anna Keller", "anna@example.org"]],
    }.items():
        sheet = book.create_sheet(title)
        for row in (["Name", "E-mail"], *people):
            sheet.append(row)
    return Sent(
        "a-sheet-for-each-day.xlsx",
        "a day on each sheet, one person on two of them, and no category",
        saved(book),
        ("Anna Keller · delegate · anna@example.org · days 1,2",
         "Bo Ek · delegate · bo@example.org · days 1",
         "Cy Dahl · delegate · cy@example.org · days 2"),
        asks=("11月29日", "11月30日"),
        answers={"answer-other_sheets": "sheets=11月29日/11月30日", "use_2": "days",
                 "sheet_11月29日": "delegate", "sheet_11月30日": "delegate",
                 "answer-twin_6": "twin_6=same"},
        rounds=2,
    )  # fmt: skip


def _two_dates() -> Sent:
    rows = [
        ["姓名", "类别", "参会日期"],
        ["王小明", "代表", "11/30、12/1"],
        ["李静", "贵宾", "11.29, 11.30"],
        ["陈静", "代表", "11月29、30日"],
        ["Anna Keller", "Delegate", "11/29-30"],
        ["Bo Ek", "Delegate", "11/29 & 12/1"],
    ]
    return Sent(
        "two-dates.csv",
        "two dates without a year in a cell",
        _text(rows),
        ("Anna Keller · delegate · days 1,2", "Bo Ek · delegate · days 1,3",
         "李静 · vip · days 1,2", "王小明 · delegate · days 2,3", "陈静 · delegate · days 1,2"),
    )  # fmt: skip


def _job_title() -> Sent:
    rows = [
        ["姓名", "单位", "职务", "职称", "类别"],
        ["王小明", "海洋大学", "院长", "教授", "代表"],
        ["李静", "港务局", "局长", "", "贵宾"],
    ]
    return Sent(
        "job-title.csv",
        "a position and an academic title",
        _text(rows),
        ("李静 · vip · 港务局 · 局长", "王小明 · delegate · 海洋大学 · 院长"),
        tells=("D 职称",),
    )


def _all_at_once() -> Sent:
    rows = [
        ["姓名", "单位", "国家", "类别", "邮箱"],
        ["陈静", "港务局", "日本国", "嘉宾/媒体", "chen@example.cn"],
        ["陈 静", "港务局", "", "嘉宾/媒体", ""],
        ["王小明", "海洋大学", "", "代表", "暂无"],
    ]
    return Sent(
        "all-at-once.csv",
        "a person twice in rows with an unknown category, an unknown country, a bad e-mail",
        _text(rows),
        ("王小明 · delegate · 海洋大学", "陈静 · vip · 港务局 · chen@example.cn · JP"),
        asks=("陈 静", "日本国", "嘉宾/媒体", "暂无"),
        answers={"answer-twin_3": "twin_3=same", "country_日本国": "JP",
                 "category_嘉宾/媒体": "vip", "answer-bad_cells": "bad_cells=empty"},
    )  # fmt: skip


def cases() -> list[Sent]:
    return [*_described(), *_real()]
