"""Erases one person and keeps all totals.

Scans and stays remain without a person. Printed badges' numbers are kept as void: the cards may
still be shown.
"""

import json
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from badges.credential.badge_number import badge_number
from badges.i18n import N_, Phrase, Spoken
from badges.wire import wire
from server.core.edits.last_edit import mark_of
from server.core.entry_log import entry_log, erasure
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.occupancy import copies
from server.core.people import attendees, search
from server.core.second_disk.copy import Backup, backups, delete_all
from server.features.privacy import person, places
from server.features.privacy.columns import PERSON, TABLES, Erasure
from server.features.privacy.forgetting import note_erasure
from server.storage import database_file, dialect, files_to_delete
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError
from server.storage.files_to_delete import delete_after_commit
from server.web import jobs, shared_uploads

log = logging.getLogger(__name__)

COUNTED = N_(
    "Nothing was erased: this person is counted in a hall. Wait until they left, or count the hall"
    " as empty."
)
PRINTING = N_(
    "Nothing was erased: a badge of this person is being printed. Wait until it is out, or give the"
    " job up."
)
NOT_WRITTEN_ANEW = N_(
    "The database's file was not rewritten. Erased data may remain in it until the next "
    "erasure. Does the disk have space for a second copy of the database?"
)
IN_REPOSITORY = N_(
    "The repository of backups still has this person, and nothing is deleted there from here:"
    " docs/privacy.md has the command."
)
NOT_DELETED = N_(
    "A file of this person can't be deleted now. It is tried again every day; the server's log"
    " names its directory."
)
NOT_FOLDED = N_(
    "A long-running reader kept the database's log from being folded. Erased data remains in it"
    " for some minutes more, or until the server is stopped."
)


class PersonError(Spoken, ValueError):
    """The person can't be erased now."""


@dataclass(frozen=True)
class Plan:
    number: str
    person: str  # a key that differs once they have another name or registration
    counts: dict[str, int]  # Rows by table
    entries: int
    photos: tuple[Path, ...]
    uploads: tuple[Path, ...]
    shared_uploads: int
    backups: tuple[Backup, ...]
    has_repository: bool  # Copies of backups are elsewhere, and not deleted from here.
    refusal: str

    def keys(self) -> list[str]:
        """Return the keys of what an erasure's confirmation names: the person and the files.

        Their records may become more meanwhile, by a scan say. All of them are erased.
        """
        uploads = [f"upload {mark_of({'name': path.name})}" for path in self.uploads]
        return [
            self.person,
            *(f"photo {path.name}" for path in self.photos),
            *(uploads + [f"upload {number}" for number in range(self.shared_uploads)]),
            *(f"backup {backup.path.name}" for backup in self.backups),
        ]

    @property
    def deleted(self) -> dict[str, int]:
        return {table: n for table, n in self.counts.items() if table not in ("stay", "scan")}


@dataclass(frozen=True)
class Erased:
    """A finished erasure. `needles` are the person's texts, for finding leftovers."""

    number: str
    entries: int
    needles: tuple[str, ...]


def plan(db: Connection, event: Event, serial: int) -> Plan:
    """Raises UnknownAttendeeError or DesignError."""
    holder = attendees.attendee(db, serial)
    held = person.rows(db, serial)
    return Plan(
        holder.number,
        f"person {mark_of({'name': holder.name, 'registration': holder.external_id})}",
        {table: len(rows) for table, rows in held.items()},
        len({*erasure.numbers_of(db, [serial]), *person.acts_naming(db, serial)}),
        tuple(person.photos(event, holder)),
        tuple(places.to_empty(event)),
        shared_uploads.count(db),
        tuple(old_backups(event)),
        event.settings.backup_repository is not None,
        refusal(db, serial),
    )


