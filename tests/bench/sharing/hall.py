"""One hall under the product's own protocol (badges/places/pool.py) and policy
(server/core/occupancy/sharing_policy.py).

A message takes no time here; `day` decides whether a link carries it. The steps are those of
kiosk/journal/journal.py and server/core/ledger/batch.py, for people who come once.
"""

from dataclasses import dataclass, field

from badges.places.account import Account, may_credit, may_trust
from badges.places.pool import KioskKey, Pool
from badges.record import StayRef
from server.core.occupancy import sharing_policy

LIVE_S = 30  # as in server/core/occupancy/grants.py
TRIPS_MAX = 4


@dataclass
class Stay:
    """A person inside. `heard_at`: when the server received the entry and notified the doors."""

    ref: StayRef
    heard_at: float | None = None
    closed: bool = False
    left: bool = False  # by an exit that could not name it


@dataclass
class HallDoor:
    key: KioskKey
    account: Account = field(default_factory=Account)
    seq: int = 0
    offered: int = 0
    records: list[tuple[str, Stay, bool]] = field(default_factory=list)  # not sent yet
    gone: set[StayRef] = field(default_factory=set)  # taken back before they were offered
    online: bool = True
    heard_at: float = 0.0  # when the server last heard it
    rate: float = 0.0
    rate_at: float = 0.0
    came: int = 0
    wants: bool = False
    reported: int = 0  # free places at its last message


class Hall:
    """One hall, its server and its doors."""

    def __init__(self, doors: int, capacity: int, *, trusting: bool = False) -> None:
        self.trusting = trusting
        self.pool = Pool(capacity)
        self.doors = [HallDoor((f"door-{n}", 1)) for n in range(doors)]
        for door in self.doors:
            self.pool = self.pool.enrol(door.key)
        self.now = 0.0  # for tests alone, which draw a hall at some moment
        self.orders = 0  # sent
        self.recalls = 0  # sent with a recall
        self.unnamed = 0  # exits at a door without the entry

    def enter(self, n: int, now: float) -> Stay | None:
        """A person comes to the door; None if no place is free."""
        door = self.doors[n]
        door.came += 1
        if door.account.free < 1 and door.online:
            door.wants = True
            self._report(door, now)
            self.share(now)
            door.wants = False
        if door.account.free < 1:
            return None
        door.account = door.account.enter()
        door.seq += 1
        stay = Stay(StayRef(*door.key, door.seq))
        door.records.append(("entry", stay, False))
        self._report(door, now)
        return stay

    def leave(self, n: int, stay: Stay, now: float) -> None:
        """An exit names its stay if the door has its entry."""
        door = self.doors[n]
        own = (stay.ref.kiosk, stay.ref.generation) == door.key
        entry_is_here = stay.heard_at is not None and (
            door.online or stay.heard_at <= door.heard_at
        )
        if own or entry_is_here:
            credited = self._credit(door, stay)
            stay.closed = True
            door.records.append(("exit", stay, credited))
        else:
            self.unnamed += 1
            door.records.append(("unnamed", stay, False))
        self._report(door, now)

    def _credit(self, door: HallDoor, stay: Stay) -> bool:
        """Whether the place is the door's own again at once."""
        kiosk, generation = door.key
        if may_credit(
            stay.ref,
            kiosk=kiosk,
            generation=generation,
            offered=door.offered,
            closed=stay.closed,
        ):
            door.account = door.account.credit()
            door.gone.add(stay.ref)
        elif self.trusting and may_trust(stay.ref, offline=not door.online, closed=stay.closed):
            door.account = door.account.trust()
        else:
            return False
        return True

    def link(self, n: int, up: bool, now: float) -> None:
        door = self.doors[n]
        self._report(door, now)
        door.online = up
        if up:
            door.account = door.account.obey(self.pool.order(door.key))  # the order that it missed
            self._report(door, now)

    def tick(self, now: float) -> None:
        """Every door's heartbeat."""
        for door in self.doors:
            self._report(door, now)
        self.share(now)

    def _report(self, door: HallDoor, now: float) -> None:
        """Send a batch, if the link carries it."""
        if not door.online:
            return
        door.heard_at, door.reported = now, door.account.free
        returned = door.account.returned
        if not door.records and not door.came and returned == self.pool.kiosks[door.key].returned:
            return
        self.pool = self.pool.hear(door.key, granted=door.account.granted, incarnation=1)
        door.offered = door.seq
        for kind, stay, credited in door.records:
            self._take(door, kind, stay, credited, now)
        door.records.clear()
        door.gone.clear()
        self.pool = self.pool.hear_returned(door.key, returned)
        door.rate = sharing_policy.smoothed(door.rate, (now - door.rate_at) / 60, door.came)
        door.rate_at, door.came = now, 0

    def _take(self, door: HallDoor, kind: str, stay: Stay, credited: bool, now: float) -> None:
        gone = stay.ref in door.gone
        if kind == "entry":
            self.pool = self.pool.open_stay(door.key, gone=gone)
            stay.heard_at = now
        elif kind == "unnamed":
            # It ends the stay once both are here (server/core/occupancy/unmatched_exits.py).
            stay.left = True
        elif not gone:
            if credited:
                self.pool = self.pool.trust(door.key)
            self.pool = self.pool.close_stay(stay.ref)
        if stay.left and stay.heard_at is not None:
            self.pool = self.pool.close_stay(stay.ref)

    def share(self, now: float) -> None:
        """Plan, send and hear, until no change remains."""
        for _ in range(TRIPS_MAX):
            plan = self.plan(now)
            if not plan.grants and not plan.recalls:
                return
            self.obey(plan)

    def plan(self, now: float, *, closed: bool = False) -> sharing_policy.Plan:
        return sharing_policy.plan(self.views(now), self.pool.free, closed=closed)

    def obey(self, plan: sharing_policy.Plan) -> None:
        """Grant, send the orders, and receive returned places of the doors that got them."""
        for key, places in plan.grants.items():
            self.pool = self.pool.grant(key, places)
        for door in self.doors:
            if door.key not in plan.grants and door.key not in plan.recalls:
                continue
            self.orders += 1
            self.recalls += door.key in plan.recalls
            if door.online:
                order = self.pool.order(door.key, plan.recalls.get(door.key, 0))
                door.account = door.account.obey(order)
                door.reported = door.account.free
                self.pool = self.pool.hear_returned(door.key, door.account.returned)

    def views(self, now: float) -> list[sharing_policy.Door]:
        return [
            sharing_policy.Door(
                kiosk=door.key,
                held=max(0, self.pool.kiosks[door.key].held),
                free=door.reported,
                rate=sharing_policy.smoothed(door.rate, (now - door.rate_at) / 60, 0),
                wants=door.wants,
                live=now - door.heard_at <= LIVE_S,
                silent_ms=round(1000 * (now - door.heard_at)),
            )
            for door in self.doors
        ]
