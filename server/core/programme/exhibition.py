"""The exhibition: areas of halls, stands in them, and their exhibitors."""

from dataclasses import dataclass

from server.storage.connection import Connection, Row
from server.storage.localized import names_of


@dataclass(frozen=True)
class Area:
    area_id: int
    code: str
    hall_id: int
    names: dict[str, str]
    m2: int
    stands: int
    exhibitors: int


@dataclass(frozen=True)
class Stand:
    """`code` is the public number. A stand may have no exhibitor."""

    stand_id: int
    code: str
    area: str  # code
    m2: int
    exhibitor: str | None  # code
    organisation: str | None  # code of the exhibitor's organisation
    names: dict[str, str]  # of the exhibitor's organisation
    country: str


def areas(db: Connection) -> list[Area]:
    rows = db.execute(
        "SELECT a.*, (SELECT COUNT(*) FROM stand s WHERE s.area_id = a.area_id) AS stands,"
        " (SELECT COUNT(DISTINCT s.exhibitor_id) FROM stand s WHERE s.area_id = a.area_id)"
        " AS exhibitors FROM area a ORDER BY a.code"
    ).fetchall()
    return [Area(**{**dict(row), "names": names_of(row["names"])}) for row in rows]


def exhibitor_count(db: Connection) -> int:
    (count,) = db.execute("SELECT COUNT(DISTINCT exhibitor_id) FROM stand").fetchone()
    return int(count)


def exhibitors_of(db: Connection, organisation_id: int) -> list[str]:
    query = "SELECT code FROM exhibitor WHERE organisation_id = ? ORDER BY code"
    return [row["code"] for row in db.execute(query, (organisation_id,))]


def stands_of_organisation(db: Connection, organisation_id: int) -> list[Stand]:
    rows = db.execute(f"{_STANDS} WHERE x.organisation_id = ? ORDER BY s.code", (organisation_id,))
    return [_stand(row) for row in rows]


def stands(
    db: Connection, area_id: int | None = None, *, limit: int | None = None, offset: int = 0
) -> list[Stand]:
    where, values = ("", ()) if area_id is None else (" WHERE s.area_id = ?", (area_id,))
    page = "" if limit is None else " LIMIT ? OFFSET ?"
    rows = db.execute(
        f"{_STANDS}{where} ORDER BY s.code{page}",
        values if limit is None else (*values, limit, offset),
    )
    return [_stand(row) for row in rows]


_STANDS = (
    "SELECT s.stand_id, s.code, a.code AS area, s.m2, x.code AS exhibitor, o.names, o.country,"
    " o.code AS organisation FROM stand s JOIN area a ON a.area_id = s.area_id"
    " LEFT JOIN exhibitor x ON x.exhibitor_id = s.exhibitor_id"
    " LEFT JOIN organisation o ON o.organisation_id = x.organisation_id"
)


def _stand(row: Row) -> Stand:
    names, country = names_of(row["names"] or "{}"), row["country"] or ""
    return Stand(**{**dict(row), "names": names, "country": country})
