"""Signs the server's words for its kiosks. They are each total of places, and how far the server
has come in its run.

A kiosk keeps these words. They show a journal that was altered on its disk, and a server that runs
on an old copy of its database. A signature takes 30 µs, so what was signed once is kept.
"""

import threading

from msgspec.structs import replace

from badges.credential.keys import PrivateKey
from badges.places.pool import KioskKey, PoolKey
from badges.places.signed import mark_message, sign_order
from badges.wire import wire
from server.core.kiosks.runs import Came

KEPT = 20_000  # Signatures, more than all accounts of an event have.
_ORDER = '{"type":"places"'


class Voucher:
    """Signs with the event's root key. Safe to use from many threads."""

    def __init__(self, root: PrivateKey, event_id: bytes) -> None:
        self._root = root
        self._event_id = event_id
        self._lock = threading.Lock()
        self._orders: dict[tuple[KioskKey, PoolKey, int, int], bytes] = {}
        self._mark: wire.Mark | None = None

    def order(self, kiosk: KioskKey, order: wire.PlaceOrder) -> wire.PlaceOrder:
        """Return the order with the server's signature under its total."""
        pool = PoolKey(order.hall, order.kind)
        key = (kiosk, pool, order.granted, order.incarnation)
        signature = self._orders.get(key)
        if signature is None:
            signature = sign_order(
                self._root, self._event_id, kiosk, pool, granted=order.granted,
                incarnation=order.incarnation,
            )  # fmt: skip
            with self._lock:
                if len(self._orders) >= KEPT:
                    self._orders.clear()
                self._orders[key] = signature
        return replace(order, signature=signature)

    def orders(self, kiosk: KioskKey, orders: list[wire.PlaceOrder]) -> list[wire.PlaceOrder]:
        return [self.order(kiosk, order) for order in orders]

    def change(self, kiosk: str | None, body: str) -> str:
        """Return a change of the feed, signed where it is an order of places."""
        if kiosk is None or not body.startswith(_ORDER):
            return body
        change = wire.decode_change(body)
        assert isinstance(change, wire.PlacesOrdered)
        order = self.order((kiosk, change.generation), change.order)
        return wire.encode_change(wire.PlacesOrdered(order, change.generation))

    def mark(self, incarnation: int, came: Came) -> wire.Mark:
        """Return how far feed and entry log have come in the run, signed. What they count must be
        on disk.
        """
        with self._lock:
            mark, here = self._mark, (incarnation, *came)
            if mark is not None and here == (
                mark.incarnation, mark.run, mark.cursor, mark.entries
            ):  # fmt: skip
                return mark
            message = mark_message(self._event_id, *here)
            mark = wire.Mark(*here, self._root.sign(message))
            self._mark = mark
            return mark
