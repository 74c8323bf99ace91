"""Builds the snapshot of facts for one kiosk's door, as of one cursor of the feed."""

import json
from collections.abc import Collection

import msgspec
from msgspec import UNSET

from badges.wire import wire
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks import addresses
from server.core.kiosks.vouching import Voucher
from server.core.occupancy import copies, pools, stays
from server.core.programme.door_programme import with_programme
from server.core.staff import pins
from server.core.venue import kept_places, kiosk_facts, nesting, store
from server.storage import event_state
from server.storage.connection import Connection


def snapshot(
    db: Connection,
    event: Event,
    kiosk: tuple[str, int],
    door_id: int,
    now: int,
    voucher: Voucher | None = None,
    *,
    programme: bool = False,
    days: bool = False,
    salted: bool = False,
    servers: bool = False,
) -> wire.Snapshot:
    """Return all facts for the kiosk (name, generation) at `door_id`. `db` must be in a
    transaction.

    `voucher` signs the place orders. The flags state what the kiosk supports: `programme` the
    programme of sessions, `days` day credentials, `salted` records of version 2 and cosignatures,
    and `servers` the list of servers. Of 100,000 holders only exceptions are included: those with
    reissued, revoked or likely copied badges.
    """
    hall_id = store.door_hall(db, door_id)
    outer = [_outer(db, hall, door_id) for hall in nesting.outer_of(db, door_id)]
    hall, orders = kiosk_facts.hall_facts(db, hall_id), pools.orders_for(db, kiosk, now)
    keeps_places = any(
        facts.released is not UNSET for facts in (hall, *(facts.hall for facts in outer))
    )
    sessions = kiosk_facts.session_facts(db, hall_id, now)
    if programme:
        sessions = with_programme(db, hall_id, now, sessions)
    (state,) = db.execute(
        "SELECT state FROM kiosk WHERE kiosk = ? AND generation = ?", kiosk
    ).fetchone()
    return wire.Snapshot(
        cursor=changes.cursor(db),
        answered_at=now,
        incarnation=event_state.incarnation(db),
        event_name=event.settings.name,
        time_zone=event.settings.time_zone,
        day_starts=list(day_starts(event.settings)),
        ring=event.signed_ring,
        log_name=event.log_name,
        log_key=event.log_key.public.raw,
        categories=kiosk_facts.category_facts(db),
        hall=hall,
        door=kiosk_facts.door_facts(db, door_id),
        doors=_doors(db, (hall_id, *(facts.hall.hall for facts in outer))),
        sessions=sessions,
        holders=_exceptions(db, days),
        stays=stays.in_hall(db, hall_id),
        orders=orders if voucher is None else voucher.orders(kiosk, orders),
        supervisors=pins.supervisors(db),
        retired=state != "active",
        outer=outer or UNSET,
        accessible=kept_places.serials(db) if keeps_places else UNSET,
        salted=True if salted else UNSET,
        servers=(addresses.signed_servers(db, event) if servers else None) or UNSET,
    )


def _outer(db: Connection, hall_id: int, door_id: int) -> wire.OuterFacts:
    """Return the facts of a surrounding hall, and its stays.

    If it is not configured whether this door leads from outside, it refuses nobody who entered
    through that hall's own door (server/core/venue/rules.py).
    """
    facts = kiosk_facts.hall_facts(db, hall_id)
    if door_id in nesting.unsaid(db):
        facts = msgspec.structs.replace(facts, anti_passback="off")
    return wire.OuterFacts(facts, stays.in_hall(db, hall_id))


def _doors(db: Connection, halls: Collection[int]) -> dict[str, dict[str, str]]:
    """Return the names of the doors of the halls and their nested halls."""
    parents = nesting.parents_of(db) if len(halls) > 1 else {}
    wanted = {*halls, *(inner for hall in halls for inner in nesting.inside(parents, hall))}
    rows = db.execute("SELECT door_id, names, hall_id FROM door ORDER BY door_id")
    return {
        str(row["door_id"]): json.loads(row["names"]) for row in rows if row["hall_id"] in wanted
    }


def _exceptions(db: Connection, days: bool = False) -> list[wire.HolderFacts]:
    """Return the exceptions, including badges unknown after a restore and, with `days`, holders of
    day credentials.
    """
    rows = db.execute(
        "SELECT a.serial, MAX(b.issue) AS highest_issue, a.revoked_at IS NOT NULL AS revoked"
        " FROM badge b JOIN attendee a USING (serial) GROUP BY a.serial"
        " HAVING MAX(b.issue) > 1 OR a.revoked_at IS NOT NULL"
        " UNION ALL SELECT serial, highest_issue, revoked_at IS NOT NULL FROM unknown_holder"
    )
    facts = {
        row["serial"]: wire.HolderFacts(row["serial"], row["highest_issue"], bool(row["revoked"]))
        for row in rows
    }
    copied = db.execute("SELECT serial FROM likely_copy WHERE cleared_at IS NULL").fetchall()
    if days:
        copied += db.execute("SELECT DISTINCT serial FROM day_credential").fetchall()
    facts |= {serial: copies.holder_facts(db, serial) for (serial,) in copied}
    if days:
        return list(facts.values())
    return [msgspec.structs.replace(holder, day_credentials=UNSET) for holder in facts.values()]
