from collections.abc import Sequence

from badges.i18n import N_, counted
from server.features.printers import store
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    printers = store.printers(here.database.reader)
    words = counted("%(num)s printer", "%(num)s printers", len(printers))
    return (Step(150, N_("Printers"), words, bool(printers), "admin.printers.show"),)
