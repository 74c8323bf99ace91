"""An event of three people with badges, and printers to add."""

from dataclasses import dataclass

import pytest

from server.core.event.directory import Event
from server.core.people import issuing
from server.features.printers import jobs, store
from server.features.printers.jobs import Job
from server.features.printers.states import PrinterState, Status
from server.features.printers.store import PrinterPlan
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.stores import load_roster

PEOPLE = """given_name,family_name,organisation,category
Ada,Lovelace,Engines,delegate
子衿,柳,海港,delegate
Grace,Hopper,Navy,speaker
"""


@pytest.fixture
def serials(event: Event, database: Database) -> list[int]:
    load_roster(database, PEOPLE)
    database.write(lambda db: issuing.issue_missing(db, event, now=NOW, by="test"))
    rows = database.reader.execute("SELECT serial FROM attendee ORDER BY given_name = '子衿', 1")
    return [row[0] for row in rows.fetchall()]


@dataclass
class PrintRoom:
    """Printers, and the people whose badges they print."""

    event: Event
    database: Database
    serials: list[int]

    def add(self, name: str, state: PrinterState = PrinterState.READY, **plan: object) -> int:
        values = {"address": "tcp://127.0.0.1:9100", "kind": "zpl", "format": "4x3in", "dpi": 203}
        new = PrinterPlan(name, **{**values, **plan})
        number = self.database.write(lambda db: store.add(db, new, by="test", now=NOW))
        self.set_state(number, state)
        return number

    def set_state(self, printer: int, state: PrinterState) -> None:
        self.database.write(lambda db: store.note_status(db, printer, Status(state), NOW))

    def queue(self, serial: int, desk: str = "North 1") -> Job:
        number = self.database.write(
            lambda db: jobs.enqueue(db, serial, 1, desk=desk, by="user:1", now=NOW)
        )
        return self.job(number)

    def queue_at(self, printer: int, serial: int) -> Job:
        """Queue a badge, and then choose the only printer that may print it."""
        job = self.queue(serial)
        who = {"by": "user:1", "now": NOW}
        self.database.write(lambda db: jobs.cancel(db, job.job_id, **who))
        self.database.write(lambda db: jobs.retry(db, job.job_id, printer_id=printer, **who))
        return self.job(job.job_id)

    def claim(self, printer: int) -> Job | None:
        return self.database.write(lambda db: jobs.claim(db, printer))

    def job(self, number: int) -> Job:
        with self.database.reading() as db:
            return jobs.job(db, number)

    def printed(self) -> list[int]:
        """How often each badge was printed."""
        with self.database.reading() as db:
            return [row[0] for row in db.execute("SELECT printed FROM badge ORDER BY serial")]


@pytest.fixture
def room(event: Event, database: Database, serials: list[int]) -> PrintRoom:
    return PrintRoom(event, database, serials)
