from collections.abc import Sequence

from badges.i18n import N_, Phrase
from server.core.people import attendees, cards
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    db = here.database.reader
    people, printed = attendees.count_people(db), cards.count_printed(db)
    words = Phrase("%(printed)s of %(people)s printed", printed=printed, people=people)
    done = 0 < people <= printed
    return (Step(110, N_("Cards"), words, done, "admin.card_prints.show"),)
