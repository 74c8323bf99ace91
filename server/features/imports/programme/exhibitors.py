"""Reads exhibitors and their stands from a CSV or XLSX file.

A row's organisation is identified by its code, else by any of its names, else created.
"""

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from badges.i18n import Count, Phrase, joined, phrase_of
from badges.roster import cells
from badges.roster.csv_lines import csv_lines
from badges.roster.problems import Finding, RosterError, shown
from badges.roster.same_name import name_key
from badges.roster.table import HEADER_LINES, Line, RosterAnswers, RosterLimits
from badges.roster.xlsx_lines import xlsx_sheets
from server.core.programme import exhibition, organisations
from server.core.venue import fields as venue_fields
from server.core.venue import store
from server.core.venue.fields import ValueRefusedError
from server.features.imports.programme.codes import code_of_name, stable_code
from server.features.imports.programme.fields import M2_MAX
from server.features.imports.programme.mapping import folded
from server.features.imports.programme.plan import (
    AreaPlan,
    ExhibitorPlan,
    OrganisationPlan,
    Programme,
    StandPlan,
)
from server.features.imports.venue_plan import Venue, VenueError
from server.storage.connection import Connection

LIMITS = RosterLimits(file_bytes=10_000_000, unpacked_bytes=100_000_000, rows=20_000, columns=100)
_TITLES = {
    "code": "code exhibitorcode exhibitorid organisationcode 编号 展商编号 参展商编号",
    "name": "name exhibitor exhibitorname company companyname organisation organization"
    " organisationname organizationname nameen englishname companynameenglish 英文名称 英文名",
    "name_zh": "namezh chinesename 中文名称 中文名 名称 单位名称 公司名称 企业名称 参展商 展商"
    " 展商名称 参展商名称 参展单位",
    "country": "country countrycode countryregion 国家 国别 国家地区",
    "kind": "kind type organisationtype organisationkind category 类型 类别 性质 单位性质",
    "stand": "stand stands standnumber standno standnumbers booth booths boothnumber boothno"
    " 展位 展位号 摊位 摊位号",
    "area": "area zone exhibitionarea 展区 区域 所在展区",
    "hall": "hall hallname exhibitionhall pavilion 展馆 场馆 馆 馆号 展厅 所在展馆 所在场馆",
    "m2": "m2 sqm squaremetres squaremeters standm2 size aream2 面积 展位面积 平方米",
}  # fmt: skip
# Of people, whom the list of attendees has. An organisation or a stand has no place for them.
_CONTACT = frozenset(
    "contact contactname contactperson contactemail contactphone contactmobile contacttel email"
    " mail emailaddress phone telephone mobile tel wechat 联系人 联系人姓名 联系人邮箱 联系人手机"
    " 联系人电话 联系方式 联系电话 邮箱 电子邮箱 电子邮件 邮件 手机 手机号 手机号码"
    " 电话 电话号码 微信".split()
)
_OURS = {title: column for column, titles in _TITLES.items() for title in titles.split()}
_KINDS = {
    "企业": "company", "公司": "company", "高校": "university", "大学": "university",
    "研究所": "institute", "研究院": "institute", "国际组织": "international", "政府": "government",
    "协会": "association", "媒体": "media", "其他": "other",
}  # fmt: skip
_OWN = frozenset({"stand", "m2"})  # Not filled down from merged cells
# Ends at the next bracket of either kind: a text of brackets must not take quadratic time.
_BRACKETS = re.compile(r"[(\[（［【][^(\[（［【)\]）］】]*[)\]）］】]")
_SEPARATOR = re.compile(r"[,;/|&\n、，；]")
_NUMBER = re.compile(r"([0-9]{1,7})(?:[.]([0-9]{1,3}))?\s*(?:m2|sqm|平方米|平米)?", re.IGNORECASE)
_HAN = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class ExhibitorFile:
    """The venue of valid rows, and the other rows' problems."""

    venue: Venue
    problems: tuple[str, ...]
    skipped: int  # Rows


