"""Names each run of the server in the database, and checks at each write that the run is current
(docs/design/clocks-and-restores.md, Two servers at once).

A server that finds a later run stops writing, so it grants no places and takes no scans. Kiosks
store the signed run name with the server's position in it (badges/wire), to show a restored
database what it lacks. A server that does not find its own run was switched to such a copy while
running. It begins a new run, so that positions of the earlier one are recognised as missing.
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
from server.storage.engines import joint, memory
from server.storage.engines.history import history
from server.storage.engines.joint import Reading

log = logging.getLogger(__name__)

# Keys of the memo (`server/storage/engines/memory.py`): the newest run's name, the whole run, and
# the `OwnRun` that has checked it.
RUN, _NEWEST_RUN, _CHECKED = "run", "newest run", "run is checked"
# After a database switch, places are granted only after this time, so that every reachable kiosk
# can first show what the new database lacks: a heartbeat, and its repetition if it fails.
HEARD_MS = 7_000
_ORDER = f"ORDER BY {dialect.insertion_order('r')} DESC LIMIT 1"
_NEWEST = (
    "SELECT r.run, r.server, r.history,"
    " (SELECT value FROM setting WHERE key = 'incarnation') AS incarnation"
    f" FROM server_run r {_ORDER}"
)
_POSITION = (
    f"SELECT (SELECT r.run FROM server_run r {_ORDER}) AS run,"
    f" {changes.CURSOR} AS cursor, {entry_log.SIZE} AS entries"
)


class Position(NamedTuple):
    """How far feed and entry log were when the server answered."""

    run: str
    cursor: int  # of the feed
    entries: int  # number of entries of the log


class Run(NamedTuple):
    """One start of a server. `server` is its name, and `history` the database engine's history at
    that time. `incarnation` is the current one.
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
    """Return the new run's name."""
    run = random(16).hex()
    db.execute(
        "INSERT INTO server_run (run, since_cursor, since_entries, started_at, server, history)"
        " VALUES (?, ?, ?, ?, ?, ?)",
        (run, changes.cursor(db), entry_log.size(db), now, server, history),
    )
    return run


def newest(db: Connection) -> Run:
    """Return the newest run, named "" before the first."""
    return _run(db.execute(_NEWEST).fetchone())


def _run(row: Row | None) -> Run:
    return Run() if row is None else Run(row[0], row[1], row[2], int(row[3] or 1))


def read_ahead(db: Connection) -> Reading:
    memo = memory.memo_of(db)
    if RUN in memo and _CHECKED in memo:
        return
    asked = db.execute(_NEWEST)
    yield
    memo[_NEWEST_RUN] = run = _run(asked.fetchone())
    memo[RUN] = run.run


def position(db: Connection) -> Position:
    """Call it on the writer, before the commit."""
    memo = memory.memo_of(db)
    run, numbers = memo.get(RUN), joint.numbers(db)
    if run is not None and numbers:
        return Position(run, numbers["change"], numbers["leaf"])
    standing = contact.standing(db, memo)
    if run is not None and standing is not None:
        return Position(run, standing.cursor, standing.entries)
    row = db.execute(_POSITION).fetchone()
    memo[RUN] = row[0] or ""
    return Position(memo[RUN], row[1], row[2])


class OwnRun:
    """Checks whether a server's run is still current. Thread-safe.

    Only the writer's thread calls `begin` and `check`. On PostgreSQL, several servers share a run
    while the database's history continues.
    """

    def __init__(self, now: Callable[[], int], server: str) -> None:
        self._now = now
        self._server = server
        # guards the names of the run and of the superseding server
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
        """The name of the server that superseded this one, possibly ""."""
        with self._lock:
            return self._by

    def watch(
        self, compare: Callable[[Connection], object], renewed: Callable[[int], object]
    ) -> None:
        """Set the hooks. `compare` runs in the transaction that finds another database or state.
        `renewed` gets the server's incarnation at each write.
        """
        self._compare, self._renewed = compare, renewed

    def begin(self, db: Connection) -> None:
        """Begin a run on a new connection of the writer, or join the current run."""
        here, last = history(db), newest(db)
        before = self.run
        if here and here == last.history:
            run = last.run
        else:
            run = begin_run(db, self._now(), os.urandom, self._server, here)
            if here and last.history:
                log.error("a standby has become the primary: grants wait for the kiosks' reports")
                event_state.grant_nothing_until(db, self._now() + HEARD_MS)
        with self._lock:
            self._run, self._by, self._shared = run, None, bool(here)
        if before and here:
            self._compare(db)

    def check(self, db: Connection) -> None:
        """Check in a write that this run is current. Raises SupersededError, which rolls the write
        back.
        """
        memo = memory.memo_of(db)
        if memo.get(_CHECKED) is self:
            return
        last = memo.get(_NEWEST_RUN) or newest(db)
        self._renewed(last.incarnation)
        if last.run == self._run:
            memo[_CHECKED] = self
            return
        row = db.execute("SELECT 1 FROM server_run WHERE run = ?", (self._run,)).fetchone()
        if row is None:
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


_OWN_RUNS: WeakKeyDictionary[Database, OwnRun] = WeakKeyDictionary()


def own_run(database: Database, now: Callable[[], int], server: str) -> OwnRun:
    """Begin a run on a database, and check it at each later write.

    A database has one OwnRun, however often it is served.
    """
    existing = _OWN_RUNS.get(database)
    own = existing or OwnRun(now, server)
    if existing is not None:
        database.write(own.begin)
        return own
    # A new connection of the writer may be to another database.
    database.prepare_writer(own.begin)
    database.check_steps(own.check)
    _OWN_RUNS[database] = own
    return own
