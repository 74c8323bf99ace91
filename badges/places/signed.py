"""Signs what the server says about places. That is how many it granted to a kiosk, and how far it
had come.

A kiosk keeps both. An account that says more than was granted was altered on the kiosk's disk. A
server that knows less than it once signed runs on an old copy of its database. The event's root key
signs, because every kiosk has known that key since its enrolment.
"""

from badges.credential.keys import PrivateKey, PublicKey
from badges.places.pool import KioskKey, PoolKey

ORDER_CONTEXT = b"hallkeeper/order/v1\x00"
MARK_CONTEXT = b"hallkeeper/mark/v1\x00"


def order_message(
    event_id: bytes, kiosk: KioskKey, pool: PoolKey, granted: int, incarnation: int
) -> bytes:
    """Return the bytes that are signed for one total of grants. `event_id` is the UUID, 16
    bytes.
    """
    name, generation = kiosk
    fields = (name, generation, pool.hall_id, int(pool.kind), granted, incarnation)
    return ORDER_CONTEXT + event_id + "/".join(map(str, fields)).encode()


def sign_order(
    root: PrivateKey,
    event_id: bytes,
    kiosk: KioskKey,
    pool: PoolKey,
    *,
    granted: int,
    incarnation: int,
) -> bytes:
    """Sign the total that the server granted to a kiosk. The signature has 64 bytes."""
    return root.sign(order_message(event_id, kiosk, pool, granted, incarnation))


def verify_order(
    root: PublicKey,
    event_id: bytes,
    kiosk: KioskKey,
    pool: PoolKey,
    signature: bytes,
    *,
    granted: int,
    incarnation: int,
) -> None:
    """Raises BadSignatureError where the server never granted that total."""
    root.verify(order_message(event_id, kiosk, pool, granted, incarnation), signature)


def mark_message(event_id: bytes, incarnation: int, run: str, cursor: int, entries: int) -> bytes:
    """Return the bytes that are signed for a mark, which tells how far feed and entry log are in a
    server's run.
    """
    return MARK_CONTEXT + event_id + f"{incarnation}/{run}/{cursor}/{entries}".encode()
