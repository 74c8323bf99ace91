"""Holds the venue's rules, by which the server replays decisions. They are read once, and kept as
long as they stand.

Triggers move `rules_version` with every change of what is read here, whoever makes it
(server/storage/schema.sql). Each version is a new random value. So what was read under a
version is valid under it in every transaction, and also after one was rolled back.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice

from badges.admission.facts import AntiPassback, Decision, Exits, Hall, Session
from server.core.venue import kept_places, nesting
from server.storage.connection import Connection

SESSIONS_MAX = 8  # A decision looks at this many, which are those that admit now and the next ones.


@dataclass(frozen=True)
class Rules:
    """Holds the halls with who may enter them, how they nest, and their programmes."""

    version: str | None
    halls: Mapping[int, Hall]
    # For each hall, itself and every hall around it.
    lineage: Mapping[int, frozenset[int]]
    surroundings: Mapping[int, frozenset[int]]  # The same, and every hall inside it.
    programmes: Mapping[int, tuple[Session, ...]]  # By hall, soonest first.
    inferred: frozenset[int] = frozenset()  # Halls in which a move counts as leaving.
    # For each hall, the ms to any other one, where somebody has said it.
    walks: Mapping[int, int] = field(default_factory=dict)
    # For doors that lead into more than one hall, the halls around their own, innermost first.
    # Anti-passback is off in them where nobody has said where the door leads from.
    outer: Mapping[int, tuple[Hall, ...]] = field(default_factory=dict)
    # Serials of those of whose arrival somebody is told (server/core/people/protocol_guests.py).
    protocol_guests: frozenset[int] = frozenset()
    # Answers by these rules, which `server/core/ledger/discrepancies.py` keeps for as long as they
    # stand.
    answers: dict[Hashable, Decision] = field(default_factory=dict, compare=False, repr=False)
    _phases: dict[int, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def outer_ids(self, door_id: int) -> tuple[int, ...]:
        """Return the numbers of the halls around the door's own that an entry there enters too."""
        outer = self.outer.get(door_id)
        return () if outer is None else tuple(hall.hall_id for hall in outer)

    def phase(self, hall_id: int, at: int) -> int:
        """Return a number for the time between two moments at which a session of the hall begins
        or ends to admit. All of it knows the same sessions.
        """
        moments = self._phases.get(hall_id)
        if moments is None:
            sessions = self.programmes.get(hall_id, ())
            found = {moment for one in sessions for moment in (one.opens_at, one.closes_at)}
            moments = self._phases[hall_id] = tuple(sorted(found))
        return bisect_right(moments, at)

    def sessions(self, hall_id: int, at: int) -> tuple[Session, ...]:
        """Return the hall's sessions that are not over at `at`, the soonest first."""
        coming = (one for one in self.programmes.get(hall_id, ()) if one.closes_at > at)
        return tuple(islice(coming, SESSIONS_MAX))


# The version as a piece of a larger statement.
VERSION = "(SELECT value FROM setting WHERE key = 'rules_version')"
_kept: Rules | None = None


def rules(db: Connection) -> Rules:
    """Return the rules as this transaction sees them. `db` must be in a transaction."""
    return rules_of(db, db.execute(f"SELECT {VERSION}").fetchone()[0])


def rules_of(db: Connection, version: str | None) -> Rules:
    """Return the rules of a version that this transaction has read as `VERSION`."""
    global _kept
    kept = _kept
    if kept is None or version is None or kept.version != version:
        kept = _kept = _read(db, version)
    return kept


def _read(db: Connection, version: str | None) -> Rules:
    rows = db.execute(
        "SELECT hall_id, parent_id, code, zones, sessions_only, anti_passback, exits, leaving,"
        " walk_s, accessible_places, accessible_until_min FROM hall"
    ).fetchall()
    admitted = _categories(db, "SELECT hall_id, category FROM hall_category")
    halls = {
        row["hall_id"]: Hall(
            hall_id=row["hall_id"],
            name=row["code"],
            categories=admitted[row["hall_id"]],
            zones=row["zones"],
            sessions_only=bool(row["sessions_only"]),
            anti_passback=AntiPassback(row["anti_passback"]),
            exits=Exits(row["exits"]),
            keeps_places=bool(row["accessible_places"]),
            released=kept_places.released(
                db, row["hall_id"], row["accessible_places"], row["accessible_until_min"]
            ),
        )
        for row in rows
    }
    parents = {row["hall_id"]: row["parent_id"] for row in rows}
    lineage = _lineage(parents)
    surroundings = {
        hall: around.union(one for one, above in lineage.items() if hall in above)
        for hall, around in lineage.items()
    }
    unsaid = nesting.unsaid(db)
    outer = {
        door: tuple(_watched(halls[hall], door not in unsaid) for hall in around)
        for door, around in nesting.outer_by_door(db, parents).items()
    }
    return Rules(
        version,
        halls,
        lineage,
        surroundings,
        _programmes(db),
        inferred=frozenset(row["hall_id"] for row in rows if row["leaving"] == "inferred"),
        walks={row["hall_id"]: row["walk_s"] * 1000 for row in rows if row["walk_s"] is not None},
        outer=outer,
        protocol_guests=frozenset(
            row[0] for row in db.execute("SELECT serial FROM protocol_guest")
        ),
    )


def _watched(hall: Hall, said: bool) -> Hall:
    """Return a hall around a door's own, as that door watches it.

    Where nobody has said that the door leads from outside, it refuses nobody who came in by that
    hall's own door.
    """
    return hall if said else replace(hall, anti_passback=AntiPassback.OFF)


def _lineage(parents: Mapping[int, int | None]) -> dict[int, frozenset[int]]:
    found: dict[int, frozenset[int]] = {}
    for hall in parents:
        around: set[int] = set()
        above: int | None = hall
        while above is not None and above not in around:
            around.add(above)
            above = parents.get(above)
        found[hall] = frozenset(around)
    return found


def _programmes(db: Connection) -> dict[int, tuple[Session, ...]]:
    admitted = _categories(db, "SELECT session_id, category FROM session_category")
    found: dict[int, list[Session]] = defaultdict(list)
    for session_id, hall_id, code, opens_at, closes_at in db.execute(
        "SELECT session_id, hall_id, code, opens_at, closes_at FROM session"
        " ORDER BY opens_at, session_id"
    ):
        session = Session(session_id, code, opens_at, closes_at, admitted[session_id])
        found[hall_id].append(session)
    return {hall_id: tuple(sessions) for hall_id, sessions in found.items()}


def _categories(db: Connection, query: str) -> defaultdict[int, frozenset[int]]:
    found: defaultdict[int, frozenset[int]] = defaultdict(frozenset)
    for owner, category in db.execute(query):
        found[owner] |= {category}
    return found
