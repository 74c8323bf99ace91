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

from server.core.entry_log import entry_log
from server.core.feed import changes
from server.core.kiosks import contact
from server.storage import dialect, event_state
from server.storage.connection import Connection, Row
from server.storage.database import Database
from server.storage.disk import SupersededError
from server.storage.engines import memory
from server.storage.engines.history import history
from server.storage.engines.joint import Reading

log = logging.getLogger(__name__)

# Keys of the memo (`server/storage/engines/memory.py`). These are the newest run's name, all of it,
# and the standing that has seen that its own goes on.
RUN, _NEWEST_RUN, _CHECKED = "run", "newest run", "run is checked"
# After another database took the place of the one that was written, each kiosk that can be heard is
# heard before places are given out, so that it can show what the other one lacks.
HEARD_MS = 6_000
_ORDER = f"ORDER BY {dialect.insertion_order('r')} DESC LIMIT 1"
_NEWEST = (
    "SELECT r.run, r.server, r.history,"
    " (SELECT value FROM setting WHERE key = 'incarnation') AS incarnation"
    f" FROM server_run r {_ORDER}"
)
_CAME = (
    f"SELECT (SELECT r.run FROM server_run r {_ORDER}) AS run,"
    f" {changes.CURSOR} AS cursor, {entry_log.SIZE} AS entries"
)


class Came(NamedTuple):
    """Says how far the server had come when it answered."""

    run: str
    cursor: int  # The feed's.
    entries: int  # How many the entry log has.


class Run(NamedTuple):
    """Describes a run. `server` says for people who began it, and `history` in which of the
    engine's histories. `incarnation` is that of the line now.
    """

    run: str = ""
    server: str = ""
    history: str = ""
    incarnation: int = 1


def begin_run(
    db: Connection,
    now: int,
    random: Callable[[int], bytes],
    server: str = "",
    history: str = "",
) -> str:
    """Note that the server starts, and where in the feed. Returns the name of this run."""
    run = random(16).hex()
    db.execute(
        "INSERT INTO server_run (run, since_cursor, since_entries, started_at, server, history)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (run, changes.cursor(db), entry_log.size(db), now, server, history),
    )
    return run


def newest(db: Connection) -> Run:
    """Return the newest run. Its name is empty before the first."""
    return _run(db.execute(_NEWEST).fetchone())


def _run(row: Row | None) -> Run:
    return Run() if row is None else Run(row[0], row[1], row[2], int(row[3] or 1))


def read_ahead(db: Connection) -> Reading:
    """Read which run is the newest, for `came` and for the check of steps."""
    memo = memory.memo_of(db)
    if RUN in memo and _CHECKED in memo:
        return
    asked = db.execute(_NEWEST)
    yield
    memo[_NEWEST_RUN] = run = _run(asked.fetchone())
    memo[RUN] = run.run


def came(db: Connection) -> Came:
    """Return how far this database has come. It must be read where it was written, before the
    commit.
    """
    memo = memory.memo_of(db)
    run, standing = memo.get(RUN), contact.standing(db, memo)
    if run is not None and standing is not None:
        return Came(run, standing.cursor, standing.entries)
    row = db.execute(_CAME).fetchone()
    memo[RUN] = row[0] or ""
    return Came(memo[RUN], row[1], row[2])


class Standing:
    """Says of one server whether its run still goes on. Several threads may use it.

    The writer's thread alone calls `begin` and `check`. With an engine that serves several servers
    a run is theirs in common, as long as the engine's history goes on.
    """

    def __init__(self, now: Callable[[], int], server: str) -> None:
        self._now = now
        self._server = server
        # The lock guards the names of the run, and of who superseded this server.
        self._lock = threading.Lock()
        self._run = ""
        self._by: str | None = None
        self._shared = False
        self._compare: Callable[[Connection], object] = lambda _: None
        self._renewed: Callable[[int], object] = lambda _: None

    @property
    def run(self) -> str:
        with self._lock:
            return self._run

    @property
    def superseded_by(self) -> str | None:
        """Return who superseded this server, or None while nobody has. The name may be empty."""
        with self._lock:
            return self._by

    def watch(
        self, compare: Callable[[Connection], object], renewed: Callable[[int], object]
    ) -> None:
        """Have `compare` called in the transaction in which the database is found to be another, or
        in another state. `renewed` is told the incarnation of the line in each write.
        """
        self._compare, self._renewed = compare, renewed

    def begin(self, db: Connection) -> None:
        """Begin a run on a new connection of the writer, or join the one that goes on there."""
        here, last = history(db), newest(db)
        before = self.run
        if here and here == last.history:
            run = last.run
        else:
            run = begin_run(db, self._now(), os.urandom, self._server, here)
            if here and last.history:
                log.error("a standby has become the primary: the kiosks are heard first")
                event_state.grant_nothing_until(db, self._now() + HEARD_MS)
        with self._lock:
            self._run, self._by, self._shared = run, None, bool(here)
        if before and here:
            self._compare(db)

    def check(self, db: Connection) -> None:
        """Look in the transaction of a write. Raises SupersededError, so that nothing of it
        stands.
        """
        memo = memory.memo_of(db)
        if memo.get(_CHECKED) is self:
            return
        last = memo.get(_NEWEST_RUN) or newest(db)
        self._renewed(last.incarnation)
        if last.run == self._run:
            memo[_CHECKED] = self
            return
        known = db.execute("SELECT 1 FROM server_run WHERE run = ?", (self._run,)).fetchone()
        if known is None:
            log.error("the database does not know this run: it was put back while the server ran")
            run = begin_run(db, self._now(), os.urandom, self._server, last.history)
            with self._lock:
                self._run = run
            return
        if self._shared:
            with self._lock:
                self._run = last.run
            return
        with self._lock:
            self._by = last.server
        raise SupersededError(last.server)


_STANDING: WeakKeyDictionary[Database, Standing] = WeakKeyDictionary()


def stand(database: Database, now: Callable[[], int], server: str) -> Standing:
    """Begin a run on a database, and from then on look in each of its writes whether it goes on.

    A database that is opened once has one standing, however often it is served.
    """
    known = _STANDING.get(database)
    standing = known or Standing(now, server)
    if known is not None:
        database.write(standing.begin)
        return standing
    # Each later connection of the writer may be to another database.
    database.prepare_writer(standing.begin)
    database.check_steps(standing.check)
    _STANDING[database] = standing
    return standing
