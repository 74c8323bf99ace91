from collections.abc import Sequence

from badges.i18n import N_
from server.core.alerts.alerts import Alert
from server.core.alerts.sources import WEBHOOKS, AlertContext, alerts
from server.core.event.duties import Work
from server.features.integrations import tokens
from server.features.integrations.interface import interface, probes
from server.features.integrations.pages import pages
from server.features.integrations.sender import Webhooks
from server.features.integrations.topics.table import TOPICS
from server.storage.connection import Connection
from server.web.feature import RECORDS, Feature, Menu
from server.web.services import Services


def _works(here: Services) -> Sequence[Work]:
    def current(db: Connection, now: int) -> list[Alert]:
        return alerts(WEBHOOKS, AlertContext(db, here.event, now, here), here.alert_sources)

    return [Webhooks(here.database, here.event.phone_secret, here.now, alerts=current)]


FEATURE = Feature(
    pages=(pages.blueprint,),
    others=(interface.blueprint, interface.openapi, probes.blueprint),
    exempt=(interface.blueprint,),
    durable=(interface.blueprint,),
    act_values={
        "scopes": tokens.SCOPES,
        "topics": {topic.name: topic.words for topic in TOPICS.values()},
    },
    menu=(
        Menu(
            200, "admin.integrations.show", N_("Integrations"), RECORDS, N_("tokens, webhooks, API")
        ),
    ),
    works=_works,
)
