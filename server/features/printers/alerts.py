from collections.abc import Mapping

from badges.i18n import Phrase, counted, joined
from server.core.alerts.alerts import Alert, lasting, steps
from server.core.alerts.sources import AlertContext
from server.features.printers import jobs, store
from server.features.printers.states import PrinterState

# An offline printer without jobs may be switched off on purpose.
_STOPPED = (PrinterState.PAPER_OUT, PrinterState.COVER_OPEN, PrinterState.ERROR)
FEW_WAIT, MANY_WAIT = 5, 20


def of_printers(context: AlertContext) -> list[Alert]:
    """Return alerts for faulty printers, and for cards that can't be printed or wait too long."""
    db, settings, now = context.db, context.event.settings, context.now
    waiting = jobs.waiting(db)
    alerts = []
    for printer in store.printers(db):
        cards, since = waiting.get(printer.printer_id, (0, now))
        is_late = cards > 0 and now - since > settings.alert_print_wait_s * 1000
        is_down = printer.state in _STOPPED or (cards and printer.state is PrinterState.OFFLINE)
        if not (is_late or is_down):
            continue
        problem, todo = _WORDS.get(printer.state, _SLOW)
        if cards:
            problem = joined(": ", (problem, _waiting(cards, now - since)))
        alerts.append(
            Alert(
                "printer",
                str(printer.printer_id),
                grave=cards > 0,
                level=steps(cards, 1, FEW_WAIT, MANY_WAIT),
                what=problem,
                todo=todo,
                where=printer.plan.name,
                page=("admin.printers.show", {}),
            )
        )
    return alerts


def _waiting(cards: int, ms: int) -> Phrase:
    return counted(
        "%(num)s card waits, the oldest for %(time)s",
        "%(num)s cards wait, the oldest for %(time)s",
        cards,
        time=lasting(ms),
    )


_WORDS: Mapping[PrinterState, tuple[str, Phrase]] = {
    PrinterState.PAPER_OUT: (
        Phrase("Out of paper"),
        Phrase("Load paper or a new roll. Printing then continues automatically."),
    ),
    PrinterState.COVER_OPEN: (
        Phrase("Cover open"),
        Phrase("Close it. Printing then continues automatically."),
    ),
    PrinterState.OFFLINE: (
        Phrase("Printer not reached"),
        Phrase("Look whether it has power and network. Until then print at another desk."),
    ),
    PrinterState.ERROR: (
        Phrase("Printer fault"),
        Phrase("Read the message on its display. Until then, print at another desk."),
    ),
}
_SLOW: tuple[str, Phrase] = (
    Phrase("Cards wait for long"),
    Phrase(
        "Check the printer, and its jobs on the page Printers. Until then, print at another desk."
    ),
)
