"""Registers the feature with the app."""

from collections.abc import Sequence

from badges.i18n import N_
from server.core.alerts.alerts import Trouble
from server.core.event.duties import Work
from server.core.second_disk.copy import Status
from server.features.integrations import alerts as failing
from server.features.integrations.interface import interface, probes
from server.features.integrations.pages import pages
from server.features.integrations.sender import Webhooks
from server.web.feature import Feature, Menu
from server.web.services import Services


def _alerts(here: Services, now: int) -> list[Trouble]:
    return failing.of_webhooks(here.database.reader, here.event.settings, now)


def _works(here: Services) -> Sequence[Work]:
    def backup() -> Status | None:
        return None if here.backups is None else here.backups.status

    return [Webhooks(here.database, here.event.phone_secret, here.now, backup=backup)]


FEATURE = Feature(
    pages=(pages.blueprint,),
    others=(interface.blueprint, interface.openapi, probes.blueprint),
    exempt=(interface.blueprint,),
    durable=(interface.blueprint,),
    menu=(Menu(200, "admin.machines.show", N_("Machines")),),
    alerts=_alerts,
    works=_works,
)
