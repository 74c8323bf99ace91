"""Sends batches of several kiosks in one commit, or each in its own."""

import hashlib
import queue
import threading
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import pytest

from badges.admission.facts import Calendar
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.kiosks import contact, runs
from server.core.ledger import ingest, read_ahead
from server.core.ledger.prepared import prepare
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines import joint
from server.storage.engines.joint import Joinable
from tests.server.support.fake_door import FakeDoor
from tests.server.support.site import CALENDAR


class ReplayError(Exception):
    """A request's counter has not risen, or its kiosk is unknown."""


class Step(NamedTuple):
    """A step of the writer, and the key by which steps share a commit."""

    run: Callable[[Connection], Any]
    joinable: Joinable | None = None


def salt_by_number(monkeypatch: pytest.MonkeyPatch) -> None:
    """Give each leaf a salt that depends on its number alone, so that two logs can be the same."""
    row = entry_log._row
    monkeypatch.setattr(
        entry_log, "_row",
        lambda number, kind, at, body, _: row(
            number, kind, at, body, hashlib.sha256(b"%d" % number).digest()[:16]
        ),
    )  # fmt: skip


def batch_step(
    door: FakeDoor,
    batch: wire.ScanBatch,
    now: int,
    counter: int,
    *,
    calendar: Calendar = CALENDAR,
) -> Step:
    """The API's step for a batch, without its wrapping of the answer."""
    prepared = prepare(batch, door.key.public.raw)
    key = (door.kiosk, door.generation)

    def run(db: Connection) -> ingest.Ingested:
        sender = contact.counted_sender(db, key, counter, now, batch)
        if sender is None:
            raise ReplayError
        taken = ingest.ingest(db, sender[0], batch, calendar=calendar, now=now, prepared=prepared)
        if not joint.is_on(db):
            runs.position(db)
        return taken

    return Step(run, Joinable(_BATCHES, read_ahead.About(key, prepared)))


def _finish(db: Connection, taken: Sequence[Any]) -> Sequence[Any]:
    """As in the API, the server's position is read once for all."""
    runs.position(db)
    return taken


_BATCHES = read_ahead.kind(_finish)


def send(
    database: Database, steps: Sequence[Step], *, together: bool, early: bool = True
) -> list[Any]:
    """Run the steps in one commit, or each in its own. Returns each result or error.

    In PostgreSQL the steps of an `early` commit run in a concurrent transaction if they can.
    """
    if not together:
        return [_alone(database, step) for step in steps]
    begun, gate = threading.Event(), threading.Event()
    results: list[queue.SimpleQueue[Any]] = [queue.SimpleQueue() for _ in steps]
    database.write_then(lambda db: begun.set() or gate.wait(), lambda *_: None)
    begun.wait()  # Or the writer may find the gate and some of the steps, and take them at once.
    for step, mine in zip(steps, results, strict=True):
        database.write_then(
            step.run,
            lambda result, error, mine=mine: mine.put(error or result),
            early=early,
            joinable=step.joinable,
        )
    gate.set()
    return [mine.get() for mine in results]


def _alone(database: Database, step: Step) -> Any:
    try:
        return database.write(step.run)
    except Exception as error:
        return error
