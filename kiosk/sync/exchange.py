"""One exchange with the server: a batch of scans goes up, and its answer is taken in.

An answer acknowledges, grants and recalls places, fences, measures the clock, and has the entry
log's newest checkpoint. No answer deletes a scan.
"""

import logging
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET

from badges.places.account import Account
from badges.places.pool import PoolKey
from badges.record import PlaceKind, accessible_field
from badges.wire import wire
from badges.wire.version import RUN_SINCE
from badges.wire.wire import ErrorCode
from kiosk.journal.checkpoints import Witnessed
from kiosk.journal.errors import ForkError, OldServerError
from kiosk.journal.journal import Journal
from kiosk.journal.values import Offer, SignedGrant
from kiosk.replica.replica import Replica
from kiosk.sync.link import PLACE_WAIT_S, Link, pool_order
from kiosk.sync.log_watch import Watch
from kiosk.sync.protocol import CurrentServer, Request, Steps, TransportError

log = logging.getLogger(__name__)

BATCH_SCANS = 50  # the server takes this many at once while other kiosks wait
# The longest time without a request. Scans, returned places and waiting people are sent at once.
# Half of the server's `sharing_policy.SILENT_MS`. One that fails is repeated after BACK_OFF_S.
HEARTBEAT_S = 5.0
BACK_OFF_S = (0.5, 2.0)  # first and longest pause while the server can't be reached
# The longest pause while a server's database is away. It is back as soon as a standby takes over.
DATABASE_AWAY_S = 1.5
UNSETTLED_S = 0.5  # between heartbeats just after the server's return
WANT_S = 3.0  # lifetime of a place request after a refusal


@dataclass
class PlaceRequest:
    """A request while a person waits at the door without a place.

    It ends when a place comes, so that a door asked to return the place for another door does
    not want it again. Soon after a refusal it ends too.
    """

    until: float  # monotonic seconds
    granted: int | None = None  # total of grants at the first report

    def stands(self, account: Account, now: float) -> bool:
        if self.granted is None:
            self.granted = account.granted
        return account.free == 0 and account.granted == self.granted and now < self.until


class Exchange:
    """The work of each exchange, without its I/O. `wake` is called when there is something to
    send.
    """

    def __init__(
        self,
        journal: Journal,
        replica: Replica,
        server: CurrentServer,
        link: Link,
        *,
        clock: Callable[[], int],
        wake: Callable[[], None],
        health: Callable[[], wire.Health] = wire.Health,
        on_back: Callable[[], None] = lambda: None,
        on_restored: Callable[[], None] = lambda: None,
        on_stale: Callable[[], None] = lambda: None,
    ) -> None:
        """`on_back`: the server answers again. `on_restored`: a restored server has everything that
        this kiosk knows. `on_stale`: the server has other badge keys, so new facts are to be
        fetched.
        """
        self._journal = journal
        self._replica = replica
        self._server = server
        self._link = link
        self._clock = clock
        self._wake = wake
        self._health = health
        self._on_back = on_back
        self._on_restored = on_restored
        self._on_stale = on_stale
        # scans in a batch; halved when a batch is too large for the server
        self.limit = BATCH_SCANS
        self._watch = Watch(journal.witness)
        self._mark: wire.Mark | None = None  # the newest mark of the server
        self._wants: dict[PoolKey, PlaceRequest] = {}
        self._restored = False
        self.update_asked = False  # an admin asks this phone to take newer files

    def save(self) -> None:
        """Store the newest checkpoint of the entry log, before the kiosk stops."""
        self._watch.save()

    def ask_for_place(self, hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> bool:
        """Request a place from the server, which may take PLACE_WAIT_S. False if the server can't
        be reached and is not expected back.
        """
        self._wants[PoolKey(hall, kind)] = PlaceRequest(time.monotonic() + PLACE_WAIT_S)
        expected = self._link.is_expected
        if expected:
            self._wake()
        return expected

    @property
    def is_awaited(self) -> bool:
        """Whether a person waits for the server's return."""
        now, wants = time.monotonic(), list(self._wants.values())
        return self._link.is_expected and any(now < want.until for want in wants)

    def restored(self) -> None:
        self._restored = True
        self._replica.fetch_names_again()
        self._wake()

    def steps(self) -> Steps[bool]:
        """Send one batch or a heartbeat. True if another should follow at once.

        Raises TransportError or JournalError, after updating the link.
        """
        try:
            return (yield from self._exchange())
        except TransportError as error:
            self._link.failed(str(error), error.ailing)
            if error.permanent:
                self._link.refuse(error.message)
            # The server has fenced this kiosk, because its free places may be used or returned
            # already.
            if error.code == ErrorCode.FORK:
                self._journal.fence()
            raise
        except (ForkError, OldServerError) as error:
            if isinstance(error, OldServerError):
                self._server.avoid()
            self._link.refuse(error.message)
            raise

    def _exchange(self) -> Steps[bool]:
        offer = self._journal.offer(self.limit)
        try:
            return self._take(*(yield from self._post(offer)), offer)
        except TransportError as error:
            if error.code == ErrorCode.TOO_LARGE and self.limit > 1:
                self.limit //= 2
                return True
            if error.code != ErrorCode.GAP:
                raise
        # The server was restored from a backup. To an empty batch from the start it answers with
        # its last record.
        offer = self._journal.offer(0, first=1)
        return self._take(*(yield from self._post(offer)), offer)

    def _post(self, offer: Offer) -> Steps[tuple[wire.ScanBatch, wire.ScanAnswer]]:
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
            run=self._journal.run if self._server.peer.newest >= RUN_SINCE else UNSET,
            note=self._watch.contradicted or UNSET,
            cosigned=UNSET if seen is None else self._cosigned(seen),
        )
        answer = yield Request("/api/scans", wire.ScanAnswer, batch)
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
        self.update_asked = answer.update is True
        if self._link.answered():
            self._on_back()
        if self._link.is_settled:
            self._refuse(answer.full)
        self._link.refuse(None)
        if effect.restored:
            self.restored()
        if answer.cursor <= self._replica.cursor:
            self._replica.mark_fresh()
        if self._replica.lacks_ring(answer):
            self._on_stale()
        self._witness(answer)
        state = self._journal.state()
        if self._restored and state.waiting == 0:
            self._restored = False
            self._on_restored()
        progress = answer.acked_seq > offer.state.acked or effect.restored
        return effect.returned or (state.waiting > 0 and progress)

    def _refuse(self, halls: Iterable[int]) -> None:
        """End the waits for a place in these halls."""
        soon = time.monotonic() + WANT_S
        for hall in halls:
            self._journal.no_place(hall)
            for key, want in list(self._wants.items()):
                if key.hall_id == hall:
                    want.until = min(want.until, soon)

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


def pause_after(error: Exception, pause_s: float, longest_s: float) -> float:
    """The pause after a failed exchange, if it would be `pause_s` after other errors."""
    if isinstance(error, TransportError):
        if error.permanent:
            return longest_s
        if error.code == ErrorCode.DATABASE_AWAY:
            return min(pause_s, DATABASE_AWAY_S)
    return pause_s


def _grant(grant: SignedGrant, *, supported: bool) -> dict[str, Any]:
    """The server's signature of a total, as fields of a message. `supported`: the server knows
    marks.
    """
    if not grant.signature or not supported:
        return {}
    return {"signature": grant.signature, "signed_in": grant.incarnation}
