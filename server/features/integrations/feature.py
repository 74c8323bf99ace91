"""Registers the feature with the app."""

from collections.abc import Sequence

from badges.i18n import N_
from server.core.alerts.alerts import Trouble
from server.core.alerts.sources import WEBHOOKS, AlertContext, alerts
from server.core.event.duties import Work
from server.features.integrations.interface import interface, probes
from server.features.integrations.pages import pages
from server.features.integrations.sender import Webhooks
from server.storage.connection import Connection
from server.web.feature import Feature, Menu
from server.web.services import Services


def _works(here: Services) -> Sequence[Work]:
    def current(db: Connection, now: int) -> list[Trouble]:
        return alerts(WEBHOOKS, AlertContext(db, here.event, now, here), here.alert_sources)

    return [Webhooks(here.database, here.event.phone_secret, here.now, alerts=current)]


FEATURE = Feature(
    pages=(pages.blueprint,),
    others=(interface.blueprint, interface.openapi, probes.blueprint),
    exempt=(interface.blueprint,),
    durable=(interface.blueprint,),
    menu=(Menu(200, "admin.machines.show", N_("Machines")),),
    works=_works,
)
