"""Reads, registers and changes single attendees.

A badge contains the attendee's data at the time of issue, so changes to `CARRIED` need a reissue.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from badges.credential.badge_number import SERIAL_MAX, badge_number, parse_badge_number
from badges.credential.credential import ALL_DAYS, ALL_ZONES
from badges.i18n import N_, Phrase, Spoken
from badges.roster import cells
from badges.roster.columns import COLUMN_WORDS
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.feed import changes
from server.core.people import search
from server.core.people.folding import readings
from server.storage import dialect, errors
from server.storage.connection import Connection, Row
from server.storage.tables import tables

CARRIED = frozenset(
    {
        "given_name", "family_name", "organisation", "country",
        "category", "valid_days", "zones", "flags",
    }
)  # fmt: skip
CHANGEABLE = CARRIED | {
    "external_id", "email", "language", "latin_name", "job_title", "phone", "order_number",
}  # fmt: skip
_EAST_ASIAN = re.compile(
    r"[\u3005\u3007\u3040-\u30ff\u3400-\u9fff\uac00-\ud7a3\U00020000-\U0003ffff]+"
)
_BITS = {"category": 0xFF, "valid_days": ALL_DAYS, "zones": ALL_ZONES, "flags": 0b11}
_READERS: Mapping[str, Callable[[str], str]] = {
    "email": cells.email,
    "external_id": cells.external_id,
    "country": cells.country,
    "language": cells.language,
    "latin_name": cells.latin_name,
    "phone": cells.phone,
    "order_number": cells.external_id,
}

Random = Callable[[int], bytes]


# Column names equal `Attendee`'s fields.
SELECT = (
    "SELECT a.serial, a.external_id, a.given_name, a.family_name, a.organisation, a.country,"
    " a.email, a.category, a.valid_days, a.zones, a.flags, a.language, a.created_at, a.revoked_at,"
    " COALESCE((SELECT MAX(b.issue) FROM badge b WHERE b.serial = a.serial), 0) AS issue,"
    " a.latin_name, a.phone, a.order_number, a.job_title"
    " FROM attendee a"
)


class UnknownAttendeeError(Spoken, ValueError):
    pass


class AttendeeError(Spoken, ValueError):
    pass


@dataclass(frozen=True)
class Attendee:
    """A person on the roster. `issue` is the number of the newest badge, or 0 if there is none."""

    serial: int
    external_id: str | None
    given_name: str  # the whole name if there is no family name
    family_name: str
    organisation: str
    country: str
    email: str
    category: int
    valid_days: int
    zones: int
    flags: int
    language: str
    created_at: int
    revoked_at: int | None
    issue: int = 0
    latin_name: str = ""  # the whole name in Latin letters, from the roster
    phone: str = ""
    order_number: str = ""  # not unique
    job_title: str = ""

    @property
    def name(self) -> str:
        return whole_name(self.given_name, self.family_name)

    @property
    def number(self) -> str:
        return badge_number(self.serial)


def whole_name(given_name: str, family_name: str) -> str:
    """Join both names. In Han, kana and hangul the family name comes first, without a space."""
    if _EAST_ASIAN.fullmatch(given_name) and _EAST_ASIAN.fullmatch(family_name):
        return family_name + given_name
    return f"{given_name} {family_name}".strip()


def attendee_of(row: Row) -> Attendee:
    return Attendee(**dict(row))


def attendee(db: Connection, serial: int) -> Attendee:
    row = db.execute(f"{SELECT} WHERE a.serial = ?", (serial,)).fetchone()
    if row is None:
        raise UnknownAttendeeError(Phrase("There is no attendee with this badge number."))
    return attendee_of(row)


def find_by_label(db: Connection, label: str) -> int:
    """Return the serial of the attendee with this external id, else with this badge number.

    Raises UnknownAttendeeError.
    """
    row = db.execute("SELECT serial FROM attendee WHERE external_id = ?", (label,)).fetchone()
    if row is not None:
        return int(row[0])
    try:
        return attendee(db, parse_badge_number(label)).serial
    except ValueError:
        raise UnknownAttendeeError(
            Phrase(
                "There is no attendee with the badge number or external id %(label)s.",
                label=repr(label[:64]),
            )
        ) from None


# SQL condition for the labels of a person; the parameters are `labels_of`.
OF_LABELS = f"label <> '' AND (label = ? OR {dialect.same_letters('label')})"


def labels_of(person: Attendee) -> tuple[str, str]:
    """Return what files may name a person by."""
    return person.external_id or "", person.email


def people_of_label(db: Connection, label: str) -> list[Row]:
    """Return attendees (serial and names) with this external id or e-mail address."""
    return db.execute(
        "SELECT serial, given_name, family_name FROM attendee WHERE external_id = ?"
        f" OR ({dialect.same_letters('email')} AND email <> '')",
        (label, label),
    ).fetchall()


def find_attendees(
    db: Connection, text: str, limit: int = 50, offset: int = 0
) -> tuple[list[Attendee], int]:
    """Return a page of attendees that match all words of `text` (see `search`), sorted by name, and
    the total count. A badge number matches its attendee.
    """
    order = "ORDER BY a.family_name, a.given_name, a.serial LIMIT ? OFFSET ?"
    if not text.strip():
        (total,) = db.execute("SELECT COUNT(*) FROM attendee").fetchone()
        rows = db.execute(f"{SELECT} {order}", (limit, offset)).fetchall()
        return [attendee_of(row) for row in rows], total
    serials = matching(db, text)
    # Materialised, so that count and page need one pass.
    rows = db.execute(
        f"WITH found AS MATERIALIZED (SELECT a.serial FROM attendee a WHERE"
        f" {dialect.one_of('a.serial')} {order}) {SELECT} WHERE a.serial IN"
        " (SELECT serial FROM found)"
        " ORDER BY a.family_name, a.given_name, a.serial",
        (dialect.many(serials), limit, offset),
    ).fetchall()
    return [attendee_of(row) for row in rows], len(serials)


def matching(db: Connection, text: str) -> set[int]:
    """Return attendees who match all words, else those who sound like it."""
    serials = {
        row["serial"]
        for words in readings(text)
        for row in db.execute(*search.anywhere(words)).fetchall()
    }
    serials.update(_of_number(db, text))
    return serials or _alike(db, text)


def _alike(db: Connection, text: str) -> set[int]:
    wanted = filter(None, map(search.alike, readings(text)))
    return {row["serial"] for alike in wanted for row in db.execute(*alike).fetchall()}


def _of_number(db: Connection, text: str) -> list[int]:
    try:
        return [attendee(db, parse_badge_number(text)).serial]
    except ValueError:
        return []


def count_people(db: Connection) -> int:
    (count,) = db.execute("SELECT COUNT(*) FROM attendee").fetchone()
    return int(count)


def more_people_than(db: Connection, count: int) -> bool:
    """Does not count all attendees."""
    row = db.execute("SELECT 1 FROM attendee LIMIT 1 OFFSET ?", (count,)).fetchone()
    return row is not None


def draw_serial(is_taken: Callable[[int], bool], random: Random) -> int:
    """Return an unused serial, not 0. Random badge numbers reveal nothing."""
    while True:
        serial = int.from_bytes(random(3), "big")
        if serial and not is_taken(serial):
            return serial


def add_attendee(
    db: Connection, values: Mapping[str, Any], *, by: str, now: int, random: Random
) -> Attendee:
    """Raises AttendeeError.

    `values` has columns of `CHANGEABLE`; a name and a category are required.
    """
    row = {
        "external_id": None, "given_name": "", "family_name": "", "organisation": "",
        "country": "", "email": "", "valid_days": ALL_DAYS, "zones": ALL_ZONES, "flags": 0,
        "language": "en",
    } | checked(values)  # fmt: skip
    if "category" not in row or not (row["given_name"] or row["family_name"]):
        raise AttendeeError(N_("An attendee needs a name and a category."))
    if count_people(db) > SERIAL_MAX // 2:
        raise AttendeeError(N_("The event has too many attendees for its badge numbers."))
    _refuse_known_email(db, row["email"], 0)
    serial = draw_serial(lambda candidate: _is_taken(db, candidate), random)
    row |= {"serial": serial, "created_at": now, "revoked_at": None}
    try:
        tables(db).table("attendee").insert(row)
    except errors.ConstraintError as error:
        raise _refusal(error) from None
    search.fold(db)
    entry_log.act(db, by, Act.ATTENDEE_ADDED, {"serial": serial}, now)
    return attendee(db, serial)


def change_attendee(
    db: Connection, serial: int, values: Mapping[str, Any], *, by: str, now: int,
    may_share_email: bool = False,
) -> bool:  # fmt: skip
    """Change columns of `CHANGEABLE`. Return whether an issued badge is now out of date.

    `may_share_email` is for an address that the event had before, as of a delegation's office.

    Raises UnknownAttendeeError or AttendeeError.
    """
    before = attendee(db, serial)
    changed = {
        column: value
        for column, value in checked(values).items()
        if getattr(before, column) != value
    }
    if not changed:
        return False
    if not may_share_email:
        _refuse_known_email(db, changed.get("email", ""), serial)
    try:
        tables(db).table("attendee").update(serial, changed)
    except errors.ConstraintError as error:
        raise _refusal(error) from None
    search.fold(db)
    after = attendee(db, serial)
    if not after.name:
        raise AttendeeError(N_("An attendee needs a name."))
    columns = ",".join(sorted(changed))
    entry_log.act(db, by, Act.ATTENDEE_CHANGED, {"serial": serial, "columns": columns}, now)
    if after.name != before.name:
        halls = _halls_of_speaker(db, serial)
        if halls:
            changes.publish_venue(db, halls if len(halls) == 1 else None)
    return before.issue > 0 and bool(CARRIED & changed.keys())


def _halls_of_speaker(db: Connection, serial: int) -> list[int]:
    rows = db.execute(
        "SELECT DISTINCT hall_id FROM session JOIN session_speaker USING (session_id)"
        " WHERE serial = ?",
        (serial,),
    )
    return [row[0] for row in rows]


def checked(values: Mapping[str, Any]) -> dict[str, Any]:
    """Normalise values for the database. Raises AttendeeError."""
    checked: dict[str, Any] = {}
    for column, value in values.items():
        if column not in CHANGEABLE:
            raise AttendeeError(N_("%(column)s can't be set."), column=column)
        if column in _BITS:
            if type(value) is not int or not 0 <= value <= _BITS[column]:
                raise AttendeeError(
                    N_("%(column)s is a whole number from 0 to %(bits)s."),
                    column=column,
                    bits=_BITS[column],
                )
            checked[column] = value
            continue
        try:
            text = cells.clean(column, value or "")
            read = _READERS.get(column)
            checked[column] = read(text) if read and text else text
        except cells.CellError as error:
            named = Phrase(COLUMN_WORDS[column])
            raise AttendeeError(
                N_("%(column)s: %(error)s."), column=named, error=error.phrase
            ) from None
    if checked.get("external_id") == "":
        checked["external_id"] = None
    return checked


def _refuse_known_email(db: Connection, email: str, own: int) -> None:
    """Refuse another attendee's e-mail address. At the desk, a known address means a known person;
    a roster may share one.
    """
    same_email = f"{dialect.same_letters('email')} AND email <> ''"
    query = f"SELECT 1 FROM attendee WHERE {same_email} AND serial <> ?"
    if db.execute(query, (email, own)).fetchone() is not None:
        raise AttendeeError(N_("Another attendee has this e-mail address."))


def _refusal(error: errors.ConstraintError) -> AttendeeError:
    if errors.is_about(error, "external_id"):
        return AttendeeError(Phrase("Another attendee has this external id."))
    return AttendeeError(Phrase("There is no such category."))


def _is_taken(db: Connection, serial: int) -> bool:
    query = "SELECT 1 FROM attendee WHERE serial = ? UNION SELECT 1 FROM unknown_holder"
    return db.execute(f"{query} WHERE serial = ?", (serial, serial)).fetchone() is not None
