"""Signs totals of places, and the server's position in its run, for kiosks. They reveal a journal
altered on disk, and a server on an old database.

A signature takes 30 µs, so signatures are cached.
"""

import threading

from msgspec.structs import replace

from badges.credential.keys import PrivateKey
from badges.places.pool import KioskKey, PoolKey
from badges.places.signed import mark_message, sign_order
from badges.wire import wire
from server.core.kiosks.runs import Position

KEPT = 20_000  # signatures, more than all accounts of an event
_ORDER = '{"type":"places"'


def is_order(body: str) -> bool:
    """Return whether a change (JSON) is an order of places."""
    return body.startswith(_ORDER)


class Voucher:
    """Signs with the event's root key. Thread-safe."""

    def __init__(self, root: PrivateKey, event_id: bytes) -> None:
        self._root = root
        self._event_id = event_id
        self._lock = threading.Lock()
        self._orders: dict[tuple[KioskKey, PoolKey, int, int], bytes] = {}
        self._mark: wire.Mark | None = None

    def order(self, kiosk: KioskKey, order: wire.PlaceOrder) -> wire.PlaceOrder:
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
        """Sign the change (JSON) if it is a place order."""
        if kiosk is None or not is_order(body):
            return body
        change = wire.decode_change(body)
        assert isinstance(change, wire.PlacesOrdered)
        order = self.order((kiosk, change.generation), change.order)
        return wire.encode_change(wire.PlacesOrdered(order, change.generation))

    def mark(self, incarnation: int, position: Position) -> wire.Mark:
        """Return the signed positions of feed and entry log. They must be on disk."""
        with self._lock:
            mark, here = self._mark, (incarnation, *position)
            if mark is not None and here == (
                mark.incarnation, mark.run, mark.cursor, mark.entries
            ):  # fmt: skip
                return mark
            message = mark_message(self._event_id, *here)
            mark = wire.Mark(*here, self._root.sign(message))
            self._mark = mark
            return mark
