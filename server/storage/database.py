"""Keeps one event's database. It has a pool of readers, and one writer that commits many requests
at once.

What a caller of `write` was told is on disk. A group of waiting writes shares one commit. Each is
inside its own savepoint, so that one that fails leaves the others alone. Long writes (a door's
backlog) take turns with such groups.

The database owns every connection, opens it and closes it. A thread borrows one for as long as it
reads. Which engine it is, SQLite or PostgreSQL, is told by the event's directory.
"""

import logging
import sqlite3
import threading
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from server.storage import disk
from server.storage.connection import Connection, Engine, LentConnection, Listening, OwnConnection
from server.storage.disk import AwayError, DatabaseError
from server.storage.engines import memory
from server.storage.engines.durable import Durable, make_durable
from server.storage.engines.failures import Failures
from server.storage.engines.joint import Joinable
from server.storage.engines.reconnecting import Reconnecting
from server.storage.engines.steps import Job, Steps, Told, reason
from server.storage.engines.waiting import Turns, Waiting
from server.storage.errors import EngineError, cause, is_unexplained
from server.storage.postgresql.address import address_of, keep_address, read_address
from server.storage.sqlite import engine as sqlite
from server.storage.sqlite.engine import SqliteEngine

log = logging.getLogger(__name__)

T = TypeVar("T")

# This many readers stay open for later use, which is more than two cores can serve at once.
IDLE_READERS_MAX = 32
# After so many errors that neither the data nor the disk explain, the writer's connection to
# another machine is replaced, whatever succeeded in between.
FAILURES_MAX = 3
# A database that has answered nothing for so long gets no more to write before it does. Whoever
# asks is told at once, and a kiosk asks another server.
HANGS_S = 3.0
QUIET_S = 5.0  # So long after the last failure a far disk takes writes again.
HANGS = "the database does not answer just now. Nothing was changed. Try again in a moment."


def engine_of(path: Path, *, bounded: bool = False) -> Engine:
    """Return the engine that keeps the event whose file in SQLite is, or would be, at `path`.

    With `bounded` nobody waits without end for a database on another machine. Raises DatabaseError
    where the event is in PostgreSQL and that can't be used here.
    """
    address = address_of(path.parent)
    if address is None:
        return SqliteEngine(path)
    # psycopg is no part of a usual installation.
    from server.storage.postgresql.engine import PostgresEngine

    return PostgresEngine(address, directory=path.parent, bounded=bounded)


def is_there(path: Path) -> bool:
    """Say whether the event has a database. One in PostgreSQL is there if it is named.

    Raises DatabaseError.
    """
    return path.is_file() or address_of(path.parent) is not None


def put_into_postgresql(path: Path, given: str) -> None:
    """Have an event that is about to be made keep its database in PostgreSQL.

    `path` is where its file in SQLite would be. `given` is the address of an empty database, or of
    a file that has the address. Raises DatabaseError, also where that database has an event.
    """
    address = read_address(given)
    from server.storage.postgresql import engine

    engine.check_empty(address)
    keep_address(path.parent, address)


def leave_postgresql(path: Path) -> None:
    """Take away the tables of an event that was not made after all. Raises DatabaseError."""
    address = address_of(path.parent)
    if address is not None:
        from server.storage.postgresql import engine

        engine.drop_all(address)
        keep_address(path.parent, None)


def connect(path: Path) -> OwnConnection:
    """Return a connection with the settings that durability rests on. Each setting is read back.

    Raises DatabaseError, of which DiskError is one.
    """
    return engine_of(path).writer()


def connect_to_read(path: Path) -> OwnConnection:
    """Return a connection that can't write. Raises DatabaseError, of which DiskError is one."""
    return engine_of(path).reader()


