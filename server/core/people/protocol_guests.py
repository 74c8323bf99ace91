"""Keeps the protocol guests, and notifies selected staff silently when one arrives. Doors know
nothing of it.

A guest's first entry on a day is the arrival. Each selected user keeps a notice until they mark it
as seen.
"""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from badges.admission.facts import Calendar
from badges.i18n import N_, Spoken
from badges.record import StayRef
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.people.attendees import attendee, whole_name
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.localized import names_of

DAY_MS = 86_400_000
WATCHERS_MAX = 50  # of one guest


class ProtocolGuestError(Spoken, ValueError):
    pass


@dataclass(frozen=True)
class ProtocolGuest:
    serial: int
    name: str
    organisation: str
    set_at: int
    watchers: tuple[int, ...]


@dataclass(frozen=True)
class Entered:
    """A protocol guest's entry, by scan number and time (Unix ms)."""

    serial: int
    number: int
    at: int


@dataclass(frozen=True)
class Arrival:
    """A notice to one user that a protocol guest has arrived."""

    arrival_id: int
    serial: int
    name: str
    organisation: str
    hall_names: dict[str, str]
    door_names: dict[str, str]
    at: int  # Unix ms, by the door's clock, corrected as far as its error was known
    seen_at: int | None


def set_protocol_guest(
    db: Connection, serial: int, watchers: Iterable[int], *, by: str, now: int
) -> None:
    """Exactly these users will be notified of the arrival.

    Raises UnknownAttendeeError or ProtocolGuestError.
    """
    attendee(db, serial)
    wanted = sorted(set(watchers))
    if not wanted:
        raise ProtocolGuestError(N_("choose at least one user to notify."))
    if len(wanted) > WATCHERS_MAX:
        raise ProtocolGuestError(
            N_("at most %(most)s users can be notified of one guest."), most=WATCHERS_MAX
        )
    (enabled,) = db.execute(
        "SELECT COUNT(*) FROM staff_user WHERE disabled_at IS NULL"
        f" AND {dialect.one_of('user_id')}",
        (dialect.many(wanted),),
    ).fetchone()
    if enabled != len(wanted):
        raise ProtocolGuestError(N_("one of these users is disabled or no longer exists."))
    db.execute(
        "INSERT INTO protocol_guest (serial, set_at) VALUES (?, ?) ON CONFLICT DO NOTHING",
        (serial, now),
    )
    db.execute("DELETE FROM protocol_watcher WHERE serial = ?", (serial,))
    db.executemany(
        "INSERT INTO protocol_watcher (serial, user_id) VALUES (?, ?)",
        [(serial, user_id) for user_id in wanted],
    )
    users = " ".join(str(user_id) for user_id in wanted)
    entry_log.act(db, by, Act.PROTOCOL_GUEST_SET, {"serial": serial, "users": users}, now)


def clear_protocol_guest(db: Connection, serial: int, *, by: str, now: int) -> None:
    """Stop notices of the attendee's arrival; existing ones stay.

    Raises ProtocolGuestError if the attendee is no protocol guest.
    """
    db.execute("DELETE FROM protocol_watcher WHERE serial = ?", (serial,))
    if db.execute("DELETE FROM protocol_guest WHERE serial = ?", (serial,)).rowcount < 1:
        raise ProtocolGuestError(N_("this attendee is no protocol guest."))
    entry_log.act(db, by, Act.PROTOCOL_GUEST_CLEARED, {"serial": serial}, now)


def protocol_guests(db: Connection, serial: int | None = None) -> list[ProtocolGuest]:
    """All guests by name, or only `serial`."""
    watchers: dict[int, list[int]] = {}
    for row in db.execute("SELECT serial, user_id FROM protocol_watcher ORDER BY 1, 2"):
        watchers.setdefault(row["serial"], []).append(row["user_id"])
    where, values = ("", ()) if serial is None else (" WHERE g.serial = ?", (serial,))
    rows = db.execute(
        "SELECT g.serial, g.set_at, a.given_name, a.family_name, a.organisation"
        f" FROM protocol_guest g JOIN attendee a ON a.serial = g.serial{where}"
        " ORDER BY a.family_name, a.given_name, g.serial",
        values,
    )
    return [
        ProtocolGuest(
            serial=row["serial"],
            name=whole_name(row["given_name"], row["family_name"]),
            organisation=row["organisation"],
            set_at=row["set_at"],
            watchers=tuple(watchers.get(row["serial"], ())),
        )
        for row in rows
    ]


def note_arrivals(
    db: Connection, happened: Sequence[Entered | StayRef], calendar: Calendar
) -> None:
    """Record arrivals of protocol guests, with a notice for each user to notify.

    The first entry of a day to reach the ledger is the arrival. A StayRef names an annulled entry:
    the next entry is then the arrival.
    """
    for event in happened:
        if isinstance(event, StayRef):
            _take_back(db, event, calendar)
        else:
            _add_arrival(db, event, calendar)


