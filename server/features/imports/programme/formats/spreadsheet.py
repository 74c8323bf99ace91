"""Reads a programme from a workbook or a CSV file: a row for each session.

The titles of columns are in English or Chinese. A sheet's name may be the date or the room of its
rows. A date or room that is merged, or stands once above others, holds for the rows below.
"""

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

from badges.i18n import N_, Phrase, phrase_of
from badges.roster import cells
from badges.roster.csv_lines import csv_lines
from badges.roster.event_days import EventDays
from badges.roster.problems import Finding, RosterError, shown
from badges.roster.table import HEADER_LINES, Line, RosterAnswers, RosterLimits
from badges.roster.xlsx_lines import xlsx_sheets
from badges.whole_text import LONE, encodable
from server.core.event.settings import EventSettings
from server.features.imports.programme.codes import stable_code
from server.features.imports.programme.formats.columns import BRACKETS, NOT_READ, column_of
from server.features.imports.programme.formats.draft import SESSIONS_MAX, Draft, DraftPerson, Found
from server.features.imports.programme.formats.format import Format
from server.features.imports.programme.formats.times import TimeRefusedError, instant
from server.features.imports.programme.mapping import folded
from server.features.imports.programme.title import titles_of
from server.features.imports.venue_plan import VenueError

SHEETS_MAX = 60
_LIMITS = RosterLimits(
    file_bytes=10_000_000, unpacked_bytes=100_000_000, rows=SESSIONS_MAX, columns=100
)
_TITLE_CHARS_MAX = 100
_DETECTED: Mapping[str, str] = {}
_CARRIED = ("date", "room")
_BETWEEN_WORDS = re.compile(r"[;；、\n,，+&]")
_WEEKDAY = re.compile(
    r"\b(?:mon|tues?|wed(?:nes)?|thu(?:rs)?|fri|sat(?:ur)?|sun)(?:day)?\b[.,]?"
    r"|(?:星期|周|礼拜)[一二三四五六日天]",
    re.IGNORECASE,
)
_DAY_NUMBER = re.compile(r"(?:day|第)\s*(\d{1,2})\s*(?:天|日)?", re.IGNORECASE)
_CLOCK = re.compile(
    r"(上午|下午|晚上|中午|早上|凌晨)?\s*(\d{1,2})\s*[:.h：时點点]\s*(\d{2})?(?::\d{2})?\s*分?\s*([ap]\.?m\.?)?",
    re.IGNORECASE,
)
_OF_TITLE = "%s of the programme"  # no code that an organiser would write
_DATE_WITH_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(.+)")  # a spreadsheet's own
# "9月12日 上午9:00" or "2026-09-12 09:00": a date, then a time.
_DATE_THEN_CLOCK = re.compile(
    r"([^:：时點点]*?[\d日号天)）])"
    r"(?:\s+(?=\d{1,2}\s*[:：时點点])|\s*(?=上午|下午|晚上|中午|早上|凌晨))(.+)"
)
_UNTIL = re.compile(r"\s*(?:-|–|—|~|～|至|到|\bto\b|\buntil\b)\s*", re.IGNORECASE)
_BETWEEN_PEOPLE = re.compile(r"[;；、\n,，/]")
_FOREIGN = Phrase(
    "has characters that are no UTF-8: save the file as 'CSV UTF-8', or say its encoding, such as "
    "--encoding cp1252"
)


class _CellRefusedError(TimeRefusedError):
    pass


def read_spreadsheet(
    data: bytes,
    name: str,
    settings: EventSettings,
    encoding: str | None = None,
    columns: Mapping[str, str] = _DETECTED,
) -> Found:
    """Read a file, of which `encoding` is for CSV.

    `columns` has our columns, or NOT_READ, by folded titles; other titles are known or not.
    """
    found = Found()
    try:
        sheets = list(_sheets(data, name, encoding))
    except RosterError as error:
        raise VenueError([error.phrase]) from None
    reader = _Reader(settings, found, columns)
    read = [reader.sheet(title, lines) for title, lines in sheets]
    if not any(read):
        found.columns = {title: ours.replace(NOT_READ, "") for title, ours in reader.others.items()}
        found.problems.append(
            Phrase(
                "%(name)s has no columns for a session's title and its start: name them title "
                "(or 标题) and start (or 开始时间)",
                name=name,
            )
        )
    return found


