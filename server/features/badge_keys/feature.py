from badges.i18n import N_
from server.features.badge_keys import pages
from server.web.feature import RECORDS, Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(
        Menu(
            235,
            "admin.badge_keys.show",
            N_("Badge keys"),
            RECORDS,
            N_("security of badges: add a key, sign by it, drop the old one"),
        ),
    ),
)
