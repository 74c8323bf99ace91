import logging
from collections.abc import Sequence

from badges.credential.keys import BadSignatureError
from badges.places.account import Account, Order
from badges.places.pool import PoolKey
from badges.places.signed import verify_order
from kiosk.journal.check import Owner
from kiosk.journal.transaction import JournalTransaction
from kiosk.journal.values import Effect, SignedGrant

log = logging.getLogger(__name__)


def obey(
    transaction: JournalTransaction,
    orders: Sequence[tuple[PoolKey, Order]],
    incarnation: int,
    owner: Owner,
) -> Effect:
    """Take orders. The account ignores those of an earlier incarnation (docs/design/places.md, rule
    8).

    A fenced kiosk ignores them all: later orders under its name are its successor's. Orders
    without the server's signature are ignored.
    """
    restored = 0 < transaction.state.incarnation < incarnation
    transaction.raise_incarnation(incarnation)
    if transaction.state.fenced:
        return Effect(restored=restored)
    gained = returned = False
    accounts = transaction.accounts()
    for key, order in orders:
        before = transaction.account(key.hall_id, key.kind)
        after = before.obey(order)
        kept = transaction.grant(key)
        try:
            grant = _grant(key, order, after, kept, owner)
        except BadSignatureError:
            log.error("an order of places was dropped: the server has not signed it")
            continue
        if key not in accounts or after != before or grant != kept:
            transaction.put_account(key, after, grant=grant)
            after = transaction.account(key.hall_id, key.kind)
        gained |= after.free > before.free
        returned |= after.returned > before.returned
    return Effect(gained, returned, restored)


def _grant(
    key: PoolKey, order: Order, after: Account, kept: SignedGrant, owner: Owner
) -> SignedGrant:
    """The server's signed grant to store beside the account. Raises BadSignatureError.

    Servers from before signatures sign nothing. If such a server grants more, the stored
    signature no longer covers the account and is dropped.
    """
    if order.granted < after.granted or order.incarnation < after.incarnation:
        return kept
    if not order.signature:
        return kept if kept.granted >= after.granted else SignedGrant()
    grant = SignedGrant(order.granted, order.incarnation, order.signature)
    if grant != kept and owner.root is not None:
        verify_order(
            owner.root, owner.event_id, (owner.kiosk, owner.generation), key, order.signature,
            granted=order.granted, incarnation=order.incarnation,
        )  # fmt: skip
    return grant
