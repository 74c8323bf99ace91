from collections.abc import Sequence

from flask import url_for

from badges.i18n import N_
from server.core.kiosks import registry
from server.storage.localized import names_of
from server.web.display import main_name
from server.web.feature import Finder, Hit
from server.web.matching import matching, named
from server.web.services import services


def _kiosks(text: str) -> Sequence[Hit]:
    kiosks = registry.kiosks(services().database.reader)
    return [
        Hit(
            row.kiosk,
            main_name(row.door_names),
            url_for("admin.kiosks.show", _anchor=f"kiosk-{row.kiosk}"),
        )
        for row in matching(text, kiosks, lambda row: named(row.kiosk, names_of(row.door_names)))
    ]


FINDERS = (Finder(N_("Kiosks"), "admin.kiosks.show", _kiosks),)
