"""The safety officer's acts: close a hall, change its capacity, clear it, and attest a lost kiosk's
places.

Each takes effect at every door that receives it. The hall's page lists doors that have not
confirmed it.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from badges.i18n import N_, Phrase, Spoken
from badges.places.account import PlacesError
from badges.places.pool import KioskKey, PoolKey
from badges.record import PlaceKind
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.feed import changes
from server.core.occupancy import clearing, grants, pools, stays
from server.core.staff import dual_control
from server.core.venue import nesting, store
from server.storage import dialect
from server.storage.connection import Connection


class CapacityError(Spoken, ValueError):
    pass


@dataclass(frozen=True)
class KioskHolding:
    """A kiosk's account with a hall. `held` places may already be in use."""

    kiosk: str
    generation: int
    door_id: int
    door_names: str  # JSON by language
    state: str
    seen_at: int | None
    confirmed: bool  # has applied the hall's last closing, opening or change of capacity
    free: int  # by the kiosk's last report
    held: int
    overrides: int  # places beyond the capacity
    awaited: bool  # awaited by a restored server

    @property
    def key(self) -> KioskKey:
        return self.kiosk, self.generation

    @property
    def as_shown(self) -> str:
        """The key of what an attestation's form names."""
        held = self.held + self.overrides
        return f"{self.kiosk} {self.generation} {self.state} {held} {int(self.awaited)}"


def holding_words(as_shown: str) -> str:
    """How people call a holding, by its key from a form."""
    words = as_shown.split()
    if len(words) != 5:
        return as_shown
    return Phrase(
        "kiosk %(kiosk)s, number %(generation)s, with %(held)s places",
        kiosk=words[0], generation=words[1], held=words[3],
    )  # fmt: skip


def set_closed(db: Connection, hall_id: int, closed: bool, *, by: str, now: int) -> None:
    """Close a hall regardless of its programme, or open it again. Raises UnknownHallError.

    Closing recalls all places. People inside may stay.
    """
    store.hall(db, hall_id)
    db.execute(
        "UPDATE hall SET closed_at = ? WHERE hall_id = ?", (now if closed else None, hall_id)
    )
    _changed(db, hall_id, now)
    entry_log.act(db, by, Act.HALL_CLOSED if closed else Act.HALL_OPENED, {"hall": hall_id}, now)


def set_capacity(db: Connection, hall_id: int, capacity: int, *, by: str, now: int) -> None:
    """Set the organiser's capacity, up to the fire limit. Raises CapacityError or UnknownHallError.

    If more people are inside, they may stay, and excess places are recalled.
    """
    row = store.hall(db, hall_id)
    if not 0 <= capacity <= row.fire_limit:
        raise CapacityError(
            N_("hall %(code)s: the capacity is 0 to %(fire_limit)s, its limit."),
            code=row.code,
            fire_limit=row.fire_limit,
        )
    db.execute(
        "UPDATE hall SET capacity = ?, capacity_by = ?, capacity_at = ? WHERE hall_id = ?",
        (capacity, by, now, hall_id),
    )
    _changed(db, hall_id, now)
    subject = {"hall": hall_id, "capacity": capacity, "before": row.capacity}
    entry_log.act(db, by, Act.CAPACITY_SET, subject, now)


def clear(
    db: Connection, hall_id: int, shown: Collection[str], *, by: str, now: int,
    before: int | None = None,
) -> int:  # fmt: skip
    """Record that staff found a hall, and its nested halls, empty.

    `shown` are the keys of what they confirmed (`clearing.emptied`). Raises ShownChangedError if
    the clearing would empty anything else, and UnknownHallError.

    All known stays and unconfirmed moves end, and places of fenced kiosks are cleared. Return the
    number of places freed by stays in the hall itself. Entries that have not reached the server
    stay counted. So do scans numbered `before` or higher, since those people may have entered
    after the check.
    """
    store.hall(db, hall_id)
    emptied = clearing.emptied(db, hall_id)
    clearing.require_shown(db, shown, emptied)
    stopped = defaultdict(list)
    for each in emptied.stopped:
        stopped[each.hall_id].append(each.key)
    ended = [
        _clear(db, hall, stopped[hall], by=by, now=now, before=before) for hall in emptied.halls
    ]
    return ended[0]


