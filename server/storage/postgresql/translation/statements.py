"""Translates whole statements, and keeps what became of each."""

import functools
import re
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from server.storage.postgresql.translation import definitions
from server.storage.postgresql.translation.text_search import INDEXES
from server.storage.postgresql.translation.tokens import Tokens, text_of, tokens_of, word, words
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
    "PRAGMA DEFER_FOREIGN_KEYS = ON": "SET CONSTRAINTS ALL DEFERRED",
    "ROLLBACK": "ROLLBACK",
}
_SAVEPOINTS = {"SAVEPOINT", "RELEASE", "ROLLBACK"}
_DEFINITIONS = {
    ("CREATE", "TABLE"): definitions.table,
    ("CREATE", "INDEX"): definitions.index,
    ("CREATE", "UNIQUE"): definitions.index,
    ("CREATE", "VIRTUAL"): definitions.text_index_of,
    ("CREATE", "TRIGGER"): definitions.trigger,
}


class Translated(NamedTuple):
    """Holds a statement of PostgreSQL, and how its values are found among those that are given."""

    text: str
    plain: bool  # It takes no values, and may be several statements.
    names: tuple[str, ...]  # Of values that are given by name.
    asked: tuple[tuple[int, str], ...]  # Which values ask an index of words.
    reads: bool = False

    def values(self, given: Any) -> Any:
        """Return the values in the order of their marks."""
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
    tokens = tokens_of(statement)
    if tokens and tokens[-1] == ";":
        tokens.pop()
    text = " ".join(tokens)
    if text.upper() in _PLAIN:
        return Translated(_PLAIN[text.upper()], True, (), ())
    if word(tokens, 0) in _SAVEPOINTS:
        return Translated(text, True, (), ())
    if word(tokens, 0) in ("CREATE", "DROP", "ALTER"):
        return Translated(";\n".join(definition(statement)), True, (), ())
    if (optimized := _optimized(tokens)) is not None:
        return Translated(optimized, False, (), ())
    return _numbered(in_postgresql(tokens))


def _optimized(tokens: Tokens) -> str | None:
    """Write what takes deleted words out of an index of words."""
    if word(tokens, 0) == "INSERT" and len(tokens) > 2 and tokens[2] in INDEXES:
        return f"SELECT gin_clean_pending_list('{tokens[2]}')"
    return None


def _numbered(tokens: Tokens) -> Translated:
    made, names, asked = [], [], []
    count = 0
    for token in tokens:
        if token.startswith("?") or (len(token) > 1 and token.startswith(":")):
            if len(token) > 1 and token.startswith("?"):
                asked.append((count, token[1:]))
            elif token.startswith(":"):
                names.append(token[1:])
            count += 1
            token = f"${count}"
        made.append(token)
    reads = word(made, 0) in ("SELECT", "WITH")
    return Translated(" ".join(made), False, tuple(names), tuple(asked), reads)


def definition(statement: str) -> Sequence[str]:
    """Return the statements that define, change or drop what one of SQLite does."""
    tokens = tokens_of(statement)
    kind = tuple(one for one in words(tokens, 0, 3) if one not in ("TEMP", "TEMPORARY"))[:2]
    if kind in _DEFINITIONS:
        return _DEFINITIONS[kind](statement)
    if kind == ("DROP", "TRIGGER"):
        return [_dropped_trigger(tokens[-1])]
    if kind in (("DROP", "INDEX"), ("DROP", "TABLE")):
        return [text_of(in_postgresql(tokens))]
    if kind == ("ALTER", "TABLE"):
        return _altered(tokens)
    raise definitions.UntranslatedError(f"this is not known for PostgreSQL: {statement}")


def _altered(tokens: Tokens) -> Sequence[str]:
    head = text_of(in_postgresql(tokens[:3]))
    change = words(tokens, 3, 2)
    if change == ("ADD", "COLUMN"):
        made, unique = definitions.column(tokens[5:])
        if unique:
            raise definitions.UntranslatedError("a unique column of letters can't be added later")
        return [f"{head} ADD COLUMN {text_of(made)}"]
    if change in (("DISABLE", "TRIGGER"), ("ENABLE", "TRIGGER")):
        return [f"{head} {text_of(tokens[3:])}"]
    if change in (("DROP", "COLUMN"), ("RENAME", "COLUMN"), ("RENAME", "TO")):
        return [f"{head} {text_of(in_postgresql(tokens[3:]))}"]
    raise definitions.UntranslatedError(f"this is not known for PostgreSQL: {text_of(tokens)}")


def _dropped_trigger(name: str) -> str:
    """Write what drops a trigger, whose function goes with it. It names no table, as in SQLite."""
    if not re.fullmatch(r"\w+", name):
        raise definitions.UntranslatedError(f"{name} is no name of a trigger")
    return f"DROP FUNCTION trigger_{name}() CASCADE"
