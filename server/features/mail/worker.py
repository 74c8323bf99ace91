import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace

from badges.i18n import N_, Phrase, phrase_of
from server.core.event.directory import Event
from server.features.mail.outbox import Choice, Plan
from server.features.mail.sending import Run, Tally, send
from server.features.mail.settings import MailError, read_mail_settings
from server.storage.database import Database
from server.storage.disk import DatabaseError

log = logging.getLogger(__name__)

CLOSE_S = 5.0  # Longest wait for the current mail at the server's stop


@dataclass(frozen=True)
class Progress:
    """The current or last run. `tally` is None before its first mail."""

    begun_at: int
    running: bool = True
    stopping: bool = False
    tally: Tally | None = None
    problem: str = ""


class Worker:
    """Runs mailings. Thread-safe. Close it before the database."""

    def __init__(self, event: Event, database: Database, now: Callable[[], int]) -> None:
        self._event, self._database, self._now = event, database, now
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._progress: Progress | None = None

    @property
    def progress(self) -> Progress | None:
        with self._lock:
            return self._progress

    def start(
        self, choice: Choice, *, by: str, limit: int | None, plan: Callable[[], Plan] | None = None
    ) -> None:
        """Start a run. Raises MailError for bad settings, or during another run."""
        settings = read_mail_settings(self._event.path)
        with self._lock:
            if self._progress is not None and self._progress.running:
                raise MailError(
                    N_("Mails are being sent already. Wait for that, or stop it first.")
                )
            self._progress = Progress(self._now())
            self._stop.clear()
            run = Run(
                self._event, self._database, settings, choice, by=by, now=self._now,
                rate_per_min=settings.rate_per_min, limit=limit, stop=self._stop, tell=self._tell,
                plan=plan,
            )  # fmt: skip
            self._thread = threading.Thread(
                target=self._send, args=(run,), name="mailing", daemon=True
            )
            self._thread.start()

    def stop(self) -> None:
        self._stop.set()
        with self._lock:
            if self._progress is not None and self._progress.running:
                self._progress = replace(self._progress, stopping=True)

    def close(self) -> None:
        """Stop, and wait up to CLOSE_S for the current mail."""
        self.stop()
        if self._thread is not None:
            self._thread.join(CLOSE_S)

    def _send(self, run: Run) -> None:
        problem = ""
        try:
            self._tell(send(run))
        except (MailError, DatabaseError) as error:
            problem = phrase_of(error)
        except Exception as error:
            # The error's text may contain an address.
            log.error("%s while mails were sent", type(error).__name__)
            problem = Phrase("Sending broke off. See the server's log, and start it again.")
        with self._lock:
            assert self._progress is not None
            self._progress = replace(self._progress, running=False, stopping=False, problem=problem)

    def _tell(self, tally: Tally) -> None:
        with self._lock:
            if self._progress is not None:
                self._progress = replace(self._progress, tally=tally)
