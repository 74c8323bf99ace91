from badges.i18n import N_
from server.features.reports.pages import attention, awaited, inside
from server.web.feature import Feature, Menu

FEATURE = Feature(
    pages=(attention.blueprint, awaited.blueprint, inside.blueprint),
    menu=(
        Menu(50, "admin.awaited.show", N_("Not come yet")),
        Menu(60, "admin.attention.show", N_("Attention")),
    ),
)