@contextmanager
def transaction(db: Connection) -> Iterator[None]:
    """Commit what is written in the block, or undo all of it where the block raises.

    Nobody else writes from its beginning on. It is for a connection of `connect`, outside of the
    server's writer. Raises EngineError.
    """
    db.execute("BEGIN IMMEDIATE")
    try:
        yield
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise


@contextmanager
def one_state(db: Connection) -> Iterator[None]:
    """Read one state of the database in the block, whatever is written meanwhile.

    A connection that is in a transaction reads one state as it is.
    """
    if db.in_transaction:
        yield
        return
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


@contextmanager
def undone_alone(db: Connection) -> Iterator[None]:
    """Undo what a block did that raises, and nothing else of its transaction.

    In SQLite a statement that is refused undoes itself alone. In PostgreSQL it takes the whole
    transaction with it. Whoever goes on after a refusal puts the statement into this.
    """
    if isinstance(db, sqlite3.Connection):
        yield
        return
    made: Any = db
    db.execute("SAVEPOINT alone")
    made.arrive()  # An error before it would let the database skip it.
    try:
        yield
        made.arrive()
    except BaseException:
        db.execute("ROLLBACK TO alone")
        raise
    finally:
        db.execute("RELEASE alone")


def large_cache(db: Connection) -> AbstractContextManager[None]:
    """Keep more of the database in memory for a block that writes all over its indexes.

    PostgreSQL has its cache in common for all.
    """
    return sqlite.large_cache(db) if isinstance(db, sqlite3.Connection) else nullcontext()


def indexes_anew(db: Connection, table: str) -> AbstractContextManager[None]:
    """Take a table's indexes away for a block that adds most of its rows, and make them anew.

    In PostgreSQL they stay. Without them nobody could read the table meanwhile.
    """
    return sqlite.indexes_anew(db, table) if isinstance(db, sqlite3.Connection) else nullcontext()


