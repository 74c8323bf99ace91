"""The policy for sharing a hall's places among its doors, separate from the protocol
(docs/sharing.md).

A poor share costs attendees a walk or a wait, and never overfills a hall.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from badges.places.pool import KioskKey

# Share of places split equally, so that idle doors have some.
FLOOR = 0.1
RESERVE = 0.02  # share of places kept in the pool for requests
# A hall with at most this many places per door gives each only on request.
FEW = 2
# A door below this part of its fair share gets others' surplus.
LOW_WATER = 0.8
MEMORY_MIN = 8.0  # arrivals this many minutes ago count a third of current ones
# Rate added to every door, in people a minute, since one arrival is no trend.
UNKNOWN_RATE = 0.5
# In people a minute. A backlog sent at once does not make a door faster.
RATE_MAX = 60.0
# A door silent for longer has missed a heartbeat and its repetitions, and may be offline. It gets
# no places, and no demand is expected.
SILENT_MS = 10_000


@dataclass(frozen=True)
class Door:
    """A kiosk that can admit people to the hall, with its places and rate of arrivals."""

    kiosk: KioskKey
    held: int  # most unspent places that it can have, as far as the server knows
    free: int  # by its last report, plus later grants
    rate: float  # people a minute (see `smoothed`)
    wants: bool  # a person waited at it without a free place
    live: bool  # heard recently
    silent_ms: int = 0  # time since it was heard
    most: int | None = None  # unspent places that it may hold, or None without a limit

    @property
    def has_room(self) -> bool:
        """Return whether it may get a place for a person who waits."""
        return self.most is None or self.held < max(self.most, 1)


@dataclass(frozen=True)
class Plan:
    """The places to grant and to recall by kiosk, and the kiosks whose request can't be met.

    `settled`: nobody waits, every door has its share, and the hall has no debt, so the next plan
    can wait.
    """

    grants: Mapping[KioskKey, int]
    recalls: Mapping[KioskKey, int]
    hopeless: frozenset[KioskKey]
    settled: bool


def smoothed(rate: float, minutes: float, people: int) -> float:
    """Return the smoothed rate of arrivals (people a minute): `rate` from `minutes` ago, with
    `people` more arrivals.

    Arrivals count whether admitted or refused for lack of a place. A steady stream has the same
    rate, however many reports it is divided into.
    """
    minutes = max(minutes, 1e-6)
    kept = math.exp(-minutes / MEMORY_MIN)
    came = -math.expm1(-minutes / MEMORY_MIN) / minutes * people
    return min(RATE_MAX, rate * kept + came)


def fair_shares(doors: Sequence[Door], places: int) -> dict[KioskKey, int]:
    """Divide `places` among doors by rate of arrivals. The part FLOOR is divided equally.

    Shares are whole numbers by D'Hondt's rule: a door with more arrivals never gets fewer. A door
    gets no more than its limit; the others share the rest, or it stays in the pool.
    """
    shares = _by_rate(doors, places)
    limits = {door.kiosk: door.most for door in doors if door.most is not None}
    full = {kiosk: most for kiosk, most in limits.items() if shares[kiosk] > most}
    if not full:
        return shares
    others = [door for door in doors if door.kiosk not in full]
    return full | fair_shares(others, places - sum(full.values()))


def _by_rate(doors: Sequence[Door], places: int) -> dict[KioskKey, int]:
    total = sum(door.rate + UNKNOWN_RATE for door in doors)
    even = 1 / len(doors) if doors else 0.0
    weights = {
        door.kiosk: FLOOR * even + (1 - FLOOR) * (door.rate + UNKNOWN_RATE) / total
        for door in doors
    }
    # Each door gets one if possible, since a quiet door may lose the network too.
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
    """Plan the sharing of a pool with `free` places, or with a debt if negative.

    `spread` grants even the last places, since a supervisor may need one while offline. `beyond`
    people are inside on override places; as many places are recalled at once. Once a plan's orders
    are carried out, the next plan has none, unless places beyond the debt came back.
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
    sharing.call_back_above_limit()
    sharing.call_back_for_low()
    sharing.call_back_for_asking()
    settled = free >= 0 and not sharing.asking and not sharing.empty()
    return Plan(sharing.grants, sharing.recalls, sharing.hopeless(), settled)


