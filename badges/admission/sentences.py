"""English texts of refusals, for doors and the server's pages, and the other sentences of
`phrases`.

A sentence is a pair: a reason and a next step, "" if there is none. `N_` marks texts for
`badges/translations`. Names in braces: hall, place (a session's title or the hall), who, time,
day, span, door, n (seconds), opens (a whole sentence "Opens …") and title (a session's).
"""

from collections.abc import Mapping
from typing import NamedTuple

from badges.admission.facts import Flag, Reason
from badges.i18n import N_

Pair = tuple[str, str]


WORDS: Mapping[str, str] = {
    "admit": N_("ADMIT"),
    "look": N_("ADMIT & CHECK"),
    "escort": N_("ESCORT?"),  # in place of "look"
    "same": N_("SAME PERSON?"),
    "deny": N_("DENIED"),
    "elsewhere": N_("OTHER DOOR"),
    "goodbye": N_("GOODBYE"),
    "seen": N_("SEEN"),
}

FLAGS: Mapping[Flag, Pair] = {
    Flag.ATTENTION: (N_("This badge asks for attention"), N_("Speak to the holder")),
    Flag.DAY_CREDENTIAL: (N_("Day credential"), ""),
    Flag.CHECK_DAY: (
        N_("Day credential: check the ID"),
        N_("Another name on the ID: stop, call a supervisor"),
    ),
    Flag.ESCORT: (
        N_("Enters only with an escort"),
        N_("With the escort: let in. Alone: stop, call a supervisor"),
    ),
    Flag.LIKELY_COPY: (
        N_("This badge may be a copy"),
        N_(
            "Compare the name with an ID. Same: let in, then the badge desk. Other: stop, call a"
            " supervisor"
        ),
    ),
    Flag.PASSBACK: (
        N_("Second entry: no exit was scanned"),
        N_("Compare the name with an ID. Same: let in. Other: stop, call a supervisor"),
    ),
    Flag.LOOKED_UP: (
        N_("Admitted by name, without a badge"),
        N_("Send to the badge desk for a new badge"),
    ),
    Flag.REPEATED: (N_("Exit recorded before this kiosk restarted"), ""),
    Flag.NO_ENTRY: (N_("Exit recorded; no entry is known"), ""),
    Flag.UNVERIFIED: (
        N_("Exit recorded; not a valid badge"),
        N_("Let out; not counted"),
    ),
}


class Refusal(NamedTuple):
    label: str
    sentence: str
    next_step: str


_DESK = N_("Send the holder to the badge desk")
_OTHER_DOOR = N_("Send to another door; tell an admin")
_PROGRAMME = N_("Send to a hall on the holder's programme")
REFUSALS: Mapping[Reason, Refusal] = {
    Reason.NOT_A_BADGE: Refusal(
        N_("Not a badge"), N_("Not a badge"), N_("Ask for the code on the badge")
    ),
    Reason.FORGED: Refusal(N_("Forged"), N_("This badge is not genuine"), N_("Call a supervisor")),
    Reason.OTHER_EVENT: Refusal(
        N_("Another event's badge"),
        N_("Badge of another event"),
        N_("Ask for the badge of this event"),
    ),
    Reason.REVOKED: Refusal(N_("Revoked"), N_("This badge was revoked"), _DESK),
    Reason.SUPERSEDED: Refusal(
        N_("Replaced by a newer badge"),
        N_("Replaced by a newer badge"),
        N_("Ask for the holder's newer badge"),
    ),
    Reason.LIKELY_COPY: Refusal(
        N_("Likely a copied badge"),
        N_("This badge seems to be in use twice"),
        N_("Do not let in. Send the holder to the badge desk"),
    ),
    Reason.NOT_VALID_TODAY: Refusal(N_("Not valid today"), N_("Not valid today"), _DESK),
    Reason.DAY_CREDENTIAL: Refusal(
        N_("A day credential was given out"),
        N_("A day credential was given out for today"),
        N_("Ask for the day credential, or send to the badge desk"),
    ),
    Reason.EXPIRED: Refusal(N_("Expired"), N_("This badge has expired"), _DESK),
    Reason.NOT_ENTITLED: Refusal(
        N_("Not entitled"), N_("This badge does not open {place}"), _PROGRAMME
    ),
    Reason.HALL_CLOSED: Refusal(
        N_("Hall closed"), N_("{hall} is closed"), N_("Nothing opens here later for this holder")
    ),
    Reason.BEFORE_RESTART: Refusal(
        N_("Shown again after a restart: one person or two?"),
        N_("Yes: let in. No: stop, call a supervisor"),
        N_("Admitted and counted {n} s ago, before this kiosk restarted"),
    ),
    Reason.ALREADY_INSIDE: Refusal(
        N_("Already inside"),
        N_("Already inside"),
        N_("Do not let in. Call a supervisor to check whose badge it is"),
    ),
    Reason.HALL_FULL: Refusal(
        N_("Hall full"),
        N_("{hall}: no place left here"),
        N_("Ask to wait: a place may come free"),
    ),
    Reason.KIOSK_RETIRED: Refusal(N_("Kiosk retired"), N_("This kiosk is retired"), _OTHER_DOOR),
    Reason.DOOR_RESTING: Refusal(
        N_("Door closed: shift ended"),
        N_("This door is closed: its shift has ended"),
        N_("Send to another door"),
    ),
    Reason.FACTS_TOO_OLD: Refusal(
        N_("Door's data too old"), N_("This door's data is too old to check badges"), _OTHER_DOOR
    ),
    Reason.ROLL_CALL: Refusal(
        N_("Seen at a roll call"),
        N_("Noted at this assembly point"),
        N_("The next person, please"),
    ),
}

