from badges.i18n import N_
from server.features.rehearsal.pages import pages
from server.web.feature import PROGRAMME, Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(
        Menu(
            170,
            "admin.rehearsal.show",
            N_("Rehearsal"),
            PROGRAMME,
            N_("would a person be admitted, a day played through"),
        ),
    ),
)
