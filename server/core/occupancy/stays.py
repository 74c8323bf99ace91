from collections.abc import Collection, Iterable

import msgspec

from badges.record import PlaceKind, StayRef, accessible_field
from badges.wire import wire
from server.storage import dialect
from server.storage.connection import Connection, Row
from server.storage.engines import joint
from server.storage.engines.joint import Collected, Reading
from server.storage.tables import change_rows, padded, write_rows

# Allowed error between two measured clocks: for each, half of a kiosk's longest round trip and an
# undetected step, plus one undetected step of the server's.
CLOCK_MARGIN_MS = 900
COUNTED, FREED = "counted", "freed"  # the place of a stay that a move ended


class Stay(msgspec.Struct, frozen=True):
    """A holder's entry into a hall. It stays open until an exit, a move or staff close it."""

    ref: StayRef
    hall_id: int
    door_id: int
    serial: int
    opened_at: int  # by the server's clock, as far as the kiosk knew its error
    clock_known: bool  # whether the kiosk had measured that error
    kind: PlaceKind  # of the place that it uses
    issue: int  # of the badge; 0 if unknown
    epoch: int  # of the server's time; only times of one epoch can be ordered
    around: bool  # in a hall that surrounds the door's own
    after_move: str | None = None  # ended by a move that no exit has confirmed

    @property
    def ref_values(self) -> tuple[str, int, int]:
        return ref_values(self.ref)


Span = tuple[Stay, int | None]  # a stay and its end

_WRITTEN = (
    "kiosk", "generation", "seq", "hall_id", "door_id", "serial", "opened_at", "clock_known",
    "override", "issue", "epoch", "around", "closed_at", "closed_by", "gone",
)  # fmt: skip
_STORED = ", ".join(_WRITTEN[:-3])
_COLUMNS = f"{_STORED}, after_move"
NEVER_OVER = 2**63 - 1  # the end of an open stay, in the database


class _Packed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    kiosk: str
    generation: int
    seq: int
    hall_id: int
    door_id: int
    serial: int
    opened_at: int
    clock_known: int
    override: int
    issue: int
    epoch: int
    around: int
    after_move: str | None
    closed_at: int | None


_PACKED = msgspec.json.Decoder(list[_Packed])


def add(db: Connection, stay: Stay, *, gone_at: int | None = None) -> None:
    collector = opened(db)
    collector.add(stay, gone_at=gone_at)
    collector.write()


class Opened(Collected):
    """Collects the stays opened in a transaction, and writes them together.

    Call `write` before any other code reads or changes stays. Only `close` handles unwritten stays
    itself.
    """

    tables = ("stay",)

    def __init__(self, db: Connection) -> None:
        super().__init__(db)
        # each with its end, the cause, and whether it had ended before its entry was sent
        self._stays: dict[_Key, tuple[Stay, int | None, str | None, bool]] = {}
        self._known: dict[_Key, Stay] = {}  # open stays in their table
        self._closed: dict[_Key, tuple[int, str]] = {}  # of these: end and cause

    def read_ahead(self, named: Iterable[tuple[StayRef, int]]) -> Reading:
        asked = []
        for some in padded(list(dict.fromkeys(named))):
            values = ", ".join([_NAMED] * len(some))
            statement = (
                f"SELECT {_COLUMNS} FROM (VALUES {values}) AS v JOIN stay ON kiosk = v.column1"
                " AND generation = v.column2 AND seq = v.column3 AND hall_id = v.column4"
                " WHERE closed_at IS NULL"
            )
            given = [part for ref, hall in some for part in (*ref_values(ref), hall)]
            asked.append(self._db.execute(statement, given))
        yield
        for rows in asked:
            for row in rows.fetchall():
                stay = _stay(row)
                self._known[stay.ref, stay.hall_id] = stay

    def add(self, stay: Stay, *, gone_at: int | None = None) -> None:
        """Add a stay. `gone_at` is its end, if it ended before the server learned of it."""
        joint.require(self._db, hall=stay.hall_id, people=(stay.serial,))
        gone = gone_at is not None
        key = stay.ref, stay.hall_id
        self._stays[key] = stay, gone_at, "exit" if gone else None, gone

    def close(self, ref: StayRef, hall_id: int, by: str, at: int) -> Stay | None:
        joint.require(self._db, hall=hall_id)
        key = ref, hall_id
        pending = self._stays.get(key)
        if pending is not None and pending[1] is None:
            self._stays[key] = pending[0], at, by, False
            return pending[0]
        stored = self._known.pop(key, None)
        if stored is not None:
            self._closed[key] = at, by
            return stored
        if pending is not None or key in self._closed:
            self.write()
        return close(self._db, ref, hall_id, by, at)

    def move_on(self, ref: StayRef, hall_id: int, at: int, *, counted: bool) -> Stay | None:
        joint.require(self._db, hall=hall_id)
        self._known.pop((ref, hall_id), None)
        self.write()
        return move_on(self._db, ref, hall_id, at, counted=counted)

    def put(self) -> None:
        if self._stays:
            rows = [
                (*stay.ref_values, stay.hall_id, stay.door_id, stay.serial, stay.opened_at,
                 stay.clock_known, stay.kind, stay.issue, stay.epoch, stay.around, *over)
                for stay, *over in self._stays.values()
            ]  # fmt: skip
            self._stays = {}
            write_rows(self._db, "stay", _WRITTEN, rows)
        if self._closed:
            closed = [
                (*ref_values(ref), hall, at, by) for (ref, hall), (at, by) in self._closed.items()
            ]
            self._closed = {}
            change_rows(self._db, "stay", _CLOSED, closed, sets=_CLOSE, where=_SAME)


