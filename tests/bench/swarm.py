"""2,000 random days of the real code, and the first day that finds each of its mutants."""

import logging
import time

from tests.swarm.mutants import MUTANTS
from tests.swarm.run import Result, first_broken, run_many

DAYS = 2_000
MUTANT_DAYS = 300
JOBS = 2


def run(days: int = DAYS) -> dict[str, object]:
    logging.disable()
    begun = time.perf_counter()
    found = list(run_many(0, days, None, JOBS))
    return {
        "bench": "swarm",
        "days": days,
        "steps": sum(one[1] for one in found),
        "broken": [_named(one) for one in found if one[3]],
        "seconds": round(time.perf_counter() - begun),
        "processes": JOBS,
        "mutants": {
            one.name: _named(first_broken(0, MUTANT_DAYS, one.name, JOBS)) for one in MUTANTS
        },
    }


def _named(found: Result | None) -> dict[str, object] | None:
    """None: no promise was broken."""
    return found and {"seed": found[0], "step": found[1], "text": found[3]}
