from collections.abc import Sequence
from functools import partial
from math import nan

from prometheus_client import Gauge

from badges.i18n import N_
from server.core.event.duties import Work
from server.features.backup import pages
from server.features.backup.restic import repository_of
from server.features.backup.sending import Sending
from server.features.backup.steps import steps
from server.web.feature import RECORDS, Feature, Menu
from server.web.services import Services


def _works(here: Services) -> Sequence[Work]:
    repository, directory = repository_of(here.event), here.event.backup_path
    if repository is None or directory is None:
        return []
    sending = Sending(repository, directory, here.now)
    here.keep(sending)
    _measure(here, sending)
    return [sending]


def _measure(here: Services, sending: Sending) -> None:
    """Add the repository's state to the server's metrics."""

    def age_s() -> float:
        sent_at = sending.sent.newest_at
        return nan if sent_at is None else max(0.0, (here.now() - sent_at) / 1000)

    gauge = partial(Gauge, registry=here.measures.registry)
    trouble = gauge("hallkeeper_repository_trouble", "1 where backups are not sent elsewhere.")
    trouble.set_function(lambda: bool(sending.sent.trouble))
    gauge("hallkeeper_repository_age_seconds", "Since the last copy was sent.").set_function(age_s)


FEATURE = Feature(
    pages=(pages.blueprint,),
    steps=steps,
    works=_works,
    menu=(
        Menu(
            220,
            "admin.backup.show",
            N_("Backups"),
            RECORDS,
            N_("second disk, back up now, download"),
        ),
    ),
)
