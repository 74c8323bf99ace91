"""Opens connections to a PostgreSQL database, and verifies the settings required for durability."""

import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

try:
    import psycopg
except ImportError:  # pragma: no cover - the test of this runs in a process of its own
    from server.storage.postgresql.address import INSTALL, AddressError

    raise AddressError(INSTALL) from None

from server.storage.disk import AwayError, DatabaseError
from server.storage.postgresql import bounds
from server.storage.postgresql.address import Address
from server.storage.postgresql.bounds import BoundedConnection
from server.storage.postgresql.catalogue import SCHEMA
from server.storage.postgresql.checks import pooler, timeline
from server.storage.postgresql.connection import PostgresConnection
from server.storage.postgresql.error_mapping import mapped
from server.storage.postgresql.hosts import Hosts, each_host
from server.storage.postgresql.listening import Listener
from server.storage.postgresql.translation.statements import BEGIN_EARLY

VERSION_MIN = 140000
LOCK_TIMEOUT_MS = 10_000
TURN = "SET LOCAL idle_in_transaction_session_timeout = "
# Settings required for durability, with their allowed values.
_DURABLE = {
    "fsync": ("on",),
    "full_page_writes": ("on",),
    "synchronous_commit": ("on", "remote_apply"),
    "server_encoding": ("UTF8",),
}


class PostgresEngine:
    """Opens connections to one event's database. With `bounded`, as in a server, every wait is
    limited.
    """

    commits_early = True
    is_far = True

    def __init__(
        self, address: Address, *, directory: Path | None = None, bounded: bool = False
    ) -> None:
        """`directory` is the event's, where the served timeline is recorded."""
        self._address = address
        self._directory = directory
        self._bounded = bounded
        self._hosts = Hosts(_raw)
        self._begin_early = BEGIN_EARLY
        self._turn_ms: int | None = None
        if bounded:
            self._turn_ms = int(max(bounds.TURN_S * 1000, _silent_ms(self._options)))
            self._begin_early += f"; {TURN}{self._turn_ms}"
        # The writer's connection, and its time of creation.
        self._line: tuple[BoundedConnection, float] | None = None

    @property
    def _options(self) -> dict[str, Any]:
        silent_s = bounds.CUT_S if self._bounded else bounds.SILENT_S
        return _options(self._address, silent_s)

    def _open(self, *, read_only: bool, silent_s: float) -> PostgresConnection:
        """Return a connection. It is closed after `silent_s` without an answer, or the URL's
        longer timeout. Raises DatabaseError.
        """
        given = self._options
        silent_ms = max(round(silent_s * 1000), _silent_ms(given))
        refused: AwayError | None = None
        for _ in each_host(given):
            connection = _set_up(
                *self._hosts.connection(given), self._address, silent_ms, read_only
            )
            try:
                if not read_only:
                    self._check(connection)
            except BaseException as error:
                connection.close()
                if not isinstance(error, timeline.EarlierPrimaryError):
                    raise
                # The later primary may answer too.
                self._hosts.skip()
                refused = error
            else:
                return connection
        assert refused is not None
        raise refused

    def _check(self, connection: PostgresConnection) -> None:
        """Refuse a connection that must not write. Raises DatabaseError or EngineError."""
        try:
            pooler.check(connection.raw, self._address.shown, self._another)
            if self._directory is not None:
                timeline.check(connection.raw, self._directory, self._address.shown)
        except psycopg.Error as error:
            raise mapped(error) from None

    def _another(self) -> BoundedConnection:
        raw, why = self._hosts.connection(self._options)
        if raw is None:
            raise _away(self._address, why)
        return raw

    def writer(self) -> PostgresConnection:
        connection = self._open(
            read_only=False, silent_s=bounds.CUT_S if self._bounded else bounds.SILENT_S
        )
        if self._bounded:
            connection.raw.give_up_after(bounds.ANSWER_S, bounds.IDLE_S)
            connection.raw.keep_line()
            self._line = connection.raw, time.monotonic()
        return connection

    def reader(self) -> PostgresConnection:
        # A busy server may receive a long answer slowly.
        connection = self._open(read_only=True, silent_s=bounds.SILENT_S)
        if self._bounded:
            # An idle reader blocks no other connection.
            connection.raw.give_up_after(bounds.ANSWER_S, None)
        return connection

    def listen(self, heard: Callable[[int], object]) -> Listener:
        """Call `heard` with the process number of each commit. If the database stops answering,
        end the writer's wait.
        """
        return Listener(self._to_listen, heard, self._break_off)

    def _to_listen(self) -> PostgresConnection:
        connection = self.reader()
        if self._bounded:
            connection.raw.give_up_after(bounds.PULSE_ANSWER_S, None)
        return connection

    def _break_off(self, silent_since: float) -> None:
        if self._line is not None and self._line[1] < silent_since:
            self._line[0].break_off()

    def begin(self, writer: Any, *, early: bool) -> None:
        """Begin a transaction. An `early` commit releases the lock of all servers without waiting
        for the disk or standby.
        """
        if early:
            writer.script(self._begin_early)
            writer.hurry()
        else:
            writer.execute("BEGIN IMMEDIATE")

    def begin_concurrent(self, writer: Any) -> None:
        writer.begin_concurrent(self._turn_ms)

    def settler(self) -> PostgresConnection:
        connection = self._open(read_only=False, silent_s=bounds.SILENT_S)
        if self._bounded:
            connection.raw.give_up_after(bounds.ANSWER_S, None)
        return connection

    def number_of(self, writer: Any) -> int:
        return int(writer.raw.info.backend_pid)

    def waits_s(self, writer: Any) -> float:
        since: float | None = writer.raw.waits_since
        return 0.0 if since is None else time.monotonic() - since

    def stands(self, writer: Any) -> bool:
        return bool(writer.stands)

    def is_lost(self, writer: Any) -> bool:
        return bool(writer.lost)


