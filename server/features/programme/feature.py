from badges.i18n import N_
from server.features.programme import pages
from server.web.feature import Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(Menu(30, "admin.programme.forum", N_("Forum")),),
    undoable=("admin.programme",),
)