def _as_busy(missing: Sequence[Door], heard: Sequence[Door]) -> list[Door]:
    """Return the doors that have not reported, with the average rate of those that have."""
    mean = sum(door.rate for door in heard) / len(heard) if heard else 0.0
    return [replace(door, rate=mean) for door in missing]


class _Sharing:
    def __init__(
        self,
        live: Sequence[Door],
        missing: Sequence[Door],
        free: int,
        *,
        spread: bool,
        beyond: int,
    ) -> None:
        """`missing` doors have not reported and hold nothing. Their shares stay in the pool for
        requests.
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
        """Give each door where people wait one place, busiest first, even from the reserve."""
        for door in sorted(self.asking, key=lambda door: -door.rate):
            if door.has_room:
                self._give(door, 1, self.left)

    def fill(self) -> None:
        """Fill doors up to their shares, emptiest first, but leave the pool's reserve."""
        for door in sorted(self.heard, key=lambda door: door.held / (self.fair[door.kiosk] + 1)):
            self._give(door, self._lacks(door), self.left - self.reserve)

    def call_back_debt(self) -> None:
        """Recall places for a debt: from every door the excess over its share.

        For people beyond the capacity, recall up to the whole debt from each door, since other
        doors may be offline or use their places first.
        """
        if self.left < 0:
            owed = min(self.beyond, -self.left)
            for door in self.live:
                above = door.held - self.fair.get(door.kiosk, 0)
                self._recall(door, max(above, min(door.held, owed)))

    def call_back_above_limit(self) -> None:
        """Recall free places beyond a door's limit: exits gave them, or the limit was lowered."""
        for door in self.heard:
            if door.most is not None:
                above = min(door.held, door.free) - max(door.most, door.wants)
                self._recall(door, above - self.recalls.get(door.kiosk, 0))

    def call_back_for_low(self) -> None:
        """If a door is below its low water mark, recall surplus to fill all doors to their
        shares.
        """
        if not any(self._is_low(door) for door in self.heard):
            return
        need = sum(max(0, self._lacks(door)) for door in self.heard)
        for door in sorted(self.heard, key=self._surplus, reverse=True):
            self._recall(door, min(self._surplus(door), need - sum(self.recalls.values())))

    def call_back_for_asking(self) -> None:
        """For each waiting door that got no place, recall a place, from the door with most first.

        If no door certainly has one, recall one from each that may.
        """
        unfed = self._unfed()
        if not unfed:
            return
        # the debt takes the first returned places
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
        """Return the waiting doors that get no place, if no other door has any to recall."""
        out = self.left + sum(max(0, door.held) for door in self.live)
        return frozenset(door.kiosk for door in self._unfed() if out <= max(0, door.held))

    def empty(self) -> list[Door]:
        """Return the doors that have no place because the pool lacks them, although they have a
        share.
        """
        return [
            door
            for door in self.heard
            if door.free <= 0 and self.fair[door.kiosk] > 0 and door.kiosk not in self.grants
        ]

    def _unfed(self) -> list[Door]:
        return [door for door in self.asking if door.has_room and door.kiosk not in self.grants]

    def _lacks(self, door: Door) -> int:
        return self.fair[door.kiosk] - door.held - self.grants.get(door.kiosk, 0)

    def _is_low(self, door: Door) -> bool:
        share = self.fair[door.kiosk]
        return self._lacks(door) > 1 and share - self._lacks(door) < LOW_WATER * share

    def _surplus(self, door: Door) -> int:
        return max(0, min(door.held, door.free) - self.fair[door.kiosk])

    def _rest(self, door: Door) -> int:
        """Return the places that the door can certainly spare, without recalled ones and one for a
        waiting person.
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
