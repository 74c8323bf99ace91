"""Keeps how the talk with the server goes, as the door's page and its records want to know it."""

import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple

from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from kiosk.clock import monotonic_ms
from kiosk.texts.messages import Message


class Skew(NamedTuple):
    """Says by how much the kiosk's clock is ahead of the server's, and in which epoch of the
    server's time that was measured.

    The epoch is 0 where the server told none.
    """

    ms: int
    epoch: int = 0


@dataclass(frozen=True)
class LinkState:
    """Holds the state of the link. Messages are for staff, and None while all is well. Texts are
    for logs and tests.
    """

    online: bool = False  # the last batch or heartbeat was answered
    offline_since: int | None = None  # Unix ms; None: online, or never was
    feed_live: bool = False
    feed_trouble: str = ""  # why no newer facts come
    skew_ms: int | None = None  # kiosk's clock minus server's, as last measured
    epoch: int = 0  # of the server's time, when it was measured
    refused: Message | None = None  # why the server takes no more scans from here
    trouble: str = ""  # why the last exchange failed
    server_ails: Message | None = None  # why a server that is there took nothing
    log_alarm: Message | None = None  # the server's entry log is not what it was
    # Hall: (its ordinary places left, when the server told so), by this kiosk's clock.
    left: Mapping[int, tuple[int, int]] = field(default_factory=dict)

    @property
    def skew(self) -> Skew | None:
        return None if self.skew_ms is None else Skew(self.skew_ms, self.epoch)


ROUND_TRIP_MS = 300  # the longest by which the clock's error is measured
JUMP_MS = 200  # a clock that was set by more since it was measured is unknown again


class Link:
    """Keeps the link's state, and is thread-safe. `clock` gives Unix ms, and `monotonic` gives ms
    by a clock that nobody sets.
    """

    def __init__(
        self, clock: Callable[[], int], monotonic: Callable[[], int] = monotonic_ms
    ) -> None:
        self._clock = clock
        self._monotonic = monotonic
        self._ahead: int | None = None  # `clock` before `monotonic`, when the skew was measured
        self._lock = threading.Lock()
        self._state = LinkState()

    @property
    def state(self) -> LinkState:
        state = self._state  # one reference, replaced as a whole
        return replace(state, skew_ms=None) if self._jumped() else state

    def _jumped(self) -> bool:
        if self._ahead is None:
            return False
        return abs(self._clock() - self._monotonic() - self._ahead) > JUMP_MS

    def answered(self) -> None:
        with self._lock:
            self._state = replace(
                self._state, online=True, offline_since=None, trouble="", server_ails=None
            )

    def failed(self, trouble: str, ailing: Message | None = None) -> None:
        with self._lock:
            since = self._clock() if self._state.online else self._state.offline_since
            self._state = replace(
                self._state,
                online=False,
                offline_since=since,
                trouble=trouble,
                server_ails=ailing,
            )

    def refuse(self, why: Message | None) -> None:
        with self._lock:
            self._state = replace(self._state, refused=why)

    def alarm(self, why: Message | None) -> None:
        with self._lock:
            self._state = replace(self._state, log_alarm=why)

    def feed(self, *, live: bool, trouble: str = "") -> None:
        with self._lock:
            self._state = replace(self._state, feed_live=live, feed_trouble=trouble)

    def places(self, orders: Iterable[wire.PlaceOrder]) -> None:
        """Keep what the server's orders tell of whole halls. The newest counts."""
        now = self._clock()
        told = {
            order.hall: (order.left, now) for order in orders if order.kind is PlaceKind.ORDINARY
        }
        with self._lock:
            self._state = replace(self._state, left={**self._state.left, **told})

    def measure(self, sent_at: int, answer: wire.ScanAnswer, now: int) -> None:
        """Measure the clock's error from four readings of the two clocks (as in RFC 5905 §8).

        It may be wrong by half the round trip. A slow one, over a bad link, tells nothing.
        """
        round_trip = (now - sent_at) - (answer.answered_at - answer.received_at)
        if not -ROUND_TRIP_MS < round_trip <= ROUND_TRIP_MS:
            return
        skew = ((sent_at - answer.received_at) + (now - answer.answered_at)) // 2
        with self._lock:
            self._ahead = now - self._monotonic()
            self._state = replace(self._state, skew_ms=skew, epoch=answer.epoch)


def steady(before: Skew | None, after: Skew | None) -> Skew | None:
    """Return what was known of the clock throughout. It is None where the clock was set meanwhile,
    or the server's was.
    """
    if before is None or after is None or before.epoch != after.epoch:
        return None
    return after if abs(after.ms - before.ms) <= JUMP_MS else None


def pool_order(order: wire.PlaceOrder) -> tuple[PoolKey, Order]:
    """Turn an order of the wire into one of the protocol, with the pool that it is about."""
    return (
        PoolKey(order.hall, order.kind),
        Order(order.granted, order.recall, order.incarnation, order.signature),
    )