_CLOSED = ("kiosk", "generation", "seq", "hall_id", "closed_at", "closed_by")
_CLOSE = "closed_at = v.closed_at, closed_by = v.closed_by"
_SAME = " AND ".join(f"stay.{name} = v.{name}" for name in _CLOSED[:4])


def opened(db: Connection) -> Opened:
    """Return the transaction's collector of opened stays."""
    return joint.shared(db, Opened, lambda: Opened(db))


_Key = tuple[StayRef, int]  # a stay and its hall
_NAMED = "(?, CAST(? AS BIGINT), CAST(? AS BIGINT), CAST(? AS BIGINT))"


def ref_values(ref: StayRef) -> tuple[str, int, int]:
    return ref.kiosk, ref.generation, ref.seq


def close(db: Connection, ref: StayRef, hall_id: int, by: str, at: int) -> Stay | None:
    """Close a stay in a hall by an exit. Return it if its place becomes free.

    Return None if the stay is unknown or closed already. If a move had ended the stay, the exit
    confirms the move; the place is freed unless the move freed it.
    """
    row = db.execute(
        "UPDATE stay SET closed_at = ?, closed_by = ? WHERE kiosk = ? AND generation = ?"
        f" AND seq = ? AND hall_id = ? AND closed_at IS NULL RETURNING {_COLUMNS}",
        (at, by, ref.kiosk, ref.generation, ref.seq, hall_id),
    ).fetchone()
    return _confirm_move(db, ref, hall_id, by) if row is None else _stay(row)


def _confirm_move(db: Connection, ref: StayRef, hall_id: int, by: str) -> Stay | None:
    row = db.execute(
        f"SELECT {_COLUMNS} FROM stay WHERE kiosk = ? AND generation = ? AND seq = ?"
        " AND hall_id = ? AND after_move IS NOT NULL",
        (ref.kiosk, ref.generation, ref.seq, hall_id),
    ).fetchone()
    if row is None:
        return None
    db.execute(
        "UPDATE stay SET after_move = NULL, closed_by = ?"
        " WHERE kiosk = ? AND generation = ? AND seq = ? AND hall_id = ?",
        (by, ref.kiosk, ref.generation, ref.seq, hall_id),
    )
    stay = _stay(row)
    return stay if stay.after_move == COUNTED else None


def move_on(db: Connection, ref: StayRef, hall_id: int, at: int, *, counted: bool) -> Stay | None:
    """End a stay because its holder was seen in another hall. Return it, or None if it was over.

    If `counted`, its place stays used until an exit or staff close it.
    """
    row = db.execute(
        "UPDATE stay SET closed_at = ?, closed_by = 'move', after_move = ? WHERE kiosk = ?"
        " AND generation = ? AND seq = ? AND hall_id = ? AND closed_at IS NULL"
        f" RETURNING {_COLUMNS}",
        (at, COUNTED if counted else FREED, ref.kiosk, ref.generation, ref.seq, hall_id),
    ).fetchone()
    return None if row is None else _stay(row)


