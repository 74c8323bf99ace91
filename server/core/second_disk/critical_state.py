"""Stores acts that a restored server must know, on the second disk before they are answered
(docs/backup.md).

Kiosks, halls, users, revocations and reissues are written to one small file beside the backups, in
the step that changes them, which triggers on the writer's connection detect. Scans and heartbeats
are unaffected. `critical_tables` declares what is stored, and what is refused while the second disk
is away.
"""

import logging
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

from badges.i18n import N_, Phrase
from badges.system_reasons import reason_of
from server.core.entry_log import entry_log
from server.core.event.settings import EventError
from server.core.second_disk.critical_tables import KEPT, SINCE, TABLES, Kept
from server.storage import dialect, effects, event_state
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.database_file import NewerFileError, pack, unpack
from server.storage.durable_files import write_whole
from server.storage.engines.durable import make_durable
from server.storage.errors import EngineError

log = logging.getLogger(__name__)

ACTS_FILE = "acts.sqlite"
UNSURE_FILE = "acts-unsure.sqlite"  # see `_keep_unsure`
FORMAT = 1
_BYTES_MAX = 500_000_000
# The remark on a write that is done all the same.
ON_ONE_DISK = N_(
    "This is done, but it is on one disk only: the second disk takes no changes. Tell an admin. If "
    "the server's disk fails before that is repaired, do it again on the restored server."
)


class ActsError(EventError):
    """Raised if the file of critical acts can't be used, or an act can't be stored."""


@dataclass(frozen=True)
class Moment:
    """A state of an event's database. `committed` leaves were certainly on disk."""

    event_id: bytes
    incarnation: int
    log_size: int
    committed: int
    at: int  # Unix ms

    @property
    def order(self) -> tuple[int, int]:
        """Return a sort key: later states compare higher."""
        return self.incarnation, self.log_size


@dataclass(frozen=True)
class Acts:
    """The stored critical acts: rows by table, each with values by column, as of `moment`."""

    moment: Moment
    rows: dict[str, list[dict[str, Any]]]


class Keeper:
    """Stores the critical acts in one process's writes on the second disk. `trouble` is the reason
    if the last could not be stored.
    """

    def __init__(
        self, event_id: bytes, database: Database, directory: Path, clock: Callable[[], int]
    ) -> None:
        """Raises ActsError, also if the database is older than the stored acts."""
        self.trouble = ""
        self._event_id = event_id
        self._database = database
        self._path = directory / ACTS_FILE
        self._clock = clock
        check_age(event_id, database, directory, clock())
        with database.reading() as db:
            _keep_unsure(self._path, self._moment(db))
        database.prepare_writer(self._watch)
        database.check_steps(self._check)

    def keep(self) -> None:
        """Rewrite the file if it is out of date. Sets `trouble` on failure."""
        self._database.write(self._try)

    def move(self, directory: Path) -> None:
        """Store the acts in another directory from now on.

        The former file is removed: it would lack later acts, and a restore would not notice.
        """

        def step(db: Connection) -> None:
            former, self._path = self._path, directory / ACTS_FILE
            effects.after_commit(db, partial(remove, former), undo=partial(put_back, former))
            self._try(db)

        def remove(former: Path) -> None:
            if former != self._path and not self.trouble:
                with suppress(OSError):  # the former disk may be gone
                    former.unlink()

        def put_back(former: Path) -> None:
            self._path = former

        self._database.write(step)

    def kept(self) -> list[Acts]:
        """Return also acts missing in the database."""
        stored = []
        for path in (self._path, self._path.with_name(UNSURE_FILE)):
            with suppress(ActsError):
                stored.append(read_acts(path))
        return [acts for acts in stored if acts.moment.event_id == self._event_id]

    def _watch(self, db: Connection) -> None:
        # Records this step's changes, and whether each is held back without a second disk. It is a
        # table, so that rows are rolled back with the step.
        db.execute("CREATE TEMP TABLE act_changed (held INTEGER NOT NULL)")
        for kept in KEPT:
            columns = [name for name in kept.columns(db) if name not in kept.key]
            differs = " OR ".join(dialect.differs(f"NEW.{name}", f"OLD.{name}") for name in columns)
            condition = f"({differs}) AND ({kept.updates})"
            updated = f"UPDATE OF {', '.join(columns)}"
            _trigger(db, kept.table, updated, condition, kept.held.update)
            if kept.inserts is not None:
                _trigger(db, kept.table, "INSERT", kept.inserts, kept.held.insert)

    def _check(self, db: Connection) -> str:
        """Store the acts of a write before its commit. If they can't be stored, return a remark for
        who wrote, or raise ActsError if the write must be rolled back.
        """
        (held,) = db.execute("SELECT MAX(held) FROM act_changed").fetchone()
        if held is None:
            return ""
        self._try(db)
        if not self.trouble:
            return ""
        if held:
            raise ActsError(
                N_(
                    "%(trouble)s So this was not done: a server that is restored from a backup "
                    "would not know of it, and doors might admit more people than you allow. "
                    "Repair the second disk, or choose another on the page Backups. Then do it "
                    "again."
                ),
                trouble=self.trouble,
            )
        return ON_ONE_DISK

    def _try(self, db: Connection) -> None:
        db.execute("DELETE FROM act_changed")
        try:
            self._write(db)
        except (OSError, ActsError) as error:
            why = reason_of(error) if isinstance(error, OSError) else str(error)
            if not self.trouble:
                log.error("acts are not kept on the second disk: %s", why)
            self.trouble = Phrase(
                "The second disk did not take %(path)s (%(why)s).", path=self._path, why=why
            )
        else:
            self.trouble = ""

    def _write(self, db: Connection) -> None:
        moment, rows = self._moment(db), {kept.table: _rows(db, kept) for kept in KEPT}
        with suppress(ActsError):  # replace an unreadable file
            there = read_acts(self._path)
            if (there.rows, there.moment.incarnation) == (rows, moment.incarnation):
                return
        write_whole(self._path, pack(FORMAT, {"moment": [asdict(moment)], **rows}))

    def _moment(self, db: Connection) -> Moment:
        return _moment(self._event_id, self._database, db, self._clock())


