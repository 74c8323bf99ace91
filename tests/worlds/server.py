"""The server of a world: the product's steps on one database in memory."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from errno import EIO
from pathlib import Path
from types import SimpleNamespace
from typing import Any, TypeVar

from badges.admission.facts import Calendar
from badges.places.pool import KioskKey
from badges.wire import wire
from badges.wire.enrolment import RequestStamp
from badges.wire.version import OWN
from badges.wire.wire import ErrorCode
from kiosk.sync.protocol import TransportError
from server.core.entry_log import entry_log
from server.core.entry_log.entry_log import Log
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.feed.changes import changes_after, cursor
from server.core.feed.subscription import CursorGoneError, FeedItem, Subscription
from server.core.kiosks import contact, registry, snapshot
from server.core.kiosks.contact import ForkError
from server.core.kiosks.runs import begin_run
from server.core.kiosks.vouching import Voucher
from server.core.ledger.ingest import GapError
from server.core.people import badge_keys
from server.core.second_disk import critical_state, set_back
from server.core.venue import nesting, store
from server.doors.errors import ApiError
from server.doors.heartbeats import Last
from server.doors.scans import FORKED, Arrival, answer_to, step_for
from server.doors.signatures import Caller, Signed, verified_step
from server.storage import event_state
from server.storage.connection import Connection
from server.storage.engines import memory
from server.web.lanes import Lanes
from tests.worlds.memory import STATEMENTS, fill

Result = TypeVar("Result")
NOWHERE = Path("/nonexistent/acts.sqlite")
LOADED = 32  # databases that stay open, about 0.5 MB each


class SecondDisk(critical_state.Keeper):
    """Says what is refused while the second disk is away. What it holds, the worlds know."""

    def __init__(self) -> None:
        self.trouble = ""
        self.is_away = False
        self._path = NOWHERE

    def _write(self, db: Connection) -> None:
        if self.is_away:
            raise OSError(EIO, "away")


class OneConnection:
    """Stands for `server.storage.database.Database`: one connection, no threads, no disk."""

    def __init__(self, second_disk: SecondDisk | None) -> None:
        self._second_disk = second_disk
        self._loaded: dict[int, Any] = {}  # connections by the state that each was loaded with
        self.db: Any = None

    def load(self, part: int, data: Callable[[], bytes]) -> None:
        """Continue in that state. To return to one that was loaded before is much faster than to
        load it: its schema is not parsed again.
        """
        if self.db is not None and self.db.in_transaction:
            self.db.execute("ROLLBACK")
        if part in self._loaded:
            self.db = self._loaded.pop(part)
        else:
            is_new = len(self._loaded) < LOADED
            self.db = self._unused()
            fill(self.db, data())
            if self._second_disk is not None and is_new:
                self._second_disk._watch(self.db)
        self._loaded[part] = self.db
        self.db.execute("BEGIN")
        memory.forget(self.db)

    def _unused(self) -> Any:
        """A new connection, or the one that was used the longest ago."""
        if len(self._loaded) < LOADED:
            return _connection()
        return self._loaded.pop(next(iter(self._loaded)))

    def close(self) -> None:
        for db in self._loaded.values():
            db.close()

    def write(self, step: Callable[[Connection], Result]) -> Result:
        """Transactions are savepoints, so that `load` can undo them."""
        self.db.execute("SAVEPOINT step")
        try:
            memory.begin(self.db)
            result = step(self.db)
            if self._second_disk is not None:
                self._second_disk._check(self.db)
        except BaseException:
            self.db.execute("ROLLBACK TO step")
            memory.forget(self.db)
            raise
        finally:
            self.db.execute("RELEASE step")
        return result

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        yield self.db


def _connection() -> Any:
    db: Any = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False, factory=memory.Writer,
        cached_statements=STATEMENTS,
    )  # fmt: skip
    db.row_factory = sqlite3.Row
    db.execute("PRAGMA foreign_keys = ON")
    memory.attach(db)
    return db


class WorldServer:
    """Answers the doors as `server/doors` does, without HTTP."""

    def __init__(
        self, event: Event, now: Callable[[], int], *, has_second_disk: bool = False
    ) -> None:
        self._event = event
        self._voucher = Voucher(event.root_key, event.event_id)
        self._calendar = Calendar(day_starts(event.settings))
        self.now = now
        self.second_disk = SecondDisk() if has_second_disk else None
        self.database = OneConnection(self.second_disk)
        self.kept: list[critical_state.Acts] = []  # on the second disk

    def load(self, part: int, data: Callable[[], bytes]) -> None:
        self.database.load(part, data)
        self.renew()

    def renew(self) -> None:
        incarnation = event_state.incarnation(self.db)
        self.event = replace(self._event, incarnation=incarnation)
        log = Log(self.database, self.event.log_name, self.event.log_key)  # type: ignore[arg-type]
        self._here: Any = SimpleNamespace(
            event=self.event, database=self.database, log=log, voucher=self._voucher,
            calendar=self._calendar, now=self.now, clock=SimpleNamespace(epoch=lambda: 1),
            hub=SimpleNamespace(cursor=0), own=self._own,
        )  # fmt: skip

    def _own(self, *_: object) -> Any:
        return SimpleNamespace(keys=badge_keys.keys_of(self.db, self.event))

    @property
    def db(self) -> Any:
        return self.database.db

    def saved(self) -> bytes:
        return bytes(self.db.serialize())

    def write(self, step: Callable[[Connection], Result]) -> Result:
        return self.database.write(step)

    def begin_run(self, number: int) -> None:
        """The server's program starts. `number`: how often it has."""
        name = number.to_bytes(16)
        self.write(lambda db: begin_run(db, self.now(), lambda size: name))

    def acts(self) -> critical_state.Acts:
        """The critical acts of this state, as the second disk has them."""
        rows = {kept.table: critical_state._rows(self.db, kept) for kept in critical_state.KEPT}
        size = entry_log.size(self.db)
        moment = critical_state.Moment(
            self.event.event_id, self.event.incarnation, size, size, self.now()
        )
        return critical_state.Acts(moment, rows)

    # What doors ask.

    def scans(self, signed: Signed, batch: wire.ScanBatch) -> wire.ScanAnswer:
        """Raises TransportError, as the door would hear it."""
        with heard():
            arrived = Arrival.now(self._here)
            try:
                try:
                    taken = self._take(signed, batch)
                except set_back.SetBackError:
                    self._become_the_next(signed, batch)
                    taken = self._take(signed, batch)
            except GapError as error:
                raise TransportError(ErrorCode.GAP, str(error)) from None
            except ForkError:
                key = signed.stamp.key
                self.write(lambda db: registry.fence_forked(db, key, self.now()))
                raise TransportError(ErrorCode.FORK, FORKED, permanent=True) from None
            last = Last(taken.ingested.incarnation, taken.position)
            return answer_to(self._here, batch, arrived, taken, last)

    def _take(self, signed: Signed, batch: wire.ScanBatch) -> Any:
        step = step_for(self._here, batch)
        return self.write(verified_step(signed, step, self.now, batch=batch))

    def _become_the_next(self, signed: Signed, batch: wire.ScanBatch) -> None:
        def step(db: Connection, caller: Caller, now: int) -> object:
            here = self._here
            return set_back.renew(db, here.event, here.log, caller.sender, batch, self.kept, now)

        self.write(verified_step(signed, step, self.now, counted=True))
        self.renew()

    def snapshot(self, signed: Signed) -> wire.Snapshot:
        def step(db: Connection, caller: Caller, now: int) -> wire.Snapshot:
            return snapshot.snapshot(
                db, self.event, caller.sender.key, caller.door_id, now, self._voucher,
                programme=True, days=True, salted=True, servers=False,
            )  # fmt: skip

        with heard():
            return self.write(verified_step(signed, step, self.now, at_work=True))

    def feed(self, key: KioskKey, after: int) -> list[FeedItem]:
        """The changes after `after` for this kiosk. Raises TransportError."""
        found = contact.sender(self.db, *key)
        if found is None or found[0].state != "active":
            raise TransportError(ErrorCode.RETIRED, "retired", permanent=True)
        _, door_id = found
        hall_id, outer = store.door(self.db, door_id).hall_id, nesting.outer_of(self.db, door_id)
        subscription = Subscription(hall_id, *key, outer)
        try:
            missed = changes_after(self.db, after, sign=self._voucher.change)
        except CursorGoneError:
            raise TransportError(ErrorCode.CURSOR_GONE, "cursor gone") from None
        subscription.put([item for item in missed if subscription.concerns(item)])
        return subscription.take_all(0)

    def cursor(self) -> int:
        return cursor(self.db)


@contextmanager
def heard() -> Iterator[None]:
    """The server's error, as a door hears it."""
    try:
        yield
    except critical_state.ActsError as error:
        raise TransportError(ErrorCode.UNKNOWN, str(error)) from None
    except ApiError as error:
        told = error.body
        raise TransportError(
            told.code, told.message, permanent=not told.retry, counter=told.counter or 0
        ) from None


def proven(key: KioskKey, public: bytes, counter: int) -> Signed:
    """A request that the kiosk has signed. That the signature is verified is tested elsewhere."""
    stamp = RequestStamp(*key, counter)
    return Signed(stamp, b"", b"signed", public, "127.0.0.1", Lanes(), OWN)
