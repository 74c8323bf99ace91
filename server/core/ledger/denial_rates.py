"""Finds doors whose rate of denials is out of the ordinary, against the other doors of the same
hour.

A door is compared with all others by Fisher's exact test, which is right for few scans as for many.
The chance that is told is for a difference at least as large in either direction, and is multiplied
by the number of doors of that hour, because among many doors one differs by accident (Bonferroni).
A door that stands out is left out when the rest are compared.
A sure difference may still be too small to matter, so the rate must be twice or half the others'.
"""

from collections import defaultdict
from dataclasses import dataclass
from math import exp, lgamma

from server.storage.connection import Connection
from server.storage.localized import names_of

QUARTER_MS = 900_000
HOUR_MS = 4 * QUARTER_MS
CHANCE_MAX = 0.01
TIMES_MIN = 2.0  # as often as at the other doors, or as seldom
DENIALS_MIN = 5  # at the door, or where there are fewer, as many as the others' rate would give


@dataclass(frozen=True)
class Tally:
    """Counts what a door, or several, answered to entries."""

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
    """Describes a door in an hour, with the other doors that it is compared to."""

    door_id: int
    hour: int  # whole hours of Unix time
    own: Tally
    others: Tally
    doors: int  # that were compared in this step, this one among them
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
    """Return the doors that stand out in each hour of a span (Unix ms), the newest hour first and
    in it the least likely.
    """
    rows = db.execute(
        "SELECT quarter / 4 AS hour, door_id, SUM(admitted) AS admitted, SUM(denied) AS denied"
        " FROM door_quarter WHERE quarter >= ? AND quarter < ? GROUP BY 1, 2",
        (since // QUARTER_MS, -(-until // QUARTER_MS)),
    )
    by_hour: dict[int, dict[int, Tally]] = defaultdict(dict)
    for row in rows:
        asked = row["admitted"] + row["denied"]
        by_hour[row["hour"]][row["door_id"]] = Tally(asked, row["denied"])
    found = [one for hour, tallies in by_hour.items() for one in compare(hour, tallies)]
    return sorted(found, key=lambda one: (-one.hour, one.chance, one.door_id))


def compare(hour: int, tallies: dict[int, Tally]) -> list[DoorRate]:
    """Return the doors of one hour that stand out.

    The least likely one comes first, and is then left out, because otherwise a door that denies
    nearly everybody would make the others look as if they denied too seldom.
    """
    found: list[DoorRate] = []
    left = dict(tallies)
    while (one := _least_likely(hour, left, len(tallies))) is not None:
        found.append(one)
        del left[one.door_id]
    return found


def _least_likely(hour: int, tallies: dict[int, Tally], doors: int) -> DoorRate | None:
    asked = sum(one.asked for one in tallies.values())
    denied = sum(one.denied for one in tallies.values())
    found = []
    for door_id, own in tallies.items():
        others = Tally(asked - own.asked, denied - own.denied)
        if _matters(own, others):
            chance = min(1.0, two_sided(own, others) * doors)
            if chance <= CHANCE_MAX:
                found.append(DoorRate(door_id, hour, own, others, len(tallies), chance))
    # Of two doors that differ as surely, the one that denies more is the one to look at. The
    # chances of both may differ in their last digits.
    return min(found, key=lambda one: (float(f"{one.chance:.6g}"), -one.own.rate), default=None)


def two_sided(own: Tally, others: Tally) -> float:
    """Return twice the chance of denials as many, or as few, as the door's, whichever is less
    likely, if every scan of the hour were as likely to be denied.
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
    """Return the chance that of `drawn` out of `whole`, of which some are `marked`, at least so
    many are marked (the hypergeometric distribution's upper tail).
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
    """Return each door's names, its hall, and the hall's names."""
    rows = db.execute(
        "SELECT d.door_id, d.names, h.hall_id, h.names AS hall_names"
        " FROM door d JOIN hall h ON h.hall_id = d.hall_id"
    )
    return {
        row["door_id"]: (names_of(row["names"]), row["hall_id"], names_of(row["hall_names"]))
        for row in rows
    }


def latest_of_hall(db: Connection, hall_id: int, now: int) -> dict[int, tuple[Tally, Tally]]:
    """Return what each door of a hall answered in this quarter of an hour and the one before."""
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
