from collections.abc import Sequence

from badges.i18n import N_, Phrase
from server.core.event import retention
from server.core.event.retention import CLOCKS
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    periods = len(retention.settings(here.database.reader))
    words = Phrase("%(periods)s of %(kinds)s periods set", periods=periods, kinds=len(CLOCKS))
    return (Step(190, N_("Retention"), words, periods > 0, "admin.privacy.show"),)
