"""Uploads scans at once, and takes in the answers.

An answer acknowledges, grants and recalls places, fences, measures the clock, and has the entry
log's newest checkpoint. No answer deletes a scan.
"""

import logging
import random
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from badges.places.account import Account
from badges.places.pool import PoolKey
from badges.record import PlaceKind, accessible_field
from badges.wire import wire
from badges.wire.version import RUN_SINCE
from kiosk.journal.checkpoints import Witnessed
from kiosk.journal.errors import ForkError, JournalError, OldServerError
from kiosk.journal.journal import Journal
from kiosk.journal.values import Offer, SignedGrant
from kiosk.replica.replica import Replica
from kiosk.sync.link import Link, pool_order
from kiosk.sync.log_watch import Watch
from kiosk.sync.transport import Transport, TransportError

log = logging.getLogger(__name__)

BATCH_SCANS = 50  # the server takes this many at once while other kiosks wait
HEARTBEAT_S = 2.0
BACK_OFF_S = (0.5, 5.0)  # first and longest pause while the server can't be reached
# The longest pause while a server's database is away. It is back as soon as a standby takes over.
DATABASE_AWAY_S = 1.5
WANT_S = 3.0  # lifetime of a place request
TIDY_S = 60.0


@dataclass
class PlaceRequest:
    """A request while a person waits at the door without a place.

    It ends when a place comes, so that a door asked to return the place for another door does
    not want it again.
    """

    until: float  # monotonic seconds
    granted: int | None = None  # total of grants at the first report

    def stands(self, account: Account, now: float) -> bool:
        if self.granted is None:
            self.granted = account.granted
        return account.free == 0 and account.granted == self.granted and now < self.until


