"""Runs the steps of one commit in savepoints, and similar steps together.

A step that raises is undone alone. If steps that ran together do not all succeed, all of them are
undone and repeated with the failed one by itself, so the results are the same as for single steps.
"""

import logging
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterator, Sequence
from itertools import groupby
from typing import Any, NamedTuple

from server.storage import effects
from server.storage.connection import Connection, Engine, OwnConnection
from server.storage.disk import DatabaseError
from server.storage.effects import Effect
from server.storage.engines import joint, memory
from server.storage.engines.joint import Joinable
from server.storage.errors import EngineError

log = logging.getLogger(__name__)

# Runs after a step, in its transaction. It may raise, or return a remark for who wrote.
Check = Callable[[Connection], str | None]


class Job:
    """A step of `Database.write` and its result. Its bare lock is much cheaper than a future; a
    busy server needs hundreds per second.
    """

    def __init__(
        self,
        step: Callable[[Connection], Any],
        long: bool,
        early: bool,
        owner: Hashable | None = None,
    ) -> None:
        self.step = step
        self.owner = owner
        self.long = long
        self.early = early
        self.joinable: Joinable | None = None
        self.finished = False
        self.effects: Sequence[Effect] = ()  # to run after the commit
        self.remark = ""  # of a check, for who wrote
        self._result: Any = None
        self._error: BaseException | None = None
        self._unfinished = threading.Lock()
        self._unfinished.acquire()

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        self._result, self._error, self.finished = result, error, True
        self._unfinished.release()

    def wait(self) -> Any:
        self._unfinished.acquire()
        if self._error is not None:
            raise self._error
        return self._result


class CallbackJob(Job):
    """A step of `Database.write_then`, whose callback gets the result."""

    def __init__(
        self,
        step: Callable[[Connection], Any],
        done: Callable[[Any, Any], object],
        early: bool,
        joinable: Joinable | None,
        owner: Hashable | None = None,
    ) -> None:
        self.step = step
        self.owner = owner
        self.long = False
        self.early = early
        self.joinable = joinable
        self.finished = False
        self.effects = ()
        self.remark = ""
        self._done = done

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        self.finished = True
        try:
            self._done(result, error)
        except Exception as failed:
            # The commit stands, and the other callbacks must run.
            log.error("nobody could be told of a step's end: %s", type(failed).__name__)


class Steps:
    def __init__(
        self,
        engine: Engine,
        checks: Sequence[Check],
        connection: OwnConnection,
        group: Sequence[Job],
        failed: list[tuple[Job, BaseException]],
    ) -> None:
        """`checks` run after each step. Exceptions of steps are added to `failed`."""
        self._engine = engine
        self._checks = checks
        self._db = connection
        self._group = group
        self._failed = failed
        self._done: list[tuple[Job, Any]] = []
        self._parted = False  # whether a group had to be split
        self._savepoint = 0  # number of the current one
        self._saves = len(group) > 1 or (engine.is_far and group[0].joinable is not None)

    def run(self) -> list[tuple[Job, Any]]:
        if self._saves:
            self._save()
        parts = deque(_parts(self._group, least=1 if self._engine.is_far else 2))
        while parts:
            part = parts.popleft()
            if part.together:
                parts.extendleft(reversed(self._run_together(part.jobs)))
            else:
                self._run_alone(part.jobs[0])
        return self._done

    def _run_alone(self, job: Job) -> None:
        effects.begin(self._db)
        try:
            result = job.step(self._db)
            job.remark = self._check()
        except BaseException as error:
            effects.give_up(effects.take(self._db))
            self._failed.append((job, error))
            if self._saves:
                self._undo(error)
            else:
                memory.forget(self._db)
        else:
            job.effects = effects.take(self._db)
            self._keep([(job, result)])

    def _run_together(self, jobs: Sequence[Job]) -> "list[_Part]":
        """If the group fails, return the parts to repeat, in order."""
        wanted = [job.joinable for job in jobs if job.joinable is not None]
        about = [item.about for item in wanted]
        failed_at: int | None = None
        try:
            results = joint.together(self._db, wanted[0].kind, [job.step for job in jobs], about)
            self._check()
        except joint.StepError as error:
            self._undo(error.__cause__ or error)
            failed_at = error.at
        except BaseException as error:
            self._undo(error)
        else:
            self._keep(list(zip(jobs, results, strict=True)))
            return []
        again, self._parted = self._parted, True
        if failed_at is None or again:
            return [_Part([job], together=False) for job in jobs]
        parts = [
            _Part(jobs[:failed_at], together=True),
            _Part([jobs[failed_at]], together=False),
            _Part(jobs[failed_at + 1 :], together=True),
        ]
        return [item for item in parts if item.jobs]

    def _check(self) -> str:
        remarks = [check(self._db) for check in self._checks]
        if not self._engine.stands(self._db):
            raise sqlite3.OperationalError("the transaction was undone on the way")
        return next(filter(None, remarks), "")

    def _keep(self, done: list[tuple[Job, Any]]) -> None:
        self._done += done
        if done[-1][0] is not self._group[-1]:
            self._db.execute(f"RELEASE step_{self._savepoint}")
            self._save()

    def _save(self) -> None:
        """Set the savepoint to which a failed step rolls back.

        Each has its own name, because the database may skip the statement after an unnoticed
        error. Rolling back to a shared name would then reach the previous savepoint, and undo a
        step already reported as successful. A missing name fails the transaction instead.
        """
        self._savepoint += 1
        self._db.execute(f"SAVEPOINT step_{self._savepoint}")

    def _undo(self, error: BaseException) -> None:
        memory.forget(self._db)
        if not self._db.in_transaction:
            # SQLite rolled back all steps (the disk is full or failing), or PostgreSQL is gone.
            raise reason(error) from None
        self._db.execute(f"ROLLBACK TO step_{self._savepoint}")


def run_concurrently(
    db: OwnConnection, group: Sequence[Job], checks: Sequence[Check]
) -> list[tuple[Job, Any]]:
    """Run joinable steps of one kind together in a concurrent transaction. After any exception the
    caller must roll back.
    """
    wanted = [job.joinable for job in group if job.joinable is not None]
    about = [item.about for item in wanted]
    steps = [job.step for job in group]
    results = joint.concurrently(db, wanted[0].kind, steps, about, checks)
    return list(zip(group, results, strict=True))


class _Part(NamedTuple):
    """Steps to run as a group (`together`), or a single one."""

    jobs: Sequence[Job]
    together: bool


def _parts(group: Sequence[Job], least: int) -> Iterator[_Part]:
    """Yield the steps in order, `least` or more of one kind in one part."""
    for kind, similar in groupby(group, lambda job: job.joinable and job.joinable.kind):
        jobs = list(similar)
        if kind is None or len(jobs) < least:
            yield from (_Part([job], together=False) for job in jobs)
        else:
            yield _Part(jobs, together=True)


def reason(error: BaseException) -> BaseException:
    if isinstance(error, (EngineError, DatabaseError)):
        return error
    return sqlite3.OperationalError("the transaction was undone on the way")
