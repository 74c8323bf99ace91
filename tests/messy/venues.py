"""Messy venue files."""

import datetime as dt

import openpyxl

from tests.messy.cases import Case, Step, saved, with_value

_HALLS: list[list[object]] = [
    ["code", "name", "capacity"],
    ["h1", "Hall 1", 100],
    ["h2", "Hall 2", 60],
]
_DOORS: list[list[object]] = [["code", "hall", "name"], ["d1", "h1", "West"], ["d2", "h1", "East"]]
_SESSIONS: list[list[object]] = [
    ["code", "hall", "title", "starts", "ends"],
    ["opening", "h1", "Opening", "2026-05-04 13:00", "2026-05-04 14:00"],
]
_ALL = ("door d1 of h1", "door d2 of h1", "hall h1 100", "hall h2 60", "session opening in h1")
_TOML = """
[[hall]]
code = "h1"
name = "Hall 1"
capacity = 100
"""


def _book(**sheets: list[list[object]]) -> openpyxl.Workbook:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for title, rows in sheets.items():
        sheet = book.create_sheet(title)
        for row in rows:
            sheet.append(row)
    return book


def _good() -> openpyxl.Workbook:
    return _book(halls=_HALLS, doors=_DOORS, sessions=_SESSIONS)


def _swapped() -> Case:
    halls = [["Capacity", "NAME", "code", "Fire limit"], [100, "Hall 1", "h1", 120],
             [60, "Hall 2", "h2", None]]  # fmt: skip
    book = _book(sessions=_SESSIONS, doors=_DOORS, halls=halls)
    return Case("venue-swapped.xlsx", "columns and sheets in another order", saved(book),
                (Step(("Added: halls 2, doors 2, sessions 1",), _ALL),),
                "import-venue")  # fmt: skip


def _wrong_columns() -> Case:
    halls = [["code", "name", "capacity"], ["Hall 1", "h1", 100], [60, "h2", "Hall 2"]]
    return Case("venue-wrong-columns.xlsx", "the values of two columns changed places",
                saved(_book(halls=halls)),
                (Step(("sheet halls, row 2: code", "sheet halls, row 3: capacity")),),
                "import-venue")  # fmt: skip


def _merged() -> Case:
    book = _good()
    book["doors"]["B3"] = None
    book["doors"].merge_cells("B2:B3")
    return Case("venue-merged-hall.xlsx", "one hall merged over two doors", saved(book),
                (Step(("sheet doors, row 3: hall is missing",)),), "import-venue")  # fmt: skip


def _times() -> Case:
    book = _good()
    book["sessions"]["D2"] = 46146.5416666667
    return Case("venue-times.xlsx", "a time as the spreadsheet's number", saved(book),
                (Step(("sheet sessions, row 2: starts is a local time such as",)),),
                "import-venue")  # fmt: skip


def _real_times() -> Case:
    book = _good()
    book["sessions"]["D2"] = dt.datetime(2026, 5, 4, 13, 0)  # noqa: DTZ001 - a local time
    return Case("venue-real-times.xlsx", "a time as the spreadsheet's own", saved(book),
                (Step(("Added: halls 2",), _ALL),), "import-venue")  # fmt: skip


def _wide() -> Case:
    book = _good()
    book["halls"]["A2"] = "ｈ１"
    return Case("venue-full-width.xlsx", "a full-width code", saved(book),
                (Step(("sheet halls, row 2: code",)),), "import-venue")  # fmt: skip


def _parent() -> Case:
    halls = [["code", "name", "capacity", "parent"], ["h1", "Hall 1", 100, "site"]]
    return Case("venue-parent.xlsx", "a parent that there is not", saved(_book(halls=halls)),
                (Step(("sheet halls, row 2, hall h1: its parent, hall site, does not exist",)),),
                "import-venue")  # fmt: skip


def _hidden() -> Case:
    book = _good()
    book["sessions"].sheet_state = "hidden"
    return Case("venue-hidden-sheet.xlsx", "the sessions are on a hidden sheet", saved(book),
                (Step(("sheet sessions is hidden, and its 1 row is not read", "Added: halls 2"),
                      _ALL[:4]),), "import-venue")  # fmt: skip


def _formulas() -> list[Case]:
    book = _good()
    book["halls"]["C2"] = "=50*2"
    without = saved(book)
    return [
        Case("venue-formula.xlsx", "a capacity by a formula that was never worked out", without,
             (Step(("sheet halls, row 2: cell C2 is a formula without a value",)),),
             "import-venue"),
        Case("venue-formula-value.xlsx", "a capacity by a formula with its last value",
             with_value(without, "C2", "100"),
             (Step(("sheet halls, row 2: cell C2 is a formula; its value was used: 100",), _ALL),),
             "import-venue"),
    ]  # fmt: skip


def _texts() -> list[Case]:
    guests = _TOML.replace("capacity = 100", "capacity = 100\ncategories = []") + (
        '[[session]]\ncode = "dinner"\nhall = "h1"\ntitle = "Dinner"\n'
        'starts = "2026-05-04 13:00"\nends = "2026-05-04 14:00"\ncategories = []\n'
        'invited = ["A1", "anna@example.org"]\n'
    )
    return [
        Case("venue-gb18030.toml", "GB 18030 instead of UTF-8",
             _TOML.replace("Hall 1", "一号厅").encode("gb18030"),
             (Step(("venue-gb18030.toml is not UTF-8 text: save it as UTF-8",)),), "import-venue"),
        Case("mark.toml", "UTF-8 with a mark", _TOML.encode("utf-8-sig"),
             (Step(("Added: halls 1",), ("hall h1 100",)),), "import-venue"),
        Case("slip.toml", "a key that there is not", _TOML.replace("capacity", "capcity").encode(),
             (Step(("capcity", "capacity is missing")),), "import-venue"),
        Case("venue-twice.toml", "one code twice", (_TOML + _TOML).encode(),
             (Step(("hall 2 (h1): the same code as hall 1 (h1)",)),), "import-venue"),
        Case("guests.toml", "guests who are not on the roster yet", guests.encode(),
             (Step(("session dinner: names 2 who are not on the roster yet: A1, a…@example.org",),
                   ("hall h1 100", "session dinner in h1")),), "import-venue"),
    ]  # fmt: skip


def cases() -> list[Case]:
    one_by_one = (_swapped, _wrong_columns, _merged, _times, _real_times, _wide, _parent, _hidden)
    return [*(make() for make in one_by_one), *_formulas(), *_texts()]
