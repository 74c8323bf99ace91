"""Erases expired records, few people at a time, so that doors don't wait."""

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

from server.core.entry_log import erasure
from server.core.event import retention as clocks
from server.core.event.directory import Event
from server.core.event.retention import CLOCKS, Clock, Done
from server.core.people import search
from server.features.privacy import erase, person
from server.features.privacy.forgetting import note_erasure
from server.features.privacy.person import all_photos
from server.storage import database_file, dialect, files_to_delete
from server.storage.connection import Connection
from server.storage.database import Database
from server.web import jobs

PEOPLE_TOGETHER = 500  # In one transaction

# Tables and conditions to delete for each kind, referring tables first. Rows before `:limit`
# expire.
_DELETED: dict[str, tuple[tuple[str, str], ...]] = {
    "undo": (("page_edit", "made_at < :limit"),),
    "kept_places": (("accessible_guest", "TRUE"),),
    "id_checks": (("id_check", "TRUE"),),
    "protocol": (
        ("arrival_notice", "TRUE"),
        ("arrival", "TRUE"),
        ("protocol_watcher", "TRUE"),
        ("protocol_guest", "TRUE"),
    ),
    "wallets": (("wallet_device", "TRUE"), ("wallet_pass", "TRUE"), ("calendar_person", "TRUE")),
    "invitations": (
        ("awaited_guest", "TRUE"),
        ("session_speaker", "serial IS NULL"),
    ),
    "mails": (("mail", "at < :limit"),),
    "desk": (
        ("desk_submission", "made_at < :limit"),
        ("print_job", "made_at < :limit AND state NOT IN ('waiting', 'printing')"),
    ),
    "devices": (("known_device", "seen_at < :limit"), ("web_session", "seen_at < :limit")),
}
# An address or a number in words
_CONTACT_TEXT = re.compile(r"@|\d{4}")
_REACHED = "email <> '' OR phone <> '' OR order_number <> ''"
_BY_ADDRESS = "label LIKE '%@%'"  # Invited people and speakers, as a file names them
# How many people can be reached, on the roster and in lists
_CONTACT = (
    f"attendee WHERE {_REACHED}", f"awaited_guest WHERE {_BY_ADDRESS}",
    f"session_speaker WHERE {_BY_ADDRESS}",
)  # fmt: skip
_HOLDERS = {
    "movements": "SELECT serial FROM stay WHERE serial >= 0 UNION SELECT serial FROM scan"
    " WHERE serial IS NOT NULL",
    "people": "SELECT serial FROM attendee",
}


@dataclass(frozen=True)
class Due:
    clock: Clock
    days: int
    count: int


def due(db: Connection, event: Event, *, now: int) -> list[Due]:
    """Return the records that a run would erase now. Raises DesignError."""
    pending = []
    for kind, setting in clocks.settings(db).items():
        before = clocks.limit(CLOCKS[kind], setting.days, event.settings, now)
        count = 0 if before is None else _count(db, event, kind, before)
        pending.append(Due(CLOCKS[kind], setting.days, count))
    order = list(CLOCKS)
    return sorted(pending, key=lambda setting: order.index(setting.clock.kind))


def run(database: Database, event: Event, *, by: str, now: int) -> list[Done]:
    """Erase expired records, and return a summary. Raises DesignError, OSError and EngineError.

    After a failure erased records stay erased; the next run continues. Files that earlier commits
    have left over are deleted too.
    """
    done = []
    files_to_delete.sweep(database)
    for item in due(database.reader, event, now=now):
        before = clocks.limit(item.clock, item.days, event.settings, now)
        if not item.count or before is None:
            continue
        count = _erase(database, event, item.clock.kind, before, by=by, now=now)
        left_over = _count(database.reader, event, item.clock.kind, before)
        if not count:
            continue
        finished = Done(now, item.clock.kind, by, count, left_over)
        database.write(lambda db, finished=finished: clocks.note(db, finished))  # type: ignore[misc]
        done.append(finished)
    if done:
        database.write(partial(_drop_words, now=now))
        jobs.delete_dropped(database.reader, event.path)
        # The file is not rewritten while doors are busy; deleted rows are overwritten.
        if now >= clocks.ends_at(event.settings):
            database_file.written_anew(event.database_path)
    return done


def _drop_words(db: Connection, *, now: int) -> None:
    with database_file.deleted_is_overwritten(db):
        search.fold(db)
        search.drop_deleted(db)
        jobs.drop_files(db, now)
        note_erasure(db)


