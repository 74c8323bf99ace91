from badges.i18n import N_
from server.features.mail.pages import bounces, pages, settings
from server.features.mail.steps import steps
from server.web.feature import PEOPLE, Feature, Menu

FEATURE = Feature(
    steps=steps,
    pages=(pages.blueprint, settings.blueprint, bounces.blueprint),
    sections={"admin.mail_settings": "admin.mailing", "admin.mail_bounces": "admin.mailing"},
    undoable=("admin.mail_bounces",),
    menu=(
        Menu(
            180,
            "admin.mailing.show",
            N_("Mails"),
            PEOPLE,
            N_("send badges, mail server, bounces, links"),
        ),
    ),
)
