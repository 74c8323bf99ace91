"""Orders of places: from the wire to the protocol, and obeyed in the journal."""

from collections.abc import Sequence

from badges import wire
from badges.places import Order, PoolKey
from kiosk.journal_records import Effect
from kiosk.journal_step import Step


def pool_order(order: wire.PlaceOrder) -> tuple[PoolKey, Order]:
    return (
        PoolKey(order.hall, order.override),
        Order(order.granted, order.recall, order.incarnation),
    )


def obey(step: Step, orders: Sequence[tuple[PoolKey, Order]], incarnation: int) -> Effect:
    """Take orders. Those of an earlier incarnation are dropped by the account (rule 8).

    A fenced kiosk takes none: what still comes under its name is its successor's.
    """
    restored = 0 < step.state.incarnation < incarnation
    step.raise_incarnation(incarnation)
    if step.state.fenced:
        return Effect(restored=restored)
    gained = returned = False
    known = step.accounts()
    for key, order in orders:
        before = step.account(key.hall_id, override=key.override)
        after = before.obey(order)
        if key not in known or after != before:
            step.put_account(key.hall_id, after, override=key.override)
            after = step.account(key.hall_id, override=key.override)
        gained |= after.free > before.free
        returned |= after.returned > before.returned
    return Effect(gained, returned, restored)
