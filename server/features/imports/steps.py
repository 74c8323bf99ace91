from collections.abc import Sequence

from badges.i18n import N_, counted
from server.core.people import attendees
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    people = attendees.count_people(here.database.reader)
    words = counted("%(num)s person", "%(num)s people", people)
    return (Step(40, N_("Attendees"), words, people > 0, "admin.uploads.show", blocks=True),)
