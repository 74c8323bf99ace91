"""Writes a statement of a store as PostgreSQL takes it, and caches each.

Stores write SQL that both databases accept, and take from `dialect.py` what they can't. Two things
are left to do here: parameters are numbered, and the few words of `dialect.py` are replaced.
`tests/server/storage/test_portable.py` finds a statement that needs more.
"""

import functools
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from server.storage.postgresql.translation import definitions
from server.storage.postgresql.translation.text_search import INDEXES
from server.storage.postgresql.translation.words import in_postgresql

# Only one writer at a time, as in SQLite, whichever process it is in. The number is our own.
WRITER_LOCK = 7_203_119_001
CHANNEL = "hallkeeper"
# Writes a few bytes into the write-ahead log, and nothing else. The commit of a transaction with
# nothing in that log waits for no disk and no standby, not even where it notifies others.
MESSAGE = f"SELECT pg_logical_emit_message(true, '{CHANNEL}', '')"
# Who listens hears of it with the commit, and of nothing that was undone.
_LOCKED = f"SELECT pg_advisory_xact_lock({WRITER_LOCK}); NOTIFY {CHANNEL}"
# Its commit waits for nothing, so that others may write as soon as the statements are done.
BEGIN_EARLY = f"BEGIN; SET LOCAL synchronous_commit = off; {_LOCKED}"
# Once this is done, all that was committed before it is on disk and at the synchronous standby.
MAKE_DURABLE = f"BEGIN READ WRITE; {MESSAGE}; COMMIT"
_PLAIN = {
    # With the message its commit waits also for what others have committed early, and it has read.
    "BEGIN IMMEDIATE": f"BEGIN; {_LOCKED}; {MESSAGE}",
    "BEGIN": "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
    "COMMIT": "COMMIT",
    "ROLLBACK": "ROLLBACK",
}
_SAVEPOINT = re.compile(r"(SAVEPOINT|RELEASE|ROLLBACK TO) ")
_DEFINITION = re.compile(r"(CREATE|DROP|ALTER) ")
_READS = re.compile(r"(SELECT|WITH)\b")
# A text, a name in quotes, a cast of PostgreSQL, or a parameter: `?`, `?index` or `:name`.
_PARAMETER = re.compile(r"'[^']*'|\"[^\"]*\"|::|\?(\w*)|:([a-z]\w*)")


class Translated(NamedTuple):
    """Holds a statement of PostgreSQL, and how its values are found among those that are given."""

    text: str
    plain: bool  # It takes no values, and may be several statements.
    names: tuple[str, ...] = ()  # Of values that are given by name.
    asked: tuple[tuple[int, str], ...] = ()  # Which values ask an index of words.
    reads: bool = False

    def values(self, given: Any) -> Any:
        """Return the values in the order of their numbers."""
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
    """Return a statement as PostgreSQL takes it."""
    statement = statement.strip()
    if statement in _PLAIN:
        return Translated(_PLAIN[statement], plain=True)
    if _SAVEPOINT.match(statement):
        return Translated(statement, plain=True)
    if _DEFINITION.match(statement):
        return Translated(";\n".join(definitions.definition(statement)), plain=True)
    return _numbered(in_postgresql(statement))


def _numbered(text: str) -> Translated:
    """Number the parameters, which SQLite finds by their order or names."""
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
