"""The kiosk's copy of the server's facts, its age, and sealed names.

One thread writes; any thread reads. Readers see whole transactions and never wait for a writer.
"""

import sqlite3
import threading
from collections.abc import Callable, Collection, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from badges.admission.facts import Presence
from badges.credential.credential import ForgedError, lookup_id, open_name
from badges.credential.keys import PublicKey
from badges.record import PlaceKind, StayRef
from badges.wire import wire
from badges.wire.venue_edit import OtherVenueError, apply_edit
from kiosk.clock import monotonic_ms, now_ms
from kiosk.config.disk import is_corrupt
from kiosk.replica import schema
from kiosk.replica.door_context import DoorContext, read_door_context
from kiosk.texts.messages import Code, Message

_NO_OTHERS: Mapping[int, Collection[StayRef]] = {}
FRESH_SAVED_MS = 10_000  # interval for storing the age if nothing else is written
_PUT_HOLDER = (
    "INSERT OR REPLACE INTO holder (serial, highest_issue, revoked, copied_issue, withdrawn_to)"
    " VALUES (?, ?, ?, ?, ?)"
)


class ReplicaDamagedError(Exception):
    """The open file is damaged. The next start replaces it."""

    def __init__(self) -> None:
        self.message = Message(Code.FACTS_DAMAGED)
        super().__init__(str(self.message))


