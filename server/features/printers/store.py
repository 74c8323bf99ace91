from collections.abc import Sequence
from dataclasses import dataclass

from badges.i18n import N_, Count, Phrase, restored, stored
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.features.printers.kinds import DPIS, kind_of
from server.features.printers.states import PrinterState, PrintingError, Status, UnknownPrinterError
from server.storage.connection import Connection

FEW_LABELS = 20  # Pages and commands warn from here on
NAME_CHARS_MAX = 40
DESKS_MAX = 50
LABELS_MAX = 100_000
_SELECT = (
    "SELECT printer_id, name, address, kind, format, layer_only, dpi, trusts_sending, certificate,"
    " place, labels_left, state, state_words, state_at FROM printer"
)


@dataclass(frozen=True)
class PrinterPlan:
    name: str
    address: str  # As returned by `Kind.address`
    kind: str
    format: str
    dpi: int = 300
    layer_only: bool = False  # Print only names, on pre-printed cards
    trusts_sending: bool = False  # For printers that can't report a finished card
    place: int = 0  # Desks prefer low numbers
    desks: tuple[str, ...] = ()  # Its desks; empty means all


@dataclass(frozen=True)
class Printer:
    printer_id: int
    plan: PrinterPlan
    certificate: str  # SHA-256 of its first TLS certificate, in hex, or ""
    labels_left: int | None  # None if not counted
    state: PrinterState
    state_words: str
    state_at: int | None

    @property
    def has_few_labels(self) -> bool:
        return self.labels_left is not None and self.labels_left <= FEW_LABELS


def add(db: Connection, plan: PrinterPlan, *, by: str, now: int) -> int:
    """Add a printer; return its number. Raises PrintingError for invalid settings or a taken
    name.
    """
    _check(db, plan, None)
    row = db.execute(
        "INSERT INTO printer (name, address, kind, format, layer_only, dpi, trusts_sending, place)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING printer_id",
        _values(plan),
    ).fetchone()
    printer_id = int(row["printer_id"])
    _set_desks(db, printer_id, plan.desks)
    entry_log.act(db, by, Act.PRINTER_ADDED, {"printer": printer_id}, now)
    return printer_id


def change(db: Connection, printer_id: int, plan: PrinterPlan, *, by: str, now: int) -> None:
    """Change a printer's settings. A new address or kind resets certificate and state.

    Raises as `add` does, or UnknownPrinterError.
    """
    before = printer(db, printer_id)
    _check(db, plan, printer_id)
    db.execute(
        "UPDATE printer SET name = ?, address = ?, kind = ?, format = ?, layer_only = ?, dpi = ?,"
        " trusts_sending = ?, place = ? WHERE printer_id = ?",
        (*_values(plan), printer_id),
    )
    if (before.plan.address, before.plan.kind) != (plan.address, plan.kind):
        db.execute(
            "UPDATE printer SET certificate = '', state = 'unknown', state_words = '',"
            " state_at = NULL WHERE printer_id = ?",
            (printer_id,),
        )
    _set_desks(db, printer_id, plan.desks)
    entry_log.act(db, by, Act.PRINTER_CHANGED, {"printer": printer_id}, now)


def remove(db: Connection, printer_id: int, *, by: str, now: int) -> None:
    """Remove a printer. Its jobs go to other printers; jobs fixed to it, to their desk. Raises
    UnknownPrinterError.
    """
    printer(db, printer_id)
    db.execute("UPDATE printer SET removed_at = ? WHERE printer_id = ?", (now, printer_id))
    db.execute(
        "UPDATE print_job SET state = 'failed', problem = 'not_printed', done_at = ?, words = ?"
        " WHERE printer_id = ? AND state = 'waiting' AND fixed = 1",
        (now, N_("The printer was removed."), printer_id),
    )
    entry_log.act(db, by, Act.PRINTER_REMOVED, {"printer": printer_id}, now)


def forget_certificate(db: Connection, printer_id: int, *, by: str, now: int) -> None:
    """Accept the printer's next certificate. Raises UnknownPrinterError."""
    printer(db, printer_id)
    db.execute("UPDATE printer SET certificate = '' WHERE printer_id = ?", (printer_id,))
    entry_log.act(db, by, Act.PRINTER_CHANGED, {"printer": printer_id}, now)


def load_labels(db: Connection, printer_id: int, labels: int | None, *, by: str, now: int) -> None:
    """Set a new roll's number of labels; None stops counting. Raises PrintingError."""
    printer(db, printer_id)
    if labels is not None and not 0 <= labels <= LABELS_MAX:
        raise PrintingError(
            N_("%(labels)s labels: give a number from 0 to %(most)s."),
            labels=Count(labels),
            most=Count(LABELS_MAX),
        )
    db.execute("UPDATE printer SET labels_left = ? WHERE printer_id = ?", (labels, printer_id))
    entry_log.act(db, by, Act.LABELS_LOADED, {"printer": printer_id, "count": labels}, now)


