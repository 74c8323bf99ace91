from badges.i18n import N_
from server.features.desk import pages as desk
from server.web.feature import Feature, Menu

FEATURE = Feature(others=(desk.blueprint,), menu=(Menu(20, "desk.home.show", N_("Badge desk")),))
