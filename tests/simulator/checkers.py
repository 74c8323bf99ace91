"""The truth that no part of the protocol knows, and what must hold after every step.

`inside` are entries on any door's disk whose stay no exit record names yet: the people truly in the
hall by automatic admission. Whoever was swept out (attested) is not among them, nor whoever went to
another hall, where clocks were sure enough to tell. N is their number, W the pool's worst case, B
the capacity or, after it was lowered, the last W until W fits again.
"""

from collections.abc import Iterable

from badges.places import KioskKey, Pool
from tests.simulator.door_side import Door
from tests.simulator.messages import Record
from tests.simulator.server_side import Server


class ViolationError(Exception):
    """A promise is broken; the text says which, in numbers."""


class Truth:
    """Who is inside, and how far the stated bounds allow the promise to be missed."""

    def __init__(self, capacity: int, *, trusting: bool) -> None:
        self.trusting = trusting
        self.inside: dict[int, tuple[int, KioskKey]] = {}  # entry's uid: badge and door
        self.unsure: set[int] = set()  # entries of which the time is not known well
        self.swept: set[int] = set()  # attested as not inside
        self.given_back: dict[int, set[str]] = {}  # places of stays: by whom
        self.entered_at: dict[int, tuple[int, int]] = {}  # entry's uid: badge, true time
        self.unnamed: dict[int, tuple[int, int]] = {}  # exit that names nobody: badge, true time
        self.meant: set[int] = set()  # entries that were so ended; a restored server may not tell
        self.means: dict[int, int] = {}  # which entry it ended
        self.was: dict[int, tuple[int, KioskKey]] = {}  # of such entries: badge and door
        self.out: set[int] = set()  # entries that ended by a name, elsewhere, or by staff's word
        self.twice = 0  # places that were given back once more than once
        self.rolled = 0  # places that rolled-back disks have again
        self.rolled_back = False
        self.blind = False  # the server was put back, and nobody that knows better was heard since
        self.limit = capacity  # B
        self.over = -capacity  # the most people above B, where slack allowed it
        self.behind: dict[KioskKey, tuple[int, int]] = {}  # records and returns before a restore
        self.elsewhere_behind = 0
        self._pool: Pool | None = None
        self._people = -1

    def enter(self, uid: int, badge: int, door: Door, now: int) -> None:
        self.inside[uid] = (badge, door.key)
        self.entered_at[uid] = (badge, now)
        if not door.sure and door.rules.infers_from_sure_clocks:
            self.unsure.add(uid)

    def leave(self, record: Record, door: Door, now: int) -> None:
        """An exit record: whom it names is out, by definition."""
        stay = record.closes
        if stay is None:
            self.unnamed[record.uid] = (record.badge, now)
            return
        self.inside.pop(stay.uid, None)
        self.out.add(stay.uid)
        if not record.credited:
            return
        if stay.seq in door.credited and (stay.kiosk, stay.generation) == door.key:
            self._give_back(stay.uid, "own")
        else:
            self._give_back(stay.uid, f"door {door.key}")

    def move(self, badge: int) -> None:
        """The holder went to another hall without an exit: every stay of the badge is over."""
        for uid in [uid for uid, (of, _) in self.inside.items() if of == badge]:
            if uid not in self.unsure:
                del self.inside[uid]
        self.out |= {uid for uid, (of, _) in self.was.items() if of == badge}

    def sweep(self, uid: int) -> None:
        del self.inside[uid]
        self.out.add(uid)
        self.swept.add(uid)

    def attested(self, out: Iterable[int]) -> None:
        """Stays that an attestation gave back, whether a door does so too or not."""
        for uid in out:
            self._give_back(uid, "staff")

    def after(self, server: Server) -> None:
        """Take note of what the server freed in the last step."""
        for stay in server.freed:
            self._give_back(stay.uid, "server")
        server.freed.clear()
        for stay in server.inferred:
            if stay.uid in self.inside:
                raise ViolationError("somebody inside was inferred to have left")
        server.inferred.clear()
        for stay, record in server.meant:
            self._means(record.uid, stay.uid)
        server.meant.clear()

    def _means(self, exit_uid: int, entry_uid: int) -> None:
        """An exit that names nobody ends one stay of its badge that began before it. A restored
        server may take it to mean another.
        """
        (badge, left_at), (of, entered_at) = self.unnamed[exit_uid], self.entered_at[entry_uid]
        if badge != of or left_at <= entered_at:
            raise ViolationError("an exit was taken to mean a stay that it can't have ended")
        before = self.means.get(exit_uid)
        self.means[exit_uid] = entry_uid
        self.meant.add(entry_uid)
        if entry_uid in self.inside:
            self.was[entry_uid] = self.inside.pop(entry_uid)
        if before in self.was and before not in self.means.values() and before not in self.out:
            self.inside[before] = self.was[before]

    def _give_back(self, uid: int, by: str) -> None:
        known = self.given_back.setdefault(uid, set())
        self.twice -= _too_often(known)
        known.add(by)
        self.twice += _too_often(known)

    def roll_back(self, places: int) -> None:
        self.rolled += places
        self.rolled_back = True

    def granted_blindly(self, places: int) -> None:
        """By a server that was put back, before anybody who knows better was heard: out of what
        may be out already. This is the bound that is stated.
        """
        if self.blind:
            self.rolled += places

    def capacity_changed(self, pool: Pool) -> None:
        self.limit = max(self.limit, pool.capacity)
        self._pool = None

    def was_restored(self, server: Server) -> None:
        """Until the ledger has again what it had, W is too high."""
        for key, held in server.pool.kiosks.items():
            seq, returned = self.behind.get(key, (0, 0))
            self.behind[key] = (max(seq, server.acked[key]), max(returned, held.returned))
        self.elsewhere_behind = max(self.elsewhere_behind, server.away_seen)
        self._pool = None

    def check(self, server: Server) -> None:
        """N ≤ W ≤ B, within the bounds that are stated for trusting exits and rolled-back disks."""
        if server.freed or server.inferred or server.meant:
            self.after(server)
        pool, people = server.pool, len(self.inside)
        if pool is self._pool and people <= self._people:
            return
        self._pool, self._people = pool, people
        worst = pool.worst_case
        slack = self.rolled + (self.twice if self.trusting or self.rolled_back else 0)
        self.over = max(self.over, people - self.limit)
        if people > self.limit + slack:
            raise ViolationError(f"{people} inside, at most {self.limit} + {slack} may be")
        if self.twice and not self.trusting and not self.rolled_back:
            raise ViolationError("a stay's place was given back twice")
        if pool.awaited or self.blind:
            return
        if people > worst + slack:
            raise ViolationError(f"{people} inside, the worst case is {worst} + {slack}")
        if worst <= pool.capacity:
            self.limit = pool.capacity
        elif self._has_all(server):
            if worst > self.limit + slack + _overstated(pool) + self._forgotten(server):
                raise ViolationError(f"worst case {worst}, at most {self.limit} + {slack} may be")
            self.limit = min(self.limit, worst)

    def _forgotten(self, server: Server) -> int:
        """Stays that an exit without a name had ended, and that a restored server counts again: it
        has the same records in another order, and now the exit can mean several.
        """
        return sum(stay.uid in self.meant for stays in server.open.values() for stay in stays)

    def _has_all(self, server: Server) -> bool:
        if self.behind and server.away_seen >= self.elsewhere_behind:
            kiosks = server.pool.kiosks
            if all(
                server.acked[key] >= seq and kiosks[key].returned >= returned
                for key, (seq, returned) in self.behind.items()
                if key in kiosks  # always, but for a mutant
            ):
                self.behind.clear()
        return not self.behind


def _overstated(pool: Pool) -> int:
    """By how much W may be too high: where a lost door was attested while another, or it, had taken
    places on trust that the server had yet to hear of.
    """
    if all(held.attested is None for held in pool.kiosks.values()):
        return 0
    return sum(held.trusted + max(0, -held.reclaimed) for held in pool.kiosks.values())


def _too_often(by: set[str]) -> int:
    """A place goes to the pool, back to its door, or (with staff's word for either) nowhere else.

    Each door that took it on trust besides is one too many.
    """
    doors = sum(1 for one in by if one.startswith("door"))
    rest = max(("own" in by) + ("server" in by), int("staff" in by))
    return max(0, doors + rest - 1)


def check_door(door: Door) -> None:
    if door.account.free < 0:
        raise ViolationError(f"door {door.key} has {door.account.free} places")
    if door.forked and not door.rolled_back:
        raise ViolationError(f"door {door.key} was never rolled back, and is called a fork")


def unseen(truth: Truth, server: Server, key: KioskKey) -> list[int]:
    """People inside by that door of whom the ledger has no entry."""
    seen = set(server.ledger[key])
    return [uid for uid, (_, by) in truth.inside.items() if by == key and uid not in seen]
