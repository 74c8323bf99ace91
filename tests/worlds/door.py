"""A door of a world: the kiosk's own classes on databases in memory, without threads."""

import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any
from unittest.mock import patch

from msgspec import Struct

from badges.admission.facts import Direction
from badges.credential.keys import PrivateKey, PublicKey
from badges.record import PlaceKind
from badges.wire import wire
from badges.wire.version import OWN
from kiosk.door.admit import Admitter, NotReadyError
from kiosk.door.answer import Answer
from kiosk.journal import schema as journal_schema
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.replica import schema as replica_schema
from kiosk.replica.replica import Replica
from kiosk.steps import run
from kiosk.supervisor.override import OverrideHandler, Word
from kiosk.supervisor.texts import SupervisorError
from kiosk.sync.changes import Changes, Event
from kiosk.sync.exchange import Exchange
from kiosk.sync.link import Link
from kiosk.sync.protocol import ConnectionFault, TransportError, send
from tests.worlds import memory
from tests.worlds.server import WorldServer, proven

EXCHANGES_MAX = 12  # at once; more would be an endless exchange
WORD = Word("user:1", "Supervisor", "drill")
NOWHERE = Path("/nonexistent/kiosk.db")  # the databases are in memory
PRAGMAS = tuple(
    ("journal_mode", "MEMORY", "memory") if name == "journal_mode" else (name, wished, actual)
    for name, wished, actual in journal_schema.PRAGMAS
)


class Disk(Struct, frozen=True):
    """What a door has on its disk."""

    journal: bytes
    replica: bytes


class Transport:
    """The network to the server of this process."""

    peer = OWN

    def __init__(self, door: "WorldDoor") -> None:
        self._door = door
        self.loses_answer = False  # of the next batch
        self.on_its_way: tuple[int, bytes] | None = None  # counter and body
        self.is_slow = False  # the next batch is kept there

    def avoid(self) -> None:
        pass

    def post(self, target: str, message: Struct, kind: type[Any]) -> Any:
        assert target == "/api/scans"
        assert isinstance(message, wire.ScanBatch)
        sent = wire.decode(wire.encode(message), wire.ScanBatch)
        signed = self._door.signed()
        if self.is_slow:
            self.is_slow = False
            self.on_its_way = signed.stamp.counter, wire.encode(message)
            raise TransportError(ConnectionFault.TIMEOUT, "it is on its way")
        answer = self._door.server.scans(signed, sent)
        if self.loses_answer:
            self.loses_answer = False
            raise TransportError(ConnectionFault.TIMEOUT, "lost on its way back")
        return wire.decode(wire.encode(answer), kind)

    def get(self, target: str, kind: type[Any]) -> Any:
        if kind is wire.NamesPage:
            return wire.NamesPage(names=[], next=0, more=False)
        return wire.decode(wire.encode(self._door.server.snapshot(self._door.signed())), kind)


