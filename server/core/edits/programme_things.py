"""Reads records of the programme and the exhibition with the keys of a venue file."""

import json
from collections.abc import Callable, Mapping
from typing import Any

from server.storage.connection import Connection, Row
from server.storage.localized import names_of

KINDS = ("organisation", "activity_kind", "activity", "area", "exhibitor", "stand")
Values = dict[str, Any]


def stored_values(db: Connection, kind: str, code: str) -> Values | None:
    row = db.execute(f"{_QUERIES[kind]} WHERE t.code = ?", (code,)).fetchone()
    if row is None:
        return None
    values: Values = {"code": code, **_READERS[kind](row)}
    if kind == "activity":
        hosts = db.execute(
            "SELECT o.code, h.role FROM activity_host h JOIN organisation o USING (organisation_id)"
            " WHERE activity_id = ? ORDER BY o.code",
            (row["activity_id"],),
        ).fetchall()
        for key, role in (("lead", "lead"), ("co_hosts", "co_host")):
            values[key] = [host[0] for host in hosts if host[1] == role]
    return values


def _stand(code: str, area: str, exhibitor: str | None, m2: int) -> Values:
    of = {} if exhibitor is None else {"exhibitor": exhibitor}
    return {"code": code, "area": area, **of, "m2": m2}


def _named(names: Mapping[str, str], key: str) -> Values:
    both = {key: names.get("en", ""), f"{key}_zh": names.get("zh", "")}
    return {name: text for name, text in both.items() if text}


_QUERIES = {
    "organisation": "SELECT t.* FROM organisation t",
    "activity_kind": "SELECT t.* FROM activity_kind t",
    "activity": "SELECT t.* FROM activity t",
    "area": "SELECT t.*, h.code AS hall FROM area t JOIN hall h USING (hall_id)",
    "exhibitor": "SELECT t.*, o.code AS organisation FROM exhibitor t"
    " JOIN organisation o USING (organisation_id)",
    "stand": "SELECT t.*, a.code AS area, e.code AS exhibitor FROM stand t"
    " JOIN area a USING (area_id) LEFT JOIN exhibitor e ON e.exhibitor_id = t.exhibitor_id",
}
_READERS: Mapping[str, Callable[[Row], Values]] = {
    "organisation": lambda row: {
        **_named(names_of(row["names"]), "name"),
        "country": row["country"],
        "kind": row["kind"],
        "other_names": json.loads(row["other_names"]),
    },
    "activity_kind": lambda row: _named(names_of(row["names"]), "name"),
    "activity": lambda row: {
        "kind": row["kind"],
        **_named(names_of(row["titles"]), "title"),
        "official": bool(row["official"]),
        "parallel": bool(row["parallel"]),
        "theme": row["theme"],
        "language": row["language"],
    },
    "area": lambda row: {
        "hall": row["hall"],
        **_named(names_of(row["names"]), "name"),
        "m2": row["m2"],
    },
    "exhibitor": lambda row: {"organisation": row["organisation"]},
    "stand": lambda row: _stand(row["code"], row["area"], row["exhibitor"], row["m2"]),
}
