from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

from badges.admission.facts import Holder
from badges.credential.badge_number import badge_number
from badges.credential.credential import Credential, CredentialError, open_credential
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.people import badge_keys
from server.storage.connection import Connection, Row


@dataclass(frozen=True)
class Group:
    """People whom doors treat alike on a day, except at sessions naming them."""

    category: int
    valid: bool  # On that day
    zones: int
    revoked: bool
    copied: bool

    def badge(self, day: int) -> Credential:
        return Credential(
            serial=0,
            issue=1,
            category=self.category,
            valid_days=int(self.valid) << day,
            zones=self.zones,
            key_id=0,
        )

    def holder(self, session: int | None = None, invited: bool | None = None) -> Holder:
        named = frozenset[int]() if session is None else frozenset({session})
        nobody = frozenset[int]()
        return Holder(
            revoked=self.revoked,
            highest_issue=1,
            copied_issue=1 if self.copied else 0,
            invited_to=named if invited is True else nobody,
            refused_from=named if invited is False else nobody,
        )


@dataclass(frozen=True)
class Guest:
    serial: int
    external_id: str | None
    group: int
    has_badge: bool
    invited: frozenset[int]  # Sessions
    refused: frozenset[int]  # Sessions
    speaks: frozenset[int]  # At sessions

    @property
    def label(self) -> str:
        number = badge_number(self.serial)
        return f"{number} ({self.external_id})" if self.external_id else number


@dataclass(frozen=True)
class Crowd:
    groups: tuple[Group, ...]
    counts: tuple[int, ...]
    guests: tuple[Guest, ...]
    without_badge: int  # Not revoked, without a badge

    @property
    def people(self) -> int:
        return sum(self.counts)

    @property
    def valid(self) -> int:
        """Return the number of people with a badge valid that day and not revoked."""
        groups = zip(self.groups, self.counts, strict=True)
        return sum(people for group, people in groups if group.valid and not group.revoked)


_PEOPLE = (
    "FROM attendee a LEFT JOIN (SELECT serial, MAX(issue) AS issue FROM badge GROUP BY serial) b"
    " USING (serial) LEFT JOIN (SELECT serial AS copy_of, issue AS copied_issue FROM likely_copy"
    " WHERE cleared_at IS NULL) c ON copy_of = a.serial"
)
_GROUP = (
    "a.category, a.valid_days >> CAST(? AS INTEGER) & 1 AS valid, a.zones,"
    " CASE WHEN a.revoked_at IS NULL THEN 0 ELSE 1 END AS revoked,"
    " CASE WHEN copied_issue >= COALESCE(b.issue, 1) THEN 1 ELSE 0 END AS copied,"
    " CASE WHEN b.issue IS NULL THEN 0 ELSE 1 END AS has_badge"
)
_THAT_DAY = "JOIN session s USING (session_id) WHERE s.starts_at >= ? AND s.starts_at < ?"
_NAMED = f"FROM session_guest g {_THAT_DAY}"
_SPEAKING = f"FROM session_speaker g {_THAT_DAY} AND g.serial IS NOT NULL"


def read_crowd(db: Connection, event: Event, day: int) -> Crowd:
    """Return all people as the doors treat them on a day, counted from 0.

    A person without a badge counts as if one were issued now. The day's sessions name the guests.
    """
    groups: Counter[Group] = Counter()
    without_badge = 0
    for row in db.execute(
        f"SELECT {_GROUP}, COUNT(*) AS people {_PEOPLE}"
        " GROUP BY a.category, valid, a.zones, revoked, copied, has_badge",
        (day,),
    ):
        groups[_group(row)] += row["people"]
        without_badge += 0 if row["has_badge"] or row["revoked"] else row["people"]
    otherwise = dict(_otherwise(db, event, day))
    for roster, carried in otherwise.values():
        groups[roster] -= 1
        groups[carried] += 1
    carried_groups = {serial: carried for serial, (_, carried) in otherwise.items()}
    present = +groups
    numbers = {group: number for number, group in enumerate(present)}
    starts = day_starts(event.settings)
    guests = _guests(db, day, (starts[day], starts[day + 1]), carried_groups, numbers)
    return Crowd(tuple(present), tuple(present.values()), tuple(guests), without_badge)


def _group(row: Row) -> Group:
    return Group(
        category=row["category"],
        valid=bool(row["valid"]),
        zones=row["zones"],
        revoked=bool(row["revoked"]),
        copied=bool(row["copied"]),
    )


def _otherwise(db: Connection, event: Event, day: int) -> Iterator[tuple[int, tuple[Group, Group]]]:
    """Yield people whose badge differs from the roster, as serial and (roster's group, badge's
    group).

    `changed_holder` lists the candidates. A badge not signed by the event counts as revoked.
    """
    ring = badge_keys.keys_of(db, event).ring
    for row in db.execute(
        f"SELECT a.serial, {_GROUP}, n.credential {_PEOPLE}"
        " JOIN changed_holder h ON h.serial = a.serial"
        " JOIN badge n ON n.serial = a.serial AND n.issue = b.issue",
        (day,),
    ):
        roster = _group(row)
        try:
            badge = open_credential(ring, row["credential"])
        except CredentialError:
            carried = replace(roster, revoked=True)
        else:
            valid = bool(badge.valid_days >> day & 1)
            carried = replace(roster, category=badge.category, valid=valid, zones=badge.zones)
        if carried != roster:
            yield row["serial"], (roster, carried)


def _guests(
    db: Connection, day: int, starts: tuple[int, int], carried_groups: Mapping[int, Group],
    numbers: Mapping[Group, int],
) -> Iterator[Guest]:  # fmt: skip
    """Yield people named by, or speaking at, sessions starting within `starts`, end exclusive."""
    invited: defaultdict[int, list[int]] = defaultdict(list)
    refused: defaultdict[int, list[int]] = defaultdict(list)
    speaks: defaultdict[int, list[int]] = defaultdict(list)
    for row in db.execute(f"SELECT g.session_id, g.serial, g.invited {_NAMED}", starts):
        (invited if row["invited"] else refused)[row["serial"]].append(row["session_id"])
    for row in db.execute(f"SELECT g.session_id, g.serial {_SPEAKING}", starts):
        speaks[row["serial"]].append(row["session_id"])
    for row in db.execute(
        f"SELECT a.serial, a.external_id, {_GROUP} {_PEOPLE} WHERE a.serial IN"
        f" (SELECT g.serial {_NAMED} UNION SELECT g.serial {_SPEAKING}) ORDER BY a.serial",
        (day, *starts, *starts),
    ):
        serial = row["serial"]
        yield Guest(
            serial=serial,
            external_id=row["external_id"],
            group=numbers[carried_groups.get(serial, _group(row))],
            has_badge=bool(row["has_badge"]),
            invited=frozenset(invited[serial]),
            refused=frozenset(refused[serial]),
            speaks=frozenset(speaks[serial]),
        )
