from badges.i18n import N_
from server.features.editing import venue_pages as venue
from server.features.editing.find import FINDERS
from server.features.editing.pages import (
    badges,
    edits,
    guests,
    organisations,
    persons,
    speakers,
    things,
)
from server.features.editing.steps import steps
from server.web.feature import PROGRAMME, RECORDS, Feature, Menu

FEATURE = Feature(
    steps=steps,
    finders=FINDERS,
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
    menu=(
        Menu(
            140,
            "admin.venue.show",
            N_("Venue"),
            PROGRAMME,
            N_("halls, doors, sessions, categories, zones"),
        ),
        Menu(85, "admin.edits.show", N_("Your changes"), RECORDS, N_("undo what you changed last")),
    ),
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
