"""Builds the snapshot of facts for one kiosk's door, as of one cursor of the feed."""

import json
from collections import defaultdict
from collections.abc import Collection
from functools import cached_property

import msgspec
from msgspec import UNSET

from badges.wire import wire
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.kiosks import addresses
from server.core.kiosks.vouching import Voucher
from server.core.occupancy import copies, pools, stays
from server.core.people import badge_keys
from server.core.programme.door_programme import with_programme
from server.core.staff import pins
from server.core.venue import kept_places, kiosk_facts, nesting, store
from server.storage import event_state
from server.storage.connection import Connection


class VenueReader:
    """Reads the venue facts of doors, as of one time. Facts that several doors share are read
    once.

    The flags are the fields that the kiosks understand: `programme` sessions' programme, `salted`
    records of version 2 and cosignatures, `servers` the list of servers.
    """

    def __init__(
        self,
        db: Connection,
        event: Event,
        now: int,
        *,
        programme: bool = True,
        salted: bool = True,
        servers: bool = True,
    ) -> None:
        self._db, self._event, self._now = db, event, now
        self._programme, self._salted = programme, salted
        self._keys = badge_keys.keys_of(db, event)
        self._categories = kiosk_facts.category_facts(db)
        self._supervisors = pins.supervisors(db)
        self._servers = addresses.signed_servers(db, event) if servers else None
        self._halls: dict[int, wire.HallFacts] = {}
        self._sessions: dict[int, list[wire.SessionFacts]] = {}

    def door(self, door_id: int) -> wire.Snapshot:
        """Return a snapshot with only the venue facts of a door. Raises UnknownDoorError."""
        hall_id = store.door(self._db, door_id).hall_id
        hall, outer = self._hall(hall_id), nesting.outer_of(self._db, door_id)
        keeps_places = any(facts.released is not UNSET for facts in (hall, *map(self._hall, outer)))
        event, keys = self._event, self._keys
        return wire.Snapshot(
            cursor=0,
            answered_at=0,
            incarnation=0,
            event_name=event.settings.name,
            time_zone=event.settings.time_zone,
            day_starts=list(day_starts(event.settings)),
            ring=keys.signed_ring,
            log_name=event.log_name,
            log_key=event.log_key.public.raw,
            categories=self._categories,
            hall=hall,
            door=kiosk_facts.door_facts(self._db, door_id),
            doors=self._door_names((hall_id, *outer)),
            sessions=self._sessions_of(hall_id),
            holders=[],
            stays=[],
            orders=[],
            supervisors=self._supervisors,
            retired=False,
            outer=[self._outer_hall(hall, door_id) for hall in outer] or UNSET,
            accessible=self._accessible if keeps_places else UNSET,
            salted=True if self._salted else UNSET,
            servers=self._servers or UNSET,
            ring_number=badge_keys.ring_number(event, keys) or UNSET,
        )

    @cached_property
    def _unsaid(self) -> frozenset[int]:
        return nesting.unsaid(self._db)

    @cached_property
    def _accessible(self) -> list[int]:
        return kept_places.serials(self._db)

    @cached_property
    def _doors(self) -> dict[int, list[tuple[int, str]]]:
        doors: dict[int, list[tuple[int, str]]] = defaultdict(list)
        for door_id, names, hall_id in self._db.execute("SELECT door_id, names, hall_id FROM door"):
            doors[hall_id].append((door_id, names))
        return doors

    def _hall(self, hall_id: int) -> wire.HallFacts:
        if hall_id not in self._halls:
            self._halls[hall_id] = kiosk_facts.hall_facts(self._db, hall_id)
        return self._halls[hall_id]

    def _sessions_of(self, hall_id: int) -> list[wire.SessionFacts]:
        if hall_id not in self._sessions:
            sessions = kiosk_facts.session_facts(self._db, hall_id, self._now)
            if self._programme:
                sessions = with_programme(self._db, hall_id, self._now, sessions)
            self._sessions[hall_id] = sessions
        return self._sessions[hall_id]

    def _outer_hall(self, hall_id: int, door_id: int) -> wire.OuterFacts:
        """Return the facts of a surrounding hall, without its stays.

        If it is not configured whether this door leads from outside, the facts admit all who
        entered by that hall's own door (server/core/venue/rules.py).
        """
        facts = self._hall(hall_id)
        if door_id in self._unsaid:
            facts = msgspec.structs.replace(facts, anti_passback="off")
        return wire.OuterFacts(facts, [])

    def _door_names(self, halls: Collection[int]) -> dict[str, dict[str, str]]:
        """Return the names of the doors of these halls and of their nested halls, by door id."""
        parents = nesting.parents_of(self._db) if len(halls) > 1 else {}
        wanted = {*halls, *(inner for hall in halls for inner in nesting.inside(parents, hall))}
        doors = sorted(door for hall in wanted for door in self._doors[hall])
        return {str(door_id): json.loads(names) for door_id, names in doors}


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
    """`kiosk` is name and generation. `db` must be in a transaction.

    `voucher` signs the place orders. The flags are those of VenueReader, and `days` for day
    credentials. Of up to 100,000 holders, only those with reissued, revoked or probably copied
    badges are included.
    """
    reader = VenueReader(db, event, now, programme=programme, salted=salted, servers=servers)
    venue, orders = reader.door(door_id), pools.orders_for(db, kiosk, now)
    (state,) = db.execute(
        "SELECT state FROM kiosk WHERE kiosk = ? AND generation = ?", kiosk
    ).fetchone()
    outer = [
        wire.OuterFacts(facts.hall, stays.in_hall(db, facts.hall.hall))
        for facts in venue.outer_facts
    ]
    return msgspec.structs.replace(
        venue,
        cursor=changes.cursor(db),
        answered_at=now,
        incarnation=event_state.incarnation(db),
        holders=_exceptions(db, days),
        stays=stays.in_hall(db, venue.hall.hall),
        orders=orders if voucher is None else voucher.orders(kiosk, orders),
        retired=state != "active",
        outer=outer or UNSET,
    )


def _exceptions(db: Connection, days: bool = False) -> list[wire.HolderFacts]:
    """Return the holders whose badges need more than a valid signature, including those unknown
    after a restore and, with `days`, those with day credentials.
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
    more = db.execute(
        "SELECT serial FROM likely_copy WHERE cleared_at IS NULL"
        " UNION SELECT serial FROM withdrawn_badge"
    ).fetchall()
    if days:
        more += db.execute("SELECT DISTINCT serial FROM day_credential").fetchall()
    facts |= {serial: copies.holder_facts(db, serial) for (serial,) in more}
    if days:
        return list(facts.values())
    return [msgspec.structs.replace(holder, day_credentials=UNSET) for holder in facts.values()]
