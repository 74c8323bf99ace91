from collections.abc import Sequence

from flask import url_for

from badges.i18n import N_
from server.core.venue import store
from server.web.display import main_name
from server.web.feature import Finder, Hit
from server.web.matching import matching, named
from server.web.services import services


def _halls(text: str) -> Sequence[Hit]:
    halls = store.halls(services().database.reader)
    return [
        Hit(main_name(hall.names), hall.code, url_for("admin.halls.show", hall_id=hall.hall_id))
        for hall in matching(text, halls, lambda hall: named(hall.code, hall.names))
    ]


FINDERS = (Finder(N_("Halls"), "admin.halls.show", _halls),)
