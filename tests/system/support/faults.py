"""Faults of a site with its own network: cut or bad cables, a killed server."""

import random
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass

from tests.system.support.namespaces import Cable
from tests.system.support.site import LiveSite

LAST_S = (1.5, 4.0)  # duration of a fault


@dataclass(frozen=True)
class Fault:
    """A fault that begins and ends at seconds of the run."""

    begins: float
    ends: float
    begin: Callable[[], None]
    end: Callable[[], None]


def make_faults(
    cables: Collection[Cable], place: LiveSite, run_s: float, dice: random.Random
) -> list[Fault]:
    """Each kind of fault at each cable, a cut of all, and a killed server; they may overlap."""

    def cut_all() -> None:
        for cable in cables:
            cable.cut()

    def mend_all() -> None:
        for cable in cables:
            cable.mend()

    kinds = [(cut_all, mend_all), (place.server.kill, place.start_server)]
    for cable in cables:
        kinds.append((cable.cut, cable.mend))
        kinds.append((cable.unplug, cable.plug))
        kinds.append((lambda one=cable: one.degrade((0.01, 0.06), 0.08), cable.mend))
    made = []
    for begin, end in kinds:
        begins = dice.uniform(0.5, run_s - LAST_S[1] - 1)
        made.append(Fault(begins, begins + dice.uniform(*LAST_S), begin, end))
    return made


def happen(faults: list[Fault]) -> None:
    """Begin and end each fault at its time."""
    began = time.monotonic()
    steps = [(one.begins, one.begin) for one in faults] + [(one.ends, one.end) for one in faults]
    for at, step in sorted(steps, key=lambda one: one[0]):
        time.sleep(max(0.0, began + at - time.monotonic()))
        step()
