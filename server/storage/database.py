"""The database of one event: a pool of readers, and one writer that groups requests in commits.

When `write` returns, the data is on disk. A group of writes shares one commit, each in its own
savepoint, so a failed write leaves the others alone. Long writes (a kiosk's backlog) alternate with
groups.
"""

import logging
import math
import threading
import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from contextlib import contextmanager, suppress
from functools import partial
from itertools import groupby
from pathlib import Path
from typing import Any, TypeVar

from badges.wire.wire import ErrorCode
from server.storage import disk, effects
from server.storage.connection import Connection, LentConnection, Listening, OwnConnection
from server.storage.disk import AwayError, DatabaseError
from server.storage.effects import EffectError
from server.storage.engines import memory
from server.storage.engines.durable import Durable, make_durable
from server.storage.engines.failures import Failures
from server.storage.engines.joint import Joinable
from server.storage.engines.reconnecting import Reconnecting
from server.storage.engines.steps import (
    CallbackJob,
    Check,
    Job,
    Steps,
    reason,
    run_concurrently,
)
from server.storage.engines.waiting import Turns, Waiting
from server.storage.errors import EngineError, cause, is_unexplained
from server.storage.opening import engine_of
from server.storage.transactions import transaction

log = logging.getLogger(__name__)

T = TypeVar("T")

# Idle readers kept open: more than two cores can use at once.
IDLE_READERS_MAX = 32
# Unexplained errors after which the writer's connection to another computer is replaced.
FAILURES_MAX = 3
# Transactions are concurrent for so long after another server's commit. Alone, exclusive ones are
# cheaper.
OTHERS_S = 0.1
# Groups of batches that lock out other servers after one that could not run concurrently, since
# the same reason (such as a muster) often applies to the next.
EXCLUSIVE_AFTER = 8
# A database silent for longer gets no new writes. They fail at once; a kiosk tries another server.
HANGS_S = 3.0
QUIET_S = 5.0  # without failures, after which a remote disk counts as usable again
HANGS = "the database does not answer just now. Nothing was changed. Try again in a moment."