def count_label(db: Connection, printer_id: int) -> None:
    """Subtract one label, if labels are counted."""
    db.execute(
        "UPDATE printer SET labels_left = labels_left - 1 WHERE printer_id = ? AND labels_left > 0",
        (printer_id,),
    )


def note_status(db: Connection, printer_id: int, status: Status, now: int) -> None:
    """Store a printer's status, and its first certificate."""
    db.execute(
        "UPDATE printer SET state = ?, state_words = ?, state_at = ?, certificate ="
        " CASE WHEN certificate = '' THEN ? ELSE certificate END WHERE printer_id = ?",
        (status.state.value, stored(status.words), now, status.certificate, printer_id),
    )


def printers(db: Connection) -> list[Printer]:
    rows = db.execute(f"{_SELECT} WHERE removed_at IS NULL ORDER BY place, printer_id").fetchall()
    desks = _desks(db)
    return [_printer(row, desks) for row in rows]


def printer(db: Connection, printer_id: int) -> Printer:
    """Raises UnknownPrinterError, also for removed printers."""
    row = db.execute(
        f"{_SELECT} WHERE printer_id = ? AND removed_at IS NULL", (printer_id,)
    ).fetchone()
    if row is None:
        raise UnknownPrinterError(
            N_("There is no printer %(printer_id)s, or it was removed."), printer_id=printer_id
        )
    return _printer(row, _desks(db))


def printer_names(db: Connection) -> dict[int, str]:
    return {row["printer_id"]: row["name"] for row in db.execute("SELECT * FROM printer")}


def named(db: Connection, name: str) -> Printer:
    """Raises UnknownPrinterError."""
    for item in printers(db):
        if item.plan.name == name:
            return item
    names = ", ".join(item.plan.name for item in printers(db)) or Phrase("there is none yet")
    raise UnknownPrinterError(
        N_("There is no printer %(name)s. Printers: %(known)s."), name=repr(name), known=names
    )


def _check(db: Connection, plan: PrinterPlan, printer_id: int | None) -> None:
    formats = kind_of(plan.kind).formats
    if plan.format not in formats:
        raise PrintingError(
            N_("A printer of the kind %(kind)s can't print %(format)s: use one of %(known)s."),
            kind=plan.kind,
            format=repr(plan.format),
            known=", ".join(formats),
        )
    if plan.dpi not in DPIS:
        raise PrintingError(
            N_("%(dpi)s dots per inch: use %(dpis)s."), dpi=plan.dpi, dpis=", ".join(map(str, DPIS))
        )
    if not 1 <= len(plan.name) <= NAME_CHARS_MAX:
        raise PrintingError(
            N_("A printer's name has 1 to %(most)s characters."), most=NAME_CHARS_MAX
        )
    if len(plan.desks) > DESKS_MAX:
        raise PrintingError(
            N_("A printer serves at most %(most)s desks. Leave none for all."), most=DESKS_MAX
        )
    taken = [other for other in printers(db) if other.plan.name == plan.name]
    if any(other.printer_id != printer_id for other in taken):
        raise PrintingError(
            N_("There is a printer %(name)s already: choose another name."), name=repr(plan.name)
        )


def _values(plan: PrinterPlan) -> tuple[object, ...]:
    layer_only, trusts_sending = int(plan.layer_only), int(plan.trusts_sending)
    first = (plan.name, plan.address, plan.kind, plan.format)
    return (*first, layer_only, plan.dpi, trusts_sending, plan.place)


def _set_desks(db: Connection, printer_id: int, desks: Sequence[str]) -> None:
    db.execute("DELETE FROM printer_desk WHERE printer_id = ?", (printer_id,))
    db.executemany(
        "INSERT INTO printer_desk (printer_id, desk) VALUES (?, ?)",
        [(printer_id, desk) for desk in dict.fromkeys(" ".join(name.split()) for name in desks)],
    )


def _desks(db: Connection) -> dict[int, tuple[str, ...]]:
    by_printer: dict[int, tuple[str, ...]] = {}
    for row in db.execute("SELECT printer_id, desk FROM printer_desk ORDER BY desk"):
        by_printer[row["printer_id"]] = (*by_printer.get(row["printer_id"], ()), row["desk"])
    return by_printer


def _printer(row: object, desks: dict[int, tuple[str, ...]]) -> Printer:
    values = dict(row)  # type: ignore[call-overload]
    set_by_admin = ("name", "address", "kind", "format", "dpi", "place")
    plan = PrinterPlan(
        **{key: values[key] for key in set_by_admin},
        layer_only=bool(values["layer_only"]),
        trusts_sending=bool(values["trusts_sending"]),
        desks=desks.get(values["printer_id"], ()),
    )
    kept = ("printer_id", "certificate", "labels_left", "state_words", "state_at")
    values["state_words"] = restored(values["state_words"])
    return Printer(
        plan=plan, state=PrinterState(values["state"]), **{key: values[key] for key in kept}
    )