def _count(db: Connection, event: Event, kind: str, before: int) -> int:
    if kind == "photos":
        return len(all_photos(event))
    if kind == "contact":
        return _count_contact(db)
    if kind in _HOLDERS:
        return _one(db, f"SELECT COUNT(*) FROM ({_HOLDERS[kind]}) AS holders")
    return sum(_one(db, f"SELECT COUNT(*) {rows}") for rows in _rows(kind, before))


def _count_contact(db: Connection) -> int:
    return sum(_one(db, f"SELECT COUNT(*) FROM {rows}") for rows in _CONTACT)


def _rows(kind: str, before: int) -> Iterator[str]:
    """Yield the FROM clauses of the rows to delete for a kind."""
    for table, which in _DELETED[kind]:
        yield f"FROM {table} WHERE {which.replace(':limit', str(int(before)))}"


def _one(db: Connection, query: str) -> int:
    return int(db.execute(query).fetchone()[0])


def _erase(database: Database, event: Event, kind: str, before: int, *, by: str, now: int) -> int:
    if kind in ("photos", "people"):
        photos = all_photos(event)
        for path in photos:
            path.unlink(missing_ok=True)
        if kind == "photos":
            return len(photos)
    if kind == "contact":
        return database.write(_forget_contact)
    if kind == "movements":
        return _of_holders(
            database, kind, lambda db, serials: erasure.forget(db, serials, acts=False)
        )
    if kind == "people":
        database.write(_delete_lists)
        return _of_holders(
            database, kind, lambda db, serials: erase.erase_rows(db, serials, now=now)
        )
    return database.write(lambda db: _delete(db, kind, before))


def _of_holders(
    database: Database, kind: str, step: Callable[[Connection, Sequence[int]], object]
) -> int:
    """Apply `step` to a kind's holders who are in no hall. Return their number."""
    serials = [row[0] for row in database.reader.execute(_HOLDERS[kind]).fetchall()]

    def some(db: Connection, at: int) -> int:
        asked = serials[at : at + PEOPLE_TOGETHER]
        ready = [serial for serial in asked if not erase.refusal(db, serial)]
        step(db, ready)
        return len(ready)

    places = range(0, len(serials), PEOPLE_TOGETHER)
    return sum(database.write(lambda db, at=at: some(db, at)) for at in places)  # type: ignore[misc]


_NAMING = (
    "arrival_notice", "awaited_guest", "session_speaker", "page_edit", "act_change",
    "saved_filter", "roster_mapping",
)  # fmt: skip


def _delete_lists(db: Connection) -> None:
    """Delete lists that name people by text, and staff's notes. All go, without a search."""
    with database_file.deleted_is_overwritten(db):
        for table in _NAMING:
            db.execute(f"DELETE FROM {table}")
        _empty_notes(db, lambda text: True)


def _empty_notes(db: Connection, is_due: Callable[[str], bool]) -> None:
    """Empty staff's notes, and erase the acts of the log with such words, that are due."""
    for note in person.notes(db):
        if is_due(note.text):
            note.empty(db)
    acts = [number for number, text in erasure.acts_with_words(db) if text and is_due(text)]
    erasure.forget(db, [], also=acts)


def _delete(db: Connection, kind: str, before: int) -> int:
    with database_file.deleted_is_overwritten(db):
        return sum(db.execute(f"DELETE {rows}").rowcount for rows in _rows(kind, before))


def _forget_contact(db: Connection) -> int:
    """Erase contact details, also from lists, undo data and mail servers' answers. Return how many
    people they were of.
    """
    count = _count_contact(db)
    with database_file.deleted_is_overwritten(db):
        _empty_notes(db, lambda text: _CONTACT_TEXT.search(text) is not None)
        about = dialect.contains("things")
        db.execute(f"DELETE FROM page_edit WHERE {about} OR {about}", ('"attendee"', "@"))
        db.execute("DELETE FROM act_change WHERE kind IN ('attendee', 'speakers')")
        db.execute(f"DELETE FROM awaited_guest WHERE {_BY_ADDRESS}")
        # The name stays, and the serial of those on the roster.
        db.execute(f"UPDATE session_speaker SET label = '' WHERE {_BY_ADDRESS}")
        db.execute("DELETE FROM saved_filter")
        db.execute("UPDATE desk_submission SET kept = NULL WHERE kept IS NOT NULL")
        db.execute("UPDATE mail SET answer = '' WHERE answer <> ''")
        db.execute(
            f"UPDATE attendee SET email = '', phone = '', order_number = '' WHERE {_REACHED}"
        )
    return count
