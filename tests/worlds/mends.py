"""Breaks that were mended once: each takes a mend out again, and the explorer must find the break.

Only those that a world can express.
"""

from dataclasses import replace
from typing import Any

from badges.places.pool import Pool
from server.core.ledger.batch import BatchRecorder
from server.core.occupancy import clearing
from tests.simulator.mutants import BelievesStopped
from tests.swarm import mutants
from tests.swarm.mutants import Mutant


def _in_world(name: str, world: str) -> Mutant:
    """A mutant of the swarm. The `theme` of those here is the world in which it is searched."""
    return replace(mutants.BY_NAME[name], theme=world)


def _leaves_as_any(self: BatchRecorder, *given: Any, **more: Any) -> None:
    """An exit by a stopped kiosk counts as one of a kiosk at work."""
    self._quarantined = False
    _LEAVE(self, *given, **more)


_LEAVE = BatchRecorder._leave


MENDS = (
    _in_world("unnamed", "empty hall"),
    Mutant(
        "unshown", "a form empties what was not there when its page was opened", "empty hall",
        lambda: [(clearing, "require_shown", lambda *given: None)],
    ),
    Mutant(
        "falsereturns", "a stopped kiosk's total of returned places frees them", "thieves",
        lambda: [(Pool, "hear_returned", BelievesStopped.hear_returned)],
    ),
    Mutant(
        "falseexits", "exits of a stopped kiosk free places", "thieves",
        lambda: [(BatchRecorder, "_leave", _leaves_as_any)],
    ),
    _in_world("movefrees", "copies"),
    _in_world("putback", "server disk"),
    _in_world("nobarrier", "server disk"),
    _in_world("repeats", "network"),
    _in_world("exitagain", "network"),
    _in_world("offered", "network"),
    _in_world("gone", "network"),
    _in_world("twice", "network"),
    _in_world("inneronly", "nested"),
    _in_world("forgiving", "stopped kiosks"),
    Mutant(
        "resize", "a raised capacity counts no places that are out", "capacity",
        lambda: [(Pool, "free", property(lambda pool: pool.capacity - pool.open_stays))],
    ),
)  # fmt: skip
BY_NAME = {mend.name: mend for mend in MENDS}