def erase(db: Connection, event: Event, serial: int, *, by: str, now: int) -> Erased:
    """Erase a person in the caller's transaction. After the commit their photos and all pending
    uploads are deleted.

    Call `settle` after the commit. Raises PersonError, UnknownAttendeeError, DesignError or
    OSError, with the database unchanged.
    """
    holder = attendees.attendee(db, serial)
    why_not = refusal(db, serial)
    if why_not:
        raise PersonError(why_not)
    held = person.rows(db, serial)
    photos = person.photos(event, holder)
    with database_file.deleted_is_overwritten(db):
        acts = person.acts_naming(db, serial)
        _erase_lists(db, serial)
        entries = erase_rows(db, [serial], now=now, also=acts)
        search.drop_deleted(db)
        shared_uploads.forget_all(db)
        jobs.drop_files(db, now)
        note_erasure(db)
    if {"session_speaker", "accessible_guest", "session_guest", "awaited_guest"} & held.keys():
        changes.publish_venue(db)
    # Naming the entries or the person would link them again.
    entry_log.act(db, by, Act.PERSON_ERASED, {}, now)
    for path in (*photos, *places.to_empty(event)):
        delete_after_commit(db, path)
    return Erased(holder.number, entries, tuple(person.needles(holder)))


def shown_words(key: str) -> str:
    """How people call a key of `Plan.keys`. The text may be anything."""
    kind, _, name = key[:60].partition(" ")
    if kind == "person":
        return Phrase("the person's name or registration")
    if kind == "photo":
        return Phrase("photo %(name)s", name=name)
    if kind == "backup":
        return Phrase("backup %(name)s", name=name)
    return Phrase("an uploaded file") if kind == "upload" else key[:60]


def settle(event: Event, database: Database) -> str:
    """Forget the names of deleted files, and rewrite the database's file, so that no erased byte
    remains.

    Return "", or why some may remain and the remedy, as a marked text. Raises nothing.
    """
    try:
        if files_to_delete.sweep(database):
            return NOT_DELETED
        return "" if database_file.written_anew(event.database_path) else NOT_FOLDED
    except (EngineError, DatabaseError) as error:
        log.error("the database's file was not rewritten after an erasure: %s", error)
        return NOT_WRITTEN_ANEW


def old_backups(event: Event) -> list[Backup]:
    directory = event.named_backup_path
    return backups(directory) if directory is not None and directory.is_dir() else []


def delete_backups(database: Database, event: Event, *, by: str, now: int) -> int:
    """Delete all backups, after an erasure, and return their number. Raises OSError.

    The log has it before the first is deleted: without the log entry, none is.
    """
    count = len(old_backups(event))
    if count:
        database.write(lambda db: entry_log.act(db, by, Act.BACKUPS_DELETED, {"count": count}, now))
    directory = event.named_backup_path
    return delete_all(directory) if directory is not None and directory.is_dir() else 0


def refusal(db: Connection, serial: int) -> str:
    """Return why a person can't be erased and the remedy, as a marked text, or ""."""
    if erasure.is_counted(db, serial):
        return COUNTED
    printing = "SELECT 1 FROM print_job WHERE serial = ? AND state IN ('waiting', 'printing')"
    return PRINTING if db.execute(printing, (serial,)).fetchone() else ""


def _erase_lists(db: Connection, serial: int) -> None:
    """Erase rows that name the person without their serial, and referring rows."""
    db.execute(
        "DELETE FROM arrival_notice WHERE arrival_id IN"
        " (SELECT arrival_id FROM arrival WHERE serial = ?)",
        (serial,),
    )
    for row in person.edits_of(db, serial):
        db.execute("DELETE FROM page_edit WHERE edit_id = ?", (row["edit_id"],))
    for row in person.changes_of(db, serial):
        db.execute(
            "DELETE FROM act_change WHERE number = ? AND place = ?", (row["number"], row["place"])
        )
    for row in person.filters_of(db, serial):
        db.execute("DELETE FROM saved_filter WHERE filter_id = ?", (row["filter_id"],))
    for mapping in person.mappings_of(db, serial):
        db.execute("DELETE FROM roster_mapping WHERE name = ?", (mapping["name"],))
    for note in person.notes_of(db, serial):
        note.empty(db)
    for label in person.labels(attendees.attendee(db, serial)):
        for table in ("awaited_guest", "session_speaker"):
            db.execute(f"DELETE FROM {table} WHERE {dialect.same_letters('label')}", (label,))
    db.execute("DELETE FROM session_speaker WHERE serial = ?", (serial,))


