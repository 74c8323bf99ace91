from badges.i18n import N_
from server.features.mail.pages import pages
from server.features.mail.steps import steps
from server.web.feature import PEOPLE, Feature, Menu

FEATURE = Feature(
    steps=steps,
    pages=(pages.blueprint,),
    menu=(
        Menu(180, "admin.mailing.show", N_("Mails"), PEOPLE, N_("send badges, mail server, links")),
    ),
)
