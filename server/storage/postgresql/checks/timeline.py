"""Records the served timeline in the event's directory, and refuses an earlier one.

A standby that becomes the primary starts the next timeline. The earlier primary, if restarted,
accepts writes too but lacks all later data. A server started since then detects that by this file.
"""

import json
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

from server.storage.disk import AwayError, DatabaseError
from server.storage.durable_files import write_whole

SEEN_FILE = "database.seen"
# 0 for a standby, which has no timeline of its own yet.
_NOW = (
    "SELECT system_identifier::text, CASE WHEN pg_is_in_recovery() THEN 0 ELSE"
    " ('x' || substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8))::bit(32)::int END"
    " FROM pg_control_system()"
)


class EarlierPrimaryError(AwayError):
    """Raised for a primary that was replaced by a later one, for which the server waits."""


class Timeline(NamedTuple):
    """A history of a PostgreSQL cluster: its identifier `system`, and a `number` that rises when a
    standby becomes the primary.
    """

    system: str
    number: int


def timeline(raw: Any) -> Timeline:
    system, number = raw.execute(_NOW, prepare=False).fetchone()
    return Timeline(system, number)


def check(raw: Any, directory: Path, shown: str) -> None:
    """Raise EarlierPrimaryError if a later timeline was served before. Otherwise record
    this one.
    """
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
        # On a full disk, the next connection records it.
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