def read_exhibitors(
    db: Connection,
    data: bytes,
    name: str,
    *,
    encoding: str | None = None,
    sheet: str | None = None,
    area: str | None = None,
    new_areas: str | None = None,
    on_page: bool = False,
) -> ExhibitorFile:
    """Read the exhibitors in a CSV or XLSX file called `name`.

    `area` is the code of the area for stands without one, `new_areas` that of the hall for new
    areas, one of which has the hall's names and the stands without any. With `on_page`, messages
    name the page's fields, not command-line options. Raises VenueError if nothing can be read.
    """
    notes: list[str] = []
    lines = _lines(data, name, encoding, sheet, notes)
    columns, at = _header(lines, name)
    used = set(columns.values())
    unread = [
        cell.strip()
        for number, cell in enumerate(lines[at].cells)
        if number not in used and cell.strip()
    ]
    contacts = [heading for heading in unread if _title(heading) in _CONTACT]
    unread = [heading for heading in unread if heading not in contacts]
    if contacts:
        notes.append(
            Phrase(
                "columns of contacts: %(contacts)s. They are people: import this file as a list of "
                "attendees too, with the category of exhibitors",
                contacts=", ".join(heading[:40] for heading in contacts),
            )
        )
    if unread:
        notes.append(
            Phrase(
                "columns that are not read: %(unread)s",
                unread=", ".join(heading[:40] for heading in unread),
            )
        )
    reader = _Reader(db, columns, area, new_areas, on_page)
    for line in lines[at + 1 :]:
        reader.row(line)
    return reader.result(notes)


def _lines(
    data: bytes, name: str, encoding: str | None, sheet: str | None, notes: list[str]
) -> list[Line]:
    def tell(finding: Finding) -> None:
        notes.append(finding.message)

    if len(data) > LIMITS.file_bytes:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has over %(file_bytes)s bytes: split it",
                    name=name,
                    file_bytes=Count(LIMITS.file_bytes),
                )
            ]
        )
    answers = RosterAnswers(sheets=(sheet,) if sheet else (), hidden_rows="take")
    all_lines: Iterable[Line]
    try:
        if data.startswith(b"PK\x03\x04"):
            ((_, all_lines),) = xlsx_sheets(data, name, LIMITS, answers, tell)
        else:
            all_lines = csv_lines(data, name, encoding, tell)
        lines = [
            line for line in all_lines if line.flaw or any(cell.strip() for cell in line.cells)
        ]
    except RosterError as error:
        raise VenueError([error.phrase]) from None
    if len(lines) > LIMITS.rows:
        raise VenueError(
            [
                Phrase(
                    "%(name)s has over %(rows)s rows: split it", name=name, rows=Count(LIMITS.rows)
                )
            ]
        )
    return lines


def _header(lines: Sequence[Line], name: str) -> tuple[dict[str, int], int]:
    best: dict[str, int] = {}
    place = 0
    for at, line in enumerate(lines[:HEADER_LINES]):
        columns: dict[str, int] = {}
        for number, cell in enumerate(line.cells):
            column = _OURS.get(_title(cell))
            if column:
                columns.setdefault(column, number)
        if len(columns) > len(best):
            best, place = columns, at
    if not {"name", "name_zh"} & best.keys() or "stand" not in best:
        titles = ", ".join(shown(cell) for cell in (lines[0].cells[:12] if lines else ()))
        raise VenueError(
            [
                Phrase(
                    "%(name)s has no columns for exhibitors and stands, only %(what)s: name "
                    "them exhibitor (or 参展商) and stand (or 展位号)",
                    name=name,
                    what=titles or "none",
                )
            ]
        )
    return best, place


def _title(cell: str) -> str:
    text = _BRACKETS.sub("", unicodedata.normalize("NFKC", cell).casefold())
    return "".join(char for char in text if char.isalnum())


