from collections.abc import Sequence

from badges.i18n import N_
from server.core.event.duties import Work
from server.features.evidence.pages import files, timeline
from server.features.evidence.witnesses.worker import Confirming
from server.web.feature import RECORDS, Feature, Menu
from server.web.services import Services


def _works(here: Services) -> Sequence[Work]:
    confirming = Confirming(here.event, here.database, here.log, here.now)
    here.keep(confirming)
    return [confirming]


FEATURE = Feature(
    pages=(timeline.blueprint, files.blueprint),
    menu=(Menu(90, "admin.log.show", N_("Entry log"), RECORDS, N_("proofs, export, integrity")),),
    sections={"admin.log_files": "admin.log"},
    works=_works,
)
