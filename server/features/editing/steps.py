from collections.abc import Sequence

from badges.i18n import N_, Phrase, counted, joined
from server.core.people import attendees, issuing
from server.core.venue import store
from server.web.feature import Step
from server.web.services import Services


def steps(here: Services) -> Sequence[Step]:
    db = here.database.reader
    halls, doors, sessions = store.halls(db), store.doors(db), store.count_sessions(db)
    people = attendees.count_people(db)
    badges = people - issuing.missing_badges(db)
    parts = (counted("%(num)s person", "%(num)s people", people),
             Phrase("%(count)s with a badge", count=badges))  # fmt: skip
    never_freed = store.halls_never_freed(db)
    exits = []
    if never_freed:
        words = counted(
            "%(num)s hall never frees its places: none of its doors scans exits",
            "%(num)s halls never free their places: none of their doors scans exits",
            len(never_freed),
        )
        exits = [Step(25, N_("Exits"), words, False, "admin.venue.show")]
    return (
        Step(10, N_("Halls"), counted("%(num)s hall", "%(num)s halls", len(halls)),
             bool(halls), "admin.venue.show", blocks=True),
        Step(20, N_("Doors"), counted("%(num)s door", "%(num)s doors", len(doors)),
             bool(doors), "admin.venue.show", blocks=True),
        Step(30, N_("Sessions"), counted("%(num)s session", "%(num)s sessions", sessions),
             sessions > 0, "admin.venue.show"),
        Step(50, N_("Badges"), joined(" · ", parts),
             people > 0 and badges == people, "admin.badges.show", blocks=True),
        *exits,
    )  # fmt: skip