class Replica:
    """The copy of the server's facts. Close it, or use it as a context manager."""

    def __init__(
        self,
        path: Path,
        kiosk: str,
        generation: int,
        root: PublicKey,
        *,
        clock: Callable[[], int] = now_ms,
        monotonic: Callable[[], int] = monotonic_ms,
        replace: bool = True,
    ) -> None:
        """`root` is the event's key, which must have signed the ring of badge keys.

        An unusable file is replaced by an empty one. Without `replace` it raises
        OtherVersionError instead, because a running kiosk may have the file open.
        """
        self._writer = schema.prepare(path, replace=replace)
        self._mine = (kiosk, generation)
        self._root = root
        self._clock = clock
        self._monotonic = monotonic
        self._writing = threading.Lock()
        self._reading = threading.Lock()
        self._reader = schema.connect(path)
        self._context = self._load_context()
        self._fresh_at: int | None = None  # monotonic ms
        self._fresh_saved_at = 0  # monotonic ms
        self._start_age()

    def _load_context(self) -> DoorContext | None:
        row = self._reader.execute("SELECT body FROM snapshot").fetchone()
        if row is None:
            return None
        try:
            return read_door_context(wire.decode(row[0], wire.Snapshot), self._root)
        except ValueError:
            # Another version's or another event's. The next snapshot replaces it.
            return None

    def _start_age(self) -> None:
        """Restore the age of the facts after a restart, by the wall clock. If that was set back,
        the age is unknown.
        """
        (saved,) = self._reader.execute("SELECT fresh_at FROM progress").fetchone()
        if saved is not None and self._clock() >= saved:
            self._fresh_at = self._monotonic() - (self._clock() - saved)

    def __enter__(self) -> "Replica":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Idempotent."""
        with self._writing, self._reading:
            self._writer.close()
            self._reader.close()

    @property
    def context(self) -> DoorContext | None:
        return self._context

    @property
    def cursor(self) -> int:
        return int(self._row("SELECT cursor FROM progress")[0])

    @property
    def names_after(self) -> int:
        return int(self._row("SELECT names_after FROM progress")[0])

    def load(
        self,
        snapshot: wire.Snapshot,
        own_open: Collection[StayRef] = (),
        outer_open: Mapping[int, Collection[StayRef]] = _NO_OTHERS,
    ) -> None:
        """Replace all facts except names, and except a ring of badge keys that is newer here.

        `own_open` are stays that began here, that the server had before it answered, and that
        are not known to be over. Those missing in the snapshot ended elsewhere. `outer_open` are
        such stays in outer halls, by hall. Raises ValueError for an unusable snapshot, with
        nothing changed.
        """
        context = read_door_context(snapshot, self._root)
        snapshot, context = self._with_newer_ring(snapshot, context)
        outer = [
            msgspec.structs.replace(outer_hall, stays=[]) for outer_hall in snapshot.outer_facts
        ] or UNSET
        bare = msgspec.structs.replace(snapshot, holders=[], stays=[], outer=outer)
        body = wire.encode(bare)
        stays_of = {snapshot.hall.hall: snapshot.stays}
        stays_of |= {outer_hall.hall.hall: outer_hall.stays for outer_hall in snapshot.outer_facts}
        own_stays = {snapshot.hall.hall: own_open, **outer_open}
        with self._write(durably=self._is_new_ring(context)) as db:
            db.execute("INSERT OR REPLACE INTO snapshot (one, body) VALUES (1, ?)", (body,))
            db.execute("DELETE FROM holder")
            db.executemany(_PUT_HOLDER, (_holder_row(holder) for holder in snapshot.holders))
            db.execute("DELETE FROM day_credential")
            for holder in snapshot.holders:
                _put_days(db, holder)
            db.execute("DELETE FROM stay")
            db.execute("DELETE FROM moved")
            for hall, stays in stays_of.items():
                for facts in stays:
                    self._open(db, facts, hall)
                open_now = {facts.stay for facts in stays}
                db.executemany(
                    "INSERT OR IGNORE INTO ended (seq, hall) VALUES (?, ?)",
                    ((stay.seq, hall) for stay in own_stays.get(hall, ()) if stay not in open_now),
                )
            db.execute("UPDATE progress SET cursor = ?", (snapshot.cursor,))
        self._context = context
        self.mark_fresh()

    def edit(self, edit: wire.VenueEdited, cursor: int) -> wire.Snapshot:
        """Edit the venue facts, and return the snapshot with them, without people.

        Raises OtherVenueError or ValueError, with nothing changed.
        """
        row = self._row("SELECT body FROM snapshot")
        if row is None:
            raise OtherVenueError("there are no facts yet")
        edited = apply_edit(wire.decode(row[0], wire.Snapshot), edit)
        context = read_door_context(edited, self._root)
        edited, context = self._with_newer_ring(edited, context)
        with self._write(durably=self._is_new_ring(context)) as db:
            db.execute("UPDATE snapshot SET body = ?", (wire.encode(edited),))
            db.execute("UPDATE progress SET cursor = ?", (cursor,))
        self._context = context
        self.mark_fresh()
        return edited

    def _with_newer_ring(
        self, snapshot: wire.Snapshot, context: DoorContext
    ) -> tuple[wire.Snapshot, DoorContext]:
        """Keep this door's ring of badge keys if the server's is older, as after a restore from an
        old backup: otherwise a dropped key would open the door again.
        """
        if self._context is None or context.ring_order >= self._context.ring_order:
            return snapshot, context
        kept = wire.decode(self._row("SELECT body FROM snapshot")[0], wire.Snapshot)
        snapshot = msgspec.structs.replace(snapshot, ring=kept.ring, ring_number=kept.ring_number)
        return snapshot, read_door_context(snapshot, self._root)

    def _is_new_ring(self, context: DoorContext) -> bool:
        return self._context is None or context.ring_digest != self._context.ring_digest

    def lacks_ring(self, answer: wire.ScanAnswer) -> bool:
        """Whether the server has another ring of badge keys than this door, and no older one."""
        own = self._context
        return (
            own is not None
            and isinstance(answer.ring, bytes)
            and isinstance(answer.ring_number, int)
            and answer.ring != own.ring_digest
            and answer.ring_number >= own.ring_order
        )

    def apply(self, change: wire.Change, cursor: int) -> None:
        with self._write() as db:
            match change:
                case wire.HolderChanged(holder):
                    db.execute(_PUT_HOLDER, _holder_row(holder))
                    db.execute("DELETE FROM day_credential WHERE serial = ?", (holder.serial,))
                    _put_days(db, holder)
                case wire.StayOpened(stay, hall) if self._is_here(hall):
                    self._open(db, stay, hall)
                case wire.StayClosed(stay, hall, counted=counted) if self._is_here(hall):
                    (self._move_on if counted else self._end)(db, stay, hall)
                case wire.NamesChanged(erased) if not isinstance(erased, UnsetType):
                    # Otherwise deleted names would stay in the file until overwritten.
                    db.execute("PRAGMA secure_delete = ON")
                    db.executemany(
                        "DELETE FROM name WHERE lookup = ?", ((lookup,) for lookup in erased)
                    )
                    db.execute("PRAGMA secure_delete = OFF")
                case _:
                    # Other changes are for the journal, or trigger a fetch.
                    pass
            db.execute("UPDATE progress SET cursor = ?", (cursor,))
        self.mark_fresh()

    def take_names(self, page: wire.NamesPage) -> None:
        with self._write() as db:
            db.executemany(
                "INSERT OR REPLACE INTO name (lookup, sealed) VALUES (?, ?)",
                ((name.lookup, name.sealed) for name in page.names),
            )
            db.execute("UPDATE progress SET names_after = ?", (page.next,))

    def fetch_names_again(self) -> None:
        """Fetch all names again, because a restored server may number them differently."""
        with self._write() as db:
            db.execute("UPDATE progress SET names_after = 0")

    def holder(self, serial: int) -> tuple[int, bool]:
        """The highest issue (0 if unknown), and whether the holder is revoked."""
        row = self._row("SELECT highest_issue, revoked FROM holder WHERE serial = ?", serial)
        highest_issue, revoked = row or (0, False)
        return highest_issue, bool(revoked)

    def copied_issue(self, serial: int) -> int:
        """The issue up to which badges are likely copies; 0: none."""
        row = self._row("SELECT copied_issue FROM holder WHERE serial = ?", serial)
        return row[0] if row else 0

    def withdrawn_to(self, serial: int) -> int:
        """The issue up to which badges above the highest issue are void; 0: none."""
        row = self._row("SELECT withdrawn_to FROM holder WHERE serial = ?", serial)
        return row[0] if row else 0

    def day_credentials(self, serial: int) -> set[tuple[int, int]]:
        """Day credentials, as (replaced issue, day)."""
        return set(self._rows("SELECT issue, day FROM day_credential WHERE serial = ?", serial))

    def stays(self, serial: int, hall: int, *, moved: bool = False) -> list[Presence]:
        """The holder's open stays in the hall that began at other kiosks, newest first.

        With `moved`, those whose holder was seen at another hall since. Only an exit from the
        hall gives their places back.
        """
        rows = self._rows(
            "SELECT kiosk, generation, seq, since, door, override FROM stay"
            " WHERE serial = ? AND hall = ? AND moved = ? ORDER BY since DESC",
            *(serial, hall, moved),
        )
        return [
            Presence(
                StayRef(kiosk, generation, seq),
                since=since,
                door=str(door),
                kind=PlaceKind(kind),
            )
            for kiosk, generation, seq, since, door, kind in rows
        ]

    def beyond(self, hall: int) -> list[StayRef]:
        """Stays on override places that began at other kiosks."""
        rows = self._rows(
            "SELECT kiosk, generation, seq FROM stay WHERE hall = ? AND override = ?",
            *(hall, PlaceKind.OVERRIDE),
        )
        return [StayRef(*row) for row in rows]

    def is_ended(self, seq: int, hall: int) -> bool:
        """Whether the stay in the hall from entry `seq` of this kiosk has ended elsewhere."""
        return self._row("SELECT 1 FROM ended WHERE seq = ? AND hall = ?", seq, hall) is not None

    def has_moved(self, seq: int, hall: int) -> bool:
        """Whether the holder of the stay from entry `seq` of this kiosk was seen at another hall
        since.

        The stay has not ended.
        """
        return self._row("SELECT 1 FROM moved WHERE seq = ? AND hall = ?", seq, hall) is not None

    def name_of(self, signature: bytes) -> wire.HolderName | None:
        """The holder's name, which only the badge with this signature opens."""
        try:
            row = self._row("SELECT sealed FROM name WHERE lookup = ?", lookup_id(signature))
            if row is None:
                return None
            return msgspec.json.decode(open_name(signature, row[0]), type=wire.HolderName)
        except (ForgedError, msgspec.MsgspecError, ValueError, sqlite3.Error, ReplicaDamagedError):
            # A door that shows no name still answers: the admission is on disk already.
            return None

    def mark_fresh(self) -> None:
        now = self._fresh_at = self._monotonic()
        if now - self._fresh_saved_at >= FRESH_SAVED_MS:
            self._fresh_saved_at = now
            with self._write() as db:
                db.execute("UPDATE progress SET fresh_at = ?", (self._clock(),))

    def age_ms(self) -> int | None:
        """The greatest possible age of the facts; None without facts."""
        if self._context is None or self._fresh_at is None:
            return None
        return max(0, self._monotonic() - self._fresh_at)

    def _is_here(self, hall: int) -> bool:
        return self._context is not None and hall in self._context.halls

    def _open(self, db: sqlite3.Connection, facts: wire.StayFacts, hall: int) -> None:
        stay = facts.stay
        # The journal knows this kiosk's own stays better than the server.
        if (stay.kiosk, stay.generation) != self._mine:
            db.execute(
                "INSERT OR REPLACE INTO stay"
                " (kiosk, generation, seq, serial, since, door, override, moved, hall)"
                " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)",
                (
                    *(*_key(stay), facts.serial, facts.since, facts.door),
                    *(facts.kind, facts.moved, hall),
                ),
            )
        elif facts.moved:
            self._move_on(db, stay, hall)

    def _move_on(self, db: sqlite3.Connection, stay: StayRef, hall: int) -> None:
        """Mark a stay whose holder was seen at another hall. It no longer blocks an entry, but its
        place is taken until an exit names it.
        """
        if (stay.kiosk, stay.generation) == self._mine:
            db.execute("INSERT OR IGNORE INTO moved (seq, hall) VALUES (?, ?)", (stay.seq, hall))
        else:
            db.execute(
                "UPDATE stay SET moved = 1 WHERE kiosk = ? AND generation = ? AND seq = ?"
                " AND hall = ?",
                (*_key(stay), hall),
            )

    def _end(self, db: sqlite3.Connection, stay: StayRef, hall: int) -> None:
        if (stay.kiosk, stay.generation) == self._mine:
            db.execute("INSERT OR IGNORE INTO ended (seq, hall) VALUES (?, ?)", (stay.seq, hall))
        else:
            db.execute(
                "DELETE FROM stay WHERE kiosk = ? AND generation = ? AND seq = ? AND hall = ?",
                (*_key(stay), hall),
            )

    def _row(self, sql: str, *values: object) -> Any:
        with self._reading, _undamaged():
            return self._reader.execute(sql, values).fetchone()

    def _rows(self, sql: str, *values: object) -> list[Any]:
        with self._reading, _undamaged():
            return self._reader.execute(sql, values).fetchall()

    @contextmanager
    def _write(self, *, durably: bool = False) -> Iterator[sqlite3.Connection]:
        """`durably`: the commit waits for the disk, so that a loss of power undoes nothing."""
        with self._writing, _undamaged():
            if durably:
                self._writer.execute("PRAGMA synchronous = FULL")
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:
                if self._writer.in_transaction:
                    self._writer.execute("ROLLBACK")
                raise
            finally:
                if durably:
                    self._writer.execute("PRAGMA synchronous = NORMAL")


@contextmanager
def _undamaged() -> Iterator[None]:
    """Raises ReplicaDamagedError for SQLite's errors that mean damage."""
    try:
        yield
    except sqlite3.Error as error:
        if is_corrupt(error):
            raise ReplicaDamagedError from None
        raise


def _holder_row(holder: wire.HolderFacts) -> tuple[int, int, int, int, int]:
    withdrawn_to = 0 if holder.withdrawn_to is UNSET else holder.withdrawn_to
    return (
        holder.serial,
        holder.highest_issue,
        int(holder.revoked),
        holder.copied_issue,
        withdrawn_to,
    )


def _put_days(db: sqlite3.Connection, holder: wire.HolderFacts) -> None:
    days = () if holder.day_credentials is UNSET else holder.day_credentials
    if days:
        db.executemany(
            "INSERT OR IGNORE INTO day_credential (serial, issue, day) VALUES (?, ?, ?)",
            ((holder.serial, issue, day) for issue, day in days),
        )


def _key(stay: StayRef) -> tuple[str, int, int]:
    return stay.kiosk, stay.generation, stay.seq
