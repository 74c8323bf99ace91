from badges.i18n import N_
from server.features.editing import venue_pages as venue
from server.features.editing.pages import (
    badges,
    edits,
    guests,
    organisations,
    persons,
    speakers,
    things,
)
from server.web.feature import Feature, Menu

FEATURE = Feature(
    pages=(
        venue.blueprint,
        things.blueprint,
        guests.blueprint,
        speakers.blueprint,
        organisations.blueprint,
        persons.blueprint,
        edits.blueprint,
        badges.blueprint,
    ),
    menu=(Menu(140, "admin.venue.show", N_("Venue")),),
    sections={
        "admin.things": "admin.venue",
        "admin.guests": "admin.venue",
        "admin.session_speakers": "admin.venue",
        "admin.organisation_merge": "admin.programme",
        "admin.persons": "admin.people",
        "admin.badges": "admin.uploads",
    },
    undoable=(
        "admin.venue",
        "admin.things",
        "admin.session_speakers",
        "admin.guests",
        "admin.persons",
        "admin.badges",
    ),
    context=lambda: {"last_edit": edits.banner},
)
