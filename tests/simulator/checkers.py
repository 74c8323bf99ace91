"""The truth, which no part of the protocol knows, and the invariants after every step.

`inside` are entries on any door's disk whose stay no exit record names yet: the people in the
hall by automatic admission, however many share one badge. Not among them: people swept out
(attested), and, if the hall infers exits, people who went to another hall without a scan. N is
their number, W the pool's worst case, m the moves that freed a place and that no exit confirmed,
B the capacity, or after it was lowered the last W until W fits again.
"""

from collections.abc import Iterable

from badges.places.pool import KioskKey, Pool
from tests.simulator.door_side import ModelDoor
from tests.simulator.messages import Elsewhere, Record, Stay
from tests.simulator.server_side import CLOSED, GONE, WALK_MS, ModelServer


class ViolationError(Exception):
    """A promise is broken. The text has the numbers."""


class Truth:
    """The people inside, and the slack that the documented bounds allow."""

    def __init__(self, capacity: int, *, trusting: bool, inferred: bool = False) -> None:
        self.trusting = trusting
        self.inferred = inferred  # a move counts as leaving
        self.shared: set[int] = set()  # badges that several people have used
        self.moved_away: set[int] = set()  # entries of people who went to another hall
        self.after_move: set[int] = set()  # entries whose place a move has given back
        self.inside: dict[int, tuple[int, KioskKey]] = {}  # entry's uid: badge and door
        self.swept: set[int] = set()  # attested as not inside
        self.given_back: dict[int, set[str]] = {}  # places of stays: given back by
        self.entered_at: dict[int, tuple[int, int]] = {}  # entry's uid: badge, true time
        self.unnamed: dict[int, tuple[int, int]] = {}  # exit without a name: badge, true time
        self.meant: set[int] = set()  # entries ended by such exits; a restored server may miss them
        self.means: dict[int, int] = {}  # the entry that it ended
        self.was: dict[int, tuple[int, KioskKey]] = {}  # of such entries: badge and door
        self.out: set[int] = set()  # entries ended by a named exit, elsewhere, or by staff
        self.twice = 0  # places given back once too often
        self.rolled = 0  # places that rolled-back disks have again
        self.rolled_back = False
        self.forgotten = 0  # grants that a server that was put back may give out again
        self.given: dict[KioskKey, int] = {}  # the most that any server granted to each
        self.unasked: dict[KioskKey, int] = {}  # of these, the slack: see `restored_unaware`
        # the server was put back, and no door with newer knowledge was heard since
        self.blind = False
        self.limit = capacity  # B
        self.over = -capacity  # the most people above B, if slack allowed it
        self.behind: dict[KioskKey, tuple[int, int]] = {}  # records and returns before a restore
        self.unreturned: dict[KioskKey, int] = {}  # as heard before a restore, by fenced doors
        self.elsewhere_behind = 0
        self.misjudged: set[KioskKey] = set()  # for whose people staff counted too few
        self.stolen: set[KioskKey] = set()  # whose records a thief writes
        self._turned_up = 0  # entries of those kiosks that the server has
        self._seen: tuple[Pool, int] | None = None
        self._people = -1

    def enter(self, uid: int, badge: int, door: ModelDoor, now: int) -> None:
        if any(of == badge for of, _ in self.inside.values()):
            self.shared.add(badge)
        self.inside[uid] = (badge, door.key)
        self.entered_at[uid] = (badge, now)

    def leave(self, record: Record, door: ModelDoor, now: int) -> None:
        """Apply an exit record: the person of the stay that it names is out, by definition."""
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
        """A person went to another hall without an exit. If only scanned exits count, they are not
        known to have left.
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
        """Stays that an attestation gave back, even if a door does too."""
        for uid in out:
            self._give_back(uid, "staff")

    def after(self, server: ModelServer) -> None:
        """Take over the server's freed places of the last step."""
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
        """A move has freed a place: not of a person inside, unless others have the same badge."""
        self.after_move.add(stay.uid)
        badge, entered_at = self.entered_at[stay.uid]
        if stay.uid in self.inside and badge not in self.shared:
            raise ViolationError("somebody inside was inferred to have left")
        if server.right_clocks and entry.true_at - entered_at < WALK_MS:
            raise ViolationError("a move faster than people walk freed a place")

    def _means(self, exit_uid: int, entry_uid: int) -> None:
        """An exit without a name ends one earlier stay of its badge. A restored server may choose
        another.
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
        givers = self.given_back.setdefault(uid, set())
        self.twice -= _too_often(givers)
        givers.add(by)
        self.twice += _too_often(givers)

    def roll_back(self, places: int) -> None:
        self.rolled += places
        self.rolled_back = True

    def granted(self, key: KioskKey, before: int, after: int) -> None:
        """Count grants by a server that was put back, before a door with newer knowledge was heard.

        They may repeat earlier grants. This is the documented bound.
        """
        self.given[key] = max(self.given.get(key, 0), after)
        if self.blind:
            self.rolled += min(after - before, self.forgotten)
            self.forgotten = max(0, self.forgotten - (after - before))

    def was_put_back(self, pool: Pool) -> None:
        """The server was put back to `pool`, and can't repeat more grants than `pool` forgot."""
        self.blind = True
        unknown = (max(0, self.given.get(key, 0) - h.granted) for key, h in pool.kiosks.items())
        self.forgotten = sum(unknown)

    def restored_unaware(self, pool: Pool) -> None:
        """A backup was made after its database was put back, and restored before that was noticed.

        Kiosks that this database had fenced are not asked about unknown grants. This is the
        bound in docs/backup.md.
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
        """W is too high until the ledger has all its records again."""
        for key, held in server.pool.kiosks.items():
            seq, returned = self.behind.get(key, (0, 0))
            self.behind[key] = (max(seq, server.acked[key]), max(returned, held.returned))
        self.elsewhere_behind = max(self.elsewhere_behind, server.away_seen)
        self._seen = None

    def check(self, server: ModelServer) -> None:
        """N ≤ W ≤ B, within the documented bounds for trusting exits and rolled-back disks."""
        if server.freed or server.inferred or server.meant:
            self.after(server)
        pool, people = server.pool, len(self.inside)
        seen = (pool, server.moves)
        if self._seen == seen and people <= self._people:
            return
        self._seen, self._people = seen, people
        # With true attestations the account is exact, and any excess is on the safe side.
        worst = pool.worst_case - (0 if self.misjudged else debts(pool))
        slack, hidden = slack_of(self), self._hidden(server)
        # although a move indicated that they left
        stayed = self.inside.keys() & self.after_move if self.inferred else set()
        self.over = max(self.over, people - self.limit)
        if people - len(stayed) > self.limit + slack + hidden:
            raise ViolationError(
                f"{people} inside, {len(stayed)} of them after a move; at most {self.limit} +"
                f" {slack + hidden} may be besides"
            )
        if self.twice and not self.trusting and not self.rolled_back and not self.stolen:
            raise ViolationError("a stay's place was given back twice")
        if pool.awaited or self.blind:
            return
        moves = server.moves if self.inferred else 0
        if people > worst + moves + slack + hidden:
            raise ViolationError(
                f"{people} inside, the worst case is {worst} + {moves} + {slack + hidden}"
            )
        if self.stolen:
            return  # A thief may invent any number of people, so W may be above B.
        if worst <= pool.capacity:
            self.limit = pool.capacity
        elif self.has_all(server):
            if worst > self.limit + slack + overstated(pool) + self.forgotten_by(server):
                raise ViolationError(f"worst case {worst}, at most {self.limit} + {slack} may be")
            self.limit = min(self.limit, worst)

    def _hidden(self, server: ModelServer) -> int:
        """People inside whom a wrong attestation removed from the account, until a record reports
        them.

        From then on they count, even beyond the capacity, and the server admits no more.
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
        """Stays that an exit without a name, a move or a door stopped since had ended, and that a
        restored server counts again.

        It has the same records in another order, so the exit may now fit several stays, or the
        badge is already a likely copy.
        """
        again = self.meant | self.after_move
        kiosks = server.pool.kiosks
        unreturned = sum(
            max(0, returned - kiosks[key].returned)
            for key, returned in self.unreturned.items()
            if key in kiosks
        )
        taken = (*server.open.values(), *server.counted_stays.values())
        return unreturned + sum(
            stay.uid in again or stay in server.doubted for stays in taken for stay in stays
        )

    def has_all(self, server: ModelServer) -> bool:
        if self.behind and server.away_seen >= self.elsewhere_behind:
            kiosks = server.pool.kiosks
            if all(
                server.acked[key] >= seq
                and (kiosks[key].fenced or kiosks[key].returned >= returned)
                for key, (seq, returned) in self.behind.items()
                if key in kiosks  # always, except in a mutant
            ):
                # A fenced door's returned places, if a restore forgot them, are heard no more.
                for key, (_, returned) in self.behind.items():
                    self.unreturned[key] = max(returned, self.unreturned.get(key, 0))
                self.behind.clear()
        return not self.behind


