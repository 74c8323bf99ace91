"""Remembers in the event's directory which timeline of the database was served, and refuses an
earlier one.

A standby that becomes the primary begins the next timeline. The earlier primary, if somebody starts
it again as it was, takes writes too, and lacks all that was acknowledged since. Servers that run
know better. One that was started since then knows by this file.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from server.storage.disk import AwayError, DatabaseError
from server.storage.durable_files import write_whole

SEEN_FILE = "database.seen"
# A standby has no timeline of its own yet.
_NOW = (
    "SELECT system_identifier::text, CASE WHEN pg_is_in_recovery() THEN 0 ELSE"
    " ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END"
    " FROM pg_control_system()"
)


class EarlierPrimaryError(AwayError):
    """Is raised for a primary in whose place another one has come. The later one is awaited."""


class Timeline(NamedTuple):
    """Names a timeline. `system` tells the clusters of PostgreSQL apart, each with its copies."""

    system: str
    number: int


def timeline(raw: Any) -> Timeline:
    """Return the timeline in which the connection commits."""
    system, number = raw.execute(_NOW, prepare=False).fetchone()
    return Timeline(system, number)


def check(raw: Any, directory: Path, shown: str) -> None:
    """Raise EarlierPrimaryError where a later timeline was served before, and remember this one."""
    path = directory / SEEN_FILE
    seen, now = _seen(path), timeline(raw)
    if seen is not None and seen.system == now.system and 0 < now.number < seen.number:
        raise EarlierPrimaryError(
            f"the database ({shown}) is an earlier primary, with timeline {now.number}, and this "
            f"event was served from timeline {seen.number} since. It lacks what was acknowledged "
            "there. Stop it, bring it back as a standby with pg_rewind, and start the later "
            f"primary. Only if that one is lost for good: delete {path}, and go on with this one."
        )
    if now.number and now != seen:
        # On a full disk it is remembered at the next connection.
        with suppress(OSError):
            write_whole(path, json.dumps(now._asdict()).encode())


def _seen(path: Path) -> Timeline | None:
    try:
        return Timeline(**json.loads(path.read_bytes()))
    except FileNotFoundError:
        return None
    except (OSError, ValueError, TypeError):
        raise DatabaseError(
            f"{path} is damaged. It says from which timeline this event was served. Make sure that "
            "the database is the newest primary, and delete it."
        ) from None
