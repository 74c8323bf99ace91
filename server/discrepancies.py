"""Discrepancies: the server replays each decision with what it knows, and notes where it would have
differed.
"""

import json
import sqlite3
from collections.abc import Iterable

import msgspec

from badges.admission import Facts, Reason, Scan, decide
from badges.admission.facts import (
    AntiPassback,
    Calendar,
    Direction,
    Exits,
    Hall,
    Holder,
    Presence,
    Session,
    StayId,
)
from badges.admission.replay import discrepancy
from badges.credential import Credential, CredentialFlag
from badges.record import ScanRecord, StayRef
from server import presence

UNKNOWN_SERIAL = "unknown_serial"  # validly signed, yet on no roster here: look at the keys


class Judge:
    """Replays records of one transaction; what it reads of halls it reads once."""

    def __init__(self, db: sqlite3.Connection, calendar: Calendar) -> None:
        self._db = db
        self._calendar = calendar
        self._halls: dict[int, Hall] = {}

    def judge(self, number: int, record: ScanRecord, now: int) -> None:
        """Write a discrepancy for the scan `number` if the server's answer differs."""
        if record.serial is None or record.direction != "entry" or record.act != "scan":
            return
        ref = StayRef(record.kiosk, record.generation, record.seq)
        other = presence.overlapping(self._db, record.serial, record.hall, record.scanned_at, ref)
        person = self._person(record.serial)
        if person is None:
            difference: str | None = UNKNOWN_SERIAL
        else:
            facts = self._facts(record, person, other)
            badge = _badge(record, person)
            scan = Scan(badge, Direction.ENTRY, record.scanned_at)
            difference = discrepancy(record, decide(scan, facts))
        if difference is not None:
            involved = difference in (Reason.ALREADY_INSIDE, "passback")
            add(self._db, number, difference, other if involved else None, now)

    def judge_again(self, stay: presence.Stay, now: int) -> None:
        """A stay came late: who entered by the same badge meanwhile, and is not listed yet."""
        for number in presence.entered_during(self._db, stay.ref):
            known = self._db.execute(
                "SELECT 1 FROM discrepancy WHERE number = ? AND reason IN (?, 'passback')",
                (number, Reason.ALREADY_INSIDE),
            ).fetchone()
            (body,) = self._db.execute(
                "SELECT body FROM leaf WHERE number = ?", (number,)
            ).fetchone()
            record = msgspec.convert(json.loads(body)["record"], ScanRecord)
            person = self._person(stay.serial)
            if known or person is None or record.act != "scan":
                continue
            scan = Scan(_badge(record, person), Direction.ENTRY, record.scanned_at)
            difference = discrepancy(record, decide(scan, self._facts(record, person, stay)))
            if difference in (Reason.ALREADY_INSIDE, "passback"):
                add(self._db, number, difference, stay, now)

    def _person(self, serial: int) -> sqlite3.Row | None:
        row: sqlite3.Row | None = self._db.execute(
            "SELECT a.category, a.valid_days, a.zones, a.flags, a.revoked_at,"
            " (SELECT MAX(issue) FROM badge b WHERE b.serial = a.serial) AS issue,"
            " (SELECT MAX(issued_at) FROM badge b WHERE b.serial = a.serial) AS issued_at"
            " FROM attendee a WHERE a.serial = ?",
            (serial,),
        ).fetchone()
        return row

    def _facts(self, record: ScanRecord, person: sqlite3.Row, other: presence.Stay | None) -> Facts:
        at = record.scanned_at
        issued_by_then = person["issued_at"] is not None and person["issued_at"] <= at
        return Facts(
            calendar=self._calendar,
            hall=self._hall(record.hall),
            sessions=tuple(self._sessions(record.hall, at)),
            holder=Holder(
                revoked=person["revoked_at"] is not None and person["revoked_at"] <= at,
                highest_issue=person["issue"] if issued_by_then else 0,
                invited_to=self._guest(record.serial or 0, invited=1),
                refused_from=self._guest(record.serial or 0, invited=0),
            ),
            presence=None
            if other is None
            else Presence(StayId(other.ref.kiosk, other.ref.generation, other.ref.seq)),
            free_places=1,  # the door's own affair: badges/places.py
            facts_age_ms=0,
        )

    def _hall(self, hall_id: int) -> Hall:
        if hall_id not in self._halls:
            row = self._db.execute(
                "SELECT code, zones, sessions_only, anti_passback, exits FROM hall"
                " WHERE hall_id = ?",
                (hall_id,),
            ).fetchone()
            self._halls[hall_id] = Hall(
                hall_id=hall_id,
                name=row["code"],
                categories=self._categories("hall", hall_id),
                zones=row["zones"],
                sessions_only=bool(row["sessions_only"]),
                anti_passback=AntiPassback(row["anti_passback"]),
                exits=Exits(row["exits"]),
            )
        return self._halls[hall_id]

    def _sessions(self, hall_id: int, at: int) -> Iterable[Session]:
        for row in self._db.execute(
            "SELECT session_id, code, opens_at, closes_at FROM session"
            " WHERE hall_id = ? AND closes_at > ? ORDER BY opens_at LIMIT 8",
            (hall_id, at),
        ):
            session_id = row["session_id"]
            yield Session(
                session_id=session_id,
                title=row["code"],
                opens_at=row["opens_at"],
                closes_at=row["closes_at"],
                categories=self._categories("session", session_id),
            )

    def _categories(self, owner: str, key: int) -> frozenset[int]:
        rows = self._db.execute(
            f"SELECT category FROM {owner}_category WHERE {owner}_id = ?", (key,)
        )
        return frozenset(row[0] for row in rows)

    def _guest(self, serial: int, *, invited: int) -> frozenset[int]:
        rows = self._db.execute(
            "SELECT session_id FROM session_guest WHERE serial = ? AND invited = ?",
            (serial, invited),
        )
        return frozenset(row[0] for row in rows)


def add(
    db: sqlite3.Connection, number: int, reason: str, other: presence.Stay | None, now: int
) -> None:
    """Note that the server would have answered the scan `number` otherwise."""
    other_number = None
    if other is not None:
        row = db.execute(
            "SELECT number FROM scan WHERE kiosk = ? AND generation = ? AND seq = ?",
            (other.ref.kiosk, other.ref.generation, other.ref.seq),
        ).fetchone()
        other_number = row[0] if row else None
    db.execute(
        "INSERT INTO discrepancy (number, other_number, reason, noticed_at) VALUES (?, ?, ?, ?)",
        (number, other_number, reason, now),
    )


def _badge(record: ScanRecord, person: sqlite3.Row) -> Credential:
    return Credential(
        serial=record.serial or 0,
        issue=record.issue or 1,
        category=person["category"],
        valid_days=person["valid_days"],
        zones=person["zones"],
        key_id=0,
        flags=CredentialFlag(person["flags"]),
    )
