"""Restores a server from its backup, kiosks' journals, and staff actions on the second disk.

The restored server gets a higher incarnation. It grants no place in a hall until each kiosk that
may hold places there has reported its total (docs/design/places.md, rule 8). Its entry log is a new
log that begins with the old one.
"""

import shutil
from contextlib import closing
from dataclasses import dataclass, replace
from pathlib import Path

from badges.credential.badge_number import badge_number
from server.core.entry_log import entry_log
from server.core.event.directory import DATABASE_FILE, SETTINGS_FILE, Event, load_event
from server.core.event.served import check_served
from server.core.event.settings import EventError
from server.core.second_disk import critical_state, line, own_files
from server.storage import (
    database_file,
    dialect,
    disk,
    durable_files,
    event_state,
    opening,
    transactions,
)
from server.storage.connection import Connection
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError
from server.storage.postgresql.address import ADDRESS_FILE
from server.storage.postgresql.checks.timeline import SEEN_FILE

BY = "command-line"
_STAGE = ".restoring"
_LOCK = "serving.lock"


class RestoreError(EventError):
    """Nothing was changed. The text gives the reason and the remedy."""


class NoActsError(RestoreError):
    """No file has the staff actions since the backup."""


@dataclass(frozen=True)
class Restored:
    event: Event
    log_size: int
    # When the newest action missing in the backup was stored, if one is missing.
    acts_at: int | None
    # Rows by table from actions that the backup lacked or had differently.
    gained: dict[str, int]
    skipped: int  # Rows that fit nothing here
    awaited: list[line.Awaited]
    # Badge numbers of people in the backup whom the event lacked later: they were erased since.
    erased: list[str]
    without_acts: bool
    moved_to: Path | None = None  # where the target's former files are


def restore(
    backup: Path,
    target: Path,
    *,
    now: int,
    acts_file: Path | None = None,
    without_acts: bool = False,
    over: bool = False,
) -> Restored:
    """Restore the event in `target` from a backup. `over` moves existing files aside.

    Raises RestoreError or ActsError, with nothing changed.
    """
    if not (backup / SETTINGS_FILE).is_file() or not (backup / DATABASE_FILE).is_file():
        raise RestoreError(
            f"{backup} is not a backup: it lacks {SETTINGS_FILE} or {DATABASE_FILE}."
        )
    _check_target(target, over)
    stage = target / _STAGE
    is_new = not target.exists()
    try:
        shutil.rmtree(stage, ignore_errors=True)
        if is_new:
            target.absolute().parent.mkdir(parents=True, exist_ok=True)
            durable_files.make_directory(target)
        durable_files.make_directory(stage)
        _copy(backup, stage)
        _check_whole(stage / DATABASE_FILE, backup)
        event = _loaded(stage, backup)
        kept = None if without_acts else _acts_for(event, backup, target, acts_file)
        with closing(opening.connect(event.database_path)) as db:
            restored = _renew(db, event, kept, now)
        durable_files.sync(event.database_path)
        aside = _settle(stage, target)
    except (OSError, EngineError, DatabaseError, own_files.TooManyFilesError) as error:
        problem = disk.trouble(error, target)
        why = (error.strerror if isinstance(error, OSError) else None) or str(error)
        raise RestoreError(str(problem or f"{target} can't be written: {why}.")) from None
    finally:
        shutil.rmtree(stage, ignore_errors=True)
        if is_new and target.is_dir() and not any(target.iterdir()):
            target.rmdir()
    return replace(restored, event=load_event(target), moved_to=aside)


def _check_target(target: Path, over: bool) -> None:
    if target.exists() and not target.is_dir():
        raise RestoreError(f"{target} is a file. Name a new or an empty directory.")
    there = {path.name for path in target.iterdir()} if target.exists() else set()
    if there - {_STAGE, _LOCK} and not over:
        raise RestoreError(
            f"{target} is not empty. With --replace, its content is moved aside (not deleted) "
            "and replaced by the backup."
        )


def _copy(backup: Path, stage: Path) -> None:
    """Copy an event's files, readable only by their owner."""
    durable_files.make_directory(stage / "keys")
    sources = [backup / SETTINGS_FILE, *sorted((backup / "keys").glob("*"))]
    for path in sources:
        durable_files.write_new(stage / path.relative_to(backup), path.read_bytes())
    own_files.copy_own_files(backup, stage)
    # A backup made by hand may have the second file.
    for name in (DATABASE_FILE, f"{DATABASE_FILE}-wal"):
        if (backup / name).exists():
            durable_files.write_new(stage / name, b"")
            shutil.copyfile(backup / name, stage / name)


