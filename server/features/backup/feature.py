from badges.i18n import N_
from server.features.backup import pages
from server.features.backup.steps import steps
from server.web.feature import RECORDS, Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    steps=steps,
    menu=(
        Menu(
            220,
            "admin.backup.show",
            N_("Backups"),
            RECORDS,
            N_("second disk, back up now, download"),
        ),
    ),
)
