"""Follows the server's changes: first a snapshot, then a stream, resumed where it broke.

One thread is the only writer of the replica. If the stream fails while batches work, it polls
snapshots instead.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from badges.record import StayRef, WireError
from badges.wire import wire
from badges.wire.venue_edit import OtherVenueError
from kiosk.journal.errors import JournalError, OldServerError
from kiosk.journal.journal import Journal
from kiosk.journal.values import Effect
from kiosk.replica.replica import Replica
from kiosk.sync.link import Link, pool_order
from kiosk.sync.transport import SILENCE_S, Lines, Transport, TransportError
from kiosk.texts.messages import Code, Message, as_message

log = logging.getLogger(__name__)

BACK_OFF_S = (0.5, 5.0)
POLL_S = 10.0  # between snapshots, while the stream fails
SHORT_S = 1.0  # after a shorter stream the next attempt waits longer
REPLICA = "/api/replica?" + "&".join(
    (wire.PROGRAMME_ASKED, wire.DAYS_ASKED, wire.SALTED_ASKED, wire.SERVERS_ASKED)
)


@dataclass(frozen=True)
class Event:
    cursor: int
    change: wire.Change


def parse_events(lines: Iterable[str]) -> Iterator[Event | None]:
    """Read Server-Sent Events (WHATWG HTML §9.2). None is a comment, the keep-alive.

    Raises WireError for anything else than a change.
    """
    cursor, data = "", []
    for line in lines:
        if line.startswith(":"):
            yield None
        elif line:
            name, _, value = line.partition(":")
            value = value.removeprefix(" ")
            if name == "id":
                cursor = value
            elif name == "data":
                data.append(value)
        elif data:
            if not cursor.isdecimal() or len(cursor) > 15:
                raise WireError("a change without its cursor")
            yield Event(int(cursor), wire.decode_change("\n".join(data)))
            cursor, data = "", []


class Feed:
    """The thread that follows the server's changes: start it, close it. Callbacks inform the other
    threads.
    """

    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        transport: Transport,
        link: Link,
        *,
        on_back: Callable[[], None] = lambda: None,
        on_returned: Callable[[], None] = lambda: None,
        on_restored: Callable[[], None] = lambda: None,
        on_facts: Callable[[wire.Snapshot], None] = lambda _: None,
        back_off_s: tuple[float, float] = BACK_OFF_S,
        silence_s: float = SILENCE_S,
        poll_s: float = POLL_S,
    ) -> None:
        """`on_back`: the server is reachable again. `on_returned`: places went back, to be
        reported. `on_restored`: the server was restored from a backup. `on_facts`: a snapshot
        was taken.
        """
        self._journal = journal
        self._replica = replica
        self._transport = transport
        self._link = link
        self._on_back = on_back
        self._on_returned = on_returned
        self._on_restored = on_restored
        self._on_facts = on_facts
        self._back_off_s = back_off_s
        self._silence_s = silence_s
        self._poll_s = poll_s
        self._snapshot_wanted = True
        self._snapshot_at = float("-inf")  # monotonic seconds
        self._stop = threading.Event()
        self._lines_lock = threading.Lock()
        self._lines: Lines | None = None
        self._breaks = 0  # counts interruptions of the stream
        self._thread = threading.Thread(target=self._run, name="feed", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self) -> None:
        """Stop, even while the stream is silent."""
        self._stop.set()
        self._break_off()
        if self._thread.is_alive():
            self._thread.join(2.0)

    def refresh(self) -> None:
        self._snapshot_wanted = True
        self._break_off()

    def move(self) -> None:
        self._break_off()

    def _break_off(self) -> None:
        with self._lines_lock:
            self._breaks += 1
            if self._lines is not None:
                self._lines.close()

    def _run(self) -> None:
        pause_s = self._back_off_s[0]
        while not self._stop.is_set():
            began, failure, unusable = time.monotonic(), "", None
            try:
                self.follow()
            except Exception as error:
                # The door must go on, so retry after any error.
                failure, unusable = self._explain(error), _unusable(error)
            self._link.feed(live=False, trouble=failure, unusable=unusable)
            if time.monotonic() - began >= SHORT_S or (not failure and self._snapshot_wanted):
                pause_s = self._back_off_s[0]
            if failure or not self._snapshot_wanted:
                self._stop.wait(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, self._back_off_s[1])

    def _explain(self, error: Exception) -> str:
        """The text of the error for staff. Also prepares the next attempt: by a snapshot, or as a
        retired kiosk.
        """
        code = error.code if isinstance(error, TransportError) else ""
        if code == "retired":
            self._tell(self._journal.fence())
        polls = self._link.state.online and time.monotonic() - self._snapshot_at >= self._poll_s
        if polls or code == "cursor_gone" or isinstance(error, WireError):
            self._snapshot_wanted = True
        if isinstance(error, TransportError | JournalError):
            return str(error)
        if isinstance(error, ValueError):
            return f"The server's facts can't be used: {error}."
        log.error("feed failed: %s", type(error).__name__)
        return f"The feed failed ({type(error).__name__})."

    def follow(self) -> None:
        """Get up to date, and stay so until the stream ends or a snapshot is needed.

        Raises TransportError, JournalError, or ValueError for unusable facts.
        """
        if self._snapshot_wanted or self._replica.context is None:
            self._take_snapshot()
        self._take_names()
        breaks = self._breaks
        target = f"/api/feed?after={self._replica.cursor}"
        with self._transport.stream(target, self._silence_s) as lines:
            with self._lines_lock:
                self._lines = lines
                # An interruption while the stream was opened found nothing to close.
                over = self._breaks != breaks or self._snapshot_wanted or self._stop.is_set()
            try:
                if not over:
                    self._listen(lines)
            finally:
                with self._lines_lock:
                    self._lines = None

    def _listen(self, lines: Lines) -> None:
        live = False
        for event in parse_events(lines):
            if not live:
                live = True
                self._link.feed(live=True)
                self._on_back()
            if event is None:
                self._replica.mark_fresh()
            elif event.cursor > self._replica.cursor:
                self._hear(event)
            if self._snapshot_wanted or self._stop.is_set():
                return

    def _hear(self, event: Event) -> None:
        """Apply a change, to the journal first. Idempotent."""
        match event.change:
            case wire.PlacesOrdered(order, generation) if generation == self._journal.generation:
                self._link.places([order])
                self._tell(self._journal.obey([pool_order(order)]))
            case wire.KioskRetired(generation) if generation >= self._journal.generation:
                self._tell(self._journal.fence())
            case wire.VenueChanged():
                self._snapshot_wanted = True
                # The cursor stays, because the snapshot moves it.
                return
            case wire.VenueEdited():
                self._take_edit(event.change, event.cursor)
                return
        self._replica.apply(event.change, event.cursor)
        if isinstance(event.change, wire.NamesChanged) and not event.change.erased:
            self._take_names()

    def _take_edit(self, edit: wire.VenueEdited, cursor: int) -> None:
        """Request a snapshot if the edit was made to other facts."""
        try:
            self._on_facts(self._replica.edit(edit, cursor))
        except OtherVenueError:
            self._snapshot_wanted = True
        except BaseException:
            self._snapshot_wanted = True
            raise

    def _take_snapshot(self) -> None:
        """Replace all facts. Own stays that the server had before, and no longer counts, have
        ended.

        Only for this door's halls, because the kiosk may have been at another door before.
        """
        self._snapshot_wanted = False
        try:
            before = self._journal.state()
            snapshot = self._transport.get(REPLICA, wire.Snapshot)
            if snapshot.incarnation < before.incarnation:
                self._transport.avoid()
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
            self._snapshot_wanted = True
            raise

    def _own_open(self, acked: int, hall: int) -> list[StayRef]:
        own = self._journal.own_open(acked, hall)
        return [stay for stay in own if not self._replica.is_ended(stay.seq, hall)]

    def _take_names(self) -> None:
        more = True
        while more and not self._stop.is_set():
            after = self._replica.names_after
            page = self._transport.get(f"/api/names?after={after}", wire.NamesPage)
            self._replica.take_names(page)
            more = page.more and page.next > after

    def _tell(self, effect: Effect) -> None:
        if effect.restored:
            self._on_restored()
        if effect.returned:
            self._on_returned()


def _unusable(error: Exception) -> Message | None:
    """The notice for staff about facts that this kiosk does not understand, or None."""
    malformed = isinstance(error, TransportError) and error.code == "malformed_answer"
    if malformed or isinstance(error, ValueError):
        return Message(Code.FACTS_UNUSABLE, why=as_message(str(error).rstrip(".")))
    return None
