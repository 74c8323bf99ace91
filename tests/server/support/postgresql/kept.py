"""Keeps one database of PostgreSQL for one test after the other, and puts back what they changed.

To make a database takes PostgreSQL longer than most tests use it. So its rows are put back where
they were changed, and only where anything else was changed it is made anew.
"""

import time
from dataclasses import dataclass
from itertools import count

import psycopg

from server.storage.postgresql.catalogue import SCHEMA
from tests.lasting import lasts
from tests.server.support.postgresql.cluster import Cluster
from tests.server.support.postgresql.lines import Lines

USES = 40  # Rows that were deleted stay in its files.
# What says that more than rows was changed: whatever is made is in these, or what it depends on is.
_MADE = (
    "pg_class WHERE relpersistence <> 't'",
    "pg_attribute WHERE attrelid >= 16384 AND attnum > 0",
    "pg_depend", "pg_trigger", "pg_statistic", "pg_db_role_setting",
    "pg_namespace WHERE nspname NOT LIKE 'pg_%temp_%'",
)  # fmt: skip
_OTHERS = (
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
    " WHERE datname = current_database() AND pid <> pg_backend_pid() AND pid <> ALL($1)"
)
_ALONE_S = 240.0


@dataclass(frozen=True)
class _Table:
    name: str
    rows: int
    text: bytes  # The rows as PostgreSQL copies them.


class Kept:
    """A copy of a template, which `put_back` makes as new."""

    def __init__(self, cluster: Cluster, template: str) -> None:
        self.name = cluster.make(template)
        self.lines = Lines()
        self._uses = count(1)
        self._cluster = cluster
        # Plans are made once, because the tables stay the same. No trigger runs for what is put
        # back.
        self._line = psycopg.connect(
            cluster.url(self.name), autocommit=True, cursor_factory=psycopg.RawCursor,
            options=f"-c search_path={SCHEMA},pg_catalog -c plan_cache_mode=force_generic_plan"
            " -c session_replication_role=replica",
        )  # fmt: skip
        lasts(self._line.fileno())
        named = self._line.execute(
            "SELECT relkind, relname FROM pg_class WHERE relkind IN ('r', 'S')"
            f" AND relnamespace = '{SCHEMA}'::regnamespace ORDER BY relname"
        ).fetchall()
        self._tables = {name: self._table(name) for kind, name in named if kind == "r"}
        self._sequences = [name for kind, name in named if kind == "S"]
        self._numbers = self._read_numbers()
        self._changed = self._question()
        self._since = self._newest()

    def put_back(self) -> bool:
        """Make it as new, and say whether that could be done."""
        if next(self._uses) > USES or self._line.closed:
            return False
        try:
            self._wait_until_alone()
            found = self._line.execute(self._changed, [self._since], prepare=True).fetchall()
            changed = [name for (name,) in found]
            if "" in changed:
                return False
            with self._line.transaction():
                for name in changed:
                    self._line.execute(f'DELETE FROM "{name}"', prepare=True)
                    self._fill(self._tables[name])
                for name, number in self._numbers.items():
                    self._line.execute("SELECT setval($1, $2, $3)", (name, *number), prepare=True)
            self._since = self._newest()
        except psycopg.Error:  # A table is gone, or somebody has ended the connection.
            return False
        return True

    def close(self) -> None:
        """Let go of it, and take it away."""
        self.lines.close()
        self._line.close()
        self._cluster.drop(self.name)

    def _wait_until_alone(self) -> None:
        """End whatever the last test's processes still are."""
        until = time.monotonic() + _ALONE_S
        while self._line.execute(_OTHERS, [self.lines.pids], prepare=True).fetchall():
            assert time.monotonic() < until, "a process of PostgreSQL does not end"
            time.sleep(0.001)

    def _table(self, name: str) -> _Table:
        with self._line.cursor() as cursor:
            with cursor.copy(f'COPY "{name}" TO STDOUT') as copy:
                text = b"".join(bytes(one) for one in copy)
        return _Table(name, text.count(b"\n"), text)

    def _fill(self, table: _Table) -> None:
        if table.rows:
            with (
                self._line.cursor() as cursor,
                cursor.copy(f'COPY "{table.name}" FROM STDIN') as to,
            ):
                to.write(table.text)

    def _newest(self) -> str:
        """Return a number of a transaction after which all is done that is to be found later."""
        found = self._line.execute(
            "SELECT pg_current_xact_id()::xid::text", prepare=True
        ).fetchone()
        assert found is not None
        return str(found[0])

    def _read_numbers(self) -> dict[str, tuple[int, bool]]:
        found: dict[str, tuple[int, bool]] = {}
        for name in self._sequences:
            row = self._line.execute(f'SELECT last_value, is_called FROM "{name}"').fetchone()
            assert row is not None
            found[f'"{name}"'] = int(row[0]), bool(row[1])
        return found

    def _question(self) -> str:
        """Return the statement that names tables with other rows, and nothing for other changes."""
        newer = "MIN(age(xmin)) < age($1::xid)"
        parts = []
        for table in self._tables.values():
            if table.rows:
                having = f"COUNT(*) <> {table.rows} OR {newer}"
                parts.append(f"SELECT '{table.name}' FROM \"{table.name}\" HAVING {having}")
            else:
                parts.append(f"SELECT '{table.name}' WHERE EXISTS (SELECT FROM \"{table.name}\")")
        for where in _MADE:
            row = self._line.execute(f"SELECT COUNT(*) FROM {where}").fetchone()
            assert row is not None
            parts.append(f"SELECT '' FROM {where} HAVING COUNT(*) <> {row[0]} OR {newer}")
        return " UNION ALL ".join(parts)
