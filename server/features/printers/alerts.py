"""Finds printers that can't print, and cards that wait for one for long."""

from server.core.alerts.alerts import Kind, Trouble, Value, steps
from server.core.alerts.sources import AlertContext
from server.features.printers import jobs, store
from server.features.printers.states import PrinterState

# With nothing to print, one that is off is as somebody left it.
_STOPPED = (PrinterState.PAPER_OUT, PrinterState.COVER_OPEN, PrinterState.ERROR)
FEW_WAIT, MANY_WAIT = 5, 20


def of_printers(context: AlertContext) -> list[Trouble]:
    """List the printers for which a card waits though they can't print, or waits for long, and
    those that can't print and are on.
    """
    db, settings, now = context.db, context.event.settings, context.now
    waiting = jobs.waiting(db)
    found = []
    for printer in store.printers(db):
        cards, since = waiting.get(printer.printer_id, (0, now))
        is_late = cards > 0 and now - since > settings.alert_print_wait_s * 1000
        is_down = printer.state in _STOPPED or (cards and printer.state is PrinterState.OFFLINE)
        if not (is_late or is_down):
            continue
        values: dict[str, Value] = {
            "name": printer.plan.name,
            "state": printer.state.value,
            "cards": cards,
            "ms": now - since,
        }
        level = steps(cards, 1, FEW_WAIT, MANY_WAIT)
        about = str(printer.printer_id)
        found.append(Trouble(Kind.PRINTER, about, cards > 0, level, values=values))
    return found
