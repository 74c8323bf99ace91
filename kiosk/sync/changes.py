"""Applies the changes of the server to journal and replica: a snapshot first, then each change.

The connection is elsewhere: requests are steps, and the stream's events come in by `take`.
"""

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from badges.record import StayRef, WireError
from badges.wire import wire
from badges.wire.venue_edit import OtherVenueError
from badges.wire.wire import ErrorCode
from kiosk.journal.errors import JournalError, OldServerError
from kiosk.journal.journal import Journal
from kiosk.journal.values import Effect
from kiosk.replica.replica import Replica
from kiosk.sync.link import Link, pool_order
from kiosk.sync.protocol import ConnectionFault, CurrentServer, Request, Steps, TransportError
from kiosk.texts.messages import Code, Message, as_message

log = logging.getLogger(__name__)

POLL_S = 10.0  # between snapshots, while the stream fails
REPLICA = "/api/replica?" + "&".join(
    (wire.PROGRAMME_ASKED, wire.DAYS_ASKED, wire.SALTED_ASKED, wire.SERVERS_ASKED)
)


@dataclass(frozen=True)
class Event:
    cursor: int
    change: wire.Change


class EventReader:
    """Reads Server-Sent Events (WHATWG HTML §9.2), line by line."""

    def __init__(self) -> None:
        self._cursor = ""
        self._data: list[str] = []

    def read(self, line: str) -> list[Event | None]:
        """The event that this line completes, if any. None is a comment, the keep-alive.

        Raises WireError for anything else than a change.
        """
        if line.startswith(":"):
            return [None]
        if line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                self._cursor = value
            elif name == "data":
                self._data.append(value)
            return []
        if not self._data:
            return []
        cursor, data = self._cursor, self._data
        self._cursor, self._data = "", []
        if not cursor.isdecimal() or len(cursor) > 15:
            raise WireError("a change without its cursor")
        return [Event(int(cursor), wire.decode_change("\n".join(data)))]


def parse_events(lines: Iterable[str]) -> Iterator[Event | None]:
    reader = EventReader()
    for line in lines:
        yield from reader.read(line)


