"""Reads the lines of a CSV file, in the encodings and with the delimiters of spreadsheets."""

import codecs
import csv
import io
import itertools
import re
from collections.abc import Callable, Iterator

from badges.i18n import N_, Phrase, joined
from badges.roster.columns import column_of
from badges.roster.problems import Finding, RosterError, shown
from badges.roster.table import SAVE_AS, Line

ENCODINGS = (
    "utf-8", "utf-16", "utf-16-le", "utf-16-be", "gb18030", "big5", "shift_jis", "euc-kr",
    "cp1250", "cp1251", "cp1252",
)  # fmt: skip
_SAME = {"utf8": "utf-8", "gbk": "gb18030", "gb2312": "gb18030", "cp936": "gb18030"}
_DELIMITERS = ",;\t"
# It also occurs within titles, so it counts only if the titles have no other delimiter.
_LAST_DELIMITER = "|"
# Some spreadsheets write this line first.
_SEP_LINE = re.compile(r"sep=([,;\t|])\r?\n", re.IGNORECASE)
_OLE = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1"  # old Office files, and encrypted new ones
_TITLE_LINES = 10  # the titles are in one of these first lines
_FOREIGN_LINES_MOST = 10  # more such lines mean that the whole file has another encoding
# Recognised by our Chinese titles, none of which reads the same in both.
_RECOGNISED = ("gb18030", "big5")
_SHOWN_ENCODINGS = ("gb18030", "big5", "shift_jis", "euc-kr", "cp1251", "cp1252")


def csv_lines(
    data: bytes, name: str, encoding: str | None, tell: Callable[[Finding], None]
) -> Iterator[Line]:
    """Raises RosterError if it is no text or in another encoding."""
    _refuse_other_kinds(data, name)
    return _records(_decode(data, name, encoding, tell))


def _refuse_other_kinds(data: bytes, name: str) -> None:
    start = data[:1024].lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if not data.strip():
        raise RosterError(N_("%(name)s is empty"), name=shown(name))
    if data.startswith(_OLE):
        if "EncryptedPackage".encode("utf-16-le") in data:
            raise RosterError(
                N_("%(name)s is protected by a password: %(save_as)s without one"),
                name=shown(name),
                save_as=SAVE_AS,
            )
        raise RosterError(
            N_("%(name)s is an old Office file: %(save_as)s"), name=shown(name), save_as=SAVE_AS
        )
    if start.startswith((b"<!doctype", b"<html", b"<table", b"<?xml", b"%pdf", b"{\\rtf")):
        raise RosterError(
            N_("%(name)s is not a table but another kind of file: %(save_as)s"),
            name=shown(name),
            save_as=SAVE_AS,
        )


def _decode(data: bytes, name: str, encoding: str | None, tell: Callable[[Finding], None]) -> str:
    """Decode the text. Without `encoding` it is UTF-8, UTF-16 by its byte order mark, or a Chinese
    encoding in which some column titles are known.

    A few bytes of other encodings in a UTF-8 file become lone surrogates, which are reported by
    cell.
    """
    if encoding is not None:
        return _decode_as(data, name, encoding)
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        return _decode_as(data, name, "utf-16")
    if 0 in data:
        detected = _utf_16_without_mark(data)
        if detected:
            tell(_read_as(name, detected))
            return _decode_as(data, name, detected)
    if data.count(0) > len(data) // 10:
        raise RosterError(
            N_("%(name)s is not text in UTF-8: %(save_as)s"), name=shown(name), save_as=SAVE_AS
        )
    text = data.decode("utf-8-sig", "surrogateescape")
    try:
        data.decode("utf-8")
    except UnicodeDecodeError as error:
        lines = data.splitlines()
        start = lines[:_TITLE_LINES]
        detected = _recognised(data, b"\n".join(start)) if any(map(_foreign, start)) else None
        if detected:
            tell(_read_as(name, detected))
            return _decode_as(data, name, detected)
        if _foreign(lines[0]) or sum(map(_foreign, lines)) > _FOREIGN_LINES_MOST:
            number = data.count(b"\n", 0, error.start) + 1
            raise RosterError(
                N_(
                    "%(name)s is not in UTF-8 (first at line %(number)s): %(save_as)s, or "
                    "name its encoding, such as gb18030.%(lines)s"
                ),
                name=shown(name),
                number=number,
                save_as=SAVE_AS,
                lines=_readings(data, next(filter(_foreign, lines))),
            ) from None
    return text