COME_BACK = N_("Ask the holder to come back then")
PARTS: Mapping[str, Pair] = {
    "number": (
        N_("This is a number, not a badge"),
        N_(
            "Scan the QR code. No code? Let a supervisor find the person by name, or send them to"
            " the badge desk"
        ),
    ),
    "admitted": (N_("Welcome to {place}"), ""),
    "admitted_to": ("{place}", ""),  # the session's title is enough
    "kept_place": (N_("Kept place"), N_("Show the way to the wheelchair places")),
    "left": (N_("Exit recorded"), ""),
    "admits": (N_("{place} admits {who}"), _PROGRAMME),
    "invited": (N_("{place} is by invitation"), _PROGRAMME),
    "inside_since": (N_("Already inside since {time}"), ""),
    "inside_door": (N_("Already inside, by {door}"), ""),
    "inside_since_door": (N_("Already inside since {time}, by {door}"), ""),
    "inside_outer": (N_("Already inside {hall}"), ""),
    "inside_outer_since": (N_("Already inside {hall} since {time}"), ""),
    "opens_today": (N_("Opens {time}, in {span}"), COME_BACK),
    "opens_tomorrow": (N_("Opens tomorrow at {time}"), COME_BACK),
    "opens_later": (N_("Opens {day} at {time}"), COME_BACK),
    "own_today": (N_("The holder's own session here opens {time}, in {span}"), ""),
    "own_tomorrow": (N_("The holder's own session here opens tomorrow at {time}"), ""),
    "own_later": (N_("The holder's own session here opens {day} at {time}"), ""),
    "titled": (N_("{opens}: {title}"), ""),
}

THIS_HALL = N_("this hall")
HALL_AROUND = N_("the hall around this one")
NEXT_SENTENCE = N_("{first}. {second}")
NEXT_NAME = N_("{names}, {name}")  # goes on with a list, as in "speakers, staff"
LAST_NAME = N_("{names} and {name}")
MOMENT = N_("{day} {time}")
DAY = N_("{weekday} {day} {month}")
# With the hall, and the time of release if known.
KEPT: Pair = (
    N_("{hall}: only wheelchair places left"),
    N_("Wheelchair user: call a supervisor. Others: ask to wait"),
)
KEPT_UNTIL: Pair = (
    N_("{hall}: only wheelchair places left until {time}"),
    N_("Wheelchair user: call a supervisor. Others: ask to come back then"),
)
HOURS = (N_("{n} hour"), "{n} hours")
MINUTES = (N_("{n} minute"), "{n} minutes")
HOURS_MINUTES = N_("{hours} {minutes}")
WEEKDAYS = (N_("Mon"), N_("Tue"), N_("Wed"), N_("Thu"), N_("Fri"), N_("Sat"), N_("Sun"))
MONTHS = (
    N_("Jan"), N_("Feb"), N_("Mar"), N_("Apr"), N_("May"), N_("Jun"),
    N_("Jul"), N_("Aug"), N_("Sep"), N_("Oct"), N_("Nov"), N_("Dec"),
)  # fmt: skip
