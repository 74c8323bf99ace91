"""The muster's texts in English, translated by `_()`."""

from badges.i18n import N_
from server.core.muster.snapshot import Sureness
from server.features.muster.lists import State

STATES: dict[State, str] = {
    State.MISSING: N_("Not seen yet"),
    State.DOUBTFUL: N_("Doubtful"),
    State.OUT: N_("Left the hall"),
    State.SEEN: N_("Seen"),
}
KINDS: dict[State, str] = {
    State.MISSING: "bad",
    State.DOUBTFUL: "bad",
    State.OUT: "warn",
    State.SEEN: "good",
}
DOUBT = N_("seen, but perhaps before they last went in: look for them")
SURENESS: dict[Sureness, str] = {
    Sureness.EXITS_SCANNED: N_("Exits are scanned"),
    Sureness.EXITS_INFERRED: N_("Exits partly inferred"),
    Sureness.NO_EXITS: N_("No exit scanning here"),
    Sureness.DOOR_AWAY: N_("A door is offline"),
    Sureness.TOLD_LATE: N_("Reported after the beginning"),
}
EXPLAINED: dict[Sureness, str] = {
    Sureness.EXITS_SCANNED: N_(
        "Exits are scanned. People who left without scanning out are still listed."
    ),
    Sureness.EXITS_INFERRED: N_(
        "People count as gone when they enter another hall. People who went home are still listed."
    ),
    Sureness.NO_EXITS: N_(
        "No kiosk at this hall scans exits. Many on the list may have left before."
    ),
    Sureness.DOOR_AWAY: N_(
        "People may have left or come in by that door without being recorded here."
    ),
    Sureness.TOLD_LATE: N_("A door reported the entry only after the muster had begun."),
}
HELP = {"wheelchair": N_("Wheelchair"), "companion": N_("Companion")}
