from collections.abc import Sequence

from badges.i18n import N_
from server.core.event.duties import Work
from server.features.privacy.daily import Daily
from server.features.privacy.forgetting import Forgetting
from server.features.privacy.pages import pages
from server.features.privacy.steps import steps
from server.web.feature import RECORDS, Feature, Menu
from server.web.services import Services


def _works(here: Services) -> Sequence[Work]:
    settled = (lambda: None) if here.backups is None else here.backups.keep_acts
    daily = Daily(here.event, here.database, here.now, settled)
    here.keep(daily)
    return [daily]


def _start(here: Services) -> None:
    forgetting = Forgetting(here)
    here.keep(forgetting)
    forgetting.start()


FEATURE = Feature(
    steps=steps,
    start=_start,
    pages=(pages.blueprint,),
    menu=(
        Menu(
            210,
            "admin.privacy.show",
            N_("Retention"),
            RECORDS,
            N_("privacy, erase, export a person’s data"),
        ),
    ),
    works=_works,
)
