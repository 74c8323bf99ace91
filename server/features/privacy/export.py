"""Writes one person's data as a zip: JSON for programs, a page for people."""

import html
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from zoneinfo import ZoneInfo

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.calendar import Clock
from server.core.event.directory import Event
from server.core.people import attendees
from server.features.privacy import person
from server.features.privacy.words import FIELDS, SECTIONS
from server.storage.connection import Connection

FORMAT = "hallkeeper person 1"
_ALL = ("Everything that this event has about one person", "本活动持有的此人全部数据")
_NOT_HERE = ("Not in this file", "本文件未包含的内容")
# Data about a person that the file can't contain.
ELSEWHERE = (
    (
        "Backups have the same data as of their day. The kiosks' own journals have badge numbers"
        " and no names.",
        "备份中有其当日的相同数据。各终端自身的日志只有证件号，没有姓名。",
    ),
    (
        "Files from which the registration was imported lie where the organiser keeps them.",
        "导入注册信息所用的文件由主办方自行保管。",
    ),
)


@dataclass(frozen=True)
class Exported:
    data: bytes
    rows: int
    entries: int
    photos: int


def export(db: Connection, event: Event, serial: int, *, now: int) -> Exported:
    """Raises UnknownAttendeeError or DesignError, and OSError for an unreadable photo."""
    holder = attendees.attendee(db, serial)
    held = person.rows(db, serial)
    log_entries = list(person.entries(db, serial))
    photos = person.photos(event, holder)
    whole = {
        "format": FORMAT,
        "event": dict(event.settings.name),
        "event_id": event.uuid,
        "made_at": now,
        "badge_number": holder.number,
        "tables": held,
        "log": log_entries,
        "photos": [path.name for path in photos],
        "elsewhere": [english for english, _ in ELSEWHERE],
    }
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        text = json.dumps(whole, ensure_ascii=False, indent=1, default=_plain)
        packed.writestr("person.json", text)
        packed.writestr("person.html", page(event, whole))
        for path in photos:
            packed.writestr(f"photos/{path.name}", path.read_bytes())
    count = sum(map(len, held.values()))
    return Exported(buffer.getvalue(), count, len(log_entries), len(photos))


def note(db: Connection, serial: int, *, by: str, now: int) -> None:
    entry_log.act(db, by, Act.PERSON_EXPORTED, {"serial": serial}, now)


def _plain(value: object) -> str:
    if isinstance(value, bytes):
        return value.hex()
    raise TypeError(f"no JSON for {type(value).__name__}")


def page(event: Event, whole: Mapping[str, Any]) -> str:
    clock = Clock(ZoneInfo(event.settings.time_zone))
    names = " / ".join(event.settings.name.values())
    parts = [_section(table, rows, clock) for table, rows in _in_order(whole["tables"]) if rows]
    parts += [_section("log", whole["log"], clock)] if whole["log"] else []
    parts += [_photos(whole["photos"])] if whole["photos"] else []
    made_at = html.escape(clock.iso(whole["made_at"]))
    zone = html.escape(event.settings.time_zone)
    elsewhere = "".join(f"<li>{_both(texts)}</li>" for texts in ELSEWHERE)
    title = f"{html.escape(whole['badge_number'])} · {html.escape(names)}"
    return (
        '<!doctype html><html lang="en"><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{title}</title><style>{_STYLE}</style><h1>{title}</h1>"
        f"<p>{_both(_ALL)}"
        f"<br>{made_at} ({zone})</p>{''.join(parts)}"
        f"<h2>{_both(_NOT_HERE)}</h2><ul>{elsewhere}</ul></html>"
    )


_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;margin:0 0 1rem}td,th{border:1px solid #999;"
    "padding:.2rem .5rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}"
    "div{overflow-x:auto}"
)


def _in_order(tables: Mapping[str, person.Rows]) -> list[tuple[str, person.Rows]]:
    order = {name: place for place, name in enumerate(SECTIONS)}
    return sorted(tables.items(), key=lambda item: order.get(item[0], len(order)))


def _section(table: str, rows: person.Rows, clock: Clock) -> str:
    heading = SECTIONS.get(table)
    title = _both(heading) if heading else html.escape(table)
    head = "".join(f"<th scope=col>{_field(name)}" for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f"<td>{_cell(name, value, clock)}" for name, value in row.items())
        for row in rows
    )
    return f"<h2>{title}</h2><div><table><thead><tr>{head}<tbody>{body}</table></div>"


def _photos(names: list[str]) -> str:
    shown = "".join(
        f'<p><img src="photos/{html.escape(name)}" alt="" width="240"></p>' for name in names
    )
    return f"<h2>{_both(SECTIONS['photo'])}</h2>{shown}"


def _field(name: str) -> str:
    return _both(FIELDS[name]) if name in FIELDS else html.escape(name)


def _both(words: tuple[str, str]) -> str:
    english, chinese = words
    return f'{html.escape(english)} · <span lang="zh">{html.escape(chinese)}</span>'


def _cell(name: str, value: object, clock: Clock) -> str:
    if value is None:
        return "–"
    if isinstance(value, int) and (name == "at" or name.endswith("_at")):
        return html.escape(clock.iso(value))
    if isinstance(value, bytes):
        return html.escape(value.hex())
    if isinstance(value, dict | list):
        return html.escape(json.dumps(value, ensure_ascii=False))
    return html.escape(str(value))
