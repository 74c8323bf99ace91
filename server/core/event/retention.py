"""Retention periods: when which kind of record is erased.

No period is set by default. `proposal` is a suggestion to a data-protection officer;
docs/privacy.md has the reasons.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from badges.i18n import N_, Count, Spoken
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.calendar import day_starts
from server.core.event.settings import EventSettings
from server.storage.connection import Connection

DAY_MS = 86_400_000
DAYS_MAX = 3_650


class Since(StrEnum):
    """The event from which a retention period counts."""

    END = "end"  # the end of the event's last day
    MADE = "made"  # when the record was made


@dataclass(frozen=True)
class Clock:
    """A kind of record that is erased after a period. `words` describe the erased data, and
    `leaves` the remaining data.
    """

    kind: str
    since: Since
    proposal: int  # days
    words: str
    leaves: str


CLOCKS: Mapping[str, Clock] = {
    clock.kind: clock
    for clock in (
        Clock(
            "undo", Since.MADE, 7,
            N_("Data for undoing staff's last change"),
            N_("The change itself"),
        ),
        Clock(
            "kept_places", Since.END, 7,
            N_("Entitlements to kept places: wheelchair users and companions"),
            N_("How many places halls keep"),
        ),
        Clock("photos", Since.END, 7, N_("Photos on cards"), N_("Nothing of them")),
        Clock(
            "id_checks", Since.END, 30,
            N_("Identity documents checked, by person"),
            N_("The action in the entry log"),
        ),
        Clock(
            "protocol", Since.END, 30,
            N_("Guests of protocol, and notices of their arrivals"),
            N_("Their scans"),
        ),
        Clock(
            "contact", Since.END, 30,
            N_("E-mail addresses, telephone and order numbers"),
            N_("Name, organisation and badge"),
        ),
        Clock(
            "wallets", Since.END, 30,
            N_("Wallet passes, the phones that have one, and calendars"),
            N_("Data on the phones"),
        ),
        Clock(
            "invitations", Since.END, 30,
            N_("Invitations of people who never registered"),
            N_("Invitations of attendees"),
        ),
        Clock(
            "mails", Since.MADE, 90,
            N_("Recipients of mails, and the mail server's answers"),
            N_("Nothing of them"),
        ),
        Clock(
            "desk", Since.MADE, 90,
            N_("The badge desk's work and prints, by person"),
            N_("The actions in the entry log"),
        ),
        Clock(
            "movements", Since.END, 90,
            N_("The persons of scans and stays"),
            N_("The scans and stays, without the person"),
        ),
        Clock(
            "devices", Since.MADE, 180,
            N_("Browsers and addresses from which staff signed in"),
            N_("The actions in the entry log"),
        ),
        Clock(
            "people", Since.END, 365,
            N_("All attendees with everything of them"),
            N_("Halls, sessions, numbers, and a log that still verifies"),
        ),
    )
}  # fmt: skip


class ClockError(Spoken, ValueError):
    pass


@dataclass(frozen=True)
class Set:
    days: int
    by: str
    at: int


@dataclass(frozen=True)
class Done:
    """The result of erasing due records of a kind. `left_over` records could not be erased."""

    at: int
    kind: str
    by: str
    count: int
    left_over: int


def settings(db: Connection) -> dict[str, Set]:
    rows = db.execute("SELECT kind, days, set_by, set_at FROM retention_clock")
    return {
        row["kind"]: Set(row["days"], row["set_by"], row["set_at"])
        for row in rows
        if row["kind"] in CLOCKS
    }


def put(db: Connection, wanted: Mapping[str, int | None], *, by: str, now: int) -> list[str]:
    """Set retention periods in days by kind; None removes a period. Return the kinds that changed.

    Raises ClockError, with nothing changed.
    """
    for kind, days in wanted.items():
        if kind not in CLOCKS:
            raise ClockError(
                N_("There is no kind of record %(kind)s: choose %(clocks)s."),
                kind=repr(kind),
                clocks=", ".join(CLOCKS),
            )
        if days is not None and not 0 <= days <= DAYS_MAX:
            raise ClockError(
                N_("Days are a whole number from 0 to %(most)s."), most=Count(DAYS_MAX)
            )
    before = {kind: period.days for kind, period in settings(db).items()}
    changed = [kind for kind, days in wanted.items() if before.get(kind) != days]
    for kind in changed:
        days = wanted[kind]
        db.execute("DELETE FROM retention_clock WHERE kind = ?", (kind,))
        if days is not None:
            db.execute("INSERT INTO retention_clock VALUES (?, ?, ?, ?)", (kind, days, by, now))
        value = "off" if days is None else days
        entry_log.act(db, by, Act.RETENTION_SET, {"clock": kind, "days": value}, now)
    return changed


def ends_at(event: EventSettings) -> int:
    return day_starts(event)[-1]


def limit(clock: Clock, days: int, event: EventSettings, now: int) -> int | None:
    """Return the time (Unix ms) before which records are due, or None if none are.

    Once a period after the event's end is over, all records are due.
    """
    if clock.since is Since.MADE:
        return now - days * DAY_MS
    return now if now >= ends_at(event) + days * DAY_MS else None


def last_runs(db: Connection, limit: int) -> list[Done]:
    rows = db.execute(
        "SELECT at, kind, made_by, count, left_over FROM retention_run ORDER BY run_id DESC"
        " LIMIT ?",
        (limit,),
    )
    return [Done(*row) for row in rows]


def note(db: Connection, done: Done) -> None:
    """The entry log gets only the count."""
    db.execute(
        "INSERT INTO retention_run (at, kind, made_by, count, left_over) VALUES (?, ?, ?, ?, ?)",
        (done.at, done.kind, done.by, done.count, done.left_over),
    )
    entry_log.act(
        db, done.by, Act.RETENTION_RUN, {"clock": done.kind, "count": done.count}, done.at
    )
