"""Breaks that were mended once: each takes a mend out again, and the explorer must find the break.

Each is searched in a world, from a start of which its story has the first acts. Those of the swarm
and the simulator that a world can't express are listed with the reason.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from unittest.mock import patch

from badges.admission import decide
from badges.admission.facts import Denied, Facts, Scan
from badges.credential.credential import Credential
from badges.places.account import Account
from badges.places.pool import Pool, PoolKey
from badges.record import ScanRecord
from badges.wire import wire
from kiosk.door.repeats import Repeats
from kiosk.journal import transaction
from kiosk.replica.replica import Replica
from kiosk.supervisor.override import OverrideHandler
from server.core.kiosks import relocation
from server.core.kiosks.contact import ForkError, Sender
from server.core.ledger import ingest
from server.core.ledger.batch import BatchRecorder
from server.core.ledger.prepared import Prepared
from server.core.muster import muster, sightings
from server.core.muster.sightings import Order, Sighting
from server.core.occupancy import clearing, pools, stays
from server.core.people import badge_keys
from server.core.second_disk import critical_state
from server.storage.connection import Connection
from tests.simulator import mutants as simulated
from tests.swarm import mutants as swarmed
from tests.swarm.mutants import Change, Mutant
from tests.worlds.plans import BY_NAME as WORLDS
from tests.worlds.state import Act
from tests.worlds.world import WorldPlan


@dataclass(frozen=True)
class Mend:
    """`begins` are the first acts of its story, after those of the world. Then every sequence of
    these `kinds` of acts is taken, each kind at most as often as the world's plan allows.
    """

    mutant: Mutant
    world: str
    begins: tuple[Act, ...] = ()
    kinds: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        return self.mutant.name

    @property
    def plan(self) -> WorldPlan:
        world = WORLDS[self.world]
        acts = {kind: world.acts.get(kind, 1) for kind in self.kinds or world.acts}
        # What the start has used up may happen as often again.
        for kind, *_ in self.begins:
            if kind in acts:
                acts[kind] += 1
        return replace(world, acts=acts, begins=world.begins + self.begins)


def _mend(
    name: str, fault: str, world: str, kinds: str, begins: Sequence[Act], *changes: Change
) -> Mend:
    """`kinds` are separated by commas."""
    mutant = Mutant(name, fault, world, lambda: list(changes))
    return Mend(mutant, world, tuple(begins), tuple(kinds.split(", ")))


def _swarm(name: str, world: str, kinds: str, *begins: Act) -> Mend:
    """A fault that the swarm has put into the code."""
    return Mend(swarmed.BY_NAME[name], world, begins, tuple(kinds.split(", ")))


def _simulator(name: str, world: str, kinds: str, begins: Sequence[Act], *changes: Change) -> Mend:
    """A mistake of the simulator, put into the code."""
    return _mend(name, simulated.BY_NAME[name].fault, world, kinds, begins, *changes)


def _pool(name: str, world: str, kinds: str, *begins: Act) -> Mend:
    pool = simulated.BY_NAME[name].rules.pool
    return _simulator(name, world, kinds, begins, (pools, "Pool", pool))


def _account(name: str, world: str, kinds: str, *begins: Act) -> Mend:
    account = simulated.BY_NAME[name].rules.account
    return _simulator(name, world, kinds, begins, (transaction, "Account", account))


def _leaves_as_any(self: BatchRecorder, *given: Any, **more: Any) -> None:
    """An exit by a stopped kiosk counts as one of a kiosk at work."""
    self._quarantined = False
    _LEAVE(self, *given, **more)


_LEAVE = BatchRecorder._leave


def _enter_inner(accounts: dict[PoolKey, Account]) -> dict[PoolKey, Account]:
    """A free place in the room alone is enough."""
    own, *outer = accounts
    entered = {own: accounts[own].enter()}
    return entered | {
        key: accounts[key].enter() if accounts[key].free > 0 else accounts[key] for key in outer
    }


def _own_full(badge: Credential, at: int, facts: Facts) -> Denied | None:
    return decide._hall_full(badge, at, replace(facts, outer=()))


_OWN_FULL = tuple(
    _own_full if check.__name__ == "_hall_full" else check for check in decide._CHECKS
)


def _open_in_at_all(*given: Any, before: int | None = None) -> list[stays.Stay]:
    return _OPEN_IN(*given)


_OPEN_IN = stays.open_in


def _believes(
    sender: Sender, given: wire.ScanBatch, prepared: Prepared | None
) -> list[ingest.Line]:
    """A journal that was set back is taken for an old batch."""
    try:
        return _VERIFIED(sender, given, prepared)
    except ForkError:
        return []


_VERIFIED = ingest._verified


def _attests_nobody(self: Pool, kiosk: tuple[str, int], inside: int, seq: int) -> Pool:
    return _ATTEST(self, kiosk, 0, seq=seq)


_ATTEST = Pool.attest


CUT = ("cut", "a1-1")
IN_1, IN_2, IN_3, IN_4 = (("enter", "a1-1", str(number)) for number in range(4))
OTHERS_IN = (("enter", "a2-1", "2"), ("enter", "a2-1", "3"))
FENCE, STEAL, BACK_UP = ("fence", "a1-1"), ("steal", "a1-1"), ("back up",)
GRANT, RESTORE = ("grant", "a1-1"), ("restore",)
CUT_INNER, OFF = ("cut", "b1-1"), ("switch off", "a1-1")
COPY = ("copy", "a1-1", "4")
OVERRIDE = ("override", "a1-1", "2")


def _without(name: str) -> tuple[Any, ...]:
    return tuple(check for check in decide._CHECKS if check.__name__ != name)


MENDS = (
    # Of attacks on the pages of staff, and of thieves.
    _mend("unshown", "a form empties what was not there when its page was opened", "empty hall",
          "enter, fence, open empty, send empty", [CUT_INNER],
          (clearing, "require_shown", lambda *given: None)),
    _mend("falseexits", "exits of a stopped kiosk free places", "thieves",
          "steal, fence, false exit, enter", [IN_1, IN_2],
          (BatchRecorder, "_leave", _leaves_as_any)),
    _pool("falsereturns", "thieves", "fence, lie, enter, talk", CUT, IN_1, STEAL),
    _pool("fencedword", "stolen and restored", "lie less, talk, enter",
          BACK_UP, GRANT, CUT, IN_1, RESTORE, FENCE, STEAL),
    _mend("nested later", "a form empties a hall that was nested after its page was opened",
          "empty hall", "open empty, nest, send empty, enter",
          [("unnest",), ("enter", "b1-1", "0")],
          (clearing, "require_shown", lambda *given: None)),
    _mend("came since", "a form takes people off the count who came in since its page was opened",
          "empty hall", "open empty, send empty, enter", [],
          (stays, "open_in", _open_in_at_all)),
    # Of musters.
    _mend("any sighting", "a sighting counts whatever its order to the entry", "muster",
          "enter, leave, open line, tick, back", [IN_1, ("leave", "a1-1", "0"), CUT, ("muster",)],
          (Sighting, "order", lambda *given: Order.AFTER)),
    _mend("old line", "a tick counts though the person's entries have changed", "muster",
          "enter, open line, tick, talk",
          [IN_1, ("leave", "a1-1", "0"), ("muster",)],
          (sightings, "known_entries", lambda *given: {}),
          (Sighting, "order", lambda *given: Order.AFTER)),
    # Of lost kiosks.
    _pool("reclaim", "stopped kiosks", "fence, enter, attest", CUT, IN_1),
    _pool("twice", "thieves", "attest, lie, enter", CUT, IN_1, STEAL, FENCE),
    _swarm("forgiving", "wrong words", "back, enter, leave",
           CUT, IN_1, FENCE, ("attest wrongly", "a1-1"), *OTHERS_IN),
    # Of restores.
    _swarm("putback", "server disk", "put back, talk, enter", BACK_UP, GRANT),
    _swarm("nobarrier", "server disk", "restore, enter, talk", BACK_UP, GRANT, CUT, IN_1),
    _pool("noA", "server disk", "restore, talk, enter", BACK_UP, GRANT),
    _pool("hasty", "server disk", "attest, enter, talk",
          BACK_UP, GRANT, CUT, IN_1, RESTORE, FENCE, OFF),
    _pool("forgetfence", "server disk", "restore, enter, talk",
          BACK_UP, GRANT, CUT, IN_1, RESTORE, FENCE, BACK_UP),
    # Of the counts of a door and of the server.
    _simulator("halffull", "nested", "enter, leave, cut", [("enter", "a1-1", "0")],
               (transaction, "enter_all", _enter_inner), (decide, "_CHECKS", _OWN_FULL)),
    _account("incgrant", "network", "enter, leave, talk"),
    _pool("gonetwice", "network", "leave, back, enter", CUT, IN_1),
    _swarm("movefrees", "copies", "enter, copy, cut, back"),
    _swarm("repeats", "power", "enter, copy, restart, leave", IN_1),
    _swarm("exitagain", "power", "no light out, leave again, enter", IN_1, COPY),
    _swarm("offered", "network", "enter, leave, cut, back"),
    _swarm("gone", "network", "leave, back, enter", CUT, IN_1),
    Mend(replace(swarmed.BY_NAME["twice"], name="closestwice"), "network", (CUT, IN_1)),
    _simulator("blind", "door disk", "old disk, enter, talk", [("keep disk", "a1-1"), IN_1, IN_2],
               (ingest, "_verified", _believes),
               (ingest.Accounts, "has_forgotten", lambda *given: False)),
    _swarm("inneronly", "nested", "enter, leave, cut"),
    _mend("resize", "a raised capacity counts no places that are out", "capacity",
          "more, fewer, enter, talk", [CUT_INNER],
          (Pool, "free", property(lambda pool: pool.capacity - pool.open_stays))),
    # Of badge keys, of the second disk, and of rules.
    _mend("deafkeys", "a door that was away when a badge key was dropped does not hear of it",
          "badge keys", "back, enter, talk", [CUT, ("new key",), ("drop key",)],
          (badge_keys, "_keep_ring", badge_keys._keep),
          (Replica, "lacks_ring", lambda *given: False)),
    _mend("onedisk", "a lower capacity is taken while the second disk is away", "second disk",
          "fewer, restore, enter", [BACK_UP, ("disk away",)],
          (critical_state.Keeper, "_check", lambda *given: "")),
    _mend("open door", "a door lets people into a closed hall", "rules of a hall",
          "close, enter, cut", [], (decide, "_CHECKS", _without("_hall_closed"))),
    _mend("late count", "a counted number frees places though more are inside", "opened forms",
          "open attest, send attest, enter, talk", [CUT, IN_1, FENCE, OFF],
          (Pool, "attest", _attests_nobody)),
    # Of people on override places.
    _simulator("beyondtwice", "overrides", "override, enter, leave", [IN_1, IN_2, OVERRIDE],
               (pools, "within_limit", simulated.beyond_once_more)),
    _swarm("creditsowed", "overrides", "leave, enter", CUT, IN_1, IN_2, OVERRIDE),
)  # fmt: skip


def _annul_credits(handler: OverrideHandler, *given: Any, **more: Any) -> object:
    """An annulment gives its place back at the door, though the server may have the stay."""
    with patch.object(transaction, "may_credit", swarmed._credits_offered):
        return _ANNUL(handler, *given, **more)


_ANNUL = OverrideHandler.annul


def _moves_freely(db: Connection, kiosk: tuple[str, int], *given: Any, **more: Any) -> None:
    """A moved kiosk's places of the hall that it left are free at once."""
    _MOVE(db, kiosk, *given, **more)
    db.execute(
        "DELETE FROM place_account WHERE kiosk = ? AND generation = ? AND hall_id NOT IN"
        " (SELECT hall_id FROM door d JOIN kiosk k USING (door_id)"
        "  WHERE k.kiosk = ? AND k.generation = ?)",
        (*kiosk, *kiosk),
    )