def _read_as(name: str, encoding: str) -> Finding:
    message = Phrase(
        "%(name)s is read as %(found)s, by its titles", name=shown(name), found=encoding
    )
    return Finding("encoding", 1, message)


def _utf_16_without_mark(data: bytes) -> str | None:
    """The UTF-16 variant in which a first line has known titles."""
    for encoding in ("utf-16-le", "utf-16-be"):
        try:
            lines = data.decode(encoding).splitlines()[:_TITLE_LINES]
        except UnicodeDecodeError:
            continue
        titles = [title for line in lines for title in re.split(r"[,;\t|]", line)]
        if any(column_of(title.strip('"')) for title in titles):
            return encoding
    return None


def _recognised(data: bytes, header: bytes) -> str | None:
    """The encoding in which the header has a known title."""
    for encoding in _RECOGNISED:
        try:
            titles = re.split(r"[,;\t|\n]", header.decode(encoding))
            data.decode(encoding)
        except UnicodeDecodeError:
            continue
        if any(not title.isascii() and column_of(title.strip('"')) for title in titles):
            return encoding
    return None


def _readings(data: bytes, line: bytes) -> str:
    readings = []
    for encoding in _SHOWN_ENCODINGS:
        try:
            data.decode(encoding)
            text = line.decode(encoding)
        except UnicodeDecodeError:
            continue
        readings.append(
            Phrase(
                "\n  --encoding %(encoding)s reads %(what)s",
                encoding=encoding,
                what=shown(text, 60),
            )
        )
    return joined("", readings)


def _foreign(line: bytes) -> bool:
    try:
        line.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False


def _decode_as(data: bytes, name: str, encoding: str) -> str:
    codec = _SAME.get(encoding.lower(), encoding.lower())
    if codec not in ENCODINGS:
        raise RosterError(
            N_("unknown encoding %(encoding)s: use one of %(encodings)s"),
            encoding=shown(encoding),
            encodings=", ".join(ENCODINGS),
        )
    try:
        return data.decode(codec).removeprefix("\ufeff")
    except UnicodeDecodeError as error:
        number = data.count(b"\n", 0, error.start) + 1
        raise RosterError(
            N_("%(name)s is not in %(known)s (first at line %(number)s): %(save_as)s"),
            name=shown(name),
            known=codec,
            number=number,
            save_as=SAVE_AS,
        ) from None


def _records(text: str) -> Iterator[Line]:
    sep = _SEP_LINE.match(text)
    skipped = 1 if sep else 0
    delimiter = sep[1] if sep else _sniff(text)
    text = text[sep.end() :] if sep else text
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    while True:
        before = reader.line_num
        number = before + 1 + skipped
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield Line(number, (), _flaw(str(error)), reader.line_num - before)
        else:
            yield Line(number, tuple(cells), span=reader.line_num - before)


def _sniff(text: str) -> str:
    header = _title_line(text)
    outside_quotes = "".join(header.split('"')[::2])
    if _LAST_DELIMITER in outside_quotes and not set(_DELIMITERS) & set(outside_quotes):
        return _LAST_DELIMITER
    return max(_DELIMITERS, key=outside_quotes.count)


def _title_line(text: str) -> str:
    """The first line with a known column title and another cell, else the first line that is not
    blank.
    """
    filled = (line for line in io.StringIO(text) if line.strip())
    lines = list(itertools.islice(filled, _TITLE_LINES))
    for line in lines:
        titles = re.split(r"[,;\t|]", line)
        if len(titles) > 1 and any(column_of(title.strip().strip('"')) for title in titles):
            return line
    return lines[0] if lines else ""


def _flaw(error: str) -> str:
    if "field larger" in error:
        return Phrase("a cell has over 131,072 characters: is a closing quote missing?")
    if "unexpected end" in error:
        return Phrase(
            "a quote opens here and never closes: close it, or double a quote inside a cell"
        )
    return Phrase("the quotes do not match: double every quote inside a quoted cell")
