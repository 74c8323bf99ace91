from badges.i18n import N_
from server.features.rehearsal.pages import pages
from server.web.feature import Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,), menu=(Menu(170, "admin.rehearsal.show", N_("Rehearsal")),)
)