class Database:
    """One event's database. Close it, or use it as a context manager.

    `with database.reading() as db:` lends a connection for the block, to any thread. Pages may use
    `database.reader`: the thread's connection until `give_back`, which the app calls after each
    request (server/app/app.py), before the body is sent. Streamed responses and long-lived threads
    use `reading`. Fetch rows (`fetchall`, a list) before giving the connection back.
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
        self._checks: list[Check] = []
        self._engine = engine_of(path, bounded=True)
        self._durable = Durable(self._engine.settler)
        # Run on each new connection of the writer.
        self._preparations: list[Callable[[Connection], None]] = []
        self._writer_connection = self._engine.writer()
        memory.attach(self._writer_connection)
        effects.attach(self._writer_connection)
        self._failures = 0  # unexplained ones of this connection
        self._heard_at = -math.inf  # of a commit of another server, by the monotonic clock
        self._exclusive_left = 0  # groups until the next concurrent transaction
        self._reconnecting = Reconnecting(self._engine.writer, self._prepare)
        # Code of the disk error of the last commit.
        self._disk_trouble: ErrorCode | None = None
        self.failures = Failures()
        self._closed = False
        self._writer = threading.Thread(target=self._run, name="writer", daemon=True)
        self._writer.start()

    def __enter__(self) -> "Database":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
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
        """Call `listener` on the writer's thread after each commit, with the writer's connection
        to read from. It must be fast. It may return a function to call once the commit is on disk.
        """
        self._listeners.append(listener)

    def on_foreign_commit(self, listener: Callable[[], object]) -> None:
        """Call `listener` after a commit of another process. It must not block."""
        self._foreign_listeners.append(listener)
        with self._lock:
            if self._listening is None and not self._closed:
                self._listening = self._engine.listen(self._heard)

    def _heard(self, number: int) -> None:
        if number != self._engine.number_of(self._writer_connection):
            self._heard_at = time.monotonic()
            for listener in self._foreign_listeners:
                listener()

    def prepare_writer(self, prepare: Callable[[Connection], None]) -> None:
        """Call `prepare` with the writer's connection now, and with each later one before use, to
        create temporary tables and the like.
        """

        def now(db: Connection) -> None:
            prepare(db)
            effects.after_commit(db, partial(self._preparations.append, prepare))

        self.write(now)

    def check_steps(self, check: Check) -> None:
        """Call `check` on the writer's thread after each `step` of `write`, in its transaction. If
        it raises, the step is undone and its caller gets the exception. Its text is the step's
        `remark`.
        """
        self._checks.append(check)

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Lends a read-only connection. Raises DatabaseError after `close`."""
        reader = self._borrow(None)
        try:
            yield reader
        finally:
            self._take_back(reader)

    @property
    def reader(self) -> Connection:
        """The thread's read-only connection, until `give_back`.

        It raises DatabaseError if used by another thread or after `give_back`.
        """
        reader: LentConnection | None = getattr(self._local, "reader", None)
        if reader is None:
            reader = self._borrow(threading.get_ident())
            self._local.reader = reader
        return reader

    def give_back(self) -> None:
        """The next use of `reader` borrows again."""
        reader: LentConnection | None = getattr(self._local, "reader", None)
        if reader is not None:
            del self._local.reader
            self._take_back(reader)

    def has_read(self) -> bool:
        """Return whether this thread has read since the last call."""
        has_read: bool = getattr(self._local, "has_read", False)
        self._local.has_read = False
        return has_read

    def wait_for_disk(self, within_s: float) -> bool:
        """Wait until all data read so far is on disk, for a page. Returns False after `within_s`.

        Lasting results, such as a signature, need `make_durable` on the connection that read the
        data.
        """
        return not self._engine.commits_early or self._durable.wait(within_s)

    @property
    def readers(self) -> tuple[int, int]:
        with self._lock:
            return len(self._lent), len(self._idle)

    @property
    def waiting(self) -> int:
        return len(self._waiting)

    @property
    def away(self) -> bool:
        """Whether a database on another computer is unreachable, or takes no writes now."""
        return self._reconnecting.away or self._hangs

    @property
    def waits(self) -> bool:
        return self._engine.waits_s(self._writer_connection) > 0

    @property
    def _hangs(self) -> bool:
        return self._engine.waits_s(self._writer_connection) > HANGS_S

    @property
    def disk_trouble(self) -> ErrorCode | None:
        """The code of the last disk error (`DiskError`), or None."""
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
        reader = self._engine.reader()  # slow, hence outside the lock
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
                return  # closed meanwhile
            self._lent.remove(reader)
            if reader.lost:
                # The idle ones are likely lost too.
                lost, self._idle = [reader, *self._idle], []
                for connection in lost:
                    connection.close()
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
        """Run `step` in a transaction and return its result once that is on disk.

        If `step` raises, its changes are undone and the exception is raised here. What it does
        outside the database it registers (`server.storage.effects.after_commit`); EffectError is
        raised if that fails, although the commit stands. Short steps share commits; a `long` step
        has its own, and waiting short steps run between two long ones. For `early` see
        `write_then`. A commit has at most one step of each `owner`, and owners of long steps take
        turns.

        Raises DiskError if the disk is full or fails, until it recovers. Raises DatabaseError
        after `close`.
        """
        job = Job(step, long, early, owner)
        self._ask(job)
        try:
            result: T = job.wait()
        except EffectError:
            self._local.has_written = True
            raise
        self._local.has_written = True
        self._local.remark = job.remark or getattr(self._local, "remark", "")
        return result

    def has_written(self) -> bool:
        """Return whether this thread has written since the last call."""
        has_written: bool = getattr(self._local, "has_written", False)
        self._local.has_written = False
        return has_written

    def remark(self) -> str:
        """Return what a check remarked on this thread's writes since the last call, or ""."""
        remark: str = getattr(self._local, "remark", "")
        self._local.remark = ""
        return remark

    def write_then(
        self,
        step: Callable[[Connection], T],
        done: Callable[[Any, Any], object],
        *,
        early: bool = False,
        joinable: Joinable | None = None,
        owner: Hashable | None = None,
    ) -> None:
        """Run `step` like `write`, without waiting.

        Once the commit is on disk, `done` is called on the writer's thread with the result, or with
        None and the exception. It must be fast. An `early` step's data is visible before it is on
        disk, so that other servers need not wait; its caller must be able to repeat it. Consecutive
        `joinable` steps of one kind run together. Raises DatabaseError after `close`.
        """
        self._ask(CallbackJob(step, done, early, joinable, owner))

    def _ask(self, job: Job) -> None:
        if self._hangs:
            refused = AwayError(HANGS)
            self.failures.note(refused)
            raise refused
        with self._lock:
            # The writer would never run a job queued after its end.
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
            for part in self._parts(group):
                self._commit(part)
            if long:
                self._commit([long.take()])

    def _parts(self, group: list[Job]) -> list[list[Job]]:
        """Return the steps by commit, in order. Beside other servers kiosks' batches have their
        own, because it does not lock the others out.
        """
        apart = self._others_write
        similar = groupby(group, lambda job: apart and job.early and job.joinable is not None)
        return [list(jobs) for _, jobs in similar]

    @property
    def _others_write(self) -> bool:
        return self._engine.is_far and time.monotonic() - self._heard_at <= OTHERS_S

    def _commit(self, group: list[Job]) -> None:
        try:
            connection = self._usable_writer()
        except (EngineError, DatabaseError) as error:
            self._fail(group, error)
            return
        failed: list[tuple[Job, BaseException]] = []
        try:
            done, notifications = self._write(connection, group, failed)
        except Exception as error:
            memory.forget(connection)
            # The writer's thread must survive any error.
            with suppress(Exception):
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
            if not self._engine.commits_early:
                # With early commits, a refusal may be based on lost data.
                self._refuse(failed)
            self._fail(group, error)
            self._after_errors(connection, [error, *(refusal for _, refusal in failed)])
            return
        if done and self._disk_trouble and not self._fails_lately:
            log.warning("the disk takes writes again")
            self._disk_trouble = None
        for tell in notifications:
            self._guarded(tell)
        self._refuse(failed)
        for job, result in done:
            job.finish(result, effects.run(job.effects))
        if failed:
            self._after_errors(connection, [error for _, error in failed])

    def _write(
        self,
        connection: OwnConnection,
        group: list[Job],
        failed: list[tuple[Job, BaseException]],
    ) -> tuple[list[tuple[Job, Any]], list[Callable[[], object]]]:
        """Run the steps in one transaction and wait until it is on disk. Return the results, and
        the functions that commit listeners returned. Exceptions of steps are added to `failed`.

        Raises EngineError or DatabaseError; then it is unknown whether the commit stands.
        """
        early = all(job.early for job in group)
        done = self._write_concurrently(connection, group)
        is_committed = done is not None
        if done is None:
            self._engine.begin(connection, early=early)
            memory.begin(connection)
            done = Steps(self._engine, self._checks, connection, group, failed).run()
        notifications: list[Callable[[], object]] = []
        if done:
            if not is_committed:
                connection.execute("COMMIT")
            for listener in self._listeners:
                tell = self._guarded(partial(listener, connection))
                if callable(tell):
                    notifications.append(tell)
        elif connection.in_transaction:
            connection.execute("ROLLBACK")
        if failed and self._engine.is_lost(connection):
            raise reason(failed[-1][1]) from None
        if self._engine.commits_early and (early or failed or notifications):
            # Results and refusals may be based on early commits of others.
            make_durable(connection)
        return done, notifications

    def _write_concurrently(
        self, connection: OwnConnection, group: list[Job]
    ) -> list[tuple[Job, Any]] | None:
        """Run kiosks' batches in a concurrent transaction, and commit it. Return the results, or
        None if nothing was written, and the batches need a transaction that locks out all others.

        Raises EngineError if the connection was lost; then it is unknown whether the commit stands.
        """
        kinds = {job.joinable.kind if job.early and job.joinable else None for job in group}
        kind = kinds.pop()
        if not self._others_write or kinds or kind is None or kind.numbers is None:
            return None
        if self._exclusive_left:
            self._exclusive_left -= 1
            return None
        try:
            self._engine.begin_concurrent(connection)
            memory.begin(connection)
            results = run_concurrently(connection, group, self._checks)
            connection.execute("COMMIT")
        except Exception as error:
            memory.forget(connection)
            if self._engine.is_lost(connection):
                raise reason(error) from None
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            if isinstance(error, EngineError):
                log.info("scans are repeated without those of other servers: %s", cause(error))
            self._exclusive_left = EXCLUSIVE_AFTER
            return None
        return results

    def _guarded(self, call: Callable[[], Any]) -> Any:
        """Call a commit listener, and only log its exceptions."""
        try:
            return call()
        except Exception as error:
            log.error("a listener to commits failed: %s", type(error).__name__)
            return None

    def _usable_writer(self) -> OwnConnection:
        """Return the writer's connection, or a new one if that was lost. Raises EngineError or
        DatabaseError.
        """
        if not self._engine.is_lost(self._writer_connection):
            return self._writer_connection
        connection = self._reconnecting.take()
        log.warning("the database is there again")
        self._writer_connection.close()
        self._writer_connection, self._failures = connection, 0
        return connection

    def _after_errors(self, connection: OwnConnection, errors: Sequence[BaseException]) -> None:
        unexplained = [error for error in errors if is_unexplained(error)]
        self._failures += bool(unexplained)
        if unexplained and self._engine.is_far and self._failures >= FAILURES_MAX:
            log.warning("connecting anew after %d failures: %s", self._failures, unexplained[-1])
            connection.close()
        if self._engine.is_lost(connection):
            if not unexplained:
                log.error("the database is lost, and connected to anew: %s", cause(errors[0]))
            self._reconnect()

    def _reconnect(self) -> None:
        self._reconnecting.begin()
        with self._lock:
            idle, self._idle = self._idle, []
        for reader in idle:
            reader.close()

    def _prepare(self, connection: OwnConnection) -> None:
        memory.attach(connection)
        effects.attach(connection)
        with transaction(connection):
            for prepare in self._preparations:
                prepare(connection)
        # While commits hang, writes fail instead of waiting.
        make_durable(connection)

    def _refuse(self, failed: list[tuple[Job, BaseException]]) -> None:
        for job, error in failed:
            job.finish(error=self._explained(error))

    def _fail(self, group: list[Job], error: BaseException) -> None:
        explained = self._explained(error)
        for job in group:
            effects.give_up(job.effects)
            if not job.finished:
                job.finish(error=explained)

    @property
    def _fails_lately(self) -> bool:
        """Whether writes have failed lately. On a full disk, this one may have needed no new
        space.
        """
        return self._engine.is_far and self.failures.within(QUIET_S) > 0

    def _explained(self, error: BaseException) -> BaseException:
        """Return the exception for the caller: disk errors in plain words, logged once, others
        unchanged.
        """
        disk_error = disk.trouble(error, self.path)
        self.failures.note(disk_error or error)
        if disk_error is None:
            return error
        if disk_error.code != self._disk_trouble:
            log.error("%s", disk_error)
            self._disk_trouble = disk_error.code
        return disk_error