class Database:
    """Keeps the database of one event. Close it, or use it as a context manager.

    Read inside `with database.reading() as db:`, which lends a connection for the block, whatever
    thread runs it. A page may say `database.reader` instead. That connection is the thread's until
    `give_back`, which the app calls after each request (server/__init__.py), before the answer's
    body is sent. So an answer that is made piece by piece, and a thread that lives long, use
    `reading`. Rows are taken out (`fetchall`, a list) before the connection is given back.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._local = threading.local()
        self._idle: list[LentConnection] = []
        self._lent: set[LentConnection] = set()
        self._lock = threading.Lock()
        self._waiting = Waiting()
        self._listeners: list[Callable[[Connection], object]] = []
        self._foreign_listeners: list[Callable[[], object]] = []
        self._listening: Listening | None = None
        self._checks: list[Callable[[Connection], None]] = []
        self._engine = engine_of(path, bounded=True)
        self._durable = Durable(self._engine.settler)
        # What each new connection of the writer begins with.
        self._preparations: list[Callable[[Connection], None]] = []
        self._writer_connection = self._engine.writer()
        memory.attach(self._writer_connection)
        self._failures = 0  # Of this connection, which nothing explains.
        self._reconnecting = Reconnecting(self._engine.writer, self._prepare)
        # What is wrong with the disk, since a commit failed for that reason.
        self._disk_trouble = ""
        self.failures = Failures()
        self._closed = False
        self._writer = threading.Thread(target=self._run, name="writer", daemon=True)
        self._writer.start()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Finish what is queued and close every connection."""
        with self._lock:
            if self._closed:
                return
            self._closed = True
            self._waiting.end()
        if self._listening is not None:
            self._listening.close()
        self._durable.close()
        self._writer.join()
        self._reconnecting.close()
        with self._lock:
            readers = [*self._idle, *self._lent]
            self._idle.clear()
            self._lent.clear()
        for reader in readers:
            reader.close()
        self._writer_connection.close()

    def on_commit(self, listener: Callable[[Connection], object]) -> None:
        """Call `listener` on the writer's thread after each commit, with the writer's connection to
        read by. It must be quick.

        What it reads may not be on disk yet. If it returns something to call, that is called once
        it is, and tells whoever is to hear of it.
        """
        self._listeners.append(listener)

    def on_foreign_commit(self, listener: Callable[[], object]) -> None:
        """Call `listener` when another process has committed, on a thread that has to go on."""
        self._foreign_listeners.append(listener)
        with self._lock:
            if self._listening is None and not self._closed:
                self._listening = self._engine.listen(self._heard)

    def _heard(self, number: int) -> None:
        if number != self._engine.number_of(self._writer_connection):
            for listener in self._foreign_listeners:
                listener()

    def prepare_writer(self, prepare: Callable[[Connection], None]) -> None:
        """Call `prepare` with the writer's connection now, and with each later one before it is
        used. What a connection alone has, such as temporary tables, is made there.
        """

        def now(db: Connection) -> None:
            prepare(db)
            self._preparations.append(prepare)

        self.write(now)

    def check_steps(self, check: Callable[[Connection], None]) -> None:
        """Call `check` on the writer's thread after each step, inside its transaction.

        What it raises undoes that step, and is raised where the step was asked for.
        """
        self._checks.append(check)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lend a connection for reading, for this block. Raises DatabaseError once the database is
        closed.
        """
        reader = self._borrow(None)
        try:
            yield reader
        finally:
            self._take_back(reader)

    @property
    def reader(self) -> Connection:
        """Return this thread's connection for reading, until it calls `give_back`.

        Raises DatabaseError where another thread uses it, or where this one uses it after it gave
        it back.
        """
        reader: LentConnection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._borrow(threading.get_ident())
            self._local.reader = reader
        return reader

    def give_back(self) -> None:
        """End this thread's use of `reader`. The next use borrows anew."""
        reader: LentConnection | None = getattr(self._local, "reader", None)
        if reader is not None:
            del self._local.reader
            self._take_back(reader)

    def has_read(self) -> bool:
        """Say whether this thread has borrowed a reader since it was asked the last time."""
        found: bool = getattr(self._local, "has_read", False)
        self._local.has_read = False
        return found

    def wait_for_disk(self, within_s: float) -> bool:
        """Wait until what was read so far is on disk, for a page that shows it.

        Says False where that took longer. What lasts, such as a signature or a kiosk's copy, is
        preceded by `make_durable` instead, on the connection that was read by.
        """
        return not self._engine.commits_early or self._durable.wait(within_s)

    @property
    def readers(self) -> tuple[int, int]:
        """Return how many connections for reading are lent, and how many lie idle."""
        with self._lock:
            return len(self._lent), len(self._idle)

    @property
    def waiting(self) -> int:
        """Return how many writes wait for the writer."""
        return len(self._waiting)

    @property
    def away(self) -> bool:
        """Tell whether the database is on another machine that can't be reached now, or takes no
        writes for the moment.
        """
        return self._reconnecting.away or self._hangs

    @property
    def waits(self) -> bool:
        """Tell whether the writer waits for an answer of the database, which ends by itself."""
        return self._engine.waits_s(self._writer_connection) > 0

    @property
    def _hangs(self) -> bool:
        return self._engine.waits_s(self._writer_connection) > HANGS_S

    @property
    def disk_trouble(self) -> str:
        """Return the code of what was wrong with the disk at the last commit, "" while all is
        well.
        """
        return self._disk_trouble

    def _borrow(self, thread: int | None) -> LentConnection:
        self._local.has_read = True
        with self._lock:
            if self._closed:
                raise DatabaseError("the database is closed")
            if self._idle:
                return self._lend(self._idle.pop(), thread)
        if self._reconnecting.away:
            raise AwayError("the database can't be reached. Nothing was read.")
        reader = self._engine.reader()  # This is outside the lock because it takes a while.
        with self._lock:
            if self._closed:
                reader.close()
                raise DatabaseError("the database is closed")
            return self._lend(reader, thread)

    def _lend(self, reader: LentConnection, thread: int | None) -> LentConnection:
        reader.lent, reader.thread = True, thread
        self._lent.add(reader)
        return reader

    def _take_back(self, reader: LentConnection) -> None:
        reader.lent = False
        with self._lock:
            if reader not in self._lent:
                return  # The database was closed meanwhile.
            self._lent.remove(reader)
            if reader.lost:
                # Those that lie idle are likely lost with it.
                lost, self._idle = [reader, *self._idle], []
                for one in lost:
                    one.close()
                return
            if len(self._idle) < IDLE_READERS_MAX:
                reader.settle()
                self._idle.append(reader)
                return
        reader.settle()
        reader.close()

    def write(
        self,
        step: Callable[[Connection], T],
        *,
        long: bool = False,
        early: bool = False,
        owner: Hashable | None = None,
    ) -> T:
        """Run `step` in a transaction, and return its result once that is on disk.

        What `step` raises is raised here, and nothing that it did remains. A `long` step has a
        commit of its own, and between two of them all the short ones that wait have theirs. An
        `early` one is as `write_then` says. A commit has one step of each `owner` at most, and
        owners of long steps take turns.

        Raises DiskError where the disk is full or can't be written. The writer goes on, and takes
        writes again once the disk does. Raises DatabaseError once the database is closed.
        """
        job = Job(step, long, early, owner)
        self._ask(job)
        result: T = job.wait()
        self._local.has_written = True
        return result

    def has_written(self) -> bool:
        """Say whether a `write` of this thread was committed since it was asked the last time."""
        found: bool = getattr(self._local, "has_written", False)
        self._local.has_written = False
        return found

    def write_then(
        self,
        step: Callable[[Connection], T],
        done: Callable[[Any, Any], object],
        *,
        early: bool = False,
        joinable: Joinable | None = None,
        owner: Hashable | None = None,
    ) -> None:
        """Run `step` as `write` does, without waiting for it.

        `done` gets its result, or None and what it raised, on the writer's thread once the commit
        is on disk. It must be quick. What an `early` step writes may be read by others before that,
        so that other servers need not wait for the disk. Then it must be something that whoever
        asked for it brings again if it is lost. Steps of one kind that follow one another are taken
        together, where they are `joinable`. Raises DatabaseError once the database is closed.
        """
        self._ask(Told(step, done, early, joinable, owner))

    def _ask(self, job: Job) -> None:
        if self._hangs:
            refused = AwayError(HANGS)
            self.failures.note(refused)
            raise refused
        with self._lock:
            # Nothing may come after the None that ends the writer. Nobody would ever answer it.
            if self._closed:
                raise DatabaseError("the database is closed")
            self._waiting.put(job)

    def _run(self) -> None:
        long = Turns()
        while long or not self._waiting.ended:
            group: list[Job] = []
            for job in self._waiting.group(idle=not long):
                if job.long:
                    long.put(job)
                else:
                    group.append(job)
            if group:
                self._commit(group)
            if long:
                self._commit([long.take()])

    def _commit(self, group: list[Job]) -> None:
        try:
            connection = self._usable_writer()
        except (EngineError, DatabaseError) as error:
            self._fail(group, error)
            return
        failed: list[tuple[Job, BaseException]] = []
        try:
            done, told = self._write(connection, group, failed)
        except Exception as error:
            memory.forget(connection)
            # Whatever it is, this thread must live on, or nothing would ever be written again.
            with suppress(Exception):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if not self._engine.commits_early:
                # Elsewhere a refusal too may rest on what was lost.
                self._refuse(failed)
            self._fail(group, error)
            self._after_errors(connection, [error, *(one for _, one in failed)])
            return
        if done and self._disk_trouble and not self._fails_lately:
            log.warning("the disk takes writes again")
            self._disk_trouble = ""
        for tell in told:
            self._guarded(tell)
        self._refuse(failed)
        for job, result in done:
            job.finish(result)
        if failed:
            self._after_errors(connection, [error for _, error in failed])

    def _write(
        self,
        connection: OwnConnection,
        group: list[Job],
        failed: list[tuple[Job, BaseException]],
    ) -> tuple[list[tuple[Job, Any]], list[Callable[[], object]]]:
        """Run the steps in one transaction and wait until it is on disk. Returns the results, and
        what is to be told to listeners. What steps raised is added to `failed`.

        Raises EngineError or DatabaseError. Then it is not known whether anything of it stands.
        """
        early = all(job.early for job in group)
        self._engine.begin(connection, early=early)
        memory.begin(connection)
        done = Steps(self._engine, self._checks, connection, group, failed).run()
        told: list[Callable[[], object]] = []
        if done:
            connection.execute("COMMIT")
            for listener in self._listeners:
                tell = self._guarded(partial(listener, connection))
                if callable(tell):
                    told.append(tell)
        elif connection.in_transaction:
            connection.execute("ROLLBACK")
        if failed and self._engine.is_lost(connection):
            raise reason(failed[-1][1]) from None
        if self._engine.commits_early and (early or failed or told):
            # What was read here, and why a step refused, may rest on others' early commits.
            make_durable(connection)
        return done, told

    def _guarded(self, call: Callable[[], Any]) -> Any:
        """Call what listens to commits. The commit stands whatever it does, and those who wait for
        it must be told.
        """
        try:
            return call()
        except Exception as error:
            log.error("a listener to commits failed: %s", type(error).__name__)
            return None

    def _usable_writer(self) -> OwnConnection:
        """Return the writer's connection, or another one where that was lost.

        Raises EngineError or DatabaseError.
        """
        if not self._engine.is_lost(self._writer_connection):
            return self._writer_connection
        made = self._reconnecting.take()
        log.warning("the database is there again")
        self._writer_connection.close()
        self._writer_connection, self._failures = made, 0
        return made

    def _after_errors(self, connection: OwnConnection, found: Sequence[BaseException]) -> None:
        """Begin to connect anew where the connection is lost, or has failed too often."""
        unexplained = [error for error in found if is_unexplained(error)]
        self._failures += bool(unexplained)
        if unexplained and self._engine.is_far and self._failures >= FAILURES_MAX:
            log.warning("connecting anew after %d failures: %s", self._failures, unexplained[-1])
            connection.close()
        if self._engine.is_lost(connection):
            if not unexplained:
                log.error("the database is lost, and connected to anew: %s", cause(found[0]))
            self._reconnect()

    def _reconnect(self) -> None:
        """Begin to connect anew, while nobody waits for it. Those that lie idle were lost, too."""
        self._reconnecting.begin()
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    def _prepare(self, made: OwnConnection) -> None:
        memory.attach(made)
        with transaction(made):
            for prepare in self._preparations:
                prepare(made)
        # While commits hang there is no connection to write by, and nobody waits for one.
        make_durable(made)

    def _refuse(self, failed: list[tuple[Job, BaseException]]) -> None:
        for job, error in failed:
            job.finish(error=self._told(error))

    def _fail(self, group: list[Job], error: BaseException) -> None:
        told = self._told(error)
        for job in group:
            if not job.finished:
                job.finish(error=told)

    @property
    def _fails_lately(self) -> bool:
        """Tell whether other writes fail. On a full disk those succeed that need no room there."""
        return self._engine.is_far and self.failures.within(QUIET_S) > 0

    def _told(self, error: BaseException) -> BaseException:
        """Return the error that the caller gets. Trouble with the disk is told in plain words, and
        the log has it once.
        """
        found = disk.trouble(error, self.path)
        self.failures.note(found or error)
        if found is None:
            return error
        if found.code != self._disk_trouble:
            log.error("%s", found)
            self._disk_trouble = found.code
        return found
