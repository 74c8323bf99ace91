"""Messy rosters. All people in them are invented."""

import datetime as dt

import openpyxl

from tests.messy.cases import Case, Step, saved, sheet_of, table, with_value, workbook

_PEOPLE = [
    ["id", "name", "email", "category"],
    ["A1", "Anna Keller", "anna@example.org", "delegate"],
    ["A2", "Bo Ek", "bo@example.org", "press"],
]
_TWO = ("Anna Keller · delegate", "Bo Ek · press")
_CHINESE = [
    ["编号", "姓名", "邮箱", "类别", "国家/地区"],
    ["甲1", "王小明", "wang@example.cn", "代表", "中国"],
    ["甲2", "李静", "li@example.cn", "媒体", "新加坡"],
]
_TWO_CHINESE = ("李静 · press · SG", "王小明 · delegate · CN")
_TRADITIONAL = [
    ["編號", "姓名", "單位", "類別"],
    ["乙1", "陳大文", "港口大學", "貴賓"],
]


def _encodings() -> list[Case]:
    chinese = table(_CHINESE)
    good = Step(("Added 2",), _TWO_CHINESE)
    without_mark = Step(("is read as utf-16-", "by its titles", "Added 2"), _TWO_CHINESE)
    latin = table([["Name", "Category", "Société"], ["Renée Müller", "press", "Börse"]])
    return [
        Case("gb18030.csv", "GB 18030, Chinese titles and categories", chinese.encode("gb18030"),
             (Step(("is read as gb18030, by its titles", "Added 2"), _TWO_CHINESE),)),
        Case("big5.csv", "Big5, traditional titles and category",
             table(_TRADITIONAL).encode("big5"),
             (Step(("is read as big5, by its titles", "Added 1"), ("陳大文 · vip · 港口大學",)),)),
        Case("utf16-le-mark.csv", "UTF-16 LE with a mark, tabs",
             b"\xff\xfe" + table(_CHINESE, "\t").encode("utf-16-le"), (good,)),
        Case("utf16-be-mark.csv", "UTF-16 BE with a mark",
             b"\xfe\xff" + chinese.encode("utf-16-be"), (good,)),
        Case("utf16-le.csv", "UTF-16 LE without a mark", chinese.encode("utf-16-le"),
             (without_mark,)),
        Case("utf16-be.csv", "UTF-16 BE without a mark", chinese.encode("utf-16-be"),
             (without_mark,)),
        Case("utf8-mark.csv", "UTF-8 with a mark", chinese.encode("utf-8-sig"), (good,)),
        Case("latin-1.csv", "Latin-1: which encoding it is can't be known", latin.encode("latin-1"),
             (Step(("is not in UTF-8 (first at line 1)", "--encoding cp1252 reads")),
              Step(("Added 1",), ("Renée Müller · press",), ("--encoding", "cp1252")))),
        Case("two-encodings.csv", "one cell in another encoding than the file",
             table(_PEOPLE).encode() + b"A3,Ren\xe9e,renee@example.org,press\r\n",
             (Step(("line 4, name: has a byte 0xE9 that is not UTF-8",)),
              Step(("Skipped line 4", "Added 2"), _TWO, ("--skip-bad",)))),
    ]  # fmt: skip


def _layouts() -> list[Case]:
    good = Step(("Added 2",), _TWO)
    above = [["Harbour Forum, people"], [], ["as of", "4 May"]]
    return [
        Case("semicolons.csv", "semicolons", table(_PEOPLE, ";").encode(), (good,)),
        Case("tabs.txt", "tabs", table(_PEOPLE, "\t").encode(), (good,)),
        Case("bars.txt", "| between cells", table(_PEOPLE, "|").encode(), (good,)),
        Case("header-line-3.csv", "titles in line 3, blank lines in between",
             table([["Harbour Forum"], [], _PEOPLE[0], [], _PEOPLE[1], ["", "", "", ""],
                    _PEOPLE[2]]).encode(),
             (Step(("the titles are in line 3", "Added 2"), _TWO),)),
        Case("header-line-4.xlsx", "titles in line 4 of a workbook", workbook(above + _PEOPLE),
             (Step(("the titles are in line 4", "Added 2"), _TWO),)),
        Case("quote.csv", "a quote that never closes",
             table(_PEOPLE).encode() + b'A3,"Cy,cy@example.org,press\r\n',
             (Step(("line 4: a quote opens here and never closes",)),)),
        Case("extra-cell.csv", "a comma too much in line 3",
             table([*_PEOPLE[:2], ["A2", "Ek", "Bo", "bo@example.org", "press"]]).encode(),
             (Step(("line 3: has 5 cells where the header has 4",)),)),
    ]  # fmt: skip


