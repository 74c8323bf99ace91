"""Signatures of the server's grants, and of its progress.

A kiosk keeps both. If an account exceeds the signed grants, the kiosk's disk was altered. If a
server knows less than it once signed, it runs on an old copy of its database. The event's root
key signs, because every kiosk knows it from its enrolment.
"""

from badges.credential.keys import PrivateKey, PublicKey
from badges.places.pool import KioskKey, PoolKey

ORDER_CONTEXT = b"hallkeeper/order/v1\x00"
MARK_CONTEXT = b"hallkeeper/mark/v1\x00"


def order_message(
    event_id: bytes, kiosk: KioskKey, pool: PoolKey, granted: int, incarnation: int
) -> bytes:
    """The bytes to sign. `event_id` is the UUID, 16 bytes."""
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
    """The signature has 64 bytes."""
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
    """Raises BadSignatureError unless the server granted the kiosk that total."""
    root.verify(order_message(event_id, kiosk, pool, granted, incarnation), signature)


def mark_message(event_id: bytes, incarnation: int, run: str, cursor: int, entries: int) -> bytes:
    """The bytes to sign for a Mark (badges/wire/wire.py): how far feed and entry log were."""
    return MARK_CONTEXT + event_id + f"{incarnation}/{run}/{cursor}/{entries}".encode()
