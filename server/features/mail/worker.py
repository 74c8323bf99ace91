"""Sends mails in the background: runs of many, and single ones at once."""

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue

from badges.i18n import N_
from server.features.mail.outbox import Choice, Plan
from server.features.mail.sending import Run, Tally, send, send_now
from server.features.mail.settings import MailError, read_mail_settings
from server.features.mail.templates import INVITE
from server.web.jobs import CancelledError, JobError, OwnJob, State, jobs_of
from server.web.services import Services

log = logging.getLogger(__name__)

KIND = "mails"
BUSY = N_("Mails are being sent already. Wait for that, or stop it first.")
CLOSE_S = 10.0  # the longest wait for a mail on its way when the server stops


def start(
    here: Services,
    choice: Choice,
    *,
    by: str,
    limit: int | None = None,
    plan: Callable[[], Plan] | None = None,
) -> None:
    """Start a run. Raises MailError for bad settings, or during another run."""
    settings = read_mail_settings(here.event.path)

    def work(job: OwnJob) -> None:
        run = Run(
            here.event, here.database, settings, choice, by=by, now=here.now,
            rate_per_min=settings.rate_per_min, limit=limit, stop=job.cancelled,
            tell=lambda tally: _tell(job, tally), plan=plan,
        )  # fmt: skip
        tally = send(run)
        _tell(job, tally)
        if tally.done < tally.due:
            raise CancelledError

    try:
        jobs_of(here).start(KIND, by, work)
    except JobError:
        raise MailError(BUSY) from None


def require_idle(here: Services) -> None:
    """Raises MailError during a run."""
    job = jobs_of(here).find(KIND)
    if job is not None and job.state is State.RUNNING:
        raise MailError(BUSY)


def _tell(job: OwnJob, tally: Tally) -> None:
    job.tell(
        tally.done, tally.due, sent=tally.sent, delayed=tally.delayed, refused=tally.refused,
        uncertain=tally.uncertain, skipped=tally.skipped,
    )  # fmt: skip


def mail_now(here: Services, serial: int, *, by: str) -> None:
    """Mail a person's badge, also again and while a run sends. Raises MailError for bad settings.

    `sending.send_now` tells what becomes of it.
    """
    settings = read_mail_settings(here.event.path)
    at_once = here.own(AtOnce)
    run = Run(
        here.event, here.database, settings, Choice(INVITE, serials=(serial,), again=True), by=by,
        now=here.now, rate_per_min=settings.rate_per_min, stop=at_once.stop,
    )  # fmt: skip
    at_once.put(run, serial)


class AtOnce:
    """Mails single badges, one after another, on a thread. Close it before the database."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._queue: SimpleQueue[tuple[Run, int] | None] = SimpleQueue()
        self._lock = threading.Lock()  # guards the people who wait
        self._waiting: set[int] = set()
        self._thread = threading.Thread(target=self._work, name="mails at once", daemon=True)
        self._thread.start()

    def put(self, run: Run, serial: int) -> None:
        """Does nothing if this person waits already, as after a second press."""
        with self._lock:
            if serial not in self._waiting:
                self._waiting.add(serial)
                self._queue.put((run, serial))

    def close(self) -> None:
        self.stop.set()
        self._queue.put(None)
        self._thread.join(CLOSE_S)

    def _work(self) -> None:
        while (item := self._queue.get()) is not None:
            self._send(*item)

    def _send(self, run: Run, serial: int) -> None:
        def forget() -> None:
            with self._lock:
                self._waiting.discard(serial)

        try:
            # Who has read in the log that the mail is sent may ask for another one.
            send_now(run, serial, before_end=forget)
        except Exception as error:
            # The next mail is sent all the same. The error's text may contain names.
            log.error("%s while a badge was mailed", type(error).__name__)
            forget()
