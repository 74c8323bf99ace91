from badges.i18n import N_
from server.features.mail.pages import pages
from server.web.feature import Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(Menu(180, "admin.mailing.show", N_("Mails")),),
)