def _workbooks() -> list[Case]:
    return [_merged(), _hidden_sheet(), _hidden_row(), _hidden_column(), *_formulas(), _dates()]


def _merged() -> Case:
    book = openpyxl.Workbook()
    sheet = sheet_of(book, [
        ["name", "organisation", "category"], ["Anna", "Fjord AS", "press"], ["Bo", None, "press"],
    ])  # fmt: skip
    sheet.merge_cells("B2:B3")
    return Case(
        "merged.xlsx", "one organisation merged over two rows", saved(book),
        (Step(("merged with the one above: 1", "organisation in 1 row, first in line 3",
               "--merged fill")),
         Step(("filled from above", "Added 2"),
              ("Anna · press · Fjord AS", "Bo · press · Fjord AS"), ("--merged", "fill"))),
    )  # fmt: skip


def _hidden_sheet() -> Case:
    book = openpyxl.Workbook()
    sheet_of(book, _PEOPLE).title = "People"
    other = book.create_sheet("Old")
    other.append(["name", "category"])
    other.append(["Gone", "press"])
    other.sheet_state = "hidden"
    return Case(
        "hidden-sheet.xlsx", "a hidden sheet with rows", saved(book),
        (Step(("only these are read: 'People'", "'Old', 2 rows, hidden", "--sheet People")),
         Step(("Added 2",), _TWO, ("--sheet", "People"))),
    )  # fmt: skip


def _sheets_together() -> Case:
    book = openpyxl.Workbook()
    sheet_of(book, [["name", "category"], ["Anna", "press"]]).title = "Pilots"
    other = book.create_sheet("Tugs")
    other.append(["name", "category"])
    other.append(["Bo", "press"])
    both = ("--sheet", "Pilots", "--sheet", "Tugs")
    return Case(
        "sheets-together.xlsx", "an organisation on each sheet", saved(book),
        (Step(("--sheet Pilots --sheet Tugs: read these 2 together",)),
         Step(("--column C=organisation: it is read as",), options=both),
         Step(("Added 2",), ("Anna · press · Pilots", "Bo · press · Tugs"),
              (*both, "--column", "C=organisation"))),
    )  # fmt: skip


def _hidden_row() -> Case:
    book = openpyxl.Workbook()
    sheet = sheet_of(book, _PEOPLE)
    sheet.row_dimensions[3].hidden = True
    return Case(
        "hidden-row.xlsx", "a row that is filtered away", saved(book),
        (Step(("hidden or filtered away: 1", "line 3", "--hidden-rows leave")),
         Step(("1, left out", "Added 1"), _TWO[:1], ("--hidden-rows", "leave"))),
    )  # fmt: skip


def _hidden_column() -> Case:
    book = openpyxl.Workbook()
    sheet = sheet_of(book, _PEOPLE)
    sheet.column_dimensions["C"].hidden = True
    return Case(
        "hidden-column.xlsx", "the column of e-mails is hidden", saved(book),
        (Step(("hidden columns, which are read too: 1", "column C, 'email'",
               "Added 2"), _TWO),),
    )  # fmt: skip


def _formulas() -> list[Case]:
    rows = [*_PEOPLE, ["A3", '=B2&" jr"', "cy@example.org", "press"]]
    refused = "line 4, name: starts with '=': looks like a formula"
    return [
        Case("formula.xlsx", "a name by a formula", workbook(rows),
             (Step((refused,)), Step(("Skipped line 4", "Added 2"), _TWO, ("--skip-bad",)))),
        Case("formula-value.xlsx", "a name by a formula, with the value that it last gave",
             with_value(workbook(rows), "B4", "Bo Ek jr"), (Step((refused,)),)),
        Case("injection.csv", "cells that a spreadsheet would run",
             table([*_PEOPLE, ["A3", "=cmd|'/C calc'!A0", "c@example.org", "press"],
                    ["A4", "＠SUM(A1)", "d@example.org", "press"]]).encode(),
             (Step((refused, "line 5, name: starts with '＠': looks like a formula")),)),
    ]  # fmt: skip