def slack_of(truth: Truth) -> int:
    """How many more people may be inside, as documented for trusting exits and rolled-back
    disks.
    """
    return truth.rolled + (truth.twice if truth.trusting or truth.rolled_back else 0)


def overstated(pool: Pool) -> int:
    """By how much W may be too high.

    Either a lost door was attested while it or another had taken places on trust unknown to the
    server, or entries of an attested door arrive of people who had left. Or a stopped door took a
    place on trust, or a restored server hears of its returned places only now.
    """
    if all(held.attested is None for held in pool.kiosks.values()):
        return sum(held.trusted for held in pool.kiosks.values() if held.fenced)
    return sum(held.trusted + max(0, -held.reclaimed) for held in pool.kiosks.values()) + debts(
        pool
    )


def debts(pool: Pool) -> int:
    """The entries of attested doors beyond the attestation. If it was true, as many people had left
    before.
    """
    return sum(max(0, held.reclaimed - held.unused) for held in pool.kiosks.values())


def _too_often(by: set[str]) -> int:
    """How many doors took a place on trust in excess.

    A place goes only to the pool, back to its door, or (attested) to either.
    """
    doors = sum(1 for giver in by if giver.startswith("door"))
    rest = max(("own" in by) + ("server" in by), int("staff" in by))
    return max(0, doors + rest - 1)


def check_door(door: ModelDoor) -> None:
    if door.account.free < 0:
        raise ViolationError(f"door {door.key} has {door.account.free} places")
    if door.forked and not door.rolled_back:
        raise ViolationError(f"door {door.key} was never rolled back, and is called a fork")


def unseen(truth: Truth, server: ModelServer, key: KioskKey) -> list[int]:
    """People inside by that door whose entry the ledger lacks, or ends by the word of a stolen
    kiosk alone.
    """
    seen = set(server.ledger[key])
    if key in truth.stolen:
        seen &= {stay.uid for stay, state in server.stays.items() if state not in (CLOSED, GONE)}
    return [uid for uid, (_, by) in truth.inside.items() if by == key and uid not in seen]
