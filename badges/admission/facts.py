"""The input and output of a decision, as frozen values without behaviour.

Instants are Unix milliseconds in UTC (`…_at`). Durations end in `_ms`.
"""

from dataclasses import dataclass
from enum import StrEnum

from badges.credential.credential import ALL_ZONES, Credential
from badges.record import PlaceKind, StayRef


class Direction(StrEnum):
    ENTRY = "entry"
    EXIT = "exit"


class Reason(StrEnum):
    """Why a door denied entry. Released values never change, because signed records
    contain them.
    """

    NOT_A_BADGE = "not_a_badge"
    FORGED = "forged"
    OTHER_EVENT = "other_event"
    REVOKED = "revoked"
    SUPERSEDED = "superseded"
    LIKELY_COPY = "likely_copy"
    NOT_VALID_TODAY = "not_valid_today"
    DAY_CREDENTIAL = "day_credential"  # another card replaces this badge today
    EXPIRED = "expired"
    NOT_ENTITLED = "not_entitled"
    HALL_CLOSED = "hall_closed"
    # Admitted at this door seconds before its kiosk restarted. Staff decide if it is the same
    # person.
    BEFORE_RESTART = "before_restart"
    ALREADY_INSIDE = "already_inside"
    HALL_FULL = "hall_full"
    KIOSK_RETIRED = "kiosk_retired"
    DOOR_RESTING = "door_resting"
    FACTS_TOO_OLD = "facts_too_old"
    ROLL_CALL = "roll_call"  # no entry: the holder was seen at an assembly point


class Flag(StrEnum):
    """Notes to staff or auditors about an admission."""

    LIKELY_COPY = "likely_copy"  # the badge seems to have been in two places at once
    PASSBACK = "passback"  # entered again without an exit, under soft anti-passback
    NO_ENTRY = "no_entry"  # an exit without a known stay
    UNVERIFIED = "unverified"  # an exit without a valid badge of this event
    ATTENTION = "attention"  # the credential asks staff to look
    ESCORT = "escort"  # the holder must be escorted
    REPEATED = "repeated"  # a second exit, just before and after the kiosk restarted
    LOOKED_UP = "looked_up"  # admitted by name by a supervisor, without a badge
    DAY_CREDENTIAL = "day_credential"  # by a day credential; nothing to do for staff
    CHECK_DAY = "check_day"  # a day credential whose holder's ID must be checked


class AntiPassback(StrEnum):
    OFF = "off"
    SOFT = "soft"
    HARD = "hard"


class Exits(StrEnum):
    """Which exits give their place back to a kiosk that is offline (docs/design/places.md)."""

    STRICT = "strict"
    TRUSTING = "trusting"


@dataclass(frozen=True)
class Scan:
    """A badge shown at a door. `badge` is the opened credential, or the reason why
    there is none.
    """

    badge: Credential | Reason
    direction: Direction
    scanned_at: int
    is_number: bool = False  # a typed number in place of a code; for the explanation only


@dataclass(frozen=True)
class Calendar:
    """The event's days. `day_starts` are local midnights (Unix ms), one more than there are days.

    Day i is `[day_starts[i], day_starts[i + 1])`.
    """

    day_starts: tuple[int, ...]


@dataclass(frozen=True)
class Holder:
    """Facts about a holder that the badge does not carry. Holders without stored facts have the
    defaults.
    """

    revoked: bool = False
    highest_issue: int = 0  # 0: unknown
    withdrawn_to: int = 0  # issues above `highest_issue` up to this one are void; 0: none
    copied_issue: int = 0  # badges up to this issue are likely copies; 0: none
    # Known day credentials, each as the issue that it replaces and its day.
    day_credentials: frozenset[tuple[int, int]] = frozenset()
    invited_to: frozenset[int] = frozenset()  # session ids
    refused_from: frozenset[int] = frozenset()  # session ids
    accessible: bool = False  # may use kept places


@dataclass(frozen=True)
class Session:
    """A scheduled activity. It admits from `opens_at` (inclusive) to `closes_at` (exclusive)."""

    session_id: int
    title: str
    opens_at: int
    closes_at: int
    categories: frozenset[int]  # empty: by invitation only


@dataclass(frozen=True)
class Hall:
    hall_id: int
    name: str
    closed: bool = False  # shut by staff, against the programme
    # Categories that may enter besides the sessions' own rules.
    categories: frozenset[int] = frozenset()
    zones: int = ALL_ZONES  # the credential must have one of these zone groups
    sessions_only: bool = False  # shut while no session admits
    anti_passback: AntiPassback = AntiPassback.HARD
    exits: Exits = Exits.STRICT
    facts_age_max_ms: int | None = None
    keeps_places: bool = False  # some of its capacity, for wheelchair users and companions
    # When the kept places are open to everyone: from (inclusive), to (exclusive), in order of time.
    released: tuple[tuple[int, int], ...] = ()


@dataclass(frozen=True)
class Presence:
    """The holder's open stay in this hall, as far as this kiosk or server knows."""

    stay: StayRef
    since: int | None = None
    door: str | None = None
    kind: PlaceKind = PlaceKind.ORDINARY  # of the place in use


@dataclass(frozen=True)
class Outer:
    """A hall around the door's own. An entry here enters both, because the door leads in from
    outside.
    """

    hall: Hall
    presence: Presence | None = None
    free_places: int = 0  # at this door, in that hall
    free_kept: int = 0  # kept places free at this door


@dataclass(frozen=True)
class Facts:
    calendar: Calendar
    hall: Hall
    sessions: tuple[Session, ...]  # this hall's sessions that are not over, in order of time
    holder: Holder = Holder()
    presence: Presence | None = None
    free_places: int = 0  # at this door
    free_kept: int = 0  # free kept places at this door
    key_expired: bool = False  # the badge's key is past its last day
    kiosk_retired: bool = False
    door_resting: bool = False  # its shift has ended, and it has returned its places
    roll_call: bool = False  # the kiosk is at an assembly point and admits nobody
    facts_age_ms: int | None = None  # None: the server never sent any
    # When this badge passed here in the same direction, seconds before the kiosk restarted. The
    # holder may not have seen the light.
    passed_at: int | None = None
    outer: tuple[Outer, ...] = ()  # innermost first


@dataclass(frozen=True)
class Admitted:
    """The door opens. `closes` is the stay that an exit ends, None for an entry."""

    flags: frozenset[Flag] = frozenset()
    session_id: int | None = None
    closes: StayRef | None = None
    kept_place: bool = False  # the holder uses a kept place of this hall


@dataclass(frozen=True)
class Denied:
    reason: Reason
    opens_at: int | None = None  # hall_closed: opening of this holder's next session
    session_id: int | None = None  # the session that the answer is about
    categories: frozenset[int] = frozenset()  # not_entitled: the admitted categories
    # already_inside: when the open stay began; before_restart: when the badge was admitted
    since: int | None = None
    door: str | None = None  # already_inside: where it began
    hall_id: int | None = None  # the outer hall that is the reason, if it is one
    kept: int = 0  # hall_full: places at this door kept for others
    kept_until: int | None = None  # hall_full: when they are released; None: unknown


Decision = Admitted | Denied
