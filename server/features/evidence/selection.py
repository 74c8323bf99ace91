"""Selects the records that an export of the entry log shows. All others stay commitments."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from badges.credential.badge_number import badge_number, parse_badge_number
from badges.i18n import N_, Spoken
from server.core.entry_log import entry_log
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.storage import dialect
from server.storage.connection import Connection


class SelectionError(Spoken):
    """The selection names something that does not exist."""


@dataclass(frozen=True)
class Selection:
    """Selects all records, or those of a hall, period (Unix ms, end exclusive) or person. `text`
    names the selection.
    """

    text: str = "all"
    hall_id: int | None = None
    since: int | None = None
    until: int | None = None
    serial: int | None = None

    @property
    def ids(self) -> dict[str, int]:
        """Return the ids for logging the export. The serial has its own field for erasures."""
        values = {"hall": self.hall_id, "since": self.since, "serial": self.serial}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def whole(self) -> bool:
        return self.hall_id is None and self.since is None and self.serial is None

    def numbers(self, db: Connection) -> Iterator[int]:
        """Yield the selected leaves' numbers in order, unless all are selected."""
        if self.since is not None:
            statement = (
                "SELECT l.number FROM leaf l LEFT JOIN scan s USING (number)"
                " WHERE COALESCE(s.scanned_at, l.at) >= ? AND COALESCE(s.scanned_at, l.at) < ?"
                " ORDER BY l.number"
            )
            values: tuple[int | None, ...] = (self.since, self.until)
        else:
            field, value = ("serial", self.serial)
            column = "serial"
            if self.hall_id is not None:
                field, column, value = "hall", "hall_id", self.hall_id
            statement = (
                f"SELECT number FROM scan WHERE {column} = ?"
                f" UNION SELECT number FROM leaf WHERE {entry_log.ACTS}"
                f" AND {dialect.in_json('body', 'subject', field)} = ? ORDER BY number"
            )
            values = (value, value)
        for (number,) in db.execute(statement, values):
            yield number


def selected(
    db: Connection,
    event: Event,
    *,
    hall: str | None = None,
    day: str | None = None,
    badge: str | None = None,
) -> Selection:
    """Return the selection for a hall's code, a day (2026-05-26), or a badge number, else all.
    Raises SelectionError.
    """
    if sum(value is not None for value in (hall, day, badge)) > 1:
        raise SelectionError(N_("choose one of hall, day and person."))
    if hall is not None:
        halls = {
            row["code"]: row["hall_id"] for row in db.execute("SELECT code, hall_id FROM hall")
        }
        if hall not in halls:
            raise SelectionError(
                N_("there is no hall %(hall)s; there are %(halls)s."),
                hall=repr(hall), halls=", ".join(halls) or "none",
            )  # fmt: skip
        return Selection(f"hall {hall}", hall_id=halls[hall])
    if day is not None:
        return _day(event, day)
    if badge is not None:
        try:
            serial = parse_badge_number(badge)
        except ValueError:
            raise SelectionError(
                N_("%(text)s is not a badge number such as %(example)s."),
                text=repr(badge[:40]), example=badge_number(0x1F3A7),
            ) from None  # fmt: skip
        return Selection(f"badge {badge_number(serial)}", serial=serial)
    return Selection()


def _day(event: Event, text: str) -> Selection:
    try:
        asked = date.fromisoformat(text)
    except ValueError:
        raise SelectionError(
            N_("%(day)s is not a date such as 2026-05-26."), day=repr(text)
        ) from None
    starts = day_starts(event.settings)
    number = (asked - event.settings.first_day).days
    if not 0 <= number < len(starts) - 1:
        raise SelectionError(N_("%(day)s is not a day of the event."), day=text)
    return Selection(f"day {text}", since=starts[number], until=starts[number + 1])
