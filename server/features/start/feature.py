from badges.i18n import N_
from server.features.start import pages
from server.web.feature import TODAY, Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(Menu(220, "admin.start.show", N_("Start"), TODAY, N_("checklist until the doors open")),),
    landing=pages.landing,
)
