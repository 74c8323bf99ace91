from dataclasses import dataclass
from itertools import pairwise

from server.core.event.calendar import day_starts
from server.core.event.settings import EventSettings
from server.core.programme.exhibition import exhibitor_count
from server.storage.connection import Connection


@dataclass(frozen=True)
class ForumCounts:
    days: int  # days with sessions
    activities: int
    kinds: int  # kinds of activities that occur
    parallel_forums: int
    official_forums: int  # parallel forums led or co-hosted by national authorities
    # The most parallel forums led by one international organisation.
    hosted_by_one: int
    keynote_speakers: int  # distinct people
    countries: int  # of attendees
    # International organisations, institutes, and foreign government departments.
    organisations: int
    exhibitors: int  # with a stand
    exhibition_m2: int
    areas: int


@dataclass(frozen=True)
class CountryCounts:
    """People and organisations of a country. `country` is "" for those without one."""

    country: str
    people: int
    organisations: int


def forum_counts(db: Connection, settings: EventSettings) -> ForumCounts:
    """If the settings name no country, every government department counts as foreign."""
    on_day = "SELECT EXISTS (SELECT 1 FROM session WHERE starts_at >= ? AND starts_at < ?)"
    return ForumCounts(
        days=sum(_one(db, on_day, *bounds) for bounds in pairwise(day_starts(settings))),
        activities=_one(db, "SELECT COUNT(*) FROM activity"),
        kinds=_one(db, "SELECT COUNT(DISTINCT kind) FROM activity"),
        parallel_forums=_one(db, "SELECT COUNT(*) FROM activity WHERE parallel = 1"),
        official_forums=_one(
            db, "SELECT COUNT(*) FROM activity WHERE parallel = 1 AND official = 1"
        ),
        hosted_by_one=_one(
            db,
            "SELECT COALESCE(MAX(led), 0) FROM (SELECT COUNT(*) AS led FROM activity_host h"
            " JOIN activity a ON a.activity_id = h.activity_id"
            " JOIN organisation o ON o.organisation_id = h.organisation_id"
            " WHERE a.parallel = 1 AND h.role = 'lead' AND o.kind = 'international'"
            " GROUP BY h.organisation_id) AS hosts",
        ),
        keynote_speakers=_keynote_speakers(db),
        countries=_one(db, "SELECT COUNT(DISTINCT country) FROM attendee WHERE country <> ''"),
        organisations=_one(
            db,
            "SELECT COUNT(*) FROM organisation WHERE kind IN ('international', 'institute')"
            " OR (kind = 'government' AND country <> ?)",
            settings.country or "",
        ),
        exhibitors=exhibitor_count(db),
        exhibition_m2=_one(db, "SELECT COALESCE(SUM(m2), 0) FROM area"),
        areas=_one(db, "SELECT COUNT(*) FROM area"),
    )


def country_counts(db: Connection) -> list[CountryCounts]:
    people, organisations = (
        dict(db.execute(f"SELECT country, COUNT(*) FROM {table} GROUP BY country").fetchall())
        for table in ("attendee", "organisation")
    )
    counts = [
        CountryCounts(country, people.get(country, 0), organisations.get(country, 0))
        for country in {*people, *organisations}
    ]
    return sorted(counts, key=lambda count: (-count.people, count.country))


def _keynote_speakers(db: Connection) -> int:
    attendees = "SELECT COUNT(DISTINCT serial) FROM session_speaker WHERE role = 'keynote'"
    others = (
        "SELECT COUNT(DISTINCT CASE WHEN label <> '' THEN label ELSE name END)"
        " FROM session_speaker WHERE role = 'keynote' AND serial IS NULL"
    )
    return _one(db, attendees) + _one(db, others)


def _one(db: Connection, sql: str, *values: object) -> int:
    return int(db.execute(sql, values).fetchone()[0])
