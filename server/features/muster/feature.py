from badges.i18n import N_
from server.features.muster.pages import board, pages
from server.web.feature import TODAY, Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    board_notice=board.notice,
    menu=(Menu(130, "admin.muster.show", N_("Muster"), TODAY, N_("evacuation, roll call")),),
)
