"""The real code with one fault put back into it. The swarm must find every one.

Each is a fault that this code once had, or that its rules forbid. `theme` is the mix of faults
in which it is searched. When the code changes, so do its days. Then another day is `soon`; the
tests take longer, but find the same (`python -m tests.swarm --mutant NAME --all` lists the
days).
"""

import dataclasses
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest.mock import patch

from msgspec.structs import replace

from badges.admission import kept
from badges.admission.facts import Admitted, Direction, Scan
from badges.places.pool import Held, Limited, Pool, PoolKey, within_limit
from badges.record import PlaceKind, ScanRecord, StayRef
from badges.wire import wire
from kiosk.door import facts, repeats
from kiosk.door.admit import Admitter, context_of, read_badge
from kiosk.door.answer import Answer, make_answer
from kiosk.journal import journal, transaction
from server.core.event import clock
from server.core.ledger import batch
from server.core.ledger.batch import BatchRecorder
from server.core.muster import muster, sightings
from server.core.muster.sightings import Entry, Order, Sighting
from server.core.occupancy import clearing, grants, pools, stays
from server.core.second_disk import set_back
from tests.swarm.door import SteppedDoor

Change = tuple[object, str, object]  # object, attribute name, replacement


@dataclass(frozen=True)
class Mutant:
    name: str
    fault: str
    theme: str
    changes: Callable[[], list[Change]]
    soon: int = 0  # a day on which the fault was found within few steps, where the tests begin


@contextmanager
def put_in(mutant: Mutant) -> Iterator[None]:
    """The code with that fault."""
    with ExitStack() as stack:
        for owner, attribute, instead in mutant.changes():
            stack.enter_context(patch.object(owner, attribute, instead))
        yield


def mutated(name: str | None) -> AbstractContextManager[None]:
    """The code with that fault; unchanged without a name."""
    return put_in(BY_NAME[name]) if name else nullcontext()


def _move_frees(
    step: BatchRecorder, stay: stays.Stay, cause: dict[str, object] | None, to: stays.Stay
) -> None:
    """An entry elsewhere counts as leaving, against the hall's rule."""
    step._inferred_leaf(stay, "move", cause, to.opened_at)
    moved = stays.move_on(step.db, stay.ref, stay.hall_id, to.opened_at, counted=False)
    if moved is not None:
        step._settle(moved)


def _credits_offered(stay: StayRef | None, **more: Any) -> bool:
    """A door takes back the place of a stay that the server may have."""
    own = stay is not None and (stay.kiosk, stay.generation) == (more["kiosk"], more["generation"])
    return own and not more["closed"]


def _hears_no_credit(
    step: BatchRecorder, record: ScanRecord, key: PoolKey, ref: StayRef, *, credited: bool
) -> None:
    """The server ignores that by an exit's record its door took the place back.

    In strict halls this alone is no fault, because the entry was offered as gone. But it is the
    layer that protects against a door that credits wrongly, or does not report gone entries
    (`Pool.trust`).
    """
    (exits,) = step.db.execute(
        "SELECT exits FROM hall WHERE hall_id = ?", (key.hall_id,)
    ).fetchone()
    _LEAVE(step, record, key, ref, credited=credited and exits == "trusting")


_LEAVE = BatchRecorder._leave


def _closes_again(db: Any, ref: Any, hall_id: int, by: str, at: int) -> stays.Stay | None:
    """A stay that is over is closed again, and its place comes back twice."""
    closed = _CLOSE(db, ref, hall_id, by, at)
    if closed is None:
        db.execute(
            "UPDATE stay SET closed_at = NULL, after_move = NULL WHERE kiosk = ?"
            " AND generation = ? AND seq = ? AND hall_id = ?",
            (ref.kiosk, ref.generation, ref.seq, hall_id),
        )
        closed = _CLOSE(db, ref, hall_id, by, at)
    return closed


_CLOSE = stays.close


def _restored_at_once(pool: Pool, incarnation: int, *, was_put_back: bool = False) -> Pool:
    """A restored server grants without having heard its doors."""
    return replace(pool, incarnation=incarnation)