class Changes:
    """Applies the server's changes. Callbacks inform the kiosk's other parts."""

    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        server: CurrentServer,
        link: Link,
        *,
        on_back: Callable[[], None] = lambda: None,
        on_returned: Callable[[], None] = lambda: None,
        on_restored: Callable[[], None] = lambda: None,
        on_facts: Callable[[wire.Snapshot], None] = lambda _: None,
        poll_s: float = POLL_S,
    ) -> None:
        """`on_back`: the server is reachable again. `on_returned`: places went back, to be
        reported. `on_restored`: the server was restored from a backup. `on_facts`: a snapshot
        was taken.
        """
        self._journal = journal
        self._replica = replica
        self._server = server
        self._link = link
        self._on_back = on_back
        self._on_returned = on_returned
        self._on_restored = on_restored
        self._on_facts = on_facts
        self._poll_s = poll_s
        self.snapshot_wanted = True  # before the next stream
        self._snapshot_at = float("-inf")  # monotonic seconds
        self._is_live = False  # the stream has sent something

    def get_ready(self) -> Steps[str]:
        """Get up to date. Returns the stream's target, to follow from there.

        Raises TransportError, JournalError, or ValueError for unusable facts.
        """
        if self.snapshot_wanted or self._replica.context is None:
            yield from self._snapshot()
        yield from self._names()
        self._is_live = False
        return f"/api/feed?after={self._replica.cursor}"

    def take(self, event: Event | None) -> Steps[bool]:
        """Take the stream's next event. False if the stream must end, for a snapshot.

        Raises like `get_ready`.
        """
        if not self._is_live:
            self._is_live = True
            self._link.feed(live=True)
            self._on_back()
        if event is None:
            self._replica.mark_fresh()
        elif event.cursor > self._replica.cursor:
            yield from self._hear(event)
        return not self.snapshot_wanted

    def ended(self, error: Exception | None) -> None:
        """The stream has ended, or could not begin."""
        failure = "" if error is None else self._explain(error)
        unusable = None if error is None else _unusable(error)
        self._link.feed(live=False, trouble=failure, unusable=unusable)

    def _explain(self, error: Exception) -> str:
        """The text of the error for staff. Also prepares the next attempt: by a snapshot, or as a
        retired kiosk.
        """
        code = error.code if isinstance(error, TransportError) else None
        if code is ErrorCode.RETIRED:
            self._tell(self._journal.fence())
        polls = self._link.state.online and time.monotonic() - self._snapshot_at >= self._poll_s
        if polls or code is ErrorCode.CURSOR_GONE or isinstance(error, WireError):
            self.snapshot_wanted = True
        if isinstance(error, TransportError | JournalError):
            return str(error)
        if isinstance(error, ValueError):
            return f"The server's facts can't be used: {error}."
        log.error("feed failed: %s", type(error).__name__)
        return f"The feed failed ({type(error).__name__})."

    def _hear(self, event: Event) -> Steps[None]:
        """Apply a change, to the journal first. Idempotent."""
        match event.change:
            case wire.PlacesOrdered(order, generation) if generation == self._journal.generation:
                self._link.places([order])
                self._tell(self._journal.obey([pool_order(order)]))
            case wire.KioskRetired(generation) if generation >= self._journal.generation:
                self._tell(self._journal.fence())
            case wire.VenueChanged():
                self.snapshot_wanted = True
                # The cursor stays, because the snapshot moves it.
                return
            case wire.VenueEdited():
                self._take_edit(event.change, event.cursor)
                return
        self._replica.apply(event.change, event.cursor)
        if isinstance(event.change, wire.NamesChanged) and not event.change.erased:
            yield from self._names()

    def _take_edit(self, edit: wire.VenueEdited, cursor: int) -> None:
        """Request a snapshot if the edit was made to other facts."""
        try:
            self._on_facts(self._replica.edit(edit, cursor))
        except OtherVenueError:
            self.snapshot_wanted = True
        except BaseException:
            self.snapshot_wanted = True
            raise

    def _snapshot(self) -> Steps[None]:
        """Replace all facts. Own stays that the server had before, and no longer counts, have
        ended.

        Only for this door's halls, because the kiosk may have been at another door before.
        """
        self.snapshot_wanted = False
        try:
            before = self._journal.state()
            snapshot = yield Request(REPLICA, wire.Snapshot)
            if snapshot.incarnation < before.incarnation:
                self._server.avoid()
                raise OldServerError(snapshot.incarnation, before.incarnation)
            own_open: dict[int, list[StayRef]] = {}
            if snapshot.incarnation == before.incarnation:
                halls = [snapshot.hall.hall, *(outer.hall.hall for outer in snapshot.outer_facts)]
                own_open = {hall: self._own_open(before.acked, hall) for hall in halls}
            self._replica.load(snapshot, own_open.pop(snapshot.hall.hall, ()), own_open)
            self._snapshot_at = time.monotonic()
            self._link.places(snapshot.orders)
            self._tell(self._journal.obey([pool_order(order) for order in snapshot.orders]))
            if snapshot.retired:
                self._tell(self._journal.fence())
            self._on_facts(snapshot)
        except BaseException:
            self.snapshot_wanted = True
            raise

    def _own_open(self, acked: int, hall: int) -> list[StayRef]:
        own = self._journal.own_open(acked, hall)
        return [stay for stay in own if not self._replica.is_ended(stay.seq, hall)]

    def _names(self) -> Steps[None]:
        more = True
        while more:
            after = self._replica.names_after
            page = yield Request(f"/api/names?after={after}", wire.NamesPage)
            self._replica.take_names(page)
            more = page.more and page.next > after

    def _tell(self, effect: Effect) -> None:
        if effect.restored:
            self._on_restored()
        if effect.returned:
            self._on_returned()


def _unusable(error: Exception) -> Message | None:
    """The notice for staff about facts that this kiosk does not understand, or None."""
    malformed = isinstance(error, TransportError) and error.code == ConnectionFault.MALFORMED_ANSWER
    if malformed or isinstance(error, ValueError):
        return Message(Code.FACTS_UNUSABLE, why=as_message(str(error).rstrip(".")))
    return None