def _dates() -> Case:
    day = dt.datetime(2026, 1, 3)  # noqa: DTZ001 - a spreadsheet knows no zones
    rows = [["name", "category", "days"], ["Anna", "press", day], ["Bo", "press", 46025]]
    return Case(
        "dates.xlsx", "days 1-3 that a spreadsheet turned into a date, and into its number",
        workbook(rows),
        (Step(("line 2, days: '2026-01-03' does not name event days",
               "line 3, days: '46025' does not name event days")),),
    )  # fmt: skip


def _characters() -> list[Case]:
    wide = [
        ["id", "name", "email", "category", "days"],
        ["Ａ１", "Anna", "ａｎｎａ@example.org", "ＰＲＥＳＳ", "１-２"],
    ]
    marks = [
        ["name", "category", "organisation"],
        ["An\u200bna", "press", "Fjord\ufeff AS"],
        ["\u200fآرش\u200e", "press", ""],
    ]
    turned = [["name", "category"], ["Anna\u202egro.elpmaxe", "press"]]
    return [
        Case("full-width.csv", "full-width letters and digits", table(wide).encode(),
             (Step(("line 2, id: 'Ａ１' is 'A1'".replace("id:", "external_id:"),
                    "line 2, email: 'ａｎｎａ@example.org' is 'anna@example.org'", "Added 1"),
                   ("Anna · press",)),)),
        Case("invisible.csv", "zero-width characters and right-to-left marks",
             table(marks).encode(),
             (Step(("invisible characters, which were taken out: 3", "line 2, name: U+200B",
                    "line 2, organisation: U+FEFF", "line 3, name: U+200F U+200E", "Added 2"),
                   ("Anna · press · Fjord AS", "آرش · press")),)),
        Case("turned-round.csv", "a character that turns the text round", table(turned).encode(),
             (Step(("line 2, name: has an invisible character (U+202E)",)),)),
        Case("no-font.csv", "a character that no font here draws",
             table([["name", "category"], ["Anna \U00016EA0", "press"]]).encode(),
             (Step(("characters that no installed font draws: 1", "(U+16EA0)", "Added 1"),
                   ("Anna \U00016EA0 · press",)),)),
    ]  # fmt: skip


def _people() -> list[Case]:
    twice = [*_PEOPLE, ["a1", "Cy Dahl", "cy@example.org", "press"]]
    numbers = [["编号", "姓名", "类别"], ["1", "王小明", "代表"], ["2", "李静", "贵宾"]]
    names = ("李静 · vip", "王小明 · delegate")
    many = [["id", "name", "email", "category"]]
    many += [[f"R{n}", f"Guest {n}", f"g{n}@example.org", "delegate"] for n in range(10_000)]
    many[7][3], many[79][2], many[9000][1] = "dellegate", "g78.example.org", "=cmd()"
    left = [f"Guest {n} · delegate" for n in range(10_000) if n not in (6, 78, 8999)]
    renamed = table([_PEOPLE[0], ["A1", "Bo Ek", "anna@example.org", "delegate"]])
    return [
        Case("twice.csv", "one id twice, in another case", table(twice).encode(),
             (Step(("line 4, external_id: the same as in line 2. Keep one",)),)),
        Case("row-numbers.csv", "ids that only number the rows", table(numbers).encode(),
             (Step(("'编号' only numbers the rows, from 1 to 2", "--row-numbers ignore")),
              Step(("not taken as ids", "Added 2"), names, ("--row-numbers", "ignore")))),
        Case("ten-thousand.csv", "3 bad rows among 10,000", table(many).encode(),
             (Step(("line 8, category: 'dellegate' is no category",
                    "line 80, email: is not an e-mail address", "line 9001, name: starts with '='",
                    "import the other 9,997 rows with --skip-bad")),
              Step(("Added 9,997", "skipped 3"), tuple(sorted(left)), ("--skip-bad",)))),
        Case("moved-ids.csv", "an id that has moved to another person", renamed.encode(),
             (Step(("people whose name would change: 1", "line 2:", "--renames skip"),
                   first=(("before.csv", table(_PEOPLE)),), options=("--missing", "keep")),)),
        Case("atlantis.csv", "countries in many languages, and one that there is not",
             table([["name", "category", "country"], ["Anna", "press", "Deutschland"],
                    ["Bo", "press", "中国台湾"], ["Cy", "press", "Atlantis"]]).encode(),
             (Step(("line 4, country: 'Atlantis' is not a known country",)),
              Step(("Added 2",), ("Anna · press · DE", "Bo · press · TW"), ("--skip-bad",)))),
        Case("unknown-session.csv", "an invitation to a session that is not there yet",
             table([["id", "name", "category", "invitations"],
                    ["A1", "Anna", "press", "gala"]]).encode(),
             (Step(("sessions that do not exist yet", "'gala': 1 person, first in line 2",
                    "Added 1"), ("Anna · press",)),)),
    ]  # fmt: skip


