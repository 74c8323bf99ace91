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
        kinds.append((lambda faulty=cable: faulty.degrade((0.01, 0.06), 0.08), cable.mend))
    faults = []
    for begin, end in kinds:
        begins = dice.uniform(0.5, run_s - LAST_S[1] - 1)
        faults.append(Fault(begins, begins + dice.uniform(*LAST_S), begin, end))
    return faults


def happen(faults: list[Fault]) -> None:
    began = time.monotonic()
    steps = [(fault.begins, fault.begin) for fault in faults] + [
        (fault.ends, fault.end) for fault in faults
    ]
    for at, step in sorted(steps, key=lambda fault: fault[0]):
        time.sleep(max(0.0, began + at - time.monotonic()))
        step()