_MOVE = relocation.move


def _finds_older(self: Repeats, scan: Scan, hall: int) -> ScanRecord | None:
    """A scan that the clock shows before the power cut repeats nothing."""
    record = _FIND(self, scan, hall)
    return None if record is not None and scan.scanned_at < record.scanned_at else record


_FIND = Repeats.find


def _rows_without_halls(db: Connection, kept: critical_state.Kept) -> list[dict[str, Any]]:
    return [] if kept.table == "hall" else _ROWS(db, kept)


_ROWS = critical_state._rows

# Mistakes that were made where the explorer seemed weakest, to see whether it finds them.
PLANTED = (
    _mend("annulcredits", "an annulment frees its place twice", "overrides",
          "annul, cut, back, enter", [IN_1],
          (OverrideHandler, "annul", _annul_credits),
          (BatchRecorder, "_leave", swarmed._hears_no_credit)),
    _mend("movefrees places", "a moved kiosk's places are free before it gave them back", "moves",
          "move, enter, talk, cut", [],
          (relocation, "move", _moves_freely)),
    _mend("clock back", "a scan that the clock shows before the power cut repeats nothing",
          "power", "no light out, behind, leave again, enter", [IN_1, COPY],
          (Repeats, "find", _finds_older)),
    _mend("deaf muster", "a muster does not hear of new entries", "muster",
          "open line, tick, enter", [IN_1, ("leave", "a1-1", "0"), ("muster",)],
          (muster, "note", lambda *given, **more: True)),
    _mend("old capacity", "a restore forgets a lowered capacity", "capacity of one hall",
          "restore, enter, talk", [BACK_UP, ("fewer", "A")],
          (critical_state, "_rows", _rows_without_halls)),
)  # fmt: skip
BY_NAME = {mend.name: mend for mend in (*MENDS, *PLANTED)}

