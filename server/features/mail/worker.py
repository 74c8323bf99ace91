"""Sends mails in the background."""

from collections.abc import Callable

from badges.i18n import N_
from server.features.mail.outbox import Choice, Plan
from server.features.mail.sending import Run, Tally, send
from server.features.mail.settings import MailError, read_mail_settings
from server.web.jobs import CancelledError, JobError, OwnJob, jobs_of
from server.web.services import Services

KIND = "mails"


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
        raise MailError(
            N_("Mails are being sent already. Wait for that, or stop it first.")
        ) from None


def _tell(job: OwnJob, tally: Tally) -> None:
    job.tell(
        tally.done, tally.due, sent=tally.sent, delayed=tally.delayed, refused=tally.refused,
        uncertain=tally.uncertain, skipped=tally.skipped,
    )  # fmt: skip
