from collections.abc import Sequence

from flask import url_for

from badges.i18n import N_
from server.core.venue import store
from server.web.display import main_name
from server.web.feature import Finder, Hit
from server.web.matching import matching, named
from server.web.services import services


def _sessions(text: str) -> Sequence[Hit]:
    here = services()
    sessions = store.sessions(here.database.reader)
    return [
        Hit(
            main_name(row.titles),
            here.venue_clock.minute(row.starts_at),
            url_for("admin.things.show", kind="session", number=row.session_id),
        )
        for row in matching(text, sessions, lambda row: named(row.code, row.titles))
    ]


def _doors(text: str) -> Sequence[Hit]:
    doors = store.doors(services().database.reader)
    return [
        Hit(
            main_name(row.names),
            row.code,
            url_for("admin.things.show", kind="door", number=row.door_id),
        )
        for row in matching(text, doors, lambda row: named(row.code, row.names))
    ]


FINDERS = (
    Finder(N_("Sessions"), "admin.things.show", _sessions),
    Finder(N_("Doors"), "admin.things.show", _doors),
)
