"""Registers the feature with the app."""

from collections.abc import Sequence

from badges.i18n import N_
from server.core.alerts.alerts import Trouble
from server.core.event.duties import Work
from server.features.printers import alerts as printing
from server.features.printers.pages import pages
from server.features.printers.worker import Printing
from server.web.feature import Feature, Menu
from server.web.services import Services


def _alerts(here: Services, now: int) -> list[Trouble]:
    return printing.of_printers(here.database.reader, here.event.settings, now)


def _works(here: Services) -> Sequence[Work]:
    return [Printing(here.event, here.database, here.now)]


FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(Menu(110, "admin.printers.show", N_("Printers")),),
    alerts=_alerts,
    works=_works,
)