def _sheets(data: bytes, name: str, encoding: str | None) -> Iterator[tuple[str, list[Line]]]:
    others: list[str] = []

    def tell(finding: Finding) -> None:
        others.extend(sheet.title for sheet in finding.sheets)

    if not data.startswith(b"PK\x03\x04"):
        yield "", list(csv_lines(data, name, encoding, tell))
        return
    answers = RosterAnswers(hidden_rows="take", formulas="values")
    yield from xlsx_sheets(data, name, _LIMITS, answers, tell)
    if len(others) > SHEETS_MAX:
        raise VenueError([Phrase("%(name)s has over %(most)s sheets", name=name, most=SHEETS_MAX)])
    for title in dict.fromkeys(others):
        answers = RosterAnswers(sheets=(title,), hidden_rows="take", formulas="values")
        yield from xlsx_sheets(data, name, _LIMITS, answers, lambda _: None)


def _shown(title: str) -> str:
    return encodable(" ".join(title.split())[:_TITLE_CHARS_MAX])


def _put_second_title(columns: dict[str, int], titles: Sequence[str], index: int) -> None:
    """Of two columns of titles, such as 会议名称 and Title, the Chinese one is `title_zh`."""
    first = columns["title"]
    is_chinese = [bool(titles_of(titles[at]).keys() & {"zh"}) for at in (first, index)]
    if is_chinese[0] != is_chinese[1] and "title_zh" not in columns:
        columns["title_zh"], columns["title"] = (first, index) if is_chinese[0] else (index, first)


