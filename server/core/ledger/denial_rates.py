"""Finds doors with an unusual rate of denials, compared with the other doors in the same hour
(docs/browser.md).

Fisher's exact test is valid for few scans as for many. The p-value is two-sided, and multiplied by
the number of doors (Bonferroni correction). Since a significant difference may be small, the rate
must also be twice or half the others'.
"""

from collections import defaultdict
from dataclasses import dataclass
from math import exp, lgamma

from server.storage.connection import Connection
from server.storage.localized import names_of

QUARTER_MS = 900_000
HOUR_MS = 4 * QUARTER_MS
CHANCE_MAX = 0.01
TIMES_MIN = 2.0  # minimum ratio to the other doors, either way
DENIALS_MIN = 5  # at the door, or expected there by the others' rate


@dataclass(frozen=True)
class Tally:
    asked: int
    denied: int

    @property
    def admitted(self) -> int:
        return self.asked - self.denied

    @property
    def rate(self) -> float:
        return self.denied / self.asked if self.asked else 0.0


@dataclass(frozen=True)
class DoorRate:
    """A door's denials in an hour, and those of the doors it is compared to."""

    door_id: int
    hour: int  # whole hours of Unix time
    own: Tally
    others: Tally
    doors: int  # compared in this step, including this one
    chance: float  # of such a difference at any of them, if all denied alike

    @property
    def since(self) -> int:
        return self.hour * HOUR_MS

    @property
    def until(self) -> int:
        return self.since + HOUR_MS

    @property
    def higher(self) -> bool:
        return self.own.rate > self.others.rate


def unusual(db: Connection, since: int, until: int) -> list[DoorRate]:
    """Sorted by newest hour, then least likely. Times are Unix ms."""
    rows = db.execute(
        "SELECT quarter / 4 AS hour, door_id, SUM(admitted) AS admitted, SUM(denied) AS denied"
        " FROM door_quarter WHERE quarter >= ? AND quarter < ? GROUP BY 1, 2",
        (since // QUARTER_MS, -(-until // QUARTER_MS)),
    )
    by_hour: dict[int, dict[int, Tally]] = defaultdict(dict)
    for row in rows:
        asked = row["admitted"] + row["denied"]
        by_hour[row["hour"]][row["door_id"]] = Tally(asked, row["denied"])
    doors = [door for hour, tallies in by_hour.items() for door in compare(hour, tallies)]
    return sorted(doors, key=lambda door: (-door.hour, door.chance, door.door_id))


def compare(hour: int, tallies: dict[int, Tally]) -> list[DoorRate]:
    """Return the doors with an unusual rate of denials in one hour.

    The least likely is excluded before the next comparison. Otherwise a door that denies nearly
    everyone would make the others look unusual.
    """
    doors: list[DoorRate] = []
    left = dict(tallies)
    while (door := _least_likely(hour, left, len(tallies))) is not None:
        doors.append(door)
        del left[door.door_id]
    return doors


def _least_likely(hour: int, tallies: dict[int, Tally], doors: int) -> DoorRate | None:
    asked = sum(tally.asked for tally in tallies.values())
    denied = sum(tally.denied for tally in tallies.values())
    candidates = []
    for door_id, own in tallies.items():
        others = Tally(asked - own.asked, denied - own.denied)
        if _matters(own, others):
            chance = min(1.0, two_sided(own, others) * doors)
            if chance <= CHANCE_MAX:
                candidates.append(DoorRate(door_id, hour, own, others, len(tallies), chance))
    # Of two equally significant doors, prefer the one with more denials. Their chances may differ
    # in the last digits.
    return min(
        candidates, key=lambda tally: (float(f"{tally.chance:.6g}"), -tally.own.rate), default=None
    )


def two_sided(own: Tally, others: Tally) -> float:
    """Return the two-sided probability of the door's number of denials, if all scans of the hour
    were equally likely to be denied.
    """
    asked, denied = own.asked + others.asked, own.denied + others.denied
    more = _tail(asked, denied, own.asked, own.denied)
    # As few denials as these are as many admissions.
    fewer = _tail(asked, asked - denied, own.asked, own.asked - own.denied)
    return min(1.0, 2 * min(more, fewer))


def _matters(own: Tally, others: Tally) -> bool:
    if not (own.asked and others.asked):
        return False
    if own.rate > others.rate:
        return own.denied >= DENIALS_MIN and own.rate >= TIMES_MIN * others.rate
    expected = own.asked * others.rate
    return expected >= DENIALS_MIN and TIMES_MIN * own.rate <= others.rate


def _tail(whole: int, marked: int, drawn: int, least: int) -> float:
    """Return the hypergeometric probability of at least `least` marked items in `drawn` out of
    `whole`, of which `marked` are marked.
    """
    most = min(marked, drawn)
    if least <= max(0, drawn + marked - whole):
        return 1.0
    if least > most:
        return 0.0
    term = exp(_log_choose(marked, least) + _log_choose(whole - marked, drawn - least)
               - _log_choose(whole, drawn))  # fmt: skip
    total = 0.0
    for value in range(least, most + 1):
        total += term
        step = (marked - value) * (drawn - value)
        term *= step / ((value + 1) * (whole - marked - drawn + value + 1))
        if term < total * 1e-17:
            break
    return min(1.0, total)


def _log_choose(of: int, chosen: int) -> float:
    return lgamma(of + 1) - lgamma(chosen + 1) - lgamma(of - chosen + 1)


def door_names(db: Connection) -> dict[int, tuple[dict[str, str], int, dict[str, str]]]:
    rows = db.execute(
        "SELECT d.door_id, d.names, h.hall_id, h.names AS hall_names"
        " FROM door d JOIN hall h ON h.hall_id = d.hall_id"
    )
    return {
        row["door_id"]: (names_of(row["names"]), row["hall_id"], names_of(row["hall_names"]))
        for row in rows
    }


def latest_of_hall(db: Connection, hall_id: int, now: int) -> dict[int, tuple[Tally, Tally]]:
    """Return each door's counts in this quarter of an hour and the previous."""
    quarter = now // QUARTER_MS
    tallies: dict[tuple[int, int], Tally] = {}
    for row in db.execute(
        "SELECT q.quarter, q.door_id, q.admitted, q.denied FROM door_quarter q"
        " JOIN door d ON d.door_id = q.door_id WHERE q.quarter IN (?, ?) AND d.hall_id = ?",
        (quarter, quarter - 1, hall_id),
    ):
        asked = row["admitted"] + row["denied"]
        tallies[row["door_id"], row["quarter"]] = Tally(asked, row["denied"])
    nothing = Tally(0, 0)
    return {
        door_id: (
            tallies.get((door_id, quarter), nothing), tallies.get((door_id, quarter - 1), nothing)
        )
        for door_id in {door for door, _ in tallies}
    }  # fmt: skip
