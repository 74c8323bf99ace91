from badges.i18n import N_
from server.features.cards.pages import pages
from server.web.feature import Feature, Menu

FEATURE = Feature(pages=(pages.blueprint,), menu=(Menu(160, "admin.cards.show", N_("Cards")),))
