"""Holds what a decision knows and what it answers, as frozen values without behaviour.

Instants are Unix milliseconds in UTC (`…_at`). Durations end in `_ms`.
"""

from dataclasses import dataclass
from enum import StrEnum

from badges.credential.credential import Credential
from badges.record import PlaceKind, StayRef


class Direction(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"


class Reason(StrEnum):
    """Says why a door stayed shut. Released strings never change, because they stand in signed
    records.
    """

    NOT_A_BADGE = "not_a_badge"
    FORGED = "forged"
    OTHER_EVENT = "other_event"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    LIKELY_COPY = "likely_copy"
    NOT_VALID_TODAY = "not_valid_today"
    DAY_CREDENTIAL = "day_credential"  # On this day another card stands in for this badge.
    EXPIRED = "expired"
    NOT_ENTITLED = "not_entitled"
    HALL_CLOSED = "hall_closed"
    # Admitted at this door seconds before its kiosk restarted: is it the same person?
    BEFORE_RESTART = "before_restart"
    ALREADY_INSIDE = "already_inside"
    HALL_FULL = "hall_full"
    KIOSK_RETIRED = "kiosk_retired"
    DOOR_RESTING = "door_resting"
    FACTS_TOO_OLD = "facts_too_old"
    ROLL_CALL = "roll_call"  # Nobody enters here now. The holder was seen at an assembly point.


class Flag(StrEnum):
    """Says what staff or an auditor should notice about an admission."""

    LIKELY_COPY = "likely_copy"  # The badge seems to have been in two places at once.
    PASSBACK = "passback"  # Entered again without an exit, under soft anti-passback.
    NO_ENTRY = "no_entry"  # An exit for which no stay is known.
    UNVERIFIED = "unverified"  # An exit with something that is not a valid badge of this event.
    ATTENTION = "attention"  # The credential asks staff to look.
    ESCORT = "escort"  # The holder must be escorted.
    REPEATED = "repeated"  # A second exit, seconds after one that the kiosk's restart followed.
    LOOKED_UP = "looked_up"  # Found by name on a supervisor's word, without a badge.
    DAY_CREDENTIAL = "day_credential"  # By a day credential. Staff have nothing to do.
    CHECK_DAY = "check_day"  # A day credential whose holder's ID is to be checked.


class AntiPassback(StrEnum):
    OFF = "off"
    SOFT = "soft"
    HARD = "hard"


class Exits(StrEnum):
    """Says who may credit an exit while offline (docs/design/places.md)."""

    STRICT = "strict"
    TRUSTING = "trusting"


@dataclass(frozen=True)
class Scan:
    """Holds one presentation at a door. `badge` is the opened credential, or why there is none."""

    badge: Credential | Reason
    direction: Direction
    scanned_at: int


@dataclass(frozen=True)
class Calendar:
    """Holds the event's days. `day_starts` are local midnights, one more than there are days.

    Day i is `[day_starts[i], day_starts[i + 1])`. The caller computes them in the venue's zone.
    """

    day_starts: tuple[int, ...]


@dataclass(frozen=True)
class Holder:
    """Holds what is known of a serial beyond its badge. Unknown serials have the defaults."""

    revoked: bool = False
    highest_issue: int = 0  # 0: nothing known
    copied_issue: int = 0  # badges up to this issue are likely copies; 0: none is
    # The day credentials that are known, each as the issue that it stands in for and its day.
    day_credentials: frozenset[tuple[int, int]] = frozenset()
    invited_to: frozenset[int] = frozenset()  # session ids
    refused_from: frozenset[int] = frozenset()  # session ids
    accessible: bool = False  # kept places are for this holder


@dataclass(frozen=True)
class Session:
    """Holds a scheduled activity. It admits from `opens_at` (inclusive) to `closes_at`
    (exclusive).
    """

    session_id: int
    title: str
    opens_at: int
    closes_at: int
    categories: frozenset[int]  # Empty means by invitation only.


@dataclass(frozen=True)
class Hall:
    """Holds a bounded area with a capacity."""

    hall_id: int
    name: str
    closed: bool = False  # Staff shut it, whatever the programme says.
    # Who may enter in addition to the sessions' own rules.
    categories: frozenset[int] = frozenset()
    zones: int = 0xFFFFFFFF  # The credential must have one of these zone groups.
    sessions_only: bool = False  # The hall is shut while no session admits.
    anti_passback: AntiPassback = AntiPassback.HARD
    exits: Exits = Exits.STRICT
    facts_age_max_ms: int | None = None
    keeps_places: bool = False  # some of its capacity, for wheelchair users and companions
    # When these are everybody's, from (inclusive) and to (exclusive), the soonest first.
    released: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Presence:
    """Holds the holder's open stay in this hall, as far as is known here."""

    stay: StayRef
    since: int | None = None
    door: str | None = None
    kind: PlaceKind = PlaceKind.ORDINARY  # of the place that it uses


@dataclass(frozen=True)
class Outer:
    """Holds a hall around the door's own that an entry here enters too, because the door leads in
    from outside both.
    """

    hall: Hall
    presence: Presence | None = None
    free_places: int = 0  # at this door, in that hall
    free_kept: int = 0  # of the places that are kept there


@dataclass(frozen=True)
class Facts:
    """Holds all that a decision may depend on."""

    calendar: Calendar
    hall: Hall
    sessions: tuple[Session, ...]  # Those of this hall that are not over yet, soonest first.
    holder: Holder = Holder()
    presence: Presence | None = None
    free_places: int = 0  # at this door
    free_kept: int = 0  # of the places that the hall keeps for wheelchair users and companions
    key_expired: bool = False  # the badge's key is past its last day
    kiosk_retired: bool = False
    door_resting: bool = False  # Its shift has ended, and it has given its places back.
    roll_call: bool = False  # The kiosk stands at an assembly point, and lets nobody in.
    facts_age_ms: int | None = None  # None means that the server never sent any.
    # When this badge passed this door in the same direction, seconds before its kiosk restarted.
    # Nobody knows whether the light was seen.
    passed_at: int | None = None
    outer: tuple[Outer, ...] = ()  # Innermost first.


@dataclass(frozen=True)
class Admitted:
    """Says that the door opens. `closes` is the stay that an exit ends. Entries open their own."""

    flags: frozenset[Flag] = frozenset()
    session_id: int | None = None
    closes: StayRef | None = None
    kept_place: bool = False  # the holder uses a place of this hall that was kept for such people


@dataclass(frozen=True)
class Denied:
    """Says that the door stays shut, with what the nearest failing condition needs to be told
    plainly.
    """

    reason: Reason
    opens_at: int | None = None  # hall_closed: when this holder's next session opens
    session_id: int | None = None  # the session that the answer is about
    categories: frozenset[int] = frozenset()  # not_entitled: who is admitted
    # already_inside: when the open stay began; before_restart: when the badge was admitted
    since: int | None = None
    door: str | None = None  # already_inside: where it began
    hall_id: int | None = None  # the hall around the door's own that is the reason, if one is
    kept: int = 0  # hall_full: places at this door that are kept for others
    kept_until: int | None = None  # hall_full: when they are everybody's; None: nobody knows yet


Decision = Admitted | Denied
