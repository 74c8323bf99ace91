from badges.i18n import N_
from server.features.attendees import flag as attendee_flag
from server.features.attendees import lists, many
from server.features.attendees import pages as people
from server.features.attendees.find import FINDERS
from server.web.feature import PEOPLE, Feature, Menu

FEATURE = Feature(
    finders=FINDERS,
    pages=(people.blueprint, lists.blueprint, many.blueprint, attendee_flag.blueprint),
    sections={"admin.attendee_list": "admin.people", "admin.attendee_many": "admin.people"},
    menu=(
        Menu(
            40,
            "admin.people.search",
            N_("Attendees"),
            PEOPLE,
            N_("people, register, badges, revoke"),
        ),
    ),
    undoable=("admin.people",),
)