def connect(address: Address) -> PostgresConnection:
    return PostgresEngine(address).writer()


def _options(address: Address, silent_s: float) -> dict[str, Any]:
    return {
        "application_name": "hallkeeper",
        **bounds.options(silent_s),
        **address.parameters,
    }


def _silent_ms(given: dict[str, Any]) -> int:
    timeout = str(given["tcp_user_timeout"])
    return int(timeout) if timeout.isdigit() and int(timeout) else bounds.SILENT_S * 1000


def _raw(given: dict[str, Any]) -> tuple[BoundedConnection | None, str]:
    """Return a connection, or None and the reason.

    An exception would keep the attempt's socket for as long as it is referenced.
    """
    try:
        connection = BoundedConnection.connect(**given, client_encoding="UTF8", autocommit=True)
    except psycopg.Error as error:
        return None, _why(error, given)
    return connection, ""


def _why(error: psycopg.Error, given: dict[str, Any]) -> str:
    reason = " ".join(str(error).split()).removeprefix("connection failed: ")
    password = given.get("password")
    return reason.replace(str(password), "…") if password else reason


def _away(address: Address, why: str) -> AwayError:
    return AwayError(
        f"the database ({address.shown}) can't be opened: {why}. Is it running, and may this user "
        "connect?"
    )


def _set_up(
    raw: BoundedConnection | None, why: str, address: Address, silent_ms: int, read_only: bool
) -> PostgresConnection:
    if raw is None:
        raise _away(address, why)
    try:
        connection = PostgresConnection(raw)
        _prepare(connection, address, silent_ms, read_only)
    except BaseException:
        raw.close()
        raise
    return connection


def _prepare(
    connection: PostgresConnection, address: Address, silent_ms: int, read_only: bool
) -> None:
    if connection.raw.info.server_version < VERSION_MIN:
        raise DatabaseError(
            f"the database ({address.shown}) is PostgreSQL {connection.raw.info.server_version}, "
            f"and {VERSION_MIN // 10_000} or newer is needed."
        )
    names = ", ".join(f"current_setting('{name}')" for name in _DURABLE)
    connection.script(
        f"{bounds.session(silent_ms)} SET search_path = {SCHEMA}, pg_catalog;"
        f" SET lock_timeout = {LOCK_TIMEOUT_MS};"
        " SET TIME ZONE 'UTC'; SET bytea_output = 'hex'; SET standard_conforming_strings = on;"
        " SELECT set_config('synchronous_commit', 'on', false)"
        " WHERE current_setting('synchronous_commit') <> 'remote_apply';"
        + (" SET default_transaction_read_only = on;" if read_only else "")
    )
    settings = connection.raw.execute(f"SELECT {names}").fetchone()
    assert settings is not None
    for (name, wanted), actual in zip(_DURABLE.items(), settings, strict=True):
        if actual not in wanted:
            raise DatabaseError(
                f"PostgreSQL has {name} = {actual} for this database ({address.shown}), and "
                f"{wanted[0]} is needed; without it an acknowledged scan could be lost."
            )


def check_empty(address: Address) -> None:
    """Raise DatabaseError if the database contains an event's tables or can't be used."""
    with closing(connect(address)) as connection:
        row = connection.execute(
            "SELECT COUNT(*) FROM pg_class WHERE relkind = 'r' AND relnamespace IN"
            " (SELECT oid FROM pg_namespace WHERE nspname = ?)",
            (SCHEMA,),
        ).fetchone()
    if row is not None and row[0]:
        raise DatabaseError(
            f"the database ({address.shown}) already holds an event. Nothing was changed. Each "
            "event needs a database of its own: make an empty one with createdb."
        )


def put_aside(connection: PostgresConnection) -> None:
    """Rename the schema of an event that was moved away, in the caller's transaction.

    Open connections then can't write to it by mistake, and the database can take an event again.
    """
    row = connection.execute("SELECT COUNT(*) FROM pg_namespace").fetchone()
    number = 0 if row is None else row[0]
    connection.script(f"ALTER SCHEMA {SCHEMA} RENAME TO {SCHEMA}_moved_{int(number)}")


def drop_all(address: Address) -> None:
    """Raises DatabaseError or EngineError."""
    with closing(connect(address)) as connection:
        connection.script(f"DROP SCHEMA IF EXISTS {SCHEMA} CASCADE")
