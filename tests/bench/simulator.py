"""The protocol of places over 100,000 simulated days, as many with a room inside a hall, and each
mutant's first seed.
"""

from dataclasses import asdict

from tests.simulator.mutants import MUTANTS
from tests.simulator.nested import NESTED
from tests.simulator.run import Outcome, run_many

SEEDS = 100_000
MUTANT_SEEDS = 20_000
JOBS = 2


def run(seeds: int = SEEDS) -> dict[str, object]:
    days = run_many(0, seeds, None, None, JOBS)
    nested = run_many(0, seeds, None, NESTED, JOBS)
    return {
        "bench": "simulator",
        "seeds": days.seeds,
        "steps": days.steps,
        "violation": None if days.violation is None else asdict(days.violation),
        "steps_per_second": round(days.steps / days.seconds),
        "nested": {
            "seeds": nested.seeds,
            "steps": nested.steps,
            "violation": None if nested.violation is None else asdict(nested.violation),
            "steps_per_second": round(nested.steps / nested.seconds),
        },
        "processes": JOBS,
        "mutants": {mutant.name: _first(mutant.name) for mutant in MUTANTS},
    }


def _first(mutant: str) -> dict[str, object] | None:
    """The seed that finds the mutant, or None: it survived."""
    outcome: Outcome = run_many(0, MUTANT_SEEDS, mutant, None, JOBS)
    violation = outcome.violation
    return None if violation is None else {"seed": violation.seed, "step": violation.step}
