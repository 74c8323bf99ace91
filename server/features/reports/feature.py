from badges.i18n import N_
from server.features.reports.pages import attention, awaited, inside
from server.web.feature import TODAY, Feature, Menu

FEATURE = Feature(
    pages=(attention.blueprint, awaited.blueprint, inside.blueprint),
    menu=(
        Menu(50, "admin.awaited.show", N_("Not come yet"), TODAY, N_("speakers, invited guests")),
        Menu(
            60,
            "admin.attention.show",
            N_("Attention"),
            TODAY,
            N_("denials, overrides, discrepancies"),
        ),
    ),
    sections={"admin.inside": "admin.overview"},
)
