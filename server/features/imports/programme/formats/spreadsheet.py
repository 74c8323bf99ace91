"""Reads a programme from a workbook or a CSV file: a row for each session.

The titles of columns are in English or Chinese. A sheet's name may be the date or the room of its
rows. A date or room that is merged, or stands once above others, holds for the rows below.
"""

import re
from collections import Counter
from collections.abc import Iterator, Sequence
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
from server.features.imports.programme.formats.draft import SESSIONS_MAX, Draft, DraftPerson, Found
from server.features.imports.programme.formats.format import Format
from server.features.imports.programme.formats.times import TimeRefusedError, instant
from server.features.imports.programme.title import titles_of
from server.features.imports.venue_plan import VenueError

SHEETS_MAX = 60
_LIMITS = RosterLimits(
    file_bytes=10_000_000, unpacked_bytes=100_000_000, rows=SESSIONS_MAX, columns=100
)
_TITLES = {
    "code": "code id sessioncode sessionid 编号 会议编号 场次编号",
    "date": "date day 日期 时间日期 会议日期 天",
    "start": "start starts starttime begin begins from time timeslot 开始 开始时间 起始时间 时间"
    " 时间段 时段",
    "end": "end ends endtime until to finish 结束 结束时间 终止时间",
    "room": "room hall venue location place 会场 场地 地点 会议室 厅 展厅 房间",
    "title": "title session sessiontitle topic name event titleen englishtitle 标题 主题 会议名称"
    " 会议主题 议题 论坛名称 活动名称 名称 英文标题 英文名称",
    "title_zh": "titlezh chinesetitle titlechinese 中文标题 中文名称 中文主题",
    "people": "speaker speakers presenter presenters panellists 嘉宾 演讲嘉宾 演讲人 主讲人 发言人"
    " 讲者 报告人",
    "moderators": "moderator moderators chair chairs host 主持 主持人",
    "kind": "type kind sessiontype format 类型 类别 形式",
    "theme": "track theme stream 主线 专题 板块",
    "language": "language lang 语言 语种",
    "capacity": "capacity seats places roomcapacity hallcapacity 容量 座位数 容纳人数 会场容量"
    " 最大人数",
    "admitted": "admitted admits categories whoisadmitted whomayenter audience participants"
    " 准入 准入类别 准入人员 入场类别 参会人员 参会对象 参加人员 允许入场",
}  # fmt: skip
_OURS = {title: column for column, titles in _TITLES.items() for title in titles.split()}
_CARRIED = ("date", "room")
_BETWEEN_WORDS = re.compile(r"[;；、\n,，+&]")
_LINES = re.compile(r"[/|\n]")
_HAN_OR_NOT = re.compile(r"[\u3400-\u9fff]+|[^\u3400-\u9fff]+")
_BRACKETS = re.compile(r"[(\[（［【].*?[)\]）］】]")
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
    data: bytes, name: str, settings: EventSettings, encoding: str | None = None
) -> Found:
    """Read a file, of which `encoding` is for CSV. Raises VenueError if no sheet has the columns of
    a programme.
    """
    found = Found()
    try:
        sheets = list(_sheets(data, name, encoding))
    except RosterError as error:
        raise VenueError([error.phrase]) from None
    reader = _Reader(settings, found)
    read = [reader.sheet(title, lines) for title, lines in sheets]
    if not any(read):
        raise VenueError(
            [
                Phrase(
                    "%(name)s has no columns for a session's title and its start: name them title "
                    "(or 标题) and start (or 开始时间)",
                    name=name,
                )
            ]
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


def _title(cell: str) -> str:
    return "".join(char for char in _BRACKETS.sub("", cell).casefold() if char.isalnum())


def _column_of(cell: str) -> str | None:
    """Return our column of a title, which may be in two languages, such as "日期 Date"."""
    whole = _OURS.get(_title(cell))
    if whole:
        return whole
    parts = [part for piece in _LINES.split(cell) for part in _HAN_OR_NOT.findall(piece)]
    meant = {_OURS[_title(part)] for part in parts if _title(part) in _OURS}
    return meant.pop() if len(meant) == 1 else None


def _put_second_title(columns: dict[str, int], titles: Sequence[str], index: int) -> None:
    """Of two columns of titles, such as 会议名称 and Title, the Chinese one is `title_zh`."""
    first = columns["title"]
    is_chinese = [bool(titles_of(titles[at]).keys() & {"zh"}) for at in (first, index)]
    if is_chinese[0] != is_chinese[1] and "title_zh" not in columns:
        columns["title_zh"], columns["title"] = (first, index) if is_chinese[0] else (index, first)


def _columns(lines: Sequence[Line]) -> tuple[dict[str, int], int]:
    """The places of our columns, and that of the line with the titles."""
    best: dict[str, int] = {}
    place = 0
    for at, line in enumerate(lines[:HEADER_LINES]):
        columns: dict[str, int] = {}
        for index, cell in enumerate(line.cells):
            ours = _column_of(cell)
            if ours == "title" and "title" in columns:
                _put_second_title(columns, line.cells, index)
            elif ours:
                columns.setdefault(ours, index)
        if len(columns) > len(best):
            best, place = columns, at
    return best, place


class _Reader:
    def __init__(self, settings: EventSettings, found: Found) -> None:
        self.settings = settings
        self.zone = ZoneInfo(settings.time_zone)
        self.found = found
        self.met: Counter[str] = Counter()

    def sheet(self, sheet: str, lines: Sequence[Line]) -> bool:
        """Read a sheet's sessions. Return whether it has any."""
        columns, at = _columns(lines)
        if not {"title", "title_zh"} & columns.keys() or "start" not in columns:
            if sheet:
                note = Phrase("the sheet %(sheet)s is no programme: not read", sheet=shown(sheet))
                self.found.notes.append(note)
            return False
        known = set(columns.values())
        for index, cell in enumerate(lines[at].cells):
            if cell.strip() and index not in known:
                self.found.leave(encodable(cell.strip()[:40]))
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
        text = _WEEKDAY.sub("", _BRACKETS.sub("", text)).strip(" ,，")
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