def _moment(event_id: bytes, database: Database, db: Connection, now: int) -> Moment:
    with database.reading() as other:
        committed = entry_log.size(other)
        make_durable(other)
    return Moment(event_id, event_state.incarnation(db), entry_log.size(db), committed, now)


def _trigger(db: Connection, table: str, event: str, when: str, held: str) -> None:
    name = f"act_{table}_{event.split()[0].lower()}"
    noted = f"INSERT INTO act_changed VALUES (CASE WHEN {held} THEN 1 ELSE 0 END)"
    db.execute(dialect.temporary_trigger(name, table, event, when, noted))


def check_age(event_id: bytes, opened: Database, directory: Path, now: int) -> None:
    """Raise ActsError if acts in that directory are of another event, or if the database lacks data
    that was on disk when they were stored.
    """
    path = directory / ACTS_FILE
    if not path.exists():
        return
    with opened.reading() as db:
        database = _moment(event_id, opened, db, now)
    kept = read_acts(path).moment
    if kept.event_id != database.event_id:
        raise ActsError(
            N_(
                "%(path)s is of another event. Name another directory in backup_dir: "
                "each event has its own."
            ),
            path=path,
        )
    if (kept.incarnation, kept.committed) > (database.incarnation, database.log_size):
        raise ActsError(
            N_(
                "this database is older than %(path)s: it is a copy that was put back by hand. "
                "Doors may hold places that it does not know of. Use `hallkeeper restore`, which "
                "asks them."
            ),
            path=path,
        )


def _keep_unsure(path: Path, database: Moment) -> None:
    """Copy the file before it is rewritten, if it has acts that this database may lack.

    The last act was on the second disk before its own commit. If the server died in between, the
    request was never answered. If an old copy of the database from just before it is in use, it
    was answered, and kiosks will prove that.
    """
    unsure = path.with_name(UNSURE_FILE)
    with suppress(OSError):
        if path.exists() and read_acts(path).moment.order > database.order:
            write_whole(unsure, path.read_bytes())
        else:
            unsure.unlink(missing_ok=True)


def _rows(db: Connection, kept: Kept) -> list[dict[str, Any]]:
    columns = kept.columns(db)
    names, order = ", ".join(columns), ", ".join(kept.key)
    selected = db.execute(f"SELECT {names} FROM {kept.table} WHERE {kept.where} ORDER BY {order}")
    return [dict(zip(columns, row, strict=True)) for row in selected]


def read_acts(path: Path) -> Acts:
    """Raises ActsError if the file is unreadable or damaged."""
    try:
        if path.stat().st_size > _BYTES_MAX:
            raise ActsError(N_("%(path)s is too large."), path=path)
        data = path.read_bytes()
    except OSError as error:
        raise ActsError(
            N_("%(path)s can't be read: %(why)s."), path=path, why=reason_of(error)
        ) from None
    try:
        tables = unpack(data, FORMAT, ("moment", *TABLES))
        if not tables.keys() >= {"moment", *TABLES} - SINCE:
            raise ValueError("a table is missing")
        (moment,) = tables["moment"]
        return Acts(Moment(**moment), {table: tables.get(table, []) for table in TABLES})
    except NewerFileError:
        raise ActsError(
            N_("%(path)s was written by a newer Hallkeeper. Use the newer version."), path=path
        ) from None
    except (EngineError, TypeError, ValueError):
        raise ActsError(
            N_(
                "%(path)s is damaged. Move it away to continue without it. If the server's "
                "own disk is intact, a new file is made at the next start."
            ),
            path=path,
        ) from None
