"""Prints waiting jobs, with one thread per printer.

Shared state is in the database, so printing continues after a crash; the printer is asked about
sent jobs, else the desk.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from functools import partial

from badges.i18n import N_, phrase_of
from badges.printing.card import CardError
from server.core.event.directory import Event
from server.core.event.settings import EventError
from server.core.people.attendees import UnknownAttendeeError
from server.core.people.cards import PrintedBadge
from server.core.people.issuing import IssuingError
from server.features.printers import jobs, store
from server.features.printers.drivers.driver import (
    Driver,
    NotPrintedError,
    PerhapsPrintedError,
    Sheet,
    StoppedError,
)
from server.features.printers.drivers.kind import Options
from server.features.printers.jobs import Job
from server.features.printers.kinds import kind_of
from server.features.printers.sheets import NotDueError, sheet_of
from server.features.printers.states import (
    JobError,
    PrinterState,
    PrintingError,
    Problem,
    Status,
    UnknownPrinterError,
)
from server.features.printers.store import Printer
from server.repeating import Repeating
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, cause, grade

log = logging.getLogger(__name__)

LOOK_S = 5.0  # Interval for asking an idle printer's state
LOOK_AGAIN_S = 1.0  # For a printer that can't print
WAKE_S = 1.0  # Delay for jobs queued by other processes
MANAGE_S = 1.0
PATIENCE_S = 120.0  # To load paper, if no other printer is ready
TAKE_OVER_S = 3.0  # before another printer of the desk takes the card over
CLOSE_S = 3.0
_PAUSE_S = 5.0  # After an internal or disk error
_STOPPED_WORDS = N_("The server stopped while this was being printed.")


def make_driver(printer: Printer) -> Driver:
    """Raises PrintingError."""
    plan = printer.plan
    kind = kind_of(plan.kind)
    options = Options(plan.dpi, plan.trusts_sending, printer.certificate)
    return kind.connect(kind.address(plan.address), options)


class Printing:
    def __init__(self, event: Event, database: Database, now: Callable[[], int]) -> None:
        self._event = event
        self._database = database
        self._now = now
        self._stop = threading.Event()
        self._woken = False
        self._printers: dict[int, _PrinterThread] = {}
        self._manager = Repeating("printers", MANAGE_S, self._manage, first_s=0)

    def start(self) -> None:
        """Clean up after an earlier server, and start printing."""
        self._database.write(lambda db: jobs.recover(db, _STOPPED_WORDS, self._now()))
        if not self._woken:
            self._woken = True
            self._database.on_commit(self._wake)
        self._stop.clear()
        self._printers.clear()
        self._manager.start()

    def close(self) -> None:
        """Stop. The next start handles jobs in progress."""
        self._stop.set()
        self._manager.close()
        until = time.monotonic() + CLOSE_S
        for running in self._printers.values():
            running.wake.set()
        for running in self._printers.values():
            running.thread.join(max(0.0, until - time.monotonic()))

    def _wake(self, db: Connection) -> None:
        """Wake the printers if a job waits, after each commit."""
        printers = list(self._printers.values())
        if printers and not self._stop.is_set() and jobs.is_any_waiting(db):
            for running in printers:
                running.wake.set()

    def _manage(self) -> None:
        with self._database.reading() as db:
            self._follow(store.printers(db))

    def _follow(self, printers: Sequence[Printer]) -> None:
        """Keep one thread per printer. After a change a new one starts when the old one ends."""
        wanted = {printer.printer_id: printer for printer in printers}
        for number, running in list(self._printers.items()):
            if number not in wanted or not running.serves(wanted[number]):
                running.retire()
            if not running.thread.is_alive():
                del self._printers[number]
        for number, printer in wanted.items():
            if number not in self._printers:
                started = _PrinterThread(
                    self._event, self._database, self._now, printer, self._stop
                )
                self._printers[number] = started
                started.thread.start()


class _PrinterThread:
    """Prints on one printer. Other threads call only `wake` and `retire`."""

    def __init__(
        self,
        event: Event,
        database: Database,
        now: Callable[[], int],
        printer: Printer,
        stop: threading.Event,
    ) -> None:
        self._event = event
        self._database = database
        self._now = now
        self._printer = printer
        self._stop = stop
        self._retired = False
        self._noted = Status(printer.state, printer.state_words)
        self._looked_at: float | None = None
        self.wake = threading.Event()
        name = f"printer {printer.printer_id}"
        self.thread = threading.Thread(target=self._run, name=name, daemon=True)

    def serves(self, printer: Printer) -> bool:
        mine, now = self._printer, printer
        return (mine.plan.address, mine.plan.kind, mine.plan.dpi, mine.plan.trusts_sending) == (
            now.plan.address,
            now.plan.kind,
            now.plan.dpi,
            now.plan.trusts_sending,
        ) and not (mine.certificate and mine.certificate != now.certificate)

    def retire(self) -> None:
        self._retired = True
        self.wake.set()

    def _run(self) -> None:
        try:
            driver = make_driver(self._printer)
        except PrintingError as error:
            self._note(Status(PrinterState.ERROR, phrase_of(error)))
            return
        resumed = False
        while True:
            # Earlier changes are read below; later ones end the wait.
            self.wake.clear()
            if self._stop.is_set() or self._retired:
                return
            try:
                if not resumed:
                    self._resume(driver)
                    resumed = True
                if not self._round(driver):
                    self.wake.wait(WAKE_S)
            except StoppedError:
                return
            except UnknownPrinterError:
                return  # The printer was removed.
            except (DatabaseError, EngineError) as error:
                log.log(
                    grade(error), "printer %d waits: %s", self._printer.printer_id, cause(error)
                )
                self._stop.wait(_PAUSE_S)

    def _round(self, driver: Driver) -> bool:
        """Print one job, if one waits and the printer is ready. Returns whether one did."""
        every = LOOK_S if self._noted.state.can_print else LOOK_AGAIN_S
        if self._looked_at is None or time.monotonic() - self._looked_at >= every:
            self._note(driver.status())
            self._looked_at = time.monotonic()
        if not self._noted.state.can_print:
            return False
        number = self._printer.printer_id
        # Read first: commits wake every printer while a job waits.
        with self._database.reading() as db:
            if jobs.next_job(db, number) is None:
                return False
        claimed = self._database.write(lambda db: jobs.claim(db, number))
        if claimed is None:
            return False
        self._do(claimed, partial(self._print, driver, claimed))
        return True

    def _resume(self, driver: Driver) -> None:
        with self._database.reading() as db:
            sent = [
                job
                for job in jobs.open_jobs(db)
                if job.printer_id == self._printer.printer_id and job.sent_at is not None
            ]
        for job in sent:
            self._do(job, partial(self._resumed, driver, job))

    def _resumed(self, driver: Driver, sent: Job, turn: "_Turn") -> list[PrintedBadge]:
        driver.resume(sent.remote, turn)
        with self._database.reading() as db:
            return jobs.printed_badges(db, self._event, sent)

    def _print(self, driver: Driver, claimed: Job, turn: "_Turn") -> list[PrintedBadge]:
        self._note(Status(PrinterState.PRINTING))
        sheet, printed = self._drawn(claimed)
        driver.print(sheet, turn)
        return printed

    def _drawn(self, claimed: Job) -> tuple[Sheet, list[PrintedBadge]]:
        with self._database.reading() as db:
            plan = store.printer(db, self._printer.printer_id).plan
            return sheet_of(db, self._event, plan, claimed)

    def _do(self, job: Job, work: Callable[["_Turn"], list[PrintedBadge]]) -> None:
        turn = _Turn(job, self._database, self._now, self._stop, self._note)
        try:
            printed = work(turn)
        except StoppedError:
            raise
        except NotPrintedError as error:
            self._not_printed(job, error.status)
        except PerhapsPrintedError as error:
            self._fail(job, Problem.PERHAPS_PRINTED, phrase_of(error))
        except NotDueError as error:
            self._fail(job, error.problem, phrase_of(error))
        except (CardError, EventError, IssuingError, UnknownAttendeeError) as error:
            self._fail(job, Problem.NOT_DRAWN, phrase_of(error))
        except JobError:
            pass  # It was returned to its desk, and nothing was sent.
        except UnknownPrinterError:
            self._database.write(lambda db: jobs.put_back(db, job.job_id, ""))
            raise
        except (DatabaseError, EngineError):
            # The job stays unchanged until the disk works again.
            self._after_trouble(job, turn)
        except Exception as error:
            log.exception("printer %d: %s", self._printer.printer_id, type(error).__name__)
            problem = Problem.PERHAPS_PRINTED if turn.has_sent else Problem.NOT_PRINTED
            self._fail(job, problem, N_("A fault of this program: its log has more."))
        else:
            self._finish(job, printed)

    def _finish(self, job: Job, printed: list[PrintedBadge]) -> None:
        def step(db: Connection) -> None:
            jobs.finish(db, job, printed, self._now())
            store.count_label(db, self._printer.printer_id)

        self._until_written(step)
        self._note(Status(PrinterState.READY, self._noted.words))

    def _fail(self, job: Job, problem: Problem, words: str) -> None:
        def step(db: Connection) -> None:
            jobs.fail(db, job.job_id, problem, words, self._now())
            if problem is Problem.PERHAPS_PRINTED:
                store.count_label(db, self._printer.printer_id)

        self._until_written(step)
        self._looked_at = None  # Ask for the printer's state again

    def _not_printed(self, job: Job, status: Status) -> None:
        """Requeue the job for a working printer, or return it to its desk after a refusal."""
        if status.state.can_print:
            self._fail(job, Problem.NOT_PRINTED, status.words)
            return
        self._note(status)
        self._until_written(lambda db: jobs.put_back(db, job.job_id, status.words))

    def _after_trouble(self, job: Job, turn: "_Turn") -> None:
        if turn.has_sent:
            self._fail(job, Problem.PERHAPS_PRINTED, N_("The server's disk failed."))
        else:
            self._until_written(lambda db: jobs.put_back(db, job.job_id, ""))

    def _until_written(self, step: Callable[[Connection], None]) -> None:
        """Write, and retry while the disk is full or fails. Raises StoppedError."""
        while True:
            try:
                self._database.write(step)
                return
            except (DatabaseError, EngineError) as error:
                log.log(
                    grade(error), "printer %d waits: %s", self._printer.printer_id, cause(error)
                )
                if self._stop.wait(_PAUSE_S):
                    raise StoppedError from None

    def _note(self, status: Status) -> None:
        if status == self._noted:
            return
        number, now = self._printer.printer_id, self._now()
        self._database.write(lambda db: store.note_status(db, number, status, now))
        self._noted = status


class _Turn:
    """One job's print, as a driver reports it (`driver.Turn`)."""

    def __init__(
        self,
        job: Job,
        database: Database,
        now: Callable[[], int],
        stop: threading.Event,
        note: Callable[[Status], None],
    ) -> None:
        """`note` stores the printer's state."""
        self._job = job
        self._database = database
        self._now = now
        self._stop = stop
        self._note = note
        self._still_since = 0.0  # monotonic seconds; 0: it does not stand still
        self.has_sent = job.sent_at is not None

    def sending(self, remote: str) -> None:
        claimed = self._job
        self._job = self._database.write(
            lambda db: jobs.note_sending(db, claimed, remote, self._now())
        )
        self.has_sent = True

    def wait(self, seconds: float) -> None:
        if self._stop.wait(seconds):
            raise StoppedError

    def stands_still(self, status: Status) -> bool:
        self._note(status)
        now = time.monotonic()
        self._still_since = self._still_since or now
        still_s = now - self._still_since
        if still_s > PATIENCE_S:
            return True
        if still_s < TAKE_OVER_S:
            return False
        with self._database.reading() as db:
            return jobs.has_ready_peer(db, self._job)
