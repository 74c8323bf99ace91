from badges.i18n import N_
from server.features.cards.pages import pages, printing
from server.features.cards.steps import steps
from server.web.feature import PEOPLE, Feature, Menu

FEATURE = Feature(
    steps=steps,
    pages=(pages.blueprint, printing.blueprint),
    sections={"admin.card_prints": "admin.cards"},
    menu=(
        Menu(
            160, "admin.cards.show", N_("Cards"), PEOPLE, N_("design, logo, all cards as one PDF")
        ),
    ),
)