def _check_whole(path: Path, backup: Path) -> None:
    try:
        damage = database_file.damage(path)
    except EngineError as error:
        disk_problem = disk.trouble(error, path)
        # The disk failed, not the backup.
        if disk_problem is not None:
            raise disk_problem from None
        damage = str(error)
    if damage:
        damage = " ".join(damage.split())  # SQLite may report two lines
        raise RestoreError(
            f"{backup / DATABASE_FILE} is damaged ({damage}). Take an earlier backup."
        )


def _loaded(stage: Path, backup: Path) -> Event:
    """Load the copied event. Raises RestoreError if the backup is not whole."""
    try:
        event = load_event(stage)
        check_served(event)
    except EventError as error:
        # The copy is deleted, so a path in it would mean nothing.
        text = str(error).replace(str(stage), str(backup))
        raise RestoreError(f"{text} Or take an earlier backup.") from None
    return event


def _acts_for(event: Event, backup: Path, target: Path, named: Path | None) -> critical_state.Acts:
    """Return the newest stored actions. Raises RestoreError if there are none."""
    places_to_look = [backup.absolute().parent / critical_state.ACTS_FILE]
    if event.settings.backup_dir is not None:
        places_to_look.append(target / event.settings.backup_dir / critical_state.ACTS_FILE)
    if named is not None:
        places_to_look = [named]
    candidates = [
        critical_state.read_acts(path) for path in places_to_look if named or path.is_file()
    ]
    own = [candidate for candidate in candidates if candidate.moment.event_id == event.event_id]
    if not own:
        where = " or ".join(str(path) for path in dict.fromkeys(places_to_look))
        raise NoActsError(
            f"there is no file of this event's staff actions ({where}). Without it a kiosk "
            "confirmed after the backup would be unknown, and its hall could be overfilled. Name "
            "the file with --acts; or, if no kiosk was added since, say --without-acts."
        )
    return max(own, key=lambda candidate: candidate.moment.order)


def _renew(db: Connection, event: Event, kept: critical_state.Acts | None, now: int) -> Restored:
    """Make the copied database the next incarnation, in one transaction. `event` is the copy;
    `kept` are the newest actions on the second disk, None without them.
    """
    log_size = entry_log.size(db)
    used = max(event.incarnation, kept.moment.incarnation if kept else 0)
    incarnation = max(used + 1, now // 1000)
    copied = (event.incarnation, log_size)
    newer = kept if kept is not None and kept.moment.order > copied else None
    acts_at = newer.moment.at if newer else None
    subject: dict[str, str | int | None] = {"incarnation": incarnation, "acts_at": acts_at}
    acts_since = [newer] if newer else []
    with transactions.transaction(db):
        # A later server may have detected that this one was restored.
        gained, skipped = line.next_of_line(
            db, event.log_name, incarnation, acts_since, subject, by=BY, now=now,
            was_put_back=used > event.incarnation,
        )  # fmt: skip
        if kept is None:
            event_state.await_all_everywhere(db)
    database_file.fold_log(db)
    return Restored(
        event=event,
        log_size=log_size,
        acts_at=acts_at,
        gained=gained,
        skipped=skipped,
        awaited=line.awaited(db),
        erased=_erased_since(db, newer) if newer else [],
        without_acts=kept is None,
    )


def _erased_since(db: Connection, kept: critical_state.Acts) -> list[str]:
    """The acts have only the number of a badge whose holder was erased."""
    void = dialect.many(row["serial"] for row in kept.rows["unknown_holder"])
    query = f"SELECT serial FROM attendee WHERE {dialect.one_of('serial')} ORDER BY serial"
    return [badge_number(serial) for (serial,) in db.execute(query, (void,))]


def _settle(stage: Path, target: Path) -> Path | None:
    """Move existing files aside and the restored ones into place, settings last."""
    aside = None
    own = [name for name in own_files.NAMES if (stage / name).exists()]
    # With the address of PostgreSQL the restored file would not be used.
    in_postgresql = (ADDRESS_FILE, SEEN_FILE)
    named = [target / name for name in (SETTINGS_FILE, "keys", *own, *in_postgresql)]
    named += sorted(target.glob(f"{DATABASE_FILE}*"))
    old = [path for path in named if path.exists()]
    if old:
        aside = durable_files.free_name(target, "earlier")
        durable_files.make_directory(aside)
        for path in old:
            path.rename(aside / path.name)
        durable_files.sync_directory(target)
    for name in ("keys", *own, DATABASE_FILE, SETTINGS_FILE):
        (stage / name).rename(target / name)
        durable_files.sync_directory(target)
    return aside
