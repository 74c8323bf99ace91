from badges.i18n import N_
from server.features.printers.pages import pages
from server.features.printers.steps import steps
from server.features.printers.worker import Printing
from server.web.feature import PEOPLE, Feature, Menu

FEATURE = Feature(
    steps=steps,
    pages=(pages.blueprint,),
    menu=(Menu(110, "admin.printers.show", N_("Printers"), PEOPLE, N_("labels, test print")),),
    works=lambda here: [Printing(here.event, here.database, here.now)],
)
