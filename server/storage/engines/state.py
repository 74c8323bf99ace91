"""Reports the state of the database engine: version, standbys, and waiting writers."""

import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from server.storage.connection import Connection
from server.storage.engines.history import history

_STANDBYS = (
    "SELECT application_name, state, sync_state,"
    " pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn)::bigint AS behind FROM pg_stat_replication"
    " ORDER BY application_name"
)
_ABOUT = (
    "SELECT current_setting('server_version'), current_database(),"
    " COALESCE(host(inet_server_addr()) || ':' || inet_server_port(), 'this computer'),"
    " current_setting('synchronous_standby_names'),"
    " (SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database ="
    "  (SELECT oid FROM pg_database WHERE datname = current_database()))"
)
_HELD = (
    "SELECT COALESCE(host(a.client_addr), 'this computer'),"
    " EXTRACT(EPOCH FROM clock_timestamp() - a.xact_start)::float8"
    " FROM pg_locks l JOIN pg_stat_activity a USING (pid)"
    " WHERE l.locktype = 'advisory' AND l.granted AND a.datname = current_database()"
    " AND a.xact_start IS NOT NULL ORDER BY a.xact_start LIMIT 1"
)


_WAITED_FOR = ("sync", "quorum", "")


@dataclass(frozen=True)
class Standby:
    """A standby of PostgreSQL. Without privileges only its name is visible."""

    name: str
    state: str
    sync: str  # "sync", "quorum", "potential" or "async".
    behind_bytes: int | None

    @property
    def text(self) -> str:
        states = ", ".join(filter(None, (self.state, self.sync)))
        behind = "" if self.behind_bytes is None else f", {self.behind_bytes:,} bytes behind"
        return f"{self.name or 'unnamed'} ({states or 'no more may be seen'}{behind})"


@dataclass(frozen=True)
class EngineState:
    """The state of the database, for staff. SQLite has no standbys and no competing servers.

    `waiting` is the number of connections waiting to write. `writer` is the address of the
    connection that has been writing for longest, for `held_s` seconds.
    """

    about: str
    standbys: Sequence[Standby] = field(default_factory=list)
    synchronous: bool = False
    # Whether commits wait for a standby and none is visible.
    lacks_standby: bool = False
    waiting: int = 0
    writer: str = ""
    held_s: float = 0.0


def engine_state(db: Connection, path: str) -> EngineState:
    """`path` is where the SQLite file is, or would be."""
    if isinstance(db, sqlite3.Connection):
        return EngineState(f"SQLite {sqlite3.sqlite_version}, {path}")
    asked: Any = db
    version, name, where, wanted, waiting = asked.raw.execute(_ABOUT).fetchone()
    standbys = [
        Standby(row[0] or "", row[1] or "", row[2] or "", row[3])
        for row in asked.raw.execute(_STANDBYS).fetchall()
    ]
    held = asked.raw.execute(_HELD).fetchone() or ("", 0.0)
    about = f"PostgreSQL {version}, {name} at {where}, history {history(db)}"
    # A standby whose state is hidden may be synchronous.
    lacks = bool(wanted) and not any(standby.sync in _WAITED_FOR for standby in standbys)
    return EngineState(
        about, standbys, bool(wanted), lacks, int(waiting), str(held[0]), max(0.0, float(held[1]))
    )