class WorldDoor:
    """One kiosk in one generation. `load` and `saved` put it into a state."""

    def __init__(
        self, kiosk: str, generation: int, key: PrivateKey, root: PublicKey, server: WorldServer,
        wall: Callable[[], int], monotonic: Callable[[], int],
    ) -> None:  # fmt: skip
        self.key = (kiosk, generation)
        self.private = key
        self.server = server
        self._root = root
        self._wall = wall
        self._monotonic = monotonic
        self.transport = Transport(self)
        self._connections: tuple[sqlite3.Connection, ...] = ()

    def close(self) -> None:
        for connection in self._connections:
            connection.close()

    def start(self, disk: Disk | None = None) -> None:
        """The kiosk's program starts, on this disk or an empty one."""
        self.close()
        journal, replica = in_memory(), in_memory()
        if disk is not None:
            memory.fill(journal, disk.journal)
            memory.fill(replica, disk.replica)
        self._connections = journal, replica
        self._databases = memory.Database(journal), memory.Database(replica)
        self.journal = Journal(
            NOWHERE, *self.key, self.private, connect=lambda _: journal, pragmas=PRAGMAS
        )
        found = None if disk is None else replica
        with (
            patch.object(replica_schema, "connect", lambda _: replica),
            patch.object(replica_schema, "_current", lambda _: found),
        ):
            self.replica = Replica(
                NOWHERE, *self.key, self._root, clock=self._wall, monotonic=self._monotonic
            )
        self.link = Link(self._wall, self._monotonic)
        self.exchange = Exchange(
            self.journal, self.replica, self.transport, self.link,
            clock=self._wall, wake=lambda: None,
            on_restored=self._refresh, on_stale=self._refresh,
        )  # fmt: skip
        self.changes = Changes(
            self.journal, self.replica, self.transport, self.link,
            on_restored=self.exchange.restored,
        )  # fmt: skip
        self.admitter = Admitter(
            self.journal, self.replica,
            ask_for_place=self._ask, skew=lambda: self.link.state.skew,
            is_offline=lambda: not self.link.state.online, monotonic=self._monotonic,
        )  # fmt: skip
        self.supervisor = OverrideHandler(
            self.journal, self.replica,
            ask_for_place=lambda hall: self._ask(hall, PlaceKind.OVERRIDE),
            skew=lambda: self.link.state.skew,
        )  # fmt: skip
        self._values = memory.Values(self)

    def load(self, disk: Disk, values: bytes) -> None:
        """Continue in that state, as if nothing had happened in between."""
        if not self._connections:
            self.start(disk)
        for database, data in zip(self._databases, (disk.journal, disk.replica), strict=True):
            database.fill(data)
        self._values.put_back(values)

    def saved(self) -> tuple[Disk, bytes]:
        journal, replica = (database.data() for database in self._databases)
        return Disk(journal, replica), self._values.taken()

    def _refresh(self) -> None:
        self.changes.snapshot_wanted = True

    def _ask(self, hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> bool:
        """Request a place and return at once: no other thread would bring one."""
        self.exchange.ask_for_place(hall, kind)
        return False

    def signed(self) -> Any:
        return proven(self.key, self.private.public.raw, self.journal.next_counter())

    def talk(self) -> None:
        """Send everything, and hear everything."""
        try:
            for _ in range(EXCHANGES_MAX):
                if not run(self.exchange.steps(), self._answer):
                    break
        except JournalError:
            return
        except TransportError as error:
            if not error.permanent:
                return
        with suppress(TransportError, JournalError):
            self.hear()

    def send_once(self, *, loses_answer: bool = False) -> None:
        """One exchange."""
        self.transport.loses_answer = loses_answer
        with suppress(TransportError, JournalError):
            run(self.exchange.steps(), self._answer)
        self.transport.loses_answer = False

    def send_slowly(self) -> tuple[int, bytes] | None:
        """One exchange, whose batch does not arrive. Returns its counter and body."""
        self.transport.is_slow, self.transport.on_its_way = True, None
        with suppress(TransportError, JournalError):
            run(self.exchange.steps(), self._answer)
        self.transport.is_slow = False
        return self.transport.on_its_way

    def arrives(self, counter: int, body: bytes) -> None:
        """That batch comes to the server, and nobody waits for the answer."""
        signed = proven(self.key, self.private.public.raw, counter)
        with suppress(TransportError):
            self.server.scans(signed, wire.decode(body, wire.ScanBatch))

    def hear(self) -> None:
        """Read the feed. Raises TransportError or JournalError."""
        try:
            for _ in range(2):
                if self.changes.snapshot_wanted or not self.link.state.feed_live:
                    run(self.changes.get_ready(), self._answer)
                    run(self.changes.take(None), self._answer)
                self._follow()
                if not self.changes.snapshot_wanted:
                    return
        except (TransportError, JournalError, ValueError) as error:
            self.changes.ended(error)

    def _follow(self) -> None:
        for item in self.server.feed(self.key, self.replica.cursor):
            event = Event(item.cursor, wire.decode_change(item.body))
            if not run(self.changes.take(event), self._answer):
                return

    def _answer(self, request: Any) -> Any:
        return send(self.transport, request)

    def present(self, badge: str, direction: Direction) -> Answer | None:
        """Show a badge. None if the kiosk can't answer."""
        try:
            return self.admitter.present(badge, at=self._wall(), direction=direction)
        except (NotReadyError, JournalError):
            return None

    def override(self, badge: str) -> int | None:
        """A supervisor overrides a denial. Returns the record's number, None if it is refused."""
        denied = self.present(badge, Direction.ENTRY)
        if denied is None or denied.passes:
            return None if denied is None else denied.seq
        try:
            steps = self.supervisor.override(denied, WORD, at=self._wall())
            return run(steps, self.journal.wait).seq
        except (SupervisorError, NotReadyError, JournalError):
            return None

    def annul(self) -> int | None:
        """A supervisor annuls the last admission. Returns its number, None if it is refused."""
        entry = self.supervisor.last_entry()
        if entry is None:
            return None
        try:
            self.supervisor.annul(entry.seq, WORD, holder=None, at=self._wall())
        except (SupervisorError, NotReadyError, JournalError):
            return None
        return entry.seq

    def override_halls(self, seq: int) -> tuple[int, ...]:
        """The halls in which that entry has an override place."""
        rows = self._connections[0].execute(
            "SELECT hall FROM own_stay WHERE seq = ? AND override = 1 ORDER BY hall", (seq,)
        )
        return tuple(hall for (hall,) in rows)


def in_memory() -> sqlite3.Connection:
    connection = sqlite3.connect(
        ":memory:", isolation_level=None, check_same_thread=False,
        cached_statements=memory.STATEMENTS,
    )  # fmt: skip
    connection.row_factory = sqlite3.Row
    return connection
