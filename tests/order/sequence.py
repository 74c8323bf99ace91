"""The order of the tests for several processes, which have a share of it each."""

from collections.abc import Sequence

import pytest

from tests.order.kinds import WAITING, is_quick, waiting
from tests.order.shares import cuts


def shared_out(items: Sequence[pytest.Item], workers: int) -> list[pytest.Item]:
    """Put them into the order that is cut into a share for each worker.

    The first two shares begin with what waits, and the next ones with what is long. A worker that
    has done its own takes over from the end of another's.
    """
    lots: list[list[pytest.Item]] = [[] for _ in range(workers)]
    others = []
    for item in sorted(items, key=is_quick):
        waits = waiting(item.path)
        (others if waits is None else lots[waits % workers]).append(item)
    shares = cuts(len(items), workers)
    for number, (lot, share) in enumerate(zip(lots, shares, strict=True)):
        more = max(0, len(share) - len(lot))
        # Whoever waits gets short ones besides, which the others soon take over.
        first = max(0, len(others) - more) if number < len(WAITING) < workers else 0
        lot += others[first : first + more]
        del others[first : first + more]
    return [item for lot in lots for item in lot]
