"""Replays each decision with the server's own facts, and records where the answers differ.

It also records each badge left to staff after a kiosk's restart, where one or two people may be
inside.
"""

import json
from collections.abc import Hashable, Iterable, Mapping

import msgspec
from msgspec import UnsetType

from badges.admission.decide import decide, event_day
from badges.admission.facts import (
    Calendar,
    Decision,
    Direction,
    Facts,
    Holder,
    Outer,
    Presence,
    Reason,
    Scan,
)
from badges.admission.replay import discrepancy
from badges.credential.credential import Credential, CredentialFlag, Kind
from badges.record import ScanRecord, WireError
from server.core.ledger.holders import Holders
from server.core.ledger.rows import Rows
from server.core.occupancy import stays
from server.core.venue.rules import Rules
from server.storage import dialect
from server.storage.connection import Connection, Row

# The signature is valid, but the serial is on no roster: a key may be stolen.
UNKNOWN_SERIAL = "unknown_serial"
ADMITTED = "admitted"  # the door denied, and the server would have admitted
ANSWERS_MAX = 5_000  # cached answers


class Judge:
    def __init__(
        self, db: Connection, holders: Holders, rules: Rules, calendar: Calendar, rows: Rows
    ) -> None:
        self._db = db
        self._rows = rows
        self._holders = holders
        self._rules = rules
        self._calendar = calendar
        self._found: list[tuple[int, str, stays.Stay | None]] = []

    def judge(self, number: int, record: ScanRecord, others: Iterable[stays.Span], at: int) -> None:
        """Add a discrepancy of the scan `number` if the server's answer differs. `write` stores
        it.

        `others` are the holder's other stays that may overlap. Their times, and the scan's time
        `at`, are by the server's clock.
        """
        if record.serial is None or record.direction != "entry" or record.act != "scan":
            return
        inside: dict[int, stays.Stay] = {}
        for hall in (record.hall, *self._rules.outer_ids(record.door)):
            stay = stays.overlapping(others, hall, at)
            if stay is not None:
                inside[hall] = stay
        if record.reason == Reason.BEFORE_RESTART:
            self.note(number, record.reason, inside.get(record.hall))
            return
        person = self._holders.person(record.serial)
        if person is None:
            difference: str | None = UNKNOWN_SERIAL
        else:
            difference = discrepancy(record, self._answer(record, person, inside))
        if difference == ADMITTED and self._closed_by_staff(record, at):
            return
        if difference is not None:
            involved = difference in (Reason.ALREADY_INSIDE, "passback")
            other = next(iter(inside.values()), None) if involved else None
            self.note(number, difference, other if involved else None)

    def _closed_by_staff(self, record: ScanRecord, at: int) -> bool:
        """Return whether the door denied because staff had closed its hall or a surrounding one."""
        halls = (record.hall, *self._rules.outer_ids(record.door))
        return record.reason == Reason.HALL_CLOSED and any(
            row["closed_at"] <= at
            for row in self._db.execute(
                f"SELECT closed_at FROM hall WHERE {dialect.one_of('hall_id')}"
                " AND closed_at IS NOT NULL",
                (dialect.many(halls),),
            )
        )

    def note(self, number: int, reason: str, other: stays.Stay | None) -> None:
        """Add a discrepancy, at most once for each scan and reason. `write` stores it."""
        if (number, reason) not in [pending[:2] for pending in self._found]:
            self._found.append((number, reason, other))

    def write(self) -> None:
        """Store the discrepancies. Their scans must be stored already."""
        for number, reason, other in self._found:
            self._add(number, reason, other)
        if self._found:
            self._found = []
            self._rows.write()

    def judge_again(self, stay: stays.Stay) -> None:
        """Judge the holder's entries during a stay that arrived after them. Only new discrepancies
        are added.
        """
        for number in stays.entered_during(self._db, stay.ref, stay.hall_id):
            listed = self._db.execute(
                "SELECT 1 FROM discrepancy WHERE number = ? AND reason IN (?, 'passback')",
                (number, Reason.ALREADY_INSIDE),
            ).fetchone()
            row = self._db.execute(
                "SELECT body FROM leaf WHERE number = ? AND kind = 'scan'", (number,)
            ).fetchone()
            if row is None:
                # its record was erased
                continue
            (body,) = row
            record = msgspec.convert(json.loads(body)["record"], ScanRecord)
            person = self._holders.person(stay.serial)
            if listed or person is None or record.act != "scan":
                continue
            difference = discrepancy(record, self._answer(record, person, {stay.hall_id: stay}))
            if difference in (Reason.ALREADY_INSIDE, "passback"):
                self._add(number, difference, stay)
                self._rows.write()

    def _add(self, number: int, reason: str, other: stays.Stay | None) -> None:
        other_number = None if other is None else _number_of(self._db, other)
        self._rows.discrepancy(number, other_number, reason)

    def _answer(
        self, record: ScanRecord, person: Row, inside: Mapping[int, stays.Stay]
    ) -> Decision:
        usual = None if inside else self._usual(record, person)
        cached = None if usual is None else self._rules.answers.get(usual)
        if cached is not None:
            return cached
        scan = Scan(_badge(record, person), Direction.ENTRY, record.scanned_at)
        answer = decide(scan, self._facts(record, person, inside))
        if usual is not None:
            if len(self._rules.answers) >= ANSWERS_MAX:
                self._rules.answers.clear()
            self._rules.answers[usual] = answer
        return answer

    def _usual(self, record: ScanRecord, person: Row) -> Hashable:
        """Return the cache key of the answer for a holder with no special facts and no stay in
        these halls. Return None for others.
        """
        at, hall, issued_at = record.scanned_at, record.hall, person["issued_at"]
        outer = self._rules.outer.get(record.door, ())
        if (
            not isinstance(record.day, UnsetType)
            or person["revoked_at"] is not None
            or person["copied_at"] is not None
            or person["has_days"]
            or person["withdrawn_to"] is not None
            or hall not in self._rules.halls
            or any(around.keeps_places for around in (self._rules.halls[hall], *outer))
            or (self._rules.sessions(hall, at) and self._guest(record.serial or 0))
        ):
            return None
        superseded = issued_at is not None and issued_at <= at and record.issue != person["issue"]
        return (
            self._calendar, event_day(self._calendar.day_starts, at), record.door, hall,
            self._rules.phase(hall, at), person["category"], person["valid_days"],
            person["zones"], person["flags"], superseded and (record.issue, person["issue"]),
        )  # fmt: skip

    def _facts(self, record: ScanRecord, person: Row, inside: Mapping[int, stays.Stay]) -> Facts:
        at = record.scanned_at
        issued_by_then = person["issued_at"] is not None and person["issued_at"] <= at
        withdrawn_at = person["withdrawn_at"]
        withdrawn_by_then = issued_by_then and withdrawn_at is not None and withdrawn_at <= at
        hall = self._rules.halls.get(record.hall)
        if hall is None:
            raise WireError("scan record: no such hall")
        sessions = self._rules.sessions(record.hall, at)
        guests = self._guest(record.serial or 0) if sessions else {}
        return Facts(
            calendar=self._calendar,
            hall=hall,
            sessions=sessions,
            holder=Holder(
                revoked=person["revoked_at"] is not None and person["revoked_at"] <= at,
                highest_issue=person["issue"] if issued_by_then else 0,
                withdrawn_to=person["withdrawn_to"] if withdrawn_by_then else 0,
                copied_issue=_copied_issue(person, at),
                day_credentials=self._days(record.serial or 0, at)
                if person["has_days"]
                else frozenset(),
                invited_to=frozenset(session for session, invited in guests.items() if invited),
                refused_from=frozenset(
                    session for session, invited in guests.items() if not invited
                ),
            ),
            presence=_presence(inside.get(record.hall)),
            outer=self._outer(record.door, inside),
            # Only the door knows whether it had a place (badges/places/pool.py).
            free_places=1,
            facts_age_ms=0,
        )

    def _outer(self, door: int, inside: Mapping[int, stays.Stay]) -> tuple[Outer, ...]:
        outer = self._rules.outer.get(door)
        if outer is None:
            return ()
        return tuple(Outer(hall, _presence(inside.get(hall.hall_id)), 1) for hall in outer)

    def _days(self, serial: int, at: int) -> frozenset[tuple[int, int]]:
        """Return the holder's day credentials issued before `at`, as (issue, day)."""
        rows = self._db.execute(
            "SELECT issue, day FROM day_credential WHERE serial = ? AND issued_at <= ?",
            (serial, at),
        )
        return frozenset((row["issue"], row["day"]) for row in rows)

    def _guest(self, serial: int) -> dict[int, bool]:
        """By session: invited (True) or refused (False)."""
        rows = self._db.execute(
            "SELECT session_id, invited FROM session_guest WHERE serial = ?", (serial,)
        )
        return {row["session_id"]: bool(row["invited"]) for row in rows}


def _presence(stay: stays.Stay | None) -> Presence | None:
    return None if stay is None else Presence(stay.ref)


def _number_of(db: Connection, stay: stays.Stay) -> int | None:
    row = db.execute(
        "SELECT number FROM scan WHERE kiosk = ? AND generation = ? AND seq = ?", stay.ref_values
    ).fetchone()
    return row[0] if row else None


def _copied_issue(person: Row, at: int) -> int:
    """Return the highest issue of the badge that was a suspected copy at `at`, or 0."""
    copied_at, cleared_at = person["copied_at"], person["cleared_at"]
    if copied_at is None or copied_at > at or (cleared_at is not None and cleared_at <= at):
        return 0
    return int(person["copied_issue"])


def _badge(record: ScanRecord, person: Row) -> Credential:
    of_day = not isinstance(record.day, UnsetType)
    return Credential(
        serial=record.serial or 0,
        issue=record.issue or 1,
        category=person["category"],
        valid_days=person["valid_days"]
        if isinstance(record.day, UnsetType)
        else 1 << record.day & person["valid_days"],
        zones=person["zones"],
        key_id=0,
        kind=Kind.DAY if of_day else Kind.PRINTED,
        flags=CredentialFlag(person["flags"]),
    )