def _clear(
    db: Connection, hall_id: int, stopped: Sequence[KioskKey], *, by: str, now: int,
    before: int | None,
) -> int:  # fmt: skip
    ended = 0
    for kind in PlaceKind:
        key = PoolKey(hall_id, kind)
        loaded = pool = pools.load(db, key)
        for stay in stays.open_in(db, hall_id, kind, before=before):
            if stays.close(db, stay.ref, hall_id, "cleared", now) is None:
                # A move already freed this place. The stay's end only confirms that.
                continue
            pool = pool.close_stay(stay.ref)
            change = wire.StayClosed(stay.ref, hall_id, stay.serial)
            changes.publish(db, change, hall_id=hall_id)
            ended += 1
        for kiosk in stopped:
            if kiosk in pool.kiosks:
                pool = pool.attest(kiosk, 0, seq=_last_seq(db, kiosk))
        pools.save(db, key, loaded, pool)
    entry_log.act(db, by, Act.HALL_CLEARED, {"hall": hall_id, "stays": ended}, now)
    grants.share(db, hall_id, now)
    return ended


def attest(
    db: Connection, hall_id: int, kiosk: KioskKey, inside: int, *, by: str, with_: str,
    now: int,
) -> None:  # fmt: skip
    """Record an attestation by the users `by` and `with_` about a fenced kiosk: of the people it
    admitted without the ledger's knowledge, at most `inside` are in the hall.

    The kiosk's other places come back. Raises PlacesError, or NotTwoError if the users may be one
    person. The pools used are unknown, so the number bounds each pool. After a restore the kiosk
    may have held more places than known here, and any number is accepted. Otherwise a number above
    the kiosk's places frees none (docs/design/places.md, rule 8).
    """
    if inside < 0:
        raise PlacesError(N_("The number of people is 0 or more."))
    dual_control.check_two(db, by, with_, now)
    loaded = {kind: pools.load(db, PoolKey(hall_id, kind)) for kind in PlaceKind}
    enrolled = {kind: pool for kind, pool in loaded.items() if kiosk in pool.kiosks}
    if PlaceKind.ORDINARY not in enrolled or PlaceKind.OVERRIDE not in enrolled:
        raise PlacesError(N_("This kiosk never had places in that hall."))
    held = {kind: pool.kiosks[kiosk].held for kind, pool in enrolled.items()}
    for kind, before in enrolled.items():
        stands = kiosk in before.awaited or inside > sum(held.values())
        word = inside if stands else min(inside, held[kind])
        after = before.attest(kiosk, word, seq=_last_seq(db, kiosk))
        pools.save(db, PoolKey(hall_id, kind), before, after)
    name, generation = kiosk
    subject: Subject = {"hall": hall_id, "with": with_, "kiosk": name, "generation": generation}
    entry_log.act(db, by, Act.KIOSK_ATTESTED, subject, now)
    grants.share(db, hall_id, now)


def holdings(db: Connection, hall_id: int) -> list[KioskHolding]:
    """Return first the kiosks active at doors into the hall, then others that still hold its
    places.
    """
    outer = nesting.outer_by_door(db, nesting.parents_of(db))
    leading = [door for door, around in outer.items() if hall_id in around]
    rows = db.execute(
        "SELECT k.kiosk, k.generation, k.door_id, d.names AS door_names, k.state, k.seen_at,"
        " k.cursor >= h.change_cursor AS confirmed,"
        " SUM(CASE a.override WHEN 1 THEN 0 ELSE a.free END) AS free,"
        " SUM(CASE a.override WHEN 1 THEN 0 ELSE a.held END) AS held,"
        " SUM(CASE a.override WHEN 1 THEN a.held ELSE 0 END) AS overrides,"
        " MAX(a.awaited) AS awaited"
        f" FROM (SELECT *, {pools.HELD} AS held"
        "  FROM place_account WHERE hall_id = ?) a"
        " JOIN kiosk k USING (kiosk, generation) JOIN door d USING (door_id)"
        " JOIN hall h ON h.hall_id = a.hall_id"
        " GROUP BY k.kiosk, k.generation, d.door_id, h.hall_id"
        " HAVING (k.state = 'active' AND (d.hall_id = h.hall_id OR"
        f"  {dialect.one_of('k.door_id')})) OR MAX(a.held) > 0"
        " OR MAX(a.awaited) > 0 ORDER BY k.state <> 'active', k.kiosk, k.generation",
        (hall_id, dialect.many(leading)),
    )
    return [
        KioskHolding(
            **{**dict(r), "confirmed": bool(r["confirmed"]), "awaited": bool(r["awaited"])}
        )
        for r in rows
    ]


def _changed(db: Connection, hall_id: int, now: int) -> None:
    changes.publish_venue(db, [hall_id])
    db.execute("UPDATE hall SET change_cursor = ? WHERE hall_id = ?", (changes.cursor(db), hall_id))
    grants.share(db, hall_id, now)


def _last_seq(db: Connection, kiosk: KioskKey) -> int:
    row = db.execute(
        "SELECT acked_seq FROM kiosk WHERE kiosk = ? AND generation = ?", kiosk
    ).fetchone()
    return int(row[0])
