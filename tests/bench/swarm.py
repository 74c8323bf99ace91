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
    results = list(run_many(0, days, None, JOBS))
    return {
        "bench": "swarm",
        "days": days,
        "steps": sum(steps for _, steps, *_ in results),
        "broken": [_named(result) for result in results if result[3]],
        "seconds": round(time.perf_counter() - begun),
        "processes": JOBS,
        "mutants": {
            mutant.name: _named(first_broken(0, MUTANT_DAYS, mutant.name, JOBS))
            for mutant in MUTANTS
        },
    }


def _named(result: Result | None) -> dict[str, object] | None:
    """None: no promise was broken."""
    return result and {"seed": result[0], "step": result[1], "text": result[3]}
