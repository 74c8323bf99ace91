from collections.abc import Sequence

from badges.i18n import N_, Phrase
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    status = here.backup_status
    if here.event.in_postgresql and status is None:
        return ()
    if status is None:
        words: str = Phrase("no second disk")
    else:
        words = status.trouble or status.acts_trouble or status.warning or Phrase("every 5 minutes")
    done = status is not None and not (status.fails or status.warning)
    return (Step(100, N_("Backups"), words, done, "admin.backup.show"),)
