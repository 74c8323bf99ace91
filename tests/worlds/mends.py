"""Breaks that were mended once: each takes a mend out again, and the explorer must find the break.

Only those that a world can express.
"""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from badges.places.pool import Pool
from server.core.ledger.batch import BatchRecorder
from server.core.occupancy import clearing
from tests.simulator.mutants import BelievesStopped
from tests.swarm import mutants

Change = tuple[object, str, object]  # object, attribute name, replacement


@dataclass(frozen=True)
class Mend:
    name: str
    fault: str
    world: str
    changes: Callable[[], list[Change]]


@contextmanager
def taken_out(mend: Mend) -> Iterator[None]:
    with ExitStack() as stack:
        for owner, attribute, instead in mend.changes():
            stack.enter_context(patch.object(owner, attribute, instead))
        yield


def _of_swarm(name: str, world: str) -> Mend:
    mutant = mutants.BY_NAME[name]
    return Mend(name, mutant.fault, world, mutant.changes)


def _leaves_as_any(self: BatchRecorder, *given: Any, **more: Any) -> None:
    """An exit by a stopped kiosk counts as one of a kiosk at work."""
    self._quarantined = False
    _LEAVE(self, *given, **more)


_LEAVE = BatchRecorder._leave


def _attests_all(db: Any, hall_id: int) -> clearing.Emptied:
    """The clearing attests each stopped kiosk that is there when the form comes."""
    return _EMPTIED(db, hall_id)


_EMPTIED = clearing.emptied


MENDS = (
    _of_swarm("unnamed", "empty hall"),
    Mend(
        "unshown", "a form empties what was not there when its page was opened", "empty hall",
        lambda: [(clearing, "require_shown", lambda *given: None)],
    ),
    Mend(
        "falsereturns", "a stopped kiosk's total of returned places frees them", "thieves",
        lambda: [(Pool, "hear_returned", BelievesStopped.hear_returned)],
    ),
    Mend(
        "falseexits", "exits of a stopped kiosk free places", "thieves",
        lambda: [(BatchRecorder, "_leave", _leaves_as_any)],
    ),
    Mend(
        "retiredtrusted", "a retired kiosk is believed", "thieves",
        lambda: [(Pool, "fence", lambda pool, kiosk: pool)],
    ),
    _of_swarm("movefrees", "copies"),
    _of_swarm("putback", "server disk"),
    _of_swarm("nobarrier", "server disk"),
    _of_swarm("repeats", "network"),
    _of_swarm("exitagain", "network"),
    _of_swarm("offered", "network"),
    _of_swarm("gone", "network"),
    _of_swarm("twice", "network"),
    _of_swarm("inneronly", "nested"),
    _of_swarm("forgiving", "stopped kiosks"),
    Mend(
        "resize", "a raised capacity counts no places that are out", "capacity",
        lambda: [(Pool, "free", property(lambda pool: pool.capacity - pool.open_stays))],
    ),
)  # fmt: skip
BY_NAME = {mend.name: mend for mend in MENDS}
