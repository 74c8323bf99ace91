from collections.abc import Sequence

from flask import url_for

from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.people import attendees
from server.web import auth
from server.web.feature import Finder, Hit
from server.web.i18n import gettext as _
from server.web.matching import HITS_MAX
from server.web.services import services


def _people(text: str) -> Sequence[Hit]:
    """Search attendees, and log the search."""
    here, by = services(), auth.actor()
    people, total = attendees.find_attendees(here.database.reader, text, HITS_MAX)
    subject = {"answers": total}
    here.database.write(lambda db: entry_log.act(db, by, Act.PEOPLE_SEARCHED, subject, here.now()))
    hits = [
        Hit(person.name, person.organisation, url_for("admin.people.person", number=person.number))
        for person in people
    ]
    if total > len(hits):
        words = _("%(count)s more", count=total - len(hits))
        hits.append(Hit(words, "", url_for("admin.people.search", q=text)))
    return hits


FINDERS = (Finder(N_("Attendees"), "admin.people.person", _people),)
