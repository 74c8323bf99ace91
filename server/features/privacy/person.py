import json
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote_plus

from badges.credential.badge_number import badge_number, parse_badge_number
from server.core.entry_log import erasure
from server.core.event.directory import Event
from server.core.people import attendees, card_design
from server.core.people.attendees import Attendee
from server.features.privacy.columns import PERSON, TABLES
from server.storage import dialect, durable_files
from server.storage.connection import Connection, Row
from server.storage.tables import columns_of, tables_with

Rows = list[dict[str, Any]]

# Rows about a person in tables without the column PERSON.
_WITHOUT_SERIAL = {
    "arrival_notice": "SELECT n.* FROM arrival_notice n JOIN arrival a USING (arrival_id)"
    " WHERE a.serial = ?",
    "discrepancy": "SELECT d.* FROM discrepancy d JOIN scan s USING (number) WHERE s.serial = ?",
    "attention": "SELECT * FROM attention WHERE kind = 'denials' AND subject = ?",
}

# Numbers of void badges whose attendees are gone
_VOID = (
    "SELECT u.serial FROM unknown_holder u"
    " WHERE NOT EXISTS (SELECT 1 FROM attendee a WHERE a.serial = u.serial)"
)
NEEDLE_CHARS_MIN = 4  # Shorter texts occur everywhere and prove nothing.


def tables_of_people(db: Connection) -> list[str]:
    """Return the tables with people's rows by the schema, referring tables first."""
    there = tables_with(db, PERSON)
    order = {name: place for place, name in enumerate(TABLES)}
    # Tables outside TABLES may refer to attendees, so they come first.
    return sorted(there, key=lambda name: order.get(name, -1))


def rows(db: Connection, serial: int) -> dict[str, Rows]:
    """Return a person's rows by table, without empty tables."""
    by_table: dict[str, Rows] = {}
    for table in tables_of_people(db):
        columns = ", ".join(f'"{name}"' for name in columns_of(db, table))
        query = f"SELECT {columns} FROM {table} WHERE {PERSON} = ?"
        by_table[table] = [dict(row) for row in db.execute(query, (serial,))]
    others = {
        "awaited_guest": _labelled(db, "awaited_guest", serial),
        "page_edit": edits_of(db, serial),
        "act_change": changes_of(db, serial),
        "saved_filter": filters_of(db, serial),
        "roster_mapping": mappings_of(db, serial),
    }
    for table, query in _WITHOUT_SERIAL.items():
        others[table] = db.execute(query, (serial,)).fetchall()
    by_table |= {table: [dict(row) for row in held] for table, held in others.items()}
    by_table["note"] = [asdict(note) for note in notes_of(db, serial)]
    # Rows of speakers on the roster have the serial, others only a label.
    talks = by_table.setdefault("session_speaker", [])
    labelled = [dict(row) for row in _labelled(db, "session_speaker", serial)]
    talks += [row for row in labelled if row not in talks]
    return {table: held for table, held in by_table.items() if held}


def entries(db: Connection, serial: int) -> Iterator[dict[str, Any]]:
    """Yield a person's log entries: scans, inferred exits, and related staff actions."""
    numbers = {*erasure.numbers_of(db, [serial]), *acts_naming(db, serial)}
    for number in sorted(numbers):
        row = db.execute("SELECT kind, at, body FROM leaf WHERE number = ?", (number,)).fetchone()
        record = json.loads(row["body"])
        yield {"number": number, "kind": row["kind"], "at": row["at"], "record": record}


def photos(event: Event, holder: Attendee) -> list[Path]:
    """Return a person's photos. Raises DesignError."""
    names = {holder.number, holder.external_id}
    return [path for path in all_photos(event) if durable_files.meant_for(path).stem in names]


def all_photos(event: Event) -> list[Path]:
    """Return all photos, also those that never got in place. Raises DesignError."""
    design = card_design.read_design(event)
    return design.photo_files() + design.leftover_photos()


def photos_of_erased(db: Connection, event: Event) -> list[Path]:
    """Return the photos, named by badge number, of people whom another server has erased.

    Raises DesignError.
    """
    # Badges that a restored database does not know are not revoked.
    rows = db.execute(f"{_VOID} AND u.revoked_at IS NOT NULL").fetchall()
    void = {badge_number(serial) for (serial,) in rows}
    return [path for path in all_photos(event) if durable_files.meant_for(path).stem in void]


def is_void(db: Connection, label: str) -> bool:
    """Return whether this is the number of a void badge whose attendee is gone."""
    try:
        serial = parse_badge_number(label)
    except ValueError:
        return False
    return db.execute(f"{_VOID} AND u.serial = ?", (serial,)).fetchone() is not None


def labels(holder: Attendee) -> list[str]:
    return [label for label in (holder.external_id, holder.email, holder.number) if label]


