from collections.abc import Sequence

from badges.i18n import N_, Phrase, counted
from server.features.mail import outbox
from server.features.mail.outbox import State
from server.features.mail.settings import MailError, read_mail_settings
from server.features.mail.templates import INVITE
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    """Return the step for mails: the mail server is set, and mails were sent."""
    try:
        read_mail_settings(here.event.path)
    except MailError:
        words = Phrase("no mail server is set")
        return (Step(120, N_("Mails"), words, False, "admin.mail_settings.show"),)
    sent = outbox.counts(here.database.reader, INVITE)[State.SENT]
    words = counted("%(num)s mail sent", "%(num)s mails sent", sent)
    return (Step(120, N_("Mails"), words, sent > 0, "admin.mailing.show"),)