class _Reader:
    def __init__(
        self,
        db: Connection,
        columns: dict[str, int],
        area: str | None,
        new_areas: str | None,
        on_page: bool,
    ) -> None:
        self.name_one = (
            Phrase("choose one below, or the hall in which one is made")
            if on_page
            else Phrase("choose one with --area, or make one with --new-areas HALL")
        )
        self.make_it = (
            Phrase("Choose below where it is made")
            if on_page
            else Phrase("Make it with --new-areas HALL")
        )
        self.columns = columns
        self.area = area
        self.new_areas = new_areas
        existing = organisations.organisations(db)
        self.stored = {
            item.code: OrganisationPlan(item.code, item.names, item.country, item.kind)
            for item in existing
        }
        self.by_name: dict[str, set[str]] = {}
        for item in existing:
            for text in item.all_names:
                self.by_name.setdefault(name_key("", text), set()).add(item.code)
        self.exhibitor_of = {
            row["organisation"]: row["code"]
            for row in db.execute(
                "SELECT x.code, o.code AS organisation FROM exhibitor x JOIN organisation o"
                " ON o.organisation_id = x.organisation_id ORDER BY x.code DESC"
            )
        }
        self.halls = {hall.code: hall.names for hall in store.halls(db)}
        ids = {hall.hall_id: hall.code for hall in store.halls(db)}
        self.hall_named: dict[str, set[str]] = {}
        for hall, hall_names in self.halls.items():
            for text in (hall, *hall_names.values()):
                self.hall_named.setdefault(folded(text), set()).add(hall)
        self.areas_in: dict[str, list[str]] = {}
        self.areas: dict[str, set[str]] = {}
        for place in exhibition.areas(db):
            self.areas_in.setdefault(ids[place.hall_id], []).append(place.code)
            for text in (place.code, *place.names.values()):
                self.areas.setdefault(folded(text), set()).add(place.code)
        self.standing = {item.code: item for item in exhibition.stands(db)}
        self.made_areas: dict[str, AreaPlan] = {}
        self.organisations: dict[str, OrganisationPlan] = {}
        self.exhibitors: dict[str, ExhibitorPlan] = {}
        self.stands: dict[str, StandPlan] = {}
        self.first_line: dict[str, int] = {}
        self.rows: dict[tuple[str, str], str] = {}
        self.problems: list[str] = []
        self.notes: list[str] = []
        self.skipped = 0

    def row(self, line: Line) -> None:
        problems = [line.flaw] if line.flaw else []
        if not problems:
            organisation, stands = self._organisation(line, problems), self._stands(line, problems)
            if not problems:
                self._take(line, organisation, stands)
                return
        self.skipped += 1
        self.problems += [
            Phrase("line %(number)s: %(problem)s", number=line.number, problem=problem)
            for problem in problems
        ]

    def result(self, notes: Iterable[str]) -> ExhibitorFile:
        return ExhibitorFile(
            Venue(
                programme=Programme(
                    organisations=tuple(self.organisations.values()),
                    areas=tuple(self._areas_with_room()),
                    exhibitors=tuple(self.exhibitors.values()),
                    stands=tuple(self.stands.values()),
                ),
                notes=(*notes, *self.notes),
                rows=self.rows,
            ),
            tuple(self.problems),
            self.skipped,
        )

    def _areas_with_room(self) -> Iterator[AreaPlan]:
        for area in self.made_areas.values():
            yield replace(
                area, m2=sum(stand.m2 for stand in self.stands.values() if stand.area == area.code)
            )

    def _cell(self, line: Line, column: str, problems: list[str]) -> str:
        at = self.columns.get(column)
        raw = line.cells[at] if at is not None and at < len(line.cells) else ""
        if not raw.strip() and at is not None and column not in _OWN:
            raw = line.above.get(at, "")  # of the merged cell
        try:
            return cells.clean("organisation" if column.startswith("name") else "zones", raw)
        except cells.CellError as error:
            problems.append(Phrase("%(key)s %(what)s", key=column, what=error.phrase))
            return ""

    def _organisation(self, line: Line, problems: list[str]) -> OrganisationPlan:
        names: dict[str, str] = {}
        for column in ("name", "name_zh"):
            text = self._cell(line, column, problems)
            if text:
                names.setdefault("zh" if _HAN.search(text) else "en", text)
        code = self._cell(line, "code", problems)
        if not names and not problems:
            problems.append(Phrase("has no name of an exhibitor"))
        country = self._cell(line, "country", problems)
        try:
            country = cells.country(country) if country else ""
        except cells.CellError as error:
            problems.append(Phrase("country %(why)s", why=phrase_of(error)))
        kind = self._kind(self._cell(line, "kind", problems), problems)
        code = self._code(code, names, problems)
        before = self.organisations.get(code) or self.stored.get(code)
        if before is None:
            return OrganisationPlan(code, names, country, kind or "other")
        return OrganisationPlan(
            code, {**before.names, **names}, country or before.country, kind or before.kind
        )

    def _kind(self, word: str, problems: list[str]) -> str:
        low = word.casefold()
        if not word or low in organisations.KINDS:
            return low
        if word in _KINDS:
            return _KINDS[word]
        kinds = ", ".join(organisations.KINDS)
        problems.append(Phrase("kind %(word)s is none of %(known)s", word=shown(word), known=kinds))
        return ""

    def _code(self, code: str, names: dict[str, str], problems: list[str]) -> str:
        if code:
            try:
                code = venue_fields.code(cells.narrow(code))
            except ValueRefusedError as error:
                problems.append(Phrase("code %(why)s", why=phrase_of(error)))
                return ""
            if code in self.stored or code in self.organisations:
                return code
        keys = [name_key("", text) for text in names.values()]
        codes = {number for key in keys for number in self.by_name.get(key, ())}
        if len(codes) > 1:
            problems.append(
                Phrase(
                    "%(names)s could be the organisation %(found)s: write its code",
                    names=shown(next(iter(names.values()))),
                    found=joined(Phrase(" or "), sorted(codes)),
                )
            )
        if codes:
            return min(codes)
        if not names:
            return ""
        name = names.get("en") or names["zh"]
        code = code or code_of_name(name)
        if code in self.stored or code in self.organisations:  # used by another organisation
            code = stable_code(f"{name} of exhibitors")
        for key in keys:
            self.by_name.setdefault(key, set()).add(code)
        return code

    def _stands(self, line: Line, problems: list[str]) -> list[StandPlan]:
        codes = []
        for part in _SEPARATOR.split(cells.narrow(self._cell(line, "stand", problems))):
            if not part.strip():
                continue
            try:
                codes.append(venue_fields.code("-".join(part.split())))
            except ValueRefusedError as error:
                problems.append(
                    Phrase("stand %(part)s %(why)s", part=shown(part.strip()), why=phrase_of(error))
                )
        for code in codes:
            first = self.first_line.setdefault(code.casefold(), line.number)
            if first != line.number or codes.count(code) > 1:
                message = Phrase("stand %(code)s is there twice", code=code) + (
                    Phrase(": it is in line %(first)s too", first=first)
                    if first != line.number
                    else ""
                )
                problems.append(message)
        if not codes:
            problems.append(Phrase("has no stand"))
            return []
        sizes = self._sizes(line, len(codes), problems)
        word, hall = self._cell(line, "area", problems), self._cell(line, "hall", problems)
        return [
            StandPlan(code, self._area(word, hall, code, problems), None, m2)
            for code, m2 in zip(codes, sizes, strict=True)
        ]

    def _sizes(self, line: Line, stands: int, problems: list[str]) -> list[int]:
        """Return each stand's m². A single size is divided among the row's stands."""
        text = unicodedata.normalize("NFKC", self._cell(line, "m2", problems))
        parts = [part.strip() for part in re.split(r"[;/|、;]|,\s", text) if part.strip()]
        sizes = []
        for part in parts:
            match = _NUMBER.fullmatch(part.replace(",", ""))
            whole = int(match[1]) if match else M2_MAX + 1
            if match and match[2] and int(match[2]):
                whole += match[2][0] >= "5"
                self.notes.append(
                    Phrase(
                        "line %(number)s: %(part)s m² is taken as %(whole)s",
                        number=line.number,
                        part=part,
                        whole=whole,
                    )
                )
            if whole > M2_MAX:
                problems.append(
                    Phrase("m² %(part)s is not a number of square metres", part=shown(part))
                )
                whole = 0
            sizes.append(whole)
        if len(sizes) == stands:
            return sizes
        if len(sizes) > 1:
            problems.append(
                Phrase("has %(count)s sizes for %(stands)s stands", count=len(sizes), stands=stands)
            )
        if len(sizes) != 1:
            return [0] * stands
        each, rest = divmod(sizes[0], stands)
        self.notes.append(
            Phrase(
                "line %(number)s: %(sizes)s m² are divided among %(stands)s stands",
                number=line.number,
                sizes=sizes[0],
                stands=stands,
            )
        )
        return [each + (number < rest) for number in range(stands)]

    def _area(self, word: str, hall: str, stand: str, problems: list[str]) -> str:
        """The area that a row calls so, else that of its hall. Without both, the stand's own."""
        if hall and not word:
            halls = self.hall_named.get(folded(hall), set())
            if len(halls) == 1 and not self.areas.get(folded(hall)):
                return self._area_of_hall(next(iter(halls)))
            word = hall
        if not word:
            standing = self.standing.get(stand)
            default = (standing.area if standing else None) or self.area
            if default is None and self.new_areas is not None:
                default = self._area_of_hall(self.new_areas)
            if default is None:
                problems.append(
                    Phrase(
                        "stand %(stand)s has no area: write one, or %(name_one)s",
                        stand=stand,
                        name_one=self.name_one,
                    )
                )
            return default or ""
        matches = self.areas.get(folded(word), set())
        if len(matches) == 1:
            return next(iter(matches))
        if matches:
            problems.append(
                Phrase(
                    "area %(word)s could be %(known)s",
                    word=shown(word),
                    known=joined(Phrase(" or "), sorted(matches)),
                )
            )
            return ""
        if self.new_areas is None:
            there = sorted({code for codes in self.areas.values() for code in codes})
            problems.append(
                Phrase(
                    "area %(word)s does not exist in this event; it has %(what)s. %(make_it)s",
                    word=shown(word),
                    what=", ".join(there[:12]) or "none",
                    make_it=self.make_it,
                )
            )
            return ""
        code = code_of_name(word)
        language = "zh" if _HAN.search(word) else "en"
        self.areas_in.setdefault(self.new_areas, []).append(code)
        self.made_areas[code] = AreaPlan(code, self.new_areas, {language: word}, 0)
        self.areas[folded(word)] = {code}
        return code

    def _area_of_hall(self, hall: str) -> str:
        """The only area in a hall, else one with the hall's names, which is made."""
        there = self.areas_in.setdefault(hall, [])
        if len(there) == 1:
            return there[0]
        taken = {code for codes in self.areas.values() for code in codes}
        code = hall if hall in there or hall not in taken else stable_code(f"area of {hall}")
        if code not in taken:
            self.made_areas[code] = AreaPlan(code, hall, dict(self.halls.get(hall, {})), 0)
            self.areas.setdefault(folded(code), set()).add(code)
            there.append(code)
            self.notes.append(
                Phrase(
                    "stands without an area are in a new one with the name of the hall %(hall)s",
                    hall=hall,
                )
            )
        return code

    def _take(
        self, line: Line, organisation: OrganisationPlan, stands: Iterable[StandPlan]
    ) -> None:
        code = self.exhibitor_of.setdefault(organisation.code, organisation.code)
        place = Phrase("line %(number)s", number=line.number)
        self.organisations[organisation.code] = organisation
        self.exhibitors[code] = ExhibitorPlan(code, organisation.code)
        self.rows["organisation", organisation.code] = self.rows["exhibitor", code] = place
        for stand in stands:
            before = self.standing.get(stand.code)
            m2 = before.m2 if before and "m2" not in self.columns else stand.m2
            self.stands[stand.code] = replace(stand, exhibitor=code, m2=m2)
            self.rows["stand", stand.code] = place