def needles(holder: Attendee) -> list[str]:
    """Return the texts that must be gone after erasing the person, unless another person has
    them.
    """
    texts = (
        holder.name, holder.latin_name, holder.email, holder.phone, holder.order_number,
        holder.external_id or "", f"{holder.family_name}{holder.given_name}",
    )  # fmt: skip
    distinct = dict.fromkeys(text for text in texts if len(text.encode()) >= NEEDLE_CHARS_MIN)
    return list(distinct)


def _labelled(db: Connection, table: str, serial: int) -> list[Row]:
    named = labels(attendees.attendee(db, serial))
    marks = " OR ".join(dialect.same_letters("label") for _ in named)
    return db.execute(f"SELECT * FROM {table} WHERE {marks}", tuple(named)).fetchall()


def edits_of(db: Connection, serial: int) -> list[Row]:
    """Return the staff edits whose texts or undo data mention a person."""
    mentions = _telling(db, serial)
    mentioning = []
    for row in db.execute("SELECT * FROM page_edit").fetchall():
        stored = json.loads(row["things"]) if row["things"] else []
        is_mentioned = mentions(f"{row['what']} {json.dumps(stored, ensure_ascii=False)}")
        if is_mentioned or serial in _numbers_in(stored):
            mentioning.append(row)
    return mentioning


def changes_of(db: Connection, serial: int) -> list[Row]:
    """Return the stored changes of a person, or of things that name them."""
    mentions = _telling(db, serial)
    rows = db.execute("SELECT * FROM act_change").fetchall()
    return [
        row
        for row in rows
        if (row["kind"] == "attendee" and row["key"] == str(serial))
        or (row["kind"] == "guest" and row["key"].endswith(f":{serial}"))
        or mentions(f"{row['before']} {row['after']}")
    ]


def filters_of(db: Connection, serial: int) -> list[Row]:
    """Return the saved filters with a person's text, or a part of the name."""
    holder = attendees.attendee(db, serial)
    parts = re.findall(r"\w{2,}", f"{holder.name} {holder.latin_name}")
    mentions = _telling(db, serial, parts)
    rows = db.execute("SELECT * FROM saved_filter").fetchall()
    return [row for row in rows if mentions(f"{row['name']} {unquote_plus(row['query'])}")]


@dataclass(frozen=True)
class Note:
    """What staff wrote into a column of `Table.notes`."""

    table: str
    column: str
    text: str

    def empty(self, db: Connection) -> None:
        db.execute(
            f"UPDATE {self.table} SET {self.column} = '' WHERE {self.column} = ?", (self.text,)
        )


def notes(db: Connection) -> list[Note]:
    columns = [(table, name) for table, kinds in TABLES.items() for name in kinds.notes.split()]
    return [
        Note(table, column, text)
        for table, column in columns
        for (text,) in db.execute(f"SELECT DISTINCT {column} FROM {table} WHERE {column} <> ''")
    ]


def notes_of(db: Connection, serial: int) -> list[Note]:
    """Return the notes by staff that have a text of the person, such as the whole name."""
    names = _naming(db, serial)
    return [note for note in notes(db) if names(note.text)]


def mappings_of(db: Connection, serial: int) -> list[Row]:
    """Return the stored mappings of rosters that have a text of the person."""
    names = _naming(db, serial)
    rows = db.execute("SELECT * FROM roster_mapping").fetchall()
    return [row for row in rows if names(f"{row['name']} {row['answers']}")]


def acts_naming(db: Connection, serial: int) -> list[int]:
    """Return the numbers of the log's acts in whose words staff named the person."""
    names = _naming(db, serial)
    return [number for number, text in erasure.acts_with_words(db) if names(text)]


def _naming(db: Connection, serial: int) -> Callable[[str], bool]:
    """Return a test whether a text has one of the person's whole texts. A part of a name alone may
    be that of another person.
    """
    texts = [text.casefold() for text in needles(attendees.attendee(db, serial))]
    return lambda text: any(part in text.casefold() for part in texts)


def _telling(db: Connection, serial: int, more: Sequence[str] = ()) -> Callable[[str], bool]:
    """Return a test whether a text mentions a person or contains one of `more`."""
    holder = attendees.attendee(db, serial)
    names = [part for part in (holder.given_name, holder.family_name) if len(part) > 1]
    texts = [part.casefold() for part in (*needles(holder), *labels(holder), *names, *more) if part]
    return lambda text: any(part in text.casefold() for part in texts)


def _numbers_in(value: object) -> Iterator[int]:
    if isinstance(value, dict):
        for item in value.values():
            yield from _numbers_in(item)
    elif isinstance(value, list):
        for item in value:
            yield from _numbers_in(item)
    elif isinstance(value, int):
        yield value
    elif isinstance(value, str) and value.isascii() and value.isdigit() and len(value) < 10:
        yield int(value)
