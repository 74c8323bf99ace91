from badges.i18n import N_
from server.features.kiosks import pages as kiosks
from server.web.feature import Feature, Menu

FEATURE = Feature(pages=(kiosks.blueprint,), menu=(Menu(100, "admin.kiosks.show", N_("Kiosks")),))
