"""Reads the statements of migrations, by running them in an in-memory SQLite database."""

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing

from server.storage.postgresql.translation.tokens import tokens_of, words

# Runs the named migrations.
Run = Callable[[sqlite3.Connection, Sequence[str]], None]
_CHANGES = [(word,) for word in ("CREATE", "DROP", "ALTER", "INSERT", "UPDATE", "DELETE")]


def statements_of(run: Run, before: Sequence[str], step: str) -> list[str]:
    heard: list[str] = []
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as model:
        run(model, tuple(before))
        model.set_trace_callback(heard.append)
        run(model, (*before, step))
        model.set_trace_callback(None)
    return [statement for statement in heard if _is_change(statement)]


def _is_change(statement: str) -> bool:
    tokens = tokens_of(statement)
    about_itself = not {"_sqlite_migrations", "sqlite_schema"}.isdisjoint(
        token.strip('"[]') for token in tokens
    )
    return words(tokens, 0, 1) in _CHANGES and not about_itself and not statement.startswith("--")
