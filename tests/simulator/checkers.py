"""The truth that no part of the protocol knows, and what must hold after every step.

`inside` are entries on any door's disk whose stay no exit record names yet: the people truly in the
hall by automatic admission, however many of them have one badge. Whoever was swept out (attested)
is not among them; nor, where the hall counts so, whoever went to another hall without a scan. N is
their number, W the pool's worst case, m the moves that freed a place and that no exit confirmed, B
the capacity or, after it was lowered, the last W until W fits again.
"""

from collections.abc import Iterable

from badges.places.pool import KioskKey, Pool
from tests.simulator.door_side import ModelDoor
from tests.simulator.messages import Elsewhere, Record, Stay
from tests.simulator.server_side import WALK_MS, ModelServer


class ViolationError(Exception):
    """A promise is broken; the text says which, in numbers."""


class Truth:
    """Who is inside, and how far the stated bounds allow the promise to be missed."""

    def __init__(self, capacity: int, *, trusting: bool, inferred: bool = False) -> None:
        self.trusting = trusting
        self.inferred = inferred  # a move counts as leaving
        self.shared: set[int] = set()  # badges that several people have used
        self.moved_away: set[int] = set()  # entries of people who went to another hall
        self.after_move: set[int] = set()  # entries whose place a move has given back
        self.inside: dict[int, tuple[int, KioskKey]] = {}  # entry's uid: badge and door
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
        self.forgotten = 0  # grants that a server that was put back may give out once more
        self.given: dict[KioskKey, int] = {}  # the most that any server granted to each
        self.unasked: dict[KioskKey, int] = {}  # of these, what is slack: see `restored_unaware`
        self.blind = False  # the server was put back, and nobody that knows better was heard since
        self.limit = capacity  # B
        self.over = -capacity  # the most people above B, where slack allowed it
        self.behind: dict[KioskKey, tuple[int, int]] = {}  # records and returns before a restore
        self.elsewhere_behind = 0
        self.misjudged: set[KioskKey] = set()  # of whose people staff said too few
        self._turned_up = 0  # entries of those kiosks that the server has
        self._seen: tuple[Pool, int] | None = None
        self._people = -1

    def enter(self, uid: int, badge: int, door: ModelDoor, now: int) -> None:
        if any(of == badge for of, _ in self.inside.values()):
            self.shared.add(badge)
        self.inside[uid] = (badge, door.key)
        self.entered_at[uid] = (badge, now)

    def leave(self, record: Record, door: ModelDoor, now: int) -> None:
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

    def move(self, uid: int) -> None:
        """Somebody went to another hall without an exit. Where scanned exits alone count, nobody
        who did is known to have left.
        """
        if self.inferred:
            badge, _ = self.inside.pop(uid)
            self.moved_away.add(uid)
            self.out.add(uid)
            self.out |= {uid for uid, (of, _) in self.was.items() if of == badge}

    def sweep(self, uid: int) -> None:
        del self.inside[uid]
        self.out.add(uid)
        self.swept.add(uid)

    def attested(self, out: Iterable[int]) -> None:
        """Stays that an attestation gave back, whether a door does so too or not."""
        for uid in out:
            self._give_back(uid, "staff")

    def after(self, server: ModelServer) -> None:
        """Take note of what the server freed in the last step."""
        for stay in server.freed:
            self._give_back(stay.uid, "server")
        server.freed.clear()
        for stay, entry, copied in server.inferred:
            if copied:
                raise ViolationError("a likely copy's move freed a place")
            self._inferred(stay, entry, server)
        server.inferred.clear()
        for stay, record in server.meant:
            self._means(record.uid, stay.uid)
        server.meant.clear()

    def _inferred(self, stay: Stay, entry: Elsewhere, server: ModelServer) -> None:
        """A move has freed a place: nobody's who is inside, unless others have the same badge."""
        self.after_move.add(stay.uid)
        badge, entered_at = self.entered_at[stay.uid]
        if stay.uid in self.inside and badge not in self.shared:
            raise ViolationError("somebody inside was inferred to have left")
        if server.right_clocks and entry.true_at - entered_at < WALK_MS:
            raise ViolationError("a move faster than people walk freed a place")

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

    def granted(self, key: KioskKey, before: int, after: int) -> None:
        """Places granted by a server that was put back, before anybody who knows better was heard,
        are out of what may be out already. This is the bound that is stated.
        """
        self.given[key] = max(self.given.get(key, 0), after)
        if self.blind:
            self.rolled += min(after - before, self.forgotten)
            self.forgotten = max(0, self.forgotten - (after - before))

    def was_put_back(self, pool: Pool) -> None:
        """To `pool`, which has forgotten grants; it can't grant more of them again."""
        self.blind = True
        unknown = (max(0, self.given.get(key, 0) - h.granted) for key, h in pool.kiosks.items())
        self.forgotten = sum(unknown)

    def restored_unaware(self, pool: Pool) -> None:
        """A backup was made after its database was put back, and restored before anybody noticed.
        Whom that database had fenced, nobody asks for places that it did not know of. This is the
        bound that is stated, in docs/backup.md.
        """
        for key, held in pool.kiosks.items():
            if held.fenced and held.attested is None and key not in pool.awaited:
                unknown = self.given.get(key, 0) - held.granted
                self.rolled += max(0, unknown - self.unasked.get(key, 0))
                self.unasked[key] = max(unknown, self.unasked.get(key, 0))

    def capacity_changed(self, pool: Pool) -> None:
        self.limit = max(self.limit, pool.capacity)
        self._seen = None

    def was_restored(self, server: ModelServer) -> None:
        """Until the ledger has again what it had, W is too high."""
        for key, held in server.pool.kiosks.items():
            seq, returned = self.behind.get(key, (0, 0))
            self.behind[key] = (max(seq, server.acked[key]), max(returned, held.returned))
        self.elsewhere_behind = max(self.elsewhere_behind, server.away_seen)
        self._seen = None

    def check(self, server: ModelServer) -> None:
        """N ≤ W ≤ B, within the bounds that are stated for trusting exits and rolled-back disks."""
        if server.freed or server.inferred or server.meant:
            self.after(server)
        pool, people = server.pool, len(self.inside)
        seen = (pool, server.moves)
        if self._seen == seen and people <= self._people:
            return
        self._seen, self._people = seen, people
        # By true words the account is exact, and what is counted besides is on the safe side.
        worst = pool.worst_case - (0 if self.misjudged else debts(pool))
        slack, hidden = slack_of(self), self._hidden(server)
        # Though a move said that they left.
        stayed = self.inside.keys() & self.after_move if self.inferred else set()
        self.over = max(self.over, people - self.limit)
        if people - len(stayed) > self.limit + slack + hidden:
            raise ViolationError(
                f"{people} inside, {len(stayed)} of them after a move; at most {self.limit} +"
                f" {slack + hidden} may be besides"
            )
        if self.twice and not self.trusting and not self.rolled_back:
            raise ViolationError("a stay's place was given back twice")
        if pool.awaited or self.blind:
            return
        moves = server.moves if self.inferred else 0
        if people > worst + moves + slack + hidden:
            raise ViolationError(
                f"{people} inside, the worst case is {worst} + {moves} + {slack + hidden}"
            )
        if worst <= pool.capacity:
            self.limit = pool.capacity
        elif self.has_all(server):
            if worst > self.limit + slack + overstated(pool) + self.forgotten_by(server):
                raise ViolationError(f"worst case {worst}, at most {self.limit} + {slack} may be")
            self.limit = min(self.limit, worst)

    def _hidden(self, server: ModelServer) -> int:
        """People inside whom a wrong word of staff took out of the account, as long as no record
        tells of them. Once it does they count, even beyond the capacity, and the server adds
        nobody.
        """
        if not self.misjudged:
            return 0
        kiosks = server.pool.kiosks
        turned_up = sum(kiosks[key].handed_over for key in self.misjudged)
        self.limit += turned_up - self._turned_up
        self._turned_up = turned_up
        return sum(
            max(0, len(unseen(self, server, key)) - kiosks[key].held) for key in self.misjudged
        )

    def forgotten_by(self, server: ModelServer) -> int:
        """Stays that an exit without a name or a move had ended, and that a restored server counts
        again: it has the same records in another order, and now the exit can mean several, or the
        badge is a likely copy by then.
        """
        again = self.meant | self.after_move
        taken = (*server.open.values(), *server.counted_stays.values())
        return sum(stay.uid in again for stays in taken for stay in stays)

    def has_all(self, server: ModelServer) -> bool:
        if self.behind and server.away_seen >= self.elsewhere_behind:
            kiosks = server.pool.kiosks
            if all(
                server.acked[key] >= seq and kiosks[key].returned >= returned
                for key, (seq, returned) in self.behind.items()
                if key in kiosks  # always, but for a mutant
            ):
                self.behind.clear()
        return not self.behind


