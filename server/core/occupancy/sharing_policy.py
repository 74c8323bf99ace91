"""Decides how a hall's places are shared among its doors. It is a policy, and stands apart from the
protocol.

A poor answer here costs attendees a walk or a wait, and never overfills a hall
(badges/places/pool.py).

Places are worth most at doors. A door that loses the network has those that it holds, and while it
is heard it can be asked for them. So nearly all places are out at the doors, by expected demand
(docs/sharing.md).
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from badges.places.pool import KioskKey

# This part of the places is split equally, so that a door that was idle has some too.
FLOOR = 0.1
RESERVE = 0.02  # This part of the places is kept in the pool, for whoever asks first.
# With no more places than this for each door, a hall gives each place to a door that asks.
FEW = 2
# A door with less than this part of its fair share is brought up to it from others' surplus.
LOW_WATER = 0.8
MEMORY_MIN = 8.0  # Arrivals this many minutes ago count a third as much as those of now.
# People a minute that every door is taken to have in addition, because one arrival is no stream.
UNKNOWN_RATE = 0.5
# People a minute. A backlog of scans that is sent at once does not make a door faster.
RATE_MAX = 60.0
# A door that was not heard for longer may be gone. It is given nothing, and nothing is expected of
# it.
SILENT_MS = 5_000


@dataclass(frozen=True)
class Door:
    """Describes what the policy knows of one kiosk in a hall that can admit there."""

    kiosk: KioskKey
    held: int  # The most unspent places that it can have, as far as the server knows.
    free: int  # As it last said, and what it was granted since.
    rate: float  # People a minute (see `smoothed`).
    wants: bool  # Somebody stood at it, and it had no place.
    live: bool  # It was heard not long ago.
    silent_ms: int = 0  # How long it has not been heard.


@dataclass(frozen=True)
class Plan:
    """Says what to do now. It has the places to give and to call back, and who is to be told that
    none can come.

    `settled` means that nobody waits for a place, no door is without its share, and the hall owes
    none. Then the next plan can wait a while.
    """

    grants: Mapping[KioskKey, int]
    recalls: Mapping[KioskKey, int]
    hopeless: frozenset[KioskKey]
    settled: bool


def smoothed(rate: float, minutes: float, people: int) -> float:
    """Return the rate of arrivals in people a minute. It is the rate `minutes` after `rate`, when
    `people` more came.

    Whoever came counts, admitted or refused for want of a place. A steady stream keeps its rate,
    however it is cut into reports.
    """
    minutes = max(minutes, 1e-6)
    kept = math.exp(-minutes / MEMORY_MIN)
    came = -math.expm1(-minutes / MEMORY_MIN) / minutes * people
    return min(RATE_MAX, rate * kept + came)


def fair_shares(doors: Sequence[Door], places: int) -> dict[KioskKey, int]:
    """Share `places` by rate of arrival, and the part FLOOR of them equally. Only whole places are
    given.

    They are given by D'Hondt's rule, so that a door at which more people arrive never gets less.
    """
    total = sum(door.rate + UNKNOWN_RATE for door in doors)
    even = 1 / len(doors) if doors else 0.0
    weights = {
        door.kiosk: FLOOR * even + (1 - FLOOR) * (door.rate + UNKNOWN_RATE) / total
        for door in doors
    }
    # Every door gets one if that is possible, because a quiet door may lose the network as well.
    least = 1 if places >= len(doors) else 0
    rest = places - least * len(doors)
    shares = {kiosk: least + int(rest * weight) for kiosk, weight in weights.items()}
    for _ in range(places - sum(shares.values()) if shares else 0):
        most = max(weights, key=lambda kiosk: weights[kiosk] / (shares[kiosk] + 1))
        shares[most] += 1
    return shares


def plan(
    doors: Sequence[Door], free: int, *, closed: bool, spread: bool = False, beyond: int = 0
) -> Plan:
    """Share a hall whose pool has `free` places. Below zero, the hall owes them.

    `spread` gives out all of them, also the last few, because a supervisor needs one when nobody
    answers. `beyond` people are inside on override places, for whom others' places are called back
    at once. Once the orders of a plan are obeyed and heard, the next plan has none, but for places
    that so came back beyond what the hall owed.
    """
    live = [door for door in doors if door.live]
    if closed:
        recalls = {door.kiosk: door.held for door in live if door.held > 0}
        hopeless = frozenset(door.kiosk for door in live if door.wants)
        return Plan({}, recalls, hopeless, settled=not recalls)
    missing = [door for door in doors if not door.live and door.held <= 0]
    sharing = _Sharing(live, missing, free, spread=spread, beyond=beyond)
    sharing.give_one_each()
    sharing.fill()
    sharing.call_back_debt()
    sharing.call_back_for_low()
    sharing.call_back_for_asking()
    settled = free >= 0 and not sharing.asking and not sharing.empty()
    return Plan(sharing.grants, sharing.recalls, sharing.hopeless(), settled)


def _as_busy(missing: Sequence[Door], heard: Sequence[Door]) -> list[Door]:
    """Return the doors of which nothing is known yet. They are taken to be as busy as the others
    are on average.
    """
    mean = sum(door.rate for door in heard) / len(heard) if heard else 0.0
    return [replace(door, rate=mean) for door in missing]


class _Sharing:
    """Holds one plan while it is made."""

    def __init__(
        self,
        live: Sequence[Door],
        missing: Sequence[Door],
        free: int,
        *,
        spread: bool,
        beyond: int,
    ) -> None:
        """Begin a plan. `missing` doors are still to come and hold nothing, so their shares wait in
        the pool and go to whoever asks.
        """
        self.live = live
        self.heard = [door for door in live if door.silent_ms <= SILENT_MS]
        self.asking = [door for door in self.heard if door.wants and door.free <= 0]
        self.left = free
        self.beyond = beyond
        self.grants: dict[KioskKey, int] = {}
        self.recalls: dict[KioskKey, int] = {}
        places = max(0, free + sum(max(0, door.held) for door in self.heard))
        expected = [*self.heard, *_as_busy(missing, self.heard)]
        few = places <= FEW * len(expected)
        self.reserve = 0 if spread else places if few else int(places * RESERVE)
        self.fair = fair_shares(expected, places - self.reserve)
        self.reserve += sum(self.fair[door.kiosk] for door in missing)

    def give_one_each(self) -> None:
        """Give a place to each door where somebody waits, the busiest first. The reserve is for
        them.
        """
        for door in sorted(self.asking, key=lambda door: -door.rate):
            self._give(door, 1, self.left)

    def fill(self) -> None:
        """Bring doors up to their shares from what the pool has beyond its reserve, the emptiest
        first.
        """
        for door in sorted(self.heard, key=lambda door: door.held / (self.fair[door.kiosk] + 1)):
            self._give(door, self._lacks(door), self.left - self.reserve)

    def call_back_debt(self) -> None:
        """Call places back where the hall owes some. Every door gives what is above its share of
        the rest. Of those that are owed to people beyond the capacity, every door gives as many as
        it has: another may be away, or use its places first.
        """
        if self.left < 0:
            owed = min(self.beyond, -self.left)
            for door in self.live:
                above = door.held - self.fair.get(door.kiosk, 0)
                self._recall(door, max(above, min(door.held, owed)))

    def call_back_for_low(self) -> None:
        """Call places back once a door is below its low water mark. All doors are then brought to
        their shares.
        """
        if not any(self._is_low(door) for door in self.heard):
            return
        need = sum(max(0, self._lacks(door)) for door in self.heard)
        for door in sorted(self.heard, key=self._surplus, reverse=True):
            self._recall(door, min(self._surplus(door), need - sum(self.recalls.values())))

    def call_back_for_asking(self) -> None:
        """Call back a place for each door that got none and has somebody waiting, from the richest
        door first.

        Where only the server's bound says that doors have any, each of them is asked for one.
        """
        unfed = self._unfed()
        if not unfed:
            return
        # The hall's debt takes the first places that come back.
        need = len(unfed) + max(0, -self.left)
        others = [door for door in self.live if door.held > 0 and door not in unfed]
        while others and sum(self.recalls.values()) < need:
            richest = max(others, key=self._rest)
            if self._rest(richest) < 1:
                break
            self._recall(richest, 1)
        if sum(self.recalls.values()) < need:
            for door in others:
                if door.held - door.wants > self.recalls.get(door.kiosk, 0):
                    self._recall(door, 1)

    def hopeless(self) -> frozenset[KioskKey]:
        """Return the doors that asked and got none, if no other door has any to give."""
        out = self.left + sum(max(0, door.held) for door in self.live)
        return frozenset(door.kiosk for door in self._unfed() if out <= max(0, door.held))

    def empty(self) -> list[Door]:
        """Find doors that have no place although some are due to them. There were none to give."""
        return [
            door
            for door in self.heard
            if door.free <= 0 and self.fair[door.kiosk] > 0 and door.kiosk not in self.grants
        ]

    def _unfed(self) -> list[Door]:
        return [door for door in self.asking if door.kiosk not in self.grants]

    def _lacks(self, door: Door) -> int:
        return self.fair[door.kiosk] - door.held - self.grants.get(door.kiosk, 0)

    def _is_low(self, door: Door) -> bool:
        share = self.fair[door.kiosk]
        return self._lacks(door) > 1 and share - self._lacks(door) < LOW_WATER * share

    def _surplus(self, door: Door) -> int:
        return max(0, min(door.held, door.free) - self.fair[door.kiosk])

    def _rest(self, door: Door) -> int:
        """Return how many places the door surely has to spare. It does not count what is recalled
        already, nor what whoever waits there is about to use.
        """
        sure = min(door.held, door.free) if door in self.heard else 0
        return sure - door.wants - self.recalls.get(door.kiosk, 0)

    def _give(self, door: Door, places: int, most: int) -> None:
        places = min(places, most)
        if places > 0:
            self.grants[door.kiosk] = self.grants.get(door.kiosk, 0) + places
            self.left -= places

    def _recall(self, door: Door, places: int) -> None:
        if places > 0:
            self.recalls[door.kiosk] = self.recalls.get(door.kiosk, 0) + places
