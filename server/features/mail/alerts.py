"""Alerts about failed and returned mails."""

from badges.i18n import Phrase, counted
from server.core.alerts.alerts import Alert, steps
from server.core.alerts.sources import AlertContext
from server.features.mail import outbox
from server.features.mail.outbox import State
from server.features.mail.worker import KIND
from server.web.jobs import State as JobState
from server.web.jobs import stored_job

RECENT_MS = 24 * 3_600_000
COUNTED_MAX = 2_000


def of_mails(context: AlertContext) -> list[Alert]:
    db, settings, now = context.db, context.event.settings, context.now
    job = stored_job(db, KIND)
    alerts = []
    if job and job.state is JobState.FAILED and now - job.begun_at < RECENT_MS:
        problem = Phrase("Sending broke off: %(words)s", words=job.problem)
        todo = Phrase("Correct it, and start again on Mails. No one gets a mail twice.")
        alerts.append(_alert("mail_stopped", problem, todo, since=job.begun_at))
    counts = outbox.failed_since(db, now - RECENT_MS, COUNTED_MAX)
    few = settings.alert_mails_failed
    failed = counts[State.DELAYED] + counts[State.REFUSED]
    if failed >= few:
        problem = counted(
            "%(mails)s mail refused or delayed within a day",
            "%(mails)s mails refused or delayed within a day",
            failed,
            mails=_at_least(failed),
        )
        todo = Phrase(
            "Read the mail server's answers on Mails. It may want a lower rate, or not know us."
        )
        alerts.append(_alert("mail_failed", problem, todo, level=steps(failed, 4 * few, 16 * few)))
    bounced = counts[State.BOUNCED]
    if bounced >= few:
        problem = counted(
            "%(mails)s mail came back within a day",
            "%(mails)s mails came back within a day",
            bounced,
            mails=_at_least(bounced),
        )
        todo = Phrase(
            "Correct these addresses, and inform the badge desk that these people come without "
            "a mail."
        )
        alerts.append(
            _alert("mail_bounced", problem, todo, level=steps(bounced, 4 * few, 16 * few))
        )
    return alerts


def _alert(
    kind: str, problem: Phrase, todo: Phrase, *, level: int = 0, since: int | None = None
) -> Alert:
    return Alert(
        kind,
        "mail",
        level=level,
        since=since,
        what=problem,
        todo=todo,
        where=Phrase("Mails"),
        page=("admin.mailing.show", {}),
        remedy_at="admin.mailing.show",
    )


def _at_least(mails: int) -> str:
    return f"{mails:,}+" if mails >= COUNTED_MAX else f"{mails:,}"
