"""CSV in every encoding and shape that spreadsheets write, and in some that they do not."""

import pytest

from badges.roster.problems import RosterError
from badges.roster.table import RosterLimits
from tests.badges.roster.rosters import messages, read


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-16-le", "utf-16-be"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_encodings_delimiters_and_newlines(encoding, delimiter, newline):
    text = newline.join(["", "name,category", "王小明,press", "", "Zoë,speaker", ""])
    mark = "\ufeff" if encoding in ("utf-16-le", "utf-16-be") else ""
    roster = read((mark + text.replace(",", delimiter)).encode(encoding))
    assert [(row.given_name, row.line) for row in roster.rows] == [("王小明", 3), ("Zoë", 5)]


def test_sep_line_of_spreadsheets():
    assert read("sep=;\r\nname;category\r\nA, B;press\r\n").rows[0].given_name == "A, B"


@pytest.mark.parametrize(
    ("encoding", "text"),
    [("gb18030", "姓名,类别\n王小明,press\n"), ("big5", "姓名,category\n王小明,press\n")],
)
def test_chinese_encodings_are_recognised_by_their_titles(encoding, text):
    roster = read(text.encode(encoding))
    assert [row.given_name for row in roster.rows] == ["王小明"]
    (finding,) = roster.findings
    assert (finding.kind, finding.open) == ("encoding", False)
    assert f"is read as {encoding}" in finding.message


def test_an_encoding_is_never_guessed_from_names_alone():
    """Korean names in EUC-KR are Chinese words in GB 18030: only the titles distinguish them."""
    data = b"name,category\n" + "김민준,press\n이서연,press\n".encode("euc-kr") * 6
    with pytest.raises(RosterError) as caught:
        read(data)
    assert "--encoding euc-kr reads '김민준,press'" in str(caught.value)
    assert "--encoding gb18030 reads '" in str(caught.value)


def test_other_encodings_only_on_request():
    data = "名稱,category\n王小明,press\n".encode("gb18030")
    with pytest.raises(RosterError, match=r"not in UTF-8 \(first at line 1\).*CSV UTF-8.*gb18030"):
        read(data)
    data = "姓名,类别\n王小明,press\n".encode("gb18030")
    assert read(data, encoding="gb18030").rows[0].given_name == "王小明"
    assert read(data, encoding="GBK").rows[0].given_name == "王小明"
    with pytest.raises(RosterError, match="not in shift_jis"):
        read(b"name,category\n\xff\xff,press\n", encoding="shift_jis")
    with pytest.raises(RosterError, match="unknown encoding 'rot13': use one of utf-8"):
        read(data, encoding="rot13")


def test_one_line_with_foreign_bytes_is_one_problem():
    roster = read(b"name,category\nAnna,press\nZo\xeb,press\nBo,press\n")
    assert [row.given_name for row in roster.rows] == ["Anna", "Bo"]
    (problem,) = roster.problems
    assert (problem.line, problem.column) == (3, "name")
    assert "byte 0xEB that is not UTF-8" in problem.message


def test_many_lines_with_foreign_bytes_are_another_encoding():
    with pytest.raises(RosterError, match="first at line 3"):
        read(b"name,category\nAnna,press\n" + b"Zo\xeb,press\n" * 11)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "is empty"),
        (b" \r\n\n", "is empty"),
        (b"\xef\xbb\xbf\n,,\n", "is empty"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600), "an old Office file"),
        (
            b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + "EncryptedPackage".encode("utf-16-le"),
            "protected by a password",
        ),
        (b"<html><table>", "a web page without a table"),
        # Each cell stands for a thousand: 300 MB of columns.
        (b"<table><tr>" + b'<td colspan="1000">x' * 30_000, "over 200 columns"),
        # Each row takes the cells of the rows above: some GB.
        (b"<table>" + b"<tr><td rowspan=1000>x" * 6_000, "over 1,000,000 cells are merged"),
        (b"%PDF-1.7", "another kind of file"),
        ("nom,genre".encode("utf-16-le"), "not text in UTF-8"),
        (b"PK\x03\x04 but no zip", "is damaged"),
        (b'"name,category\nAnna,press\n', "line 1: a quote opens here and never closes"),
        ((",".join(f"c{i}" for i in range(201))).encode(), "over 200 columns"),
    ],
)
def test_no_table_at_all(data, message):
    with pytest.raises(RosterError, match=message):
        read(data)


@pytest.mark.parametrize("head", ["charset=undefined", "charset=hex", "charset=gb2312", ""])
@pytest.mark.parametrize("span", ["1", "0", "-1", "²", "9" * 5_000])
def test_a_web_page_with_odd_values(head, span):
    """Scripts that export a table may write "undefined" for the encoding that they do not know."""
    page = f"""<meta {head}><table><tr><th>name<th>category<tr><td>王小明<td colspan="{span}">press
        <tr><td>Bo Li<td>press</table>"""
    roster = read(page.encode("gb18030"))
    assert [row.given_name for row in roster.rows] == ["王小明", "Bo Li"]


def test_too_large():
    with pytest.raises(RosterError, match="the limit is 50,000,000"):
        read(bytes(50_000_001))
    roster = read("name,category\n" + "Anna,press\n" * 5, limits=RosterLimits(rows=3))
    assert len(roster.rows) == 3
    assert messages(roster) == "line 5: over 3 rows: split the file here"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("Anna", "has 1 cells where the header has 4"),
        ("Anna,X,press,a@x.org,extra", "has 5 cells where the header has 4"),
        ('"Anna"x,X,press,', "the quotes do not match"),
        ('"Anna,X,press,\nBo,Y,press,', "a quote opens here and never closes"),
        ('"Anna,X,press,\nBo,Y",press,', "(lines 2 to 3): look for a missing or an extra"),
    ],
)
def test_ragged_rows(line, message):
    roster = read(f"given_name,family_name,category,email\n{line}\n")
    assert roster.rows == ()
    (problem,) = roster.problems
    assert problem.line == 2
    assert message in problem.message


def test_empty_cells_beyond_the_header_do_no_harm():
    assert read("name,category,,\nAnna,press,,,\n").problems == ()


def test_reading_goes_on_after_a_bad_line():
    roster = read('name,category\n"A"x,press\nBo,press\n"Cy\nCy",press\nDi,press\n')
    assert [(row.given_name, row.line) for row in roster.rows] == [
        ("Bo", 3),
        ("Cy Cy", 4),
        ("Di", 6),
    ]
