from badges.i18n import N_
from server.features.phone_doors import files, pages
from server.web.feature import DOORS, Feature, Menu

FEATURE = Feature(
    others=(files.blueprint,),
    pages=(pages.blueprint,),
    menu=(
        Menu(
            105, "admin.phone_doors.show", N_("Phones as doors"), DOORS,
            N_("enrol phones, ask for updates, their places"),
        ),
    ),
)  # fmt: skip
