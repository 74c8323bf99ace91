"""The number of people refused so that a hall is never overfilled, and the cost of others' ways.

Writes table and figures into build/bench.
"""

import heapq
import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from tests.bench.sharing.day import CAPACITY, DOORS, HOURS, Day, day
from tests.bench.sharing.hall import Hall
from tests.bench.sharing.rivals import Asked, Blind, Fixed, LastCount

TUNED_ON = range(20)
REPORTED_ON = range(100, 140)
TICK_S = 4
FOLDER = Path("build/bench")
# Steady demand as a fraction of the hall's throughput, and whether the whole hall is cut off once.
SCENARIOS = ((1.14, True), (1.14, False), (0.97, True), (0.86, True), (0.68, True))


class Policy(Protocol):
    def enter(self, n: int, now: float) -> Any: ...
    def leave(self, n: int, stay: Any, now: float) -> None: ...
    def link(self, n: int, up: bool, now: float) -> None: ...
    def tick(self, now: float) -> None: ...


POLICIES: dict[str, Callable[[], Policy]] = {
    "server asked each time": lambda: Asked(DOORS, CAPACITY),
    "fixed equal shares": lambda: Fixed(DOORS, CAPACITY),
    "admit blindly offline": lambda: Blind(DOORS, CAPACITY),
    "last known count": lambda: LastCount(DOORS, CAPACITY),
    "places, strict": lambda: Hall(DOORS, CAPACITY),
    "places, trusting": lambda: Hall(DOORS, CAPACITY, trusting=True),
}


@dataclass
class Outcome:
    """One day under one policy."""

    arrivals: int = 0
    admitted: int = 0
    wrongly: int = 0  # refused though the hall had room
    needlessly: int = 0  # of those, while every door was online
    most: int = 0  # people inside
    orders: int = 0
    unnamed: int = 0


def live_through(policy: Policy, today: Day) -> Outcome:
    outcome = Outcome(arrivals=len(today.people))
    inside: list[tuple[int, int, int, Any]] = []
    away: set[int] = set()
    people = iter(today.people)
    person = next(people, None)
    for now in range(HOURS * 3600):
        for n, up in today.links.get(now, ()):
            policy.link(n, up, now)
            (away.discard if up else away.add)(n)
        while inside and inside[0][0] <= now:
            _, _, n, stay = heapq.heappop(inside)
            policy.leave(n, stay, now)
        if now % TICK_S == 0:
            policy.tick(now)
        while person is not None and person.at == now:
            stay = policy.enter(person.door, now)
            if stay is not None:
                outcome.admitted += 1
                leaving = (person.leaves_at, outcome.admitted, person.leaves_by, stay)
                heapq.heappush(inside, leaving)
                outcome.most = max(outcome.most, len(inside))
            elif len(inside) < CAPACITY:
                outcome.wrongly += 1
                outcome.needlessly += not away
            person = next(people, None)
    if isinstance(policy, Hall):
        outcome.orders, outcome.unnamed = policy.orders, policy.unnamed
    return outcome


def summary(outcomes: list[Outcome]) -> dict[str, float]:
    arrivals = sum(day.arrivals for day in outcomes)
    return {
        "wrongly_refused_percent": round(100 * sum(o.wrongly for o in outcomes) / arrivals, 2),
        "wrongly_refused_all_online": sum(o.needlessly for o in outcomes),
        "over_worst": max(0, max(day.most for day in outcomes) - CAPACITY),
        "runs_over": sum(day.most > CAPACITY for day in outcomes),
        "runs": len(outcomes),
        "admitted_a_run": round(sum(day.admitted for day in outcomes) / len(outcomes)),
        "arrivals_a_run": round(arrivals / len(outcomes)),
        "orders_a_run": round(sum(day.orders for day in outcomes) / len(outcomes)),
        "unnamed_exits_a_run": round(sum(day.unnamed for day in outcomes) / len(outcomes)),
    }


def run(seeds: Iterable[int] = REPORTED_ON) -> dict[str, Any]:
    began = time.process_time()
    seeds = list(seeds)
    results = []
    for load, outage in SCENARIOS:
        days = [day(seed, load=load, outage=outage) for seed in seeds]
        policies = {
            name: summary([live_through(make(), today) for today in days])
            for name, make in POLICIES.items()
        }
        results.append({"load": load, "outage": outage, "policies": policies})
    report = {
        "bench": "sharing_cost",
        "seeds": [seeds[0], seeds[-1]],
        "tuned_on": [TUNED_ON[0], TUNED_ON[-1]],
        "cpu_s": round(time.process_time() - began),
        "results": results,
    }
    FOLDER.mkdir(parents=True, exist_ok=True)
    (FOLDER / "sharing_cost.json").write_text(json.dumps(report, indent=1) + "\n")
    (FOLDER / "sharing_cost.txt").write_text(table(report))
    return report


def table(report: dict[str, Any]) -> str:
    lines = [f"seeds {report['seeds'][0]}–{report['seeds'][1]}, {report['cpu_s']} s of CPU"]
    for scenario in report["results"]:
        cut = "the whole hall cut off once" if scenario["outage"] else "single doors only"
        lines.append(f"\ndemand {100 * scenario['load']:.0f} %, {cut}")
        for name, row in scenario["policies"].items():
            lines.append(
                f"  {name:32} wrongly refused {row['wrongly_refused_percent']:5.2f} %"
                f" ({row['wrongly_refused_all_online']} with all doors online),"
                f" over by {row['over_worst']:3} in {row['runs_over']:2} of {row['runs']} runs,"
                f" admitted {row['admitted_a_run']} of {row['arrivals_a_run']},"
                f" {row['orders_a_run']} orders, {row['unnamed_exits_a_run']} exits unnamed"
            )
    return "\n".join(lines) + "\n"
