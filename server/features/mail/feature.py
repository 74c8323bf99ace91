from badges.i18n import N_
from server.features.mail.pages import pages, settings
from server.features.mail.steps import steps
from server.web.feature import PEOPLE, Feature, Menu

FEATURE = Feature(
    steps=steps,
    pages=(pages.blueprint, settings.blueprint),
    sections={"admin.mail_settings": "admin.mailing"},
    menu=(
        Menu(180, "admin.mailing.show", N_("Mails"), PEOPLE, N_("send badges, mail server, links")),
    ),
)
