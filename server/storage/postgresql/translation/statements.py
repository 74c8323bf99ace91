"""Writes a store's statement for PostgreSQL: numbers its parameters, and replaces words of
`dialect.py`.

`tests/server/storage/test_portable.py` finds statements that would need more.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from server.storage.postgresql.translation import definitions
from server.storage.postgresql.translation.text_search import INDEXES
from server.storage.postgresql.translation.words import in_postgresql

# One writer at a time, across all servers, as in SQLite. An arbitrary number.
WRITER_LOCK = 7_203_119_001
CHANNEL = "hallkeeper"
# Writes a few bytes to the write-ahead log. Without any, a commit waits for no disk or standby.
MESSAGE = f"SELECT pg_logical_emit_message(true, '{CHANNEL}', '')"
# Listeners are notified at the commit, and not after a rollback.
_LOCKED = f"SELECT pg_advisory_xact_lock({WRITER_LOCK}); NOTIFY {CHANNEL}"
# Its commit waits for no disk, so that others may write at once.
BEGIN_EARLY = f"BEGIN; SET LOCAL synchronous_commit = off; {_LOCKED}"
# Concurrent transactions share the lock of all writers. Each locks its scope besides
# (server/storage/engines/scope.py).
SHARE_LOCK = (
    "SELECT set_config('synchronous_commit', 'off', true),"
    " set_config('idle_in_transaction_session_timeout', COALESCE("
    "$1, current_setting('idle_in_transaction_session_timeout')), true),"
    f" pg_notify('{CHANNEL}', ''), pg_advisory_xact_lock_shared({WRITER_LOCK})"
)
# After this, all earlier commits are on disk and at the synchronous standby.
MAKE_DURABLE = f"BEGIN READ WRITE; {MESSAGE}; COMMIT"
_PLAIN = {
    # Because of the message, its commit also waits for the early commits of others that it read.
    "BEGIN IMMEDIATE": f"BEGIN; {_LOCKED}; {MESSAGE}",
    "BEGIN": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "COMMIT": "COMMIT",
    "ROLLBACK": "ROLLBACK",
}
_SAVEPOINT = re.compile(r"(SAVEPOINT|RELEASE|ROLLBACK TO) ")
_DEFINITION = re.compile(r"(CREATE|DROP|ALTER) ")
_READS = re.compile(r"(SELECT|WITH)\b")
# A text, a quoted name, a cast of PostgreSQL, or a parameter: `?`, `?index` or `:name`.
_PARAMETER = re.compile(r"'[^']*'|\"[^\"]*\"|::|\?(\w*)|:([a-z]\w*)")


class Translated(NamedTuple):
    """A PostgreSQL statement, and the order of its values."""

    text: str
    plain: bool  # without values; may be several statements
    names: tuple[str, ...] = ()  # of values passed by name
    asked: tuple[tuple[int, str], ...] = ()  # values that are queries of a text index
    reads: bool = False

    def values(self, given: Any) -> Any:
        """Return the parameters' values in the order of PostgreSQL's numbers."""
        if self.names or isinstance(given, Mapping):
            given = [given[name] for name in self.names]
        if not self.asked:
            return given
        values = list(given)
        for at, index in self.asked:
            values[at] = INDEXES[index].asked(values[at])
        return values


@functools.lru_cache(maxsize=4096)
def translated(statement: str) -> Translated:
    statement = statement.strip()
    if statement in _PLAIN:
        return Translated(_PLAIN[statement], plain=True)
    if _SAVEPOINT.match(statement):
        return Translated(statement, plain=True)
    if _DEFINITION.match(statement):
        return Translated(";\n".join(definitions.definition(statement)), plain=True)
    return _numbered(in_postgresql(statement))


def _numbered(text: str) -> Translated:
    names: list[str] = []
    asked: list[tuple[int, str]] = []
    count = 0

    def number(parameter: re.Match[str]) -> str:
        nonlocal count
        index, name = parameter.groups()
        if index is None and name is None:
            return parameter[0]
        if index:
            asked.append((count, index))
        if name:
            names.append(name)
        count += 1
        return f"${count}"

    text = _PARAMETER.sub(number, text)
    reads = _READS.match(text) is not None
    return Translated(text, False, tuple(names), tuple(asked), reads)
