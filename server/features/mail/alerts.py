"""Finds that mails to attendees fail or come back."""

from server.core.alerts.alerts import Kind, Trouble, steps
from server.core.alerts.sources import AlertContext
from server.features.mail import outbox
from server.features.mail.outbox import State
from server.features.mail.worker import Worker

RECENT_MS = 24 * 3_600_000
COUNTED_MAX = 2_000


def of_mails(context: AlertContext) -> list[Trouble]:
    """List what is wrong with the mails of the last day."""
    db, settings, now = context.db, context.event.settings, context.now
    worker = None if context.server is None else context.server.find(Worker)
    progress = None if worker is None else worker.progress
    found = []
    if progress and progress.problem and now - progress.begun_at < RECENT_MS:
        values = {"words": progress.problem}
        found.append(
            Trouble(Kind.MAIL_STOPPED, "mail", since=progress.begun_at, values=values)
        )  # fmt: skip
    counts = outbox.failed_since(db, now - RECENT_MS, COUNTED_MAX)
    few = settings.alert_mails_failed
    for kind, states in (
        (Kind.MAIL_FAILED, (State.DELAYED, State.REFUSED)),
        (Kind.MAIL_BOUNCED, (State.BOUNCED,)),
    ):
        mails = sum(counts[state] for state in states)
        if mails >= few:
            level = steps(mails, 4 * few, 16 * few)
            more = int(mails >= COUNTED_MAX)
            found.append(
                Trouble(kind, "mail", level=level, values={"mails": mails, "more": more})
            )  # fmt: skip
    return found
