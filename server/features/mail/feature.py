"""Registers the feature with the app."""

from badges.i18n import N_
from server.core.alerts.alerts import Trouble
from server.features.mail import alerts as mailing
from server.features.mail.pages import pages
from server.web.feature import Feature, Menu
from server.web.services import Services


def _alerts(here: Services, now: int) -> list[Trouble]:
    progress = pages.sender().progress
    return mailing.of_mails(here.database.reader, progress, here.event.settings, now)


FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(Menu(180, "admin.mailing.show", N_("Mails")),),
    alerts=_alerts,
)
