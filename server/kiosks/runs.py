"""Names each run of the server in the database, and says in each write whether it still goes on.

A run begins with the server. A server that finds a later run than its own has been superseded. It
writes nothing any more, so it gives out no place, takes no scan, and says why. Its kiosks go on
with the other one.

A kiosk keeps the run's name, signed, with how far the server had come in it (badges/wire). So it
can show to another copy of the database what that copy lacks. A server that does not find its own
run was put onto such a copy while it worked. It begins another run there, so that the words of the
earlier one are known to be more than this copy has.
"""

import logging
import os
import threading
from collections.abc import Callable
from typing import NamedTuple
from weakref import WeakKeyDictionary

from server.entry_log import entry_log
from server.feed import changes
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import SupersededError

log = logging.getLogger(__name__)

_NEWEST = (
    "SELECT run, server FROM server_run ORDER BY"
    f" {dialect.insertion_order('server_run')} DESC LIMIT 1"
)


class Came(NamedTuple):
    """Says how far the server had come when it answered."""

    run: str
    cursor: int  # The feed's.
    entries: int  # How many the entry log has.


def begin_run(db: Connection, now: int, random: Callable[[int], bytes], server: str = "") -> str:
    """Note that the server starts, and where in the feed. Returns the name of this run. `server`
    says for people who it is.
    """
    run = random(16).hex()
    db.execute(
        "INSERT INTO server_run (run, since_cursor, since_entries, started_at, server)"
        " VALUES (?, ?, ?, ?, ?)",
        (run, changes.cursor(db), entry_log.size(db), now, server),
    )
    return run


def newest(db: Connection) -> tuple[str, str]:
    """Return the name of the newest run, and who began it. Both are empty before the first."""
    row = db.execute(_NEWEST).fetchone()
    return ("", "") if row is None else (row[0], row[1])


def came(db: Connection) -> Came:
    """Return how far this database has come. It must be read where it was written, before the
    commit.
    """
    return Came(newest(db)[0], changes.cursor(db), entry_log.size(db))


class Standing:
    """Says of one server whether its run still goes on. Several threads may use it.

    Its check runs on the writer's thread alone.
    """

    def __init__(self, now: Callable[[], int], server: str) -> None:
        self._now = now
        self._server = server
        # The lock guards the names of the run, and of who superseded this server.
        self._lock = threading.Lock()
        self._run = ""
        self._by: str | None = None

    @property
    def run(self) -> str:
        with self._lock:
            return self._run

    @property
    def superseded_by(self) -> str | None:
        """Return who superseded this server, or None while nobody has. The name may be empty."""
        with self._lock:
            return self._by

    def begin(self, db: Connection) -> None:
        """Begin a run of this server, in the writer's transaction."""
        run = begin_run(db, self._now(), os.urandom, self._server)
        with self._lock:
            self._run, self._by = run, None

    def check(self, db: Connection) -> None:
        """Look in the transaction of a write. Raises SupersededError, so that nothing of it
        stands.
        """
        run, server = newest(db)
        if run == self._run:
            return
        known = db.execute("SELECT 1 FROM server_run WHERE run = ?", (self._run,)).fetchone()
        if known is None:
            log.error("the database does not know this run: it was put back while the server ran")
            self.begin(db)
            return
        with self._lock:
            self._by = server
        raise SupersededError(server)


_STANDING: WeakKeyDictionary[Database, Standing] = WeakKeyDictionary()


def stand(database: Database, now: Callable[[], int], server: str) -> Standing:
    """Begin a run on a database, and from then on look in each of its writes whether it goes on.

    A database that is opened once has one standing, however often it is served.
    """
    known = _STANDING.get(database)
    standing = known or Standing(now, server)
    database.write(standing.begin)
    if known is None:
        _STANDING[database] = standing
        database.check_steps(standing.check)
    return standing