# Faults of the simulator and the swarm that the explorer does not search, by the reason.
NOT_SEARCHED = {
    "a world has no kept places": (
        "keptnow keptbeyond keptnone keptforall releasenow otherpool onepool openkept"
    ),
    "a world has no phones": "uncapped greenalone twins",
    "a world has no trusting exits": "untold trustsall namestwice",
    "a world has no hall with inferred leaving and two clocks": (
        "anyclock uncounted hastyfrees copyfrees movedexit meansany oneepoch"
    ),
    "a world has no door from a hall into a room inside it": "unnamed",
    "messages arrive in order, or not at all": (
        "oldgrant onetrip lastword keepsacked stalefeed mixedorders exitstwice split earlyorder"
    ),
    "the code has no such step that could be exchanged alone": (
        "naive bybadge nogeneration heirloom attestedexit oldcap grantsfenced earlylight lateoffer"
        " forgetsexits forgetsouter outertwice gonetoo torn keepsowed indebted"
    ),
    "a second layer holds: the journal's table takes no such row": "fullhouse generous",
    "it counts too much, and staff's acts leave places out anyway": "surprised",
    "an old database put back unnoticed is an exception with a wide bound": (
        "unmarked ungranted onerun openback oldfence anyword sameline oneacts"
    ),
    "the theme musters of the swarm has points, lists and sightings": (
        "alldoubtful emptysafe latestentry oldpages seenanyway tickepoch voidlater voidseen"
    ),
    "searched, and not found with up to 4 more acts": "beyondfree lastattested",
}