def slack_of(truth: Truth) -> int:
    """By how many more people may be inside, as stated for trusting exits and rolled-back disks."""
    return truth.rolled + (truth.twice if truth.trusting or truth.rolled_back else 0)


def overstated(pool: Pool) -> int:
    """By how much W may be too high: where a lost door was attested while another, or it, had taken
    places on trust that the server had yet to hear of; or where entries of an attested door turn up
    of people who had left.
    """
    if all(held.attested is None for held in pool.kiosks.values()):
        return 0
    return sum(held.trusted + max(0, -held.reclaimed) for held in pool.kiosks.values()) + debts(
        pool
    )


def debts(pool: Pool) -> int:
    """How many entries of attested doors have turned up beyond staff's word. Where the word was
    true, as many people had left before it.
    """
    return sum(max(0, held.reclaimed - held.unused) for held in pool.kiosks.values())


def _too_often(by: set[str]) -> int:
    """A place goes to the pool, back to its door, or (with staff's word for either) nowhere else.

    Each door that took it on trust besides is one too many.
    """
    doors = sum(1 for one in by if one.startswith("door"))
    rest = max(("own" in by) + ("server" in by), int("staff" in by))
    return max(0, doors + rest - 1)


def check_door(door: ModelDoor) -> None:
    if door.account.free < 0:
        raise ViolationError(f"door {door.key} has {door.account.free} places")
    if door.forked and not door.rolled_back:
        raise ViolationError(f"door {door.key} was never rolled back, and is called a fork")


def unseen(truth: Truth, server: ModelServer, key: KioskKey) -> list[int]:
    """People inside by that door of whom the ledger has no entry."""
    seen = set(server.ledger[key])
    return [uid for uid, (_, by) in truth.inside.items() if by == key and uid not in seen]