def erase_rows(
    db: Connection, serials: Sequence[int], *, now: int, also: Sequence[int] = ()
) -> int:
    """Erase the rows and log records of people in no hall, and void their badges at the doors.
    Return the number of erased log entries. `also` are numbers of acts whose words name them.

    The caller erases lists that name people by text, text indexes and files.
    """
    wanted, of_them = dialect.many(serials), dialect.one_of(PERSON)
    with database_file.deleted_is_overwritten(db):
        entries = erasure.forget(db, serials, also=also)
        _forget_in_messages(db, serials)
        void = db.execute(
            f"SELECT serial, MAX(issue) FROM (SELECT serial, issue FROM badge WHERE {of_them}"
            f" UNION SELECT serial, issue FROM withdrawn_badge WHERE {of_them}) AS badges"
            " GROUP BY serial",
            (wanted, wanted),
        ).fetchall()
        sealed = [
            row[0]
            for table in ("badge", "withdrawn_badge", "day_credential")
            for row in db.execute(f"SELECT lookup FROM {table} WHERE {of_them}", (wanted,))
        ]
        db.execute(
            f"DELETE FROM attention WHERE kind = 'denials' AND {dialect.one_of('subject')}",
            (wanted,),
        )
        _number_together(db, wanted)
        for table in person.tables_of_people(db):
            entry = TABLES.get(table)
            if entry is None or entry.erasure is Erasure.DELETED:
                db.execute(f"DELETE FROM {table} WHERE {of_them}", (wanted,))
            elif entry.erasure is Erasure.NUMBERED:
                numbered = f"UPDATE {table} SET {PERSON} = {dialect.nobody()} WHERE {of_them}"
                db.execute(numbered, (wanted,))
    db.executemany(
        "INSERT INTO unknown_holder (serial, highest_issue, revoked_at) VALUES (?, ?, ?)",
        [(serial, issue, now) for serial, issue in void],
    )
    facts = [wire.HolderChanged(copies.holder_facts(db, serial)) for serial, _ in void]
    changes.publish_all(db, facts)
    if sealed:
        changes.publish(db, wire.NamesChanged(sealed))
    return entries


def _forget_in_messages(db: Connection, serials: Sequence[int]) -> None:
    """Set these people's badge numbers in undelivered messages to null. Delivered ones have no
    body.
    """
    numbers = {badge_number(serial) for serial in serials}
    rows = db.execute(
        "SELECT message_id, body FROM webhook_message WHERE body IS NOT NULL"
    ).fetchall()
    for row in rows:
        body = json.loads(row["body"])
        data = body["data"]
        entries = [
            entry for entry in (data, *data.get("entries", ())) if entry.get("badge") in numbers
        ]
        for entry in entries:
            entry["badge"] = None
        if entries:
            db.execute(
                "UPDATE webhook_message SET body = ? WHERE message_id = ?",
                (json.dumps(body, ensure_ascii=False).encode(), row["message_id"]),
            )


def _number_together(db: Connection, wanted: str) -> None:
    """Replace each person's serial by one new number per muster, so that list and sightings
    still match.
    """
    of_them = dialect.one_of(PERSON)
    groups: dict[str, list[str]] = {}
    for table, entry in TABLES.items():
        if entry.together:
            groups.setdefault(entry.together, []).append(table)
    for column, tables in groups.items():
        query = " UNION ".join(
            f"SELECT {column}, {PERSON} FROM {table} WHERE {of_them}" for table in tables
        )
        members = db.execute(query, (wanted,) * len(tables)).fetchall()
        for value, serial in [(row[0], row[1]) for row in members]:
            (number,) = db.execute(f"SELECT {dialect.nobody()}").fetchone()
            for table in tables:
                db.execute(
                    f"UPDATE {table} SET {PERSON} = ? WHERE {column} = ? AND {PERSON} = ?",
                    (number, value, serial),
                )
