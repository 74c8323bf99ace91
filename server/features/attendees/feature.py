from badges.i18n import N_
from server.features.attendees import flag as attendee_flag
from server.features.attendees import pages as people
from server.web.feature import Feature, Menu

FEATURE = Feature(
    pages=(people.blueprint, attendee_flag.blueprint),
    menu=(Menu(40, "admin.people.search", N_("Attendees")),),
    undoable=("admin.people",),
)
