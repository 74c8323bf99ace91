"""An event of three people with badges, and printers to add."""

from collections.abc import Callable

import pytest

from server.core.event.directory import Event
from server.core.people import issuing
from server.features.printers import store
from server.features.printers.states import PrinterState, Status
from server.features.printers.store import PrinterPlan
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.stores import take

PEOPLE = """given_name,family_name,organisation,category
Ada,Lovelace,Engines,delegate
子衿,柳,海港,delegate
Grace,Hopper,Navy,speaker
"""


@pytest.fixture
def serials(event: Event, database: Database) -> list[int]:
    """The serials of Ada, 子衿 and Grace, who have badges."""
    take(database, PEOPLE)
    database.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    rows = database.reader.execute("SELECT serial FROM attendee ORDER BY given_name = '子衿', 1")
    return [row[0] for row in rows.fetchall()]


AddPrinter = Callable[..., int]


@pytest.fixture
def add_printer(database: Database) -> AddPrinter:
    """Add a printer in a given state, and return its number."""

    def add(name: str, state: PrinterState = PrinterState.READY, **plan: object) -> int:
        values = {"address": "tcp://127.0.0.1:9100", "kind": "zpl", "format": "4x3in", "dpi": 203}
        made = PrinterPlan(name, **{**values, **plan})
        number = database.write(lambda db: store.add(db, made, by="test", now=NOW))
        database.write(lambda db: store.note_status(db, number, Status(state), NOW))
        return number

    return add