class Sync:
    """The uploading thread. Start it, wake it after each committed scan, close it."""

    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        transport: Transport,
        link: Link,
        *,
        clock: Callable[[], int],
        health: Callable[[], wire.Health] = wire.Health,
        on_restored: Callable[[], None] = lambda: None,
        heartbeat_s: float = HEARTBEAT_S,
        back_off_s: tuple[float, float] = BACK_OFF_S,
    ) -> None:
        """`on_restored` is called once a restored server has everything that this kiosk knows."""
        self._journal = journal
        self._replica = replica
        self._transport = transport
        self._link = link
        self._clock = clock
        self._health = health
        self._on_restored = on_restored
        self.heartbeat_s = heartbeat_s
        self.back_off_s = back_off_s
        # scans in a batch; halved when a batch is too large for the server
        self.limit = BATCH_SCANS
        self._watch = Watch(journal.witness)
        self._mark: wire.Mark | None = None  # the newest mark of the server
        self._wants: dict[PoolKey, PlaceRequest] = {}
        self._restored = False
        self._tidied_at = time.monotonic()
        self._changed = threading.Condition()
        self._work = False  # there is something to send
        self._retry = False  # the network is back, so stop waiting
        self._stop_at: float | None = None
        self._thread = threading.Thread(target=self._run, name="sync", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def close(self, within_s: float = 2.0) -> bool:
        """Upload waiting scans within the time, and stop. True if nothing waits."""
        with self._changed:
            self._stop_at = time.monotonic() + within_s
            self._changed.notify_all()
        if self._thread.is_alive():
            self._thread.join(within_s)
            if self._thread.is_alive():
                self._transport.abort()
                self._thread.join(1.0)
        try:
            self._watch.save()
            return self._journal.state().waiting == 0
        except JournalError:
            return False

    def wake(self) -> None:
        with self._changed:
            self._work = True
            self._changed.notify_all()

    def network_is_back(self) -> None:
        with self._changed:
            self._retry = True
            self._changed.notify_all()

    def ask_for_place(self, hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> bool:
        """Request a place from the server. False if it can't be reached."""
        self._wants[PoolKey(hall, kind)] = PlaceRequest(time.monotonic() + WANT_S)
        self.wake()
        return self._link.state.online

    def restored(self) -> None:
        self._restored = True
        self._replica.fetch_names_again()
        self.wake()

    def _run(self) -> None:
        pause_s = self.back_off_s[0]
        while not self._is_over():
            try:
                more = self.exchange()
                self._tidy()
            except Exception as error:
                # This thread must survive any error, or no scan would be sent again.
                if not isinstance(error, TransportError | JournalError):
                    log.error("sync failed: %s", type(error).__name__)
                if self._stop_at is not None:
                    # it has tried once more before stopping
                    return
                if isinstance(error, TransportError):
                    if error.permanent:
                        pause_s = self.back_off_s[1]
                    elif error.code == "database_away":
                        pause_s = min(pause_s, DATABASE_AWAY_S)
                self._wait_offline(pause_s * random.uniform(0.5, 1.0))
                pause_s = min(pause_s * 2, self.back_off_s[1])
            else:
                pause_s = self.back_off_s[0]
                self._wait_online(0.0 if more else self.heartbeat_s)

    def _tidy(self) -> None:
        """Do SQLite's checkpoints outside of the scans' commits."""
        if time.monotonic() - self._tidied_at >= TIDY_S:
            self._tidied_at = time.monotonic()
            self._journal.tidy()

    def _is_over(self) -> bool:
        """Whether to stop: it was requested, and time is up or nothing is left to send."""
        with self._changed:
            if self._stop_at is None:
                return False
            if time.monotonic() >= self._stop_at:
                return True
        try:
            return self._journal.state().waiting == 0
        except JournalError:
            return True

    def _wait_online(self, timeout_s: float) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._work or self._stop_at is not None, timeout_s)
            # Before the batch is made, so that later scans wake the thread again.
            self._work = self._retry = False

    def _wait_offline(self, timeout_s: float) -> None:
        """Wait while the server is away. New scans wait too, because more requests do not help such
        a server.
        """
        with self._changed:
            self._changed.wait_for(lambda: self._retry or self._stop_at is not None, timeout_s)
            self._work = self._retry = False

    def exchange(self) -> bool:
        """Send one batch or a heartbeat. True if another should follow at once.

        Raises TransportError or JournalError, after updating the link.
        """
        try:
            return self._exchange()
        except TransportError as error:
            self._link.failed(str(error), error.ailing)
            if error.permanent:
                self._link.refuse(error.message)
            # The server has fenced this kiosk, because its free places may be used or returned
            # already.
            if error.code == "fork":
                self._journal.fence()
            raise
        except (ForkError, OldServerError) as error:
            if isinstance(error, OldServerError):
                self._transport.avoid()
            self._link.refuse(error.message)
            raise

    def _exchange(self) -> bool:
        offer = self._journal.offer(self.limit)
        try:
            return self._take(*self._post(offer), offer)
        except TransportError as error:
            if error.code == "too_large" and self.limit > 1:
                self.limit //= 2
                return True
            if error.code != "gap":
                raise
        # The server was restored from a backup. To an empty batch from the start it answers with
        # its last record.
        offer = self._journal.offer(0, first=1)
        return self._take(*self._post(offer), offer)

    def _post(self, offer: Offer) -> tuple[wire.ScanBatch, wire.ScanAnswer]:
        now = time.monotonic()
        mark = self._mark = wire.later_mark(offer.mark, self._mark)
        seen = self._to_cosign()
        batch = wire.ScanBatch(
            records=[msgspec.Raw(record) for record in offer.records],
            first_seq=offer.first_seq,
            last_seq=offer.state.last_seq,
            gone=offer.closed_before_upload,
            gone_outer=[wire.GoneOuter(*pair) for pair in offer.outer_closed_before_upload]
            or UNSET,
            head=offer.head,
            signature=offer.signature,
            incarnation=offer.state.incarnation,
            places=[
                wire.PlaceTotals(
                    hall=key.hall_id,
                    granted=account.granted,
                    returned=account.returned,
                    free=account.free,
                    wants=key in self._wants and self._wants[key].stands(account, now),
                    override=key.kind is PlaceKind.OVERRIDE,
                    accessible=accessible_field(key.kind),
                    **_grant(offer.grants[key], supported=mark is not None),
                )
                for key, account in offer.accounts.items()
            ],
            cursor=self._replica.cursor,
            resting=offer.state.resting,
            log_size=self._watch.size,
            sent_at=self._clock(),
            health=self._health(),
            mark=UNSET if mark is None else mark,
            run=self._journal.run if self._transport.peer.newest >= RUN_SINCE else UNSET,
            note=self._watch.contradicted or UNSET,
            cosigned=UNSET if seen is None else self._cosigned(seen),
        )
        answer = self._transport.post("/api/scans", batch, wire.ScanAnswer)
        if seen is not None:
            self._watch.delivered(seen)
        return batch, answer

    def _to_cosign(self) -> Witnessed | None:
        """The checkpoint to cosign now. Early servers would refuse the cosignature."""
        context = self._replica.context
        if context is None or not context.salted or self._watch.contradicted:
            return None
        seen = self._watch.uncosigned
        return seen if seen is not None and seen.log_name == context.log_name else None

    def _cosigned(self, seen: Witnessed) -> wire.Cosigned:
        return wire.Cosigned(seen.size, self._watch.cosign(seen, self._clock()))

    def _take(self, batch: wire.ScanBatch, answer: wire.ScanAnswer, offer: Offer) -> bool:
        self._link.measure(batch.sent_at, answer, self._clock())
        self._link.places(answer.orders)
        orders = [pool_order(order) for order in answer.orders]
        self._mark = wire.later_mark(self._mark, answer.mark)
        effect = self._journal.acked(
            answer.acked_seq, answer.incarnation, orders, fenced=answer.fenced, mark=self._mark
        )
        for hall in answer.full:
            self._journal.no_place(hall)
        self._link.answered()
        self._link.refuse(None)
        if effect.restored:
            self.restored()
        if answer.cursor <= self._replica.cursor:
            self._replica.mark_fresh()
        self._witness(answer)
        state = self._journal.state()
        if self._restored and state.waiting == 0:
            self._restored = False
            self._on_restored()
        progress = answer.acked_seq > offer.state.acked or effect.restored
        return effect.returned or (state.waiting > 0 and progress)

    def _witness(self, answer: wire.ScanAnswer) -> None:
        context = self._replica.context
        if context is None or not answer.checkpoint:
            return
        problem = self._watch.check(
            answer.checkpoint,
            answer.consistency,
            name=context.log_name,
            key=context.log_key,
            now=self._clock(),
        )
        if problem and not self._link.state.log_alarm:
            log.error("%s", problem)
        self._link.alarm(problem)


def _grant(grant: SignedGrant, *, supported: bool) -> dict[str, Any]:
    """The server's signature of a total, as fields of a message. `supported`: the server knows
    marks.
    """
    if not grant.signature or not supported:
        return {}
    return {"signature": grant.signature, "signed_in": grant.incarnation}