def _releases_at_once(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """Released places are ordinary ones at once, wherever they are."""
    limited = within_limit(ordinary, override, accessible, kept=kept, fire_limit=fire_limit)
    if kept:
        return limited
    return limited._replace(ordinary=ordinary.resized(ordinary.capacity - accessible.open_stays))


def _gives_again(
    admitter: Admitter, text: str, *, at: int, direction: Direction | None = None
) -> Answer:
    """The holder may have seen no light, so the door repeats the answer on its disk once."""
    context = context_of(admitter._replica)
    scan = Scan(read_badge(context.ring, text), admitter._meant(direction, context), at)
    record = admitter._repeats.find(scan, context.hall.hall_id)
    if record is None or scan.direction is Direction.EXIT:
        return _PRESENT(admitter, text, at=at, direction=direction)
    admitter._repeats.forget(record.serial)
    return make_answer(scan, Admitted(), context, seq=record.seq, free=(0, 0), holder=None)


_PRESENT = Admitter.present


def _finds_entries(self: repeats.Repeats, scan: Scan, hall: int) -> ScanRecord | None:
    """A badge scanned out twice counts as two people."""
    return None if scan.direction is Direction.EXIT else _FIND(self, scan, hall)


_FIND = repeats.Repeats.find


class _KeepsAll(dict[Any, Any]):
    """Removed items stay."""

    def pop(self, key: Any, default: Any = None) -> Any:
        return self.get(key, default)


def _remembers_open(opened: stays.Opened, db: Any) -> None:
    """A stay read ahead stays open for each exit of a commit."""
    _OPENED(opened, db)
    opened._known = _KeepsAll()


_OPENED = stays.Opened.__init__


def _goes_to_anybody(
    ordinary: Pool, override: Pool, accessible: Pool, *, kept: int, fire_limit: int
) -> Limited:
    """A returned place is free for anyone, even if people are inside beyond the capacity."""
    limited = within_limit(ordinary, override, accessible, kept=kept, fire_limit=fire_limit)
    within = min(ordinary.capacity, fire_limit - override.worst_case)
    return limited._replace(ordinary=ordinary.resized(within - max(kept, accessible.worst_case)))


def _names_no_inner_kiosks(emptied: clearing.Emptied) -> list[str]:
    kiosks = [each for each in emptied.stopped if each.hall_id == emptied.halls[0]]
    return _KEYS(emptied._replace(stopped=kiosks))


_KEYS = clearing.Emptied.keys


def _without_limit(*given: Any) -> Any:
    """A phone is granted as many places as any door."""
    return dataclasses.replace(_DOOR(*given), most=None)


_DOOR = grants._door


def _is_heard_at_once(door: SteppedDoor, answer: Answer) -> bool:
    """A phone whose storage may be deleted shows green before the server has the scan."""
    return True


def _says(order: Order) -> Callable[..., Order]:
    return lambda *given: order


def _by_newest_entry(db: Any, muster_id: int, serial: int) -> list[Any]:
    """Only the entry with the latest time matters, whatever the clock."""
    return sorted(_ENTRIES(db, muster_id, serial), key=lambda entry: entry.at)[-1:]


_ENTRIES = sightings._entries


def _compares_any_clocks(self: Sighting, entry: Entry, epoch: Any) -> Order:
    """Times of clocks that were never measured, or in two epochs, are compared."""
    sighting = dataclasses.replace(self, clock_known=True, epoch=1)
    return _ORDER(sighting, dataclasses.replace(entry, clock_known=True, epoch=1), epoch)


_ORDER = Sighting.order


def _in_epoch_of_arrival(db: Any, muster_id: int, serial: int, point: str, **given: Any) -> None:
    """A tick's two times are of one epoch, though the server's clock was set in between."""
    epoch = clock.newest(db)
    assert epoch is not None
    shown = given.pop("shown")._replace(epoch=epoch.number)
    _TICK(db, muster_id, serial, point, shown=shown, **given)


_TICK = muster.tick


MUTANTS = (
    Mutant(
        "movefrees", "an entry elsewhere frees the place in every hall", "copies",
        lambda: [(BatchRecorder, "_move_on", _move_frees)],
        soon=27,
    ),
    Mutant(
        "oneepoch", "times of before and after the server's clock was set are compared", "clocks",
        lambda: [(batch, "_epoch", lambda record: 0)],
        soon=4,
    ),
    Mutant(
        "putback", "a database that was put back by hand is believed", "server disk",
        lambda: [(set_back, "judge", lambda *given: None)],
    ),
    Mutant(
        "nobarrier", "a restored server does not wait for its doors", "server disk",
        lambda: [(Pool, "restored", _restored_at_once)],
    ),
    Mutant(
        "repeats", "after a restart a badge gets its green again, without a place", "power",
        lambda: [(Admitter, "present", _gives_again)],
        soon=1,
    ),
    Mutant(
        "exitagain", "an exit that is scanned again after a restart ends another stay", "power",
        lambda: [(repeats.Repeats, "find", _finds_entries)],
        soon=9,
    ),
    Mutant(
        "offered", "a door takes back places that the server may count", "network",
        lambda: [
            (transaction, "may_credit", _credits_offered),
            (BatchRecorder, "_leave", _hears_no_credit),
        ],
        soon=8,
    ),
    Mutant(
        "gone", "the server is not told that a stay's place was taken back", "network",
        lambda: [
            (journal, "_gone", lambda *given: ([], [])),
            (BatchRecorder, "_leave", _hears_no_credit),
        ],
    ),
    Mutant(
        "twice", "a stay may close twice", "copies",
        lambda: [(stays, "close", _closes_again)],
    ),
    Mutant(
        "keptforall", "a door spends kept places on anybody", "kept places",
        lambda: [(kept, "usable", lambda *given: (PlaceKind.ACCESSIBLE, PlaceKind.ORDINARY))],
    ),
    Mutant(
        "releasenow", "released places are granted before their doors gave them back",
        "kept places", lambda: [(pools, "within_limit", _releases_at_once)],
    ),
    Mutant(
        "inneronly", "an entry into an inner hall takes no place of the halls around it", "nested",
        lambda: [(wire.Snapshot, "outer_facts", property(lambda self: []))],
        soon=15,
    ),
    Mutant(
        "exitstwice", "two exits of one stay in one commit free two places", "groups",
        lambda: [(stays.Opened, "__init__", _remembers_open)],
    ),
    Mutant(
        "beyondfree", "a place that comes back is anybody's, whoever is beyond the capacity",
        "overrides", lambda: [(pools, "within_limit", _goes_to_anybody)],
        soon=9,
    ),
    Mutant(
        "creditsowed", "a door takes places back that are for people beyond the capacity",
        "overrides", lambda: [(facts.Known, "is_owed", lambda *given: lambda hall: False)],
        soon=2,
    ),
    Mutant(
        "forgiving", "staff's word is set against people who are known to be inside", "wrong words",
        lambda: [
            (Held, "held", property(lambda self: self.unused - self.reclaimed)),
            (pools, "HELD", "granted - returned - handed_over - reclaimed + trusted"),
        ],
        soon=1,
    ),
    Mutant(
        "unnamed", "an empty hall's form attests kiosks that it does not name", "opened pages",
        lambda: [
            (clearing, "require_shown", lambda *given: None),
            (clearing.Emptied, "keys", _names_no_inner_kiosks),
        ],
    ),
    Mutant(
        "seenanyway", "a sighting counts whatever its order to the entries", "musters",
        lambda: [(Sighting, "order", _says(Order.AFTER))],
    ),
    Mutant(
        "alldoubtful", "no sighting is ever proven to be after an entry", "musters",
        lambda: [(Sighting, "order", _says(Order.UNKNOWN))],
    ),
    Mutant(
        "latestentry", "a sighting is compared with the entry of the latest time alone", "musters",
        lambda: [(sightings, "_entries", _by_newest_entry)],
        soon=11,
    ),
    Mutant(
        "anyclock", "a clock that was never measured proves an order", "musters",
        lambda: [(Sighting, "order", _compares_any_clocks)],
        soon=1,
    ),
    Mutant(
        "oldpages", "a tick counts on a page that is older than an entry", "musters",
        lambda: [(sightings, "known_entries", lambda db, serials: dict.fromkeys(serials, ""))],
        soon=2,
    ),
    Mutant(
        "tickepoch", "a tick's page is of the epoch in which the tick arrives", "musters",
        lambda: [(muster, "tick", _in_epoch_of_arrival)],
        soon=21,
    ),
    Mutant(
        "voidlater", "a badge that becomes void leaves its earlier sightings", "musters",
        lambda: [(muster, "judge_again", lambda *given: None)],
        soon=8,
    ),
    Mutant(
        "voidseen", "a void badge shows its holder", "musters",
        lambda: [(muster, "_find_void_badges", lambda *given: None)],
        soon=1,
    ),
    Mutant(
        "emptysafe", "a hall counted as empty shows its people as gone from every hall", "musters",
        lambda: [(muster, "note_cleared", lambda db: None)],
        soon=29,
    ),
    Mutant(
        "uncapped", "a phone is granted as many places as any door", "phones",
        lambda: [(grants, "_door", _without_limit)],
    ),
    Mutant(
        "greenalone", "a phone that may lose its storage shows green before the server has it",
        "phones", lambda: [(SteppedDoor, "is_heard", _is_heard_at_once)],
    ),
)  # fmt: skip
BY_NAME = {mutant.name: mutant for mutant in MUTANTS}
QUICK = (
    "movefrees",
    "oneepoch",
    "repeats",
    "exitagain",
    "offered",
    "inneronly",
    "keptforall",
    "releasenow",
    "exitstwice",
    "beyondfree",
    "creditsowed",
    "forgiving",
    "uncapped",
    "greenalone",
    "seenanyway",
    "alldoubtful",
    "latestentry",
    "anyclock",
    "oldpages",
    "tickepoch",
    "voidlater",
    "voidseen",
    "emptysafe",
)  # found within seconds
