from badges.i18n import N_
from server.features.kiosks import pages as kiosks
from server.features.kiosks.find import FINDERS
from server.features.kiosks.steps import steps
from server.web.feature import DOORS, Feature, Menu

FEATURE = Feature(
    steps=steps,
    act_values={"device": {"phone": N_("phone")}},
    finders=FINDERS,
    pages=(kiosks.blueprint,),
    menu=(Menu(65, "admin.kiosks.show", N_("Kiosks"), DOORS, N_("enrol a kiosk, fence, retire")),),
)