def remember_early(db: Connection, ref: StayRef, hall_id: int, by: str, at: int) -> bool:
    """Store an exit that arrived before its entry. Return False if the stay is known.

    Only needed after a restore, when one door has the exit and another the entry.
    """
    stored = db.execute(
        "SELECT 1 FROM stay WHERE kiosk = ? AND generation = ? AND seq = ? AND hall_id = ?",
        (ref.kiosk, ref.generation, ref.seq, hall_id),
    ).fetchone()
    if stored is None:
        db.execute(
            "INSERT INTO early_exit"
            " (kiosk, generation, seq, hall_id, closed_at, closed_by) VALUES (?, ?, ?, ?, ?, ?)"
            " ON CONFLICT (kiosk, generation, seq, hall_id) DO NOTHING",
            (ref.kiosk, ref.generation, ref.seq, hall_id, at, by),
        )
    return stored is None


def set_end(db: Connection, ref: StayRef, hall_id: int, at: int) -> None:
    """Set the end of a stay that was over when its kiosk sent the entry, from its exit."""
    db.execute(
        "UPDATE stay SET closed_at = ?"
        " WHERE kiosk = ? AND generation = ? AND seq = ? AND hall_id = ? AND gone = 1",
        (at, ref.kiosk, ref.generation, ref.seq, hall_id),
    )


def entered_during(db: Connection, ref: StayRef, hall_id: int) -> list[int]:
    """Return the numbers of scans by which the holder entered the hall again during that stay."""
    rows = db.execute(
        "SELECT x.number FROM stay s JOIN stay o ON o.serial = s.serial AND o.hall_id = s.hall_id"
        f" AND {dialect.stay_over_at('o.')} > s.opened_at"
        " AND o.opened_at > s.opened_at AND (s.closed_at IS NULL OR o.opened_at < s.closed_at)"
        " JOIN scan x ON x.kiosk = o.kiosk AND x.generation = o.generation AND x.seq = o.seq"
        " WHERE s.kiosk = ? AND s.generation = ? AND s.seq = ? AND s.hall_id = ?",
        (ref.kiosk, ref.generation, ref.seq, hall_id),
    )
    return [row[0] for row in rows]


def has_early_exits(db: Connection) -> bool:
    """Exits wait for their entry only after a restore."""
    return bool(db.execute("SELECT EXISTS (SELECT 1 FROM early_exit)").fetchone()[0])


def take_early_exit(db: Connection, ref: StayRef, hall_id: int) -> tuple[str, int] | None:
    """Delete the stay's early exit. Return its cause ("exit", "annul") and time, or None."""
    row = db.execute(
        "DELETE FROM early_exit WHERE kiosk = ? AND generation = ? AND seq = ? AND hall_id = ?"
        " RETURNING closed_by, closed_at",
        (ref.kiosk, ref.generation, ref.seq, hall_id),
    ).fetchone()
    return None if row is None else (row["closed_by"], row["closed_at"])


def is_gone(db: Connection, ref: StayRef, hall_id: int) -> bool:
    """Return whether the kiosk had already taken the stay's place back when it sent the entry."""
    row = db.execute(
        "SELECT gone FROM stay WHERE kiosk = ? AND generation = ? AND seq = ? AND hall_id = ?",
        (ref.kiosk, ref.generation, ref.seq, hall_id),
    ).fetchone()
    return row is not None and bool(row["gone"])


def open_stays(db: Connection, serial: int) -> list[Stay]:
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM stay WHERE serial = ? AND closed_at IS NULL ORDER BY opened_at",
        (serial,),
    )
    return [_stay(row) for row in rows]


def stays_of(db: Connection, serial: int, hall_id: int) -> list[Span]:
    rows = db.execute(
        f"SELECT {_COLUMNS}, closed_at FROM stay WHERE serial = ? AND hall_id = ?",
        (serial, hall_id),
    )
    return [(_stay(row), row["closed_at"]) for row in rows]


def packed(serial: str, since: str) -> str:
    """Return SQL for one text, read by `unpacked`, of a holder's stays that had not ended at
    `since`. The arguments are SQL expressions.
    """
    # A sum has no type affinity, which would keep SQLite from using the index.
    source = f"stay s WHERE s.serial = {serial} AND {dialect.stay_over_at('s.')} > {since} + 0"
    return dialect.rows_as_json(f"{_COLUMNS}, closed_at", source)


