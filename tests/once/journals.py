"""The tables of a new journal, made once for each kiosk and copied from then on.

To make them and to bring them up to date takes as long as all the rest of many a test at a door.
"""

import sqlite3
import threading
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from kiosk.journal.file import JournalFile


@pytest.fixture(scope="session", autouse=True)
def new_journals_are_copied() -> Iterator[None]:
    """Fill an empty file by copying. Whatever has a table already is brought up to date as always.

    The first rows are sealed with the kiosk's own key, so each key has its own tables.
    """
    plain = JournalFile._make_tables
    made: dict[tuple[object, ...], sqlite3.Connection] = {}
    turn = threading.Lock()

    with ExitStack() as stack:

        def make(journal: JournalFile) -> None:
            connection = journal._connection
            if not isinstance(connection, sqlite3.Connection) or not _is_empty(connection):
                plain(journal)
                return
            of = (journal._owner.kiosk, journal._owner.generation, journal.seal("whose it is"))
            with turn:
                if of in made:
                    made[of].backup(connection)
                    return
                plain(journal)
                # Some tests open journals in threads.
                kept = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
                stack.callback(kept.close)
                connection.backup(kept)
                made[of] = kept

        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setattr(JournalFile, "_make_tables", make)
        yield


def _is_empty(connection: sqlite3.Connection) -> bool:
    (tables,) = connection.execute("SELECT COUNT(*) FROM sqlite_schema").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    return not tables and not version and not connection.in_transaction