def _add_arrival(db: Connection, entered: Entered, calendar: Calendar) -> None:
    row = db.execute(
        "INSERT INTO arrival (serial, day, number) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"
        " RETURNING arrival_id",
        (entered.serial, day_of(calendar, entered.at), entered.number),
    ).fetchone()
    if row is not None:
        db.execute(
            "INSERT INTO arrival_notice (user_id, arrival_id)"
            " SELECT user_id, ? FROM protocol_watcher WHERE serial = ?",
            (row[0], entered.serial),
        )


def _take_back(db: Connection, annulled: StayRef, calendar: Calendar) -> None:
    """Delete the arrival by the annulled entry. If the ledger has a later entry of that day, it is
    the arrival.
    """
    row = db.execute(
        "SELECT v.arrival_id, v.serial, v.day, v.number FROM scan s"
        " JOIN arrival v ON v.number = s.number"
        " WHERE s.kiosk = ? AND s.generation = ? AND s.seq = ?",
        (annulled.kiosk, annulled.generation, annulled.seq),
    ).fetchone()
    if row is None:
        return
    db.execute("DELETE FROM arrival_notice WHERE arrival_id = ?", (row["arrival_id"],))
    db.execute("DELETE FROM arrival WHERE arrival_id = ?", (row["arrival_id"],))
    later = db.execute(
        "SELECT s.number, t.opened_at FROM scan s JOIN stay t ON t.kiosk = s.kiosk"
        " AND t.generation = s.generation AND t.seq = s.seq AND t.around = 0"
        " WHERE s.serial = ? AND s.number > ? AND s.quarantined = 0"
        " AND (t.closed_by IS NULL OR t.closed_by <> 'annul') ORDER BY s.number",
        (row["serial"], row["number"]),
    ).fetchall()
    for number, opened_at in later:
        if day_of(calendar, opened_at) == row["day"]:
            _add_arrival(db, Entered(row["serial"], number, opened_at), calendar)
            return


def day_of(calendar: Calendar, at: int) -> int:
    """Return the event's day at `at`, from 0. Days before the event are negative, and days after
    it continue the count.
    """
    starts = calendar.day_starts
    place = bisect_right(starts, at) - 1
    if place < 0:
        return (at - starts[0]) // DAY_MS
    return place + (at - starts[place]) // DAY_MS if place == len(starts) - 1 else place


def arrivals(db: Connection, user_id: int, *, limit: int) -> list[Arrival]:
    rows = db.execute(
        "SELECT v.arrival_id, v.serial, n.seen_at, s.scanned_at - COALESCE(s.skew_ms, 0) AS at,"
        " a.given_name, a.family_name, a.organisation, h.names AS hall, d.names AS door"
        " FROM arrival_notice n JOIN arrival v ON v.arrival_id = n.arrival_id"
        " JOIN scan s ON s.number = v.number JOIN attendee a ON a.serial = v.serial"
        " JOIN hall h ON h.hall_id = s.hall_id JOIN door d ON d.door_id = s.door_id"
        " WHERE n.user_id = ? ORDER BY n.arrival_id DESC LIMIT ?",
        (user_id, limit),
    )
    return [
        Arrival(
            arrival_id=row["arrival_id"],
            serial=row["serial"],
            name=whole_name(row["given_name"], row["family_name"]),
            organisation=row["organisation"],
            hall_names=names_of(row["hall"]),
            door_names=names_of(row["door"]),
            at=row["at"],
            seen_at=row["seen_at"],
        )
        for row in rows
    ]


def unseen(db: Connection, user_id: int) -> int:
    (count,) = db.execute(
        "SELECT COUNT(*) FROM arrival_notice WHERE user_id = ? AND seen_at IS NULL", (user_id,)
    ).fetchone()
    return int(count)


def is_told(db: Connection, user_id: int) -> bool:
    """Return whether the user is or was notified of any arrival."""
    (notified,) = db.execute(
        "SELECT EXISTS (SELECT 1 FROM protocol_watcher WHERE user_id = ?)"
        " OR EXISTS (SELECT 1 FROM arrival_notice WHERE user_id = ?)",
        (user_id, user_id),
    ).fetchone()
    return bool(notified)


def mark_seen(db: Connection, user_id: int, newest: int, now: int) -> int:
    """Mark the user's notices up to the arrival `newest` as seen. Return how many were unseen."""
    return db.execute(
        "UPDATE arrival_notice SET seen_at = ? WHERE user_id = ? AND arrival_id <= ?"
        " AND seen_at IS NULL",
        (now, user_id, newest),
    ).rowcount
