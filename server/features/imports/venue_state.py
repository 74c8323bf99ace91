"""Converts an event's venue and programme to texts, which a preview compares before and after."""

import json
from collections.abc import Callable, Iterator, Mapping
from zoneinfo import ZoneInfo

from badges.credential.credential import ALL_ZONES
from server.core.event.calendar import Clock
from server.core.event.settings import EventSettings
from server.core.venue import store
from server.storage.connection import Connection, Row

_TABLES: Mapping[str, tuple[str, frozenset[str]]] = {
    "category": ("categories", frozenset()),
    "zone": ("zones", frozenset()),
    "organisation": ("organisations", frozenset()),
    "activity_kind": ("activity_kinds", frozenset()),
    "activity": ("activities", frozenset()),
    "hall": (
        "halls",
        frozenset(
            {
                "closed_at", "open_stays", "open_overrides", "change_cursor", "shared_until",
                "moved_on", "unconfirmed_moves", "capacity_by", "capacity_at",
            }
        ),
    ),
    "door": ("doors", frozenset()),
    "session": ("sessions", frozenset()),
    "area": ("areas", frozenset()),
    "exhibitor": ("exhibitors", frozenset()),
    "stand": ("stands", frozenset()),
}  # fmt: skip
# References to other tables: field name and table.
_REFERENCES = {
    "hall_id": ("hall", "hall"), "parent_id": ("parent", "hall"),
    "activity_id": ("activity", "activity"), "organisation_id": ("organisation", "organisation"),
    "area_id": ("area", "area"), "exhibitor_id": ("exhibitor", "exhibitor"),
}  # fmt: skip
_TIMES = frozenset({"starts_at", "ends_at", "opens_at", "closes_at"})
_NAMES = frozenset({"names", "titles"})
_YES_OR_NO = frozenset({"sessions_only", "official", "parallel"})

State = dict[tuple[str, str], dict[str, str]]  # Fields by kind and code


def state(db: Connection, settings: EventSettings) -> State:
    """Return everything that files can contain, as readable texts."""
    clock = Clock(ZoneInfo(settings.time_zone))
    codes = {
        table: dict(db.execute(f"SELECT {table}_id, code FROM {table}").fetchall())
        for table in sorted({table for _, table in _REFERENCES.values()})
    }
    zones = store.zones(db)
    by_thing: State = {}
    for table, (kind, of_the_day) in _TABLES.items():
        for row in db.execute(f"SELECT * FROM {table} ORDER BY code").fetchall():
            own = {f"{table}_id", "code", *of_the_day}
            by_thing[kind, str(row["code"])] = dict(_fields(row, own, codes, zones, clock))
    for kind, code, field, text in _lists(db):
        fields = by_thing.get((kind, code))
        if fields is not None:
            fields[field] = f"{fields[field]}, {text}" if field in fields else text
    return by_thing


def _fields(
    row: Row,
    own: set[str],
    codes: Mapping[str, Mapping[int, str]],
    zones: Mapping[str, int],
    clock: Clock,
) -> Iterator[tuple[str, str]]:
    for column in row.keys():
        value = row[column]
        if column in own or value is None:
            continue
        if column in _NAMES:
            for language, text in json.loads(value).items():
                yield f"{column[:-1]} ({language})", text
        elif column in _REFERENCES:
            field, table = _REFERENCES[column]
            yield field, codes[table].get(value, "")
        elif column == "other_names":
            yield column, ", ".join(json.loads(value))
        elif column in _YES_OR_NO:
            yield column, "yes" if value else "no"
        elif column == "zones":
            chosen = [code for code, bit in zones.items() if value >> bit & 1]
            yield column, "all" if value == ALL_ZONES else ", ".join(chosen)
        elif column == "facts_age_max_ms":
            yield "facts_age_max_min", str(value // 60_000)
        elif column in _TIMES:
            yield column[:-3], clock.local(value).strftime("%Y-%m-%d %H:%M")
        else:
            yield column, str(value)


def _lists(db: Connection) -> Iterator[tuple[str, str, str, str]]:
    answers: tuple[tuple[str, str, str, Callable[[Row], str]], ...] = (
        ("halls", "categories",
         "SELECT h.code, c.code AS text FROM hall h JOIN hall_category USING (hall_id)"
         " JOIN category c USING (category) ORDER BY c.category", _plain),
        ("doors", "from",
         "SELECT d.code, COALESCE(h.code, 'outside') AS text FROM door d JOIN door_from f"
         " USING (door_id) LEFT JOIN hall h ON h.hall_id = f.from_id WHERE f.said <> 0", _plain),
        ("sessions", "categories",
         "SELECT s.code, c.code AS text FROM session s JOIN session_category USING (session_id)"
         " JOIN category c USING (category) ORDER BY c.category", _plain),
        ("sessions", "invited",
         "SELECT s.code, COUNT(*) AS text FROM session s JOIN session_guest g USING (session_id)"
         " WHERE g.invited <> 0 GROUP BY s.code", _plain),
        ("sessions", "refused",
         "SELECT s.code, COUNT(*) AS text FROM session s JOIN session_guest g USING (session_id)"
         " WHERE g.invited = 0 GROUP BY s.code", _plain),
        ("sessions", "speakers",
         "SELECT s.code, p.name, p.role FROM session s JOIN session_speaker p USING (session_id)"
         " ORDER BY p.position", _speaker),
        ("activities", "hosts",
         "SELECT a.code, o.code AS name, h.role FROM activity a JOIN activity_host h"
         " USING (activity_id) JOIN organisation o USING (organisation_id)"
         " ORDER BY h.role DESC, o.code", _speaker),
    )  # fmt: skip
    for kind, field, query, text in answers:
        for row in db.execute(query).fetchall():
            yield kind, row["code"], field, text(row)


def _plain(row: Row) -> str:
    return str(row["text"])


def _speaker(row: Row) -> str:
    return f"{row['name']} ({row['role'].replace('_', '-')})"