def unpacked(text: str) -> list[Span]:
    return [
        (
            Stay(
                StayRef(row.kiosk, row.generation, row.seq), row.hall_id, row.door_id, row.serial,
                row.opened_at, bool(row.clock_known), PlaceKind(row.override), row.issue,
                row.epoch, bool(row.around), row.after_move,
            ),
            row.closed_at,
        )
        for row in _PACKED.decode(text)
    ]  # fmt: skip


def was_on(span: Span, at: int) -> bool:
    """Return whether the stay had not ended at `at` (Unix ms). It may begin later."""
    stay, closed_at = span
    return max(stay.opened_at, NEVER_OVER if closed_at is None else closed_at) > at


def overlapping(stays: Iterable[Span], hall_id: int, at: int) -> Stay | None:
    present = [
        stay
        for stay, closed_at in stays
        if stay.hall_id == hall_id
        and stay.opened_at <= at
        and (closed_at is None or closed_at > at)
    ]
    return min(present, key=lambda stay: stay.opened_at, default=None)


def moved_on(stays: Iterable[Span], at: int, staying_in: Collection[int]) -> Stay | None:
    """Return the holder's first entry after `at` into a hall outside `staying_in`, or None.

    Entries with unmeasured clocks do not count.
    """
    entries = (
        stay
        for stay, _ in stays
        if stay.opened_at > at and stay.clock_known and stay.hall_id not in staying_in
    )
    return min(entries, key=lambda stay: stay.opened_at, default=None)


def in_hall(db: Connection, hall_id: int) -> list[wire.StayFacts]:
    """Return the stays that use a place in the hall, as sent to doors."""
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM stay WHERE hall_id = ? AND closed_at IS NULL"
        f" UNION ALL SELECT {_COLUMNS} FROM stay WHERE hall_id = ? AND after_move = 'counted'",
        (hall_id, hall_id),
    )
    return [facts(_stay(row)) for row in rows]


def open_in(
    db: Connection, hall_id: int, kind: PlaceKind, *, before: int | None = None
) -> list[Stay]:
    """Return the stays in one of the hall's pools that are open, or ended by an unconfirmed move.

    With `before`, only stays by scans with a lower number.
    """
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM stay WHERE hall_id = ? AND override = ?"
        " AND (closed_at IS NULL OR after_move IS NOT NULL)"
        " AND (CAST(? AS BIGINT) IS NULL OR EXISTS (SELECT 1 FROM scan s"
        " WHERE s.kiosk = stay.kiosk AND s.generation = stay.generation"
        " AND s.seq = stay.seq AND s.number < ?))",
        (hall_id, kind, before, before),
    )
    return [_stay(row) for row in rows]


def uncounted(db: Connection, door_id: int, hall_id: int, inner: Iterable[int]) -> list[Stay]:
    """Return stays entered by that door that do not count in that surrounding hall yet, as on its
    ordinary places. Only stays in the `inner` halls inside it count, because the door may have led
    into another hall before.

    They are open, or ended by a move with the place still used.
    """
    rows = db.execute(
        f"SELECT {_COLUMNS} FROM stay s WHERE door_id = ? AND around = 0"
        f" AND (closed_at IS NULL OR after_move = 'counted') AND {dialect.one_of('hall_id')}"
        " AND NOT EXISTS (SELECT 1 FROM stay o WHERE o.kiosk = s.kiosk"
        " AND o.generation = s.generation AND o.seq = s.seq AND o.hall_id = ?)",
        (door_id, dialect.many(inner), hall_id),
    )
    return [
        msgspec.structs.replace(
            _stay(row), hall_id=hall_id, kind=PlaceKind.ORDINARY, around=True, after_move=None
        )
        for row in rows
    ]


def facts(stay: Stay) -> wire.StayFacts:
    return wire.StayFacts(
        stay.ref,
        stay.serial,
        stay.opened_at,
        stay.door_id,
        stay.kind is PlaceKind.OVERRIDE,
        moved=stay.after_move == COUNTED,
        accessible=accessible_field(stay.kind),
    )


def _stay(row: Row) -> Stay:
    return Stay(
        ref=StayRef(row["kiosk"], row["generation"], row["seq"]),
        hall_id=row["hall_id"],
        door_id=row["door_id"],
        serial=row["serial"],
        opened_at=row["opened_at"],
        clock_known=bool(row["clock_known"]),
        kind=PlaceKind(row["override"]),
        issue=row["issue"],
        epoch=row["epoch"],
        around=bool(row["around"]),
        after_move=row["after_move"],
    )
