from badges.i18n import N_
from server.features.board import live, overview, plots, taking
from server.web.feature import TODAY, Feature, Menu

FEATURE = Feature(
    pages=(overview.blueprint, live.blueprint, plots.blueprint, taking.blueprint),
    menu=(
        Menu(10, "admin.overview.show", N_("Board"), TODAY, N_("halls, alerts, latest entries")),
    ),
    sections={"admin.taking": "admin.overview", "admin.plots": "admin.overview"},
)