def _exports() -> list[Case]:
    pretix = [
        ["Order code", "Position ID", "Status", "Email", "Product", "Attendee name",
         "Attendee name: Given name", "Attendee name: Family name", "Attendee email", "Company",
         "Country", "Company", "Country"],
        ["ABCDE", "1", "paid", "office@example.org", "Forum ticket", "Anna Keller", "Anna",
         "Keller", "anna@example.org", "Fjord AS", "NO", "Invoices AS", "SE"],
        ["ABCDE", "2", "paid", "office@example.org", "Press", "Bo Ek", "Bo", "Ek", "", "", "NO",
         "Invoices AS", "SE"],
        ["FGHIJ", "1", "canceled", "cy@example.org", "Press", "Cy Dahl", "Cy", "Dahl", "", "", "",
         "", ""],
    ]  # fmt: skip
    eventbrite = [
        ["Order #", "Order Date", "First Name", "Last Name", "Email", "Quantity", "Ticket Type",
         "Attendee #", "Attendee Status"],
        ["100", "2026-04-01", "Anna", "Keller", "anna@example.org", "1", "General Admission",
         "1001", "Attending"],
        ["100", "2026-04-01", "Bo", "Ek", "bo@example.org", "1", "General Admission", "1002",
         "Not Attending"],
    ]  # fmt: skip
    indico = [
        ["ID", "Name", "First Name", "Last Name", "Email Address", "Affiliation", "Country",
         "Registration state"],
        ["1", "Anna Keller", "Anna", "Keller", "anna@example.org", "CERN", "Switzerland",
         "Completed"],
        ["2", "Bo Ek", "Bo", "Ek", "bo@example.org", "CERN", "France", "Awaiting payment"],
    ]  # fmt: skip
    tickets = ("m.toml", '[categories]\n"Forum ticket" = "delegate"\n')
    admission = ("m.toml", '[categories]\n"General Admission" = "delegate"\n"" = "delegate"\n')
    mapped = ("--mapping", "m.toml")
    return [
        Case("pretix.csv",
             "pretix's order positions: titles twice, an order of two, a cancelled one",
             table(pretix).encode(),
             (Step(("an export of pretix", "'Forum ticket' in 1 row, first in line 2",
                    "rows of cancelled orders: 1", "--cancelled leave")),
              Step(("1, left out", "'Forum ticket' is delegate in 1 row", "Added 2"),
                   ("Anna Keller · delegate · NO · Fjord AS", "Bo Ek · press · NO"),
                   (*mapped, "--cancelled", "leave"), files=(tickets,)))),
        Case("eventbrite.csv", "Eventbrite's attendees: General Admission, Not Attending",
             table(eventbrite).encode(),
             (Step(("an export of Eventbrite", "'General Admission' in 1 row, first in line 2",
                    "'Not Attending' in 1 row, first in line 3")),
              Step(("Added 1",), _TWO[:1], (*mapped, "--cancelled", "leave"), files=(admission,)))),
        Case("indico.csv", "Indico's registrations: no category, one unpaid",
             table(indico).encode(),
             (Step(("no column for the category", '"" = "delegate"')),
              Step(("orders not yet confirmed: 1", "'Awaiting payment' in 1 row, first in line 3"),
                   options=mapped, files=(admission,)),
              Step(("Added 1",), ("Anna Keller · delegate · CH · CERN",),
                   (*mapped, "--pending", "leave"), files=(admission,)))),
    ]  # fmt: skip


def cases() -> list[Case]:
    groups = (_encodings, _layouts, _workbooks, _characters, _people, _exports)
    return [case for group in groups for case in group()]
