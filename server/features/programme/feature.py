from badges.i18n import N_
from server.features.programme import pages
from server.web.feature import PROGRAMME, Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(
        Menu(
            30,
            "admin.programme.forum",
            N_("Forum"),
            PROGRAMME,
            N_("programme, activities, speakers, organisations, exhibition, countries"),
        ),
    ),
    undoable=("admin.programme",),
)
