"""The venue's rules for replaying decisions, cached by version.

Triggers set a random `rules_version` at every change of the data read here
(server/storage/schema.sql), so rules of a version are valid in every transaction with it, even
after a rollback.
"""

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Hashable, Mapping
from dataclasses import dataclass, field, replace
from operator import attrgetter

from badges.admission.facts import AntiPassback, Decision, Exits, Hall, Session
from server.core.venue import kept_places, nesting
from server.storage.connection import Connection

NEXT_MAX = 8  # A decision considers all current sessions, and this many of the next ones.


@dataclass(frozen=True)
class Rules:
    version: str | None
    halls: Mapping[int, Hall]
    # For each hall, itself and all surrounding halls.
    lineage: Mapping[int, frozenset[int]]
    surroundings: Mapping[int, frozenset[int]]  # the same, and all nested halls
    programmes: Mapping[int, tuple[Session, ...]]  # by hall, soonest first
    inferred: frozenset[int] = frozenset()  # halls in which a move counts as leaving
    # Minimum ms from each hall to any other, if configured.
    walks: Mapping[int, int] = field(default_factory=dict)
    # For doors into several halls, the surrounding halls, innermost first. Anti-passback is off in
    # them if the door's starting place is not configured.
    outer: Mapping[int, tuple[Hall, ...]] = field(default_factory=dict)
    # Serials of protocol guests (server/core/people/protocol_guests.py).
    protocol_guests: frozenset[int] = frozenset()
    # Cached answers under these rules, kept by `server/core/ledger/discrepancies.py`.
    answers: dict[Hashable, Decision] = field(default_factory=dict, compare=False, repr=False)
    _phases: dict[int, tuple[int, ...]] = field(default_factory=dict, compare=False, repr=False)

    def outer_ids(self, door_id: int) -> tuple[int, ...]:
        """Return the surrounding halls that an entry at the door also enters."""
        outer = self.outer.get(door_id)
        return () if outer is None else tuple(hall.hall_id for hall in outer)

    def phase(self, hall_id: int, at: int) -> int:
        """Return the number of the interval at `at`, in which the hall's admitting sessions do not
        change.
        """
        moments = self._phases.get(hall_id)
        if moments is None:
            sessions = self.programmes.get(hall_id, ())
            changes = {
                moment for session in sessions for moment in (session.opens_at, session.closes_at)
            }
            moments = self._phases[hall_id] = tuple(sorted(changes))
        return bisect_right(moments, at)

    def sessions(self, hall_id: int, at: int) -> tuple[Session, ...]:
        """Return the sessions that admit at `at` and the next ones, soonest first."""
        programme = self.programmes.get(hall_id, ())
        begun = bisect_right(programme, at, key=attrgetter("opens_at"))
        current = (session for session in programme[:begun] if session.closes_at > at)
        return (*current, *programme[begun : begun + NEXT_MAX])


# The version, as part of a larger statement.
VERSION = "(SELECT value FROM setting WHERE key = 'rules_version')"
_kept: Rules | None = None


def rules(db: Connection) -> Rules:
    return rules_of(db, db.execute(f"SELECT {VERSION}").fetchone()[0])


def rules_of(db: Connection, version: str | None) -> Rules:
    """Return the rules of a version, which this transaction has read as `VERSION`. None
    reads it.
    """
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
    lineage = {
        hall: frozenset((hall, *nesting.outer_halls(hall, parents, None))) for hall in parents
    }
    surroundings = {
        hall: around.union(inner for inner, above in lineage.items() if hall in above)
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


def _watched(hall: Hall, configured: bool) -> Hall:
    """Return a surrounding hall as it applies at a door.

    If it is not configured where the door leads from, it refuses nobody who entered through the
    hall's own door.
    """
    return hall if configured else replace(hall, anti_passback=AntiPassback.OFF)


def _programmes(db: Connection) -> dict[int, tuple[Session, ...]]:
    admitted = _categories(db, "SELECT session_id, category FROM session_category")
    by_hall: dict[int, list[Session]] = defaultdict(list)
    for session_id, hall_id, code, opens_at, closes_at in db.execute(
        "SELECT session_id, hall_id, code, opens_at, closes_at FROM session"
        " ORDER BY opens_at, session_id"
    ):
        session = Session(session_id, code, opens_at, closes_at, admitted[session_id])
        by_hall[hall_id].append(session)
    return {hall_id: tuple(sessions) for hall_id, sessions in by_hall.items()}


def _categories(db: Connection, query: str) -> defaultdict[int, frozenset[int]]:
    admitted: defaultdict[int, frozenset[int]] = defaultdict(frozenset)
    for owner, category in db.execute(query):
        admitted[owner] |= {category}
    return admitted
