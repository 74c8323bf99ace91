from collections.abc import Sequence

from badges.i18n import N_
from server.core.event.duties import Work
from server.features.printers.pages import pages
from server.features.printers.steps import steps
from server.features.printers.worker import Printing
from server.web.feature import PEOPLE, Feature, Menu
from server.web.services import Services


def _works(here: Services) -> Sequence[Work]:
    return [Printing(here.event, here.database, here.now)]


FEATURE = Feature(
    steps=steps,
    pages=(pages.blueprint,),
    menu=(Menu(110, "admin.printers.show", N_("Printers"), PEOPLE, N_("labels, test print")),),
    works=_works,
)