class _Reader:
    def __init__(self, settings: EventSettings, found: Found, given: Mapping[str, str]) -> None:
        self.settings = settings
        self.given = given
        self.others: dict[str, str] = {}  # like `found.columns`, of sheets that are no programme
        self.zone = ZoneInfo(settings.time_zone)
        self.found = found
        self.met: Counter[str] = Counter()

    def sheet(self, sheet: str, lines: Sequence[Line]) -> bool:
        """Read a sheet's sessions. Return whether it has any."""
        columns, at = self._columns(lines)
        titles = self._titles(columns, lines[at].cells if lines else ())
        if not {"title", "title_zh"} & columns.keys() or "start" not in columns:
            self.others |= titles
            if sheet:
                note = Phrase("the sheet %(sheet)s is no programme: not read", sheet=shown(sheet))
                self.found.notes.append(note)
            return False
        self.found.columns |= titles
        for title, ours in titles.items():
            if ours == NOT_READ:
                self.found.leave(title[:40])
        days = EventDays(self.settings.days, self.settings.first_day, None)
        dates = columns.get("date")
        if dates is not None:
            days.study(line.cells[dates] for line in lines[at + 1 :] if dates < len(line.cells))
        carried = dict.fromkeys(_CARRIED, "")
        for line in lines[at + 1 :]:
            values = {column: self._text(line, index) for column, index in columns.items()}
            for column in _CARRIED:
                carried[column] = values.get(column) or carried[column]
            if not (values.get("title") or values.get("title_zh")):
                continue  # a pause, a heading of a day, or an empty line
            place = Phrase("line %(number)s", number=line.number)
            if sheet:
                place = Phrase("sheet %(sheet)s, row %(row)s", sheet=shown(sheet), row=line.number)
            # A heading of a day may have such letters too, and is carried down to the sessions.
            if line.flaw or any(map(LONE.search, {**values, **carried}.values())):
                why = line.flaw or _FOREIGN
                self.found.problems.append(Phrase("%(place)s: %(what)s", place=place, what=why))
                continue
            try:
                self.found.drafts.append(self._draft(place, sheet, {**values, **carried}, days))
            except TimeRefusedError as error:
                self.found.problems.append(
                    Phrase("%(place)s: %(what)s", place=place, what=phrase_of(error))
                )
        return True

    def _columns(self, lines: Sequence[Line]) -> tuple[dict[str, int], int]:
        """The places of our columns, and that of the line with the titles."""
        best: dict[str, int] = {}
        place = 0
        for at, line in enumerate(lines[:HEADER_LINES]):
            columns: dict[str, int] = {}
            for index, cell in enumerate(line.cells):
                ours = self.given.get(folded(_shown(cell))) or column_of(cell)
                if ours == "title" and "title" in columns:
                    _put_second_title(columns, line.cells, index)
                elif ours and ours != NOT_READ:
                    columns.setdefault(ours, index)
            if len(columns) > len(best):
                best, place = columns, at
        return best, place

    def _titles(self, columns: Mapping[str, int], cells: Sequence[str]) -> dict[str, str]:
        """Return our column, or NOT_READ, of each title."""
        ours = {index: column for column, index in columns.items()}
        return {
            _shown(cell): ours.get(index, NOT_READ)
            for index, cell in enumerate(cells)
            if cell.strip()
        }

    def _text(self, line: Line, index: int) -> str:
        raw = line.cells[index] if index < len(line.cells) else ""
        return raw.strip() or line.above.get(index, "").strip()

    def _draft(self, place: str, sheet: str, values: dict[str, str], days: EventDays) -> Draft:
        title, title_zh = (" ".join(values.get(key, "").split()) for key in ("title", "title_zh"))
        start = values["start"]
        stamp = _DATE_WITH_TIME.fullmatch(start) or _DATE_THEN_CLOCK.fullmatch(start)
        if stamp:
            values = {**values, "date": values.get("date") or stamp[1], "start": stamp[2]}
        parts = _UNTIL.split(values["start"], maxsplit=1)
        end = values.get("end") or (parts[1] if len(parts) > 1 else "")
        end_stamp = _DATE_WITH_TIME.fullmatch(end) or _DATE_THEN_CLOCK.fullmatch(end)
        end = end_stamp[2] if end_stamp else end
        if not end:
            raise _CellRefusedError(N_("has no end: write it, or a time such as 09:00-10:30"))
        midnight = self._midnight(values.get("date", ""), sheet, days)
        starts = datetime.combine(midnight, _clock(parts[0]))
        ends = datetime.combine(midnight, _clock(end))
        if ends <= starts:
            ends += timedelta(days=1)
        main = title or title_zh
        self.met[main] += 1
        suffix = f"-{self.met[main]}" if self.met[main] > 1 else ""
        code = values.get("code") or _OF_TITLE % main
        kind = values.get("kind", "")
        return Draft(
            place=place,
            code=stable_code(code, "" if values.get("code") else suffix),
            activity=stable_code(code),
            title=main,
            title_zh=title_zh,
            room=" ".join((values.get("room") or self._room(sheet, values)).split()),
            starts_at=instant(starts, self.zone),
            ends_at=instant(ends, self.zone),
            kinds=(kind,) if kind else (),
            theme=values.get("theme", ""),
            language=values.get("language", ""),
            capacity=values.get("capacity", ""),
            admitted=tuple(
                " ".join(word.split())
                for word in _BETWEEN_WORDS.split(values.get("admitted", ""))
                if word.strip()
            ),
            people=(
                *_people(values.get("moderators", ""), "moderator"),
                *_people(values.get("people", ""), ""),
            ),
        )

    def _room(self, sheet: str, values: dict[str, str]) -> str:
        """The sheet's name, if the rows name their date."""
        return sheet if values.get("date") else ""

    def _midnight(self, text: str, sheet: str, days: EventDays) -> datetime:
        text = _DATE_WITH_TIME.sub(r"\1", text or sheet)
        text = _WEEKDAY.sub("", BRACKETS.sub("", text)).strip(" ,，")
        if not text:
            if self.settings.days == 1:
                return datetime.combine(self.settings.first_day, time())
            raise _CellRefusedError(N_("has no date: add a column date (or 日期)"))
        number = _DAY_NUMBER.fullmatch(text)
        try:
            read = days.read(number[1] if number else text) or ()
        except cells.CellError as error:
            raise _CellRefusedError(
                N_("date %(text)s: %(why)s"), text=shown(text), why=phrase_of(error)
            ) from None
        if len(read) != 1:
            raise _CellRefusedError(N_("date %(text)s is not one day"), text=shown(text))
        return datetime.combine(self.settings.first_day + timedelta(read[0] - 1), time())


def _clock(text: str) -> time:
    match = _CLOCK.fullmatch(text.strip())
    if match:
        hour, minute = int(match[2]), int(match[3] or 0)
        is_late = match[1] in ("下午", "晚上") or (match[4] or "").lower().startswith("p")
        if is_late and hour < 12:
            hour += 12
        if (match[4] or "").lower().startswith("a") and hour == 12:
            hour = 0
        if hour < 24 and minute < 60:
            return time(hour, minute)
    raise _CellRefusedError(N_("%(text)s is not a time such as 09:30"), text=shown(text))


def _people(text: str, role: str) -> Iterator[DraftPerson]:
    for name in _BETWEEN_PEOPLE.split(text):
        plain = " ".join(name.split())
        if plain:
            yield DraftPerson(plain, role=role)


XLSX = Format("xlsx", "XLSX", ".xlsx", b"PK\x03\x04", read_spreadsheet)
CSV = Format("csv", "CSV", ".csv", b"", read_spreadsheet)  # by the file's name
