from badges.i18n import N_
from server.features.imports.pages import roster as roster_upload
from server.features.imports.pages import uploads
from server.features.imports.pages import venue as venue_upload
from server.features.imports.steps import steps
from server.web import security
from server.web.feature import PEOPLE, Feature, Menu
from server.web.services import Services
from server.web.shared_uploads import SharedUploads
from server.web.uploads import Uploads


def _start(here: Services) -> None:
    """Prepare the upload store, which deletes those of earlier runs."""
    here.keep(
        SharedUploads(
            here.database,
            security.derived_key(here.event.phone_secret, b"hallkeeper/uploads/v1"),
            here.now,
        )
        if here.several
        else Uploads(here.event.path / "uploads")
    )


FEATURE = Feature(
    steps=steps,
    pages=(uploads.blueprint, roster_upload.blueprint, venue_upload.blueprint),
    menu=(
        Menu(
            150,
            "admin.uploads.show",
            N_("Import"),
            PEOPLE,
            N_("attendees, roster, venue file, programme, exhibitors, badges to issue"),
        ),
    ),
    sections={"admin.roster_upload": "admin.uploads", "admin.venue_upload": "admin.uploads"},
    start=_start,
)
