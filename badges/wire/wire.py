"""The messages between doors and server, as typed JSON, with limits for both sides."""

from enum import StrEnum
from typing import Annotated, Literal, Self, TypeVar

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from badges.record import (
    OUTER_MAX,
    Count,
    Hash,
    Instant,
    Milliseconds,
    PlaceKind,
    Sequence,
    Signature,
    StayRef,
    WireError,
    error_place,
)

BATCH_SCANS_MAX = 1000
BODY_BYTES_MAX = 2_000_000
POOLS_MAX = 1000  # of one kiosk: two or three for each hall where it ever was
# Of one session.
HOSTS_MAX = 20
SPEAKERS_MAX = 200
SPEAKER_NAME_MAX = 200
# Queries of kiosks that show the programme, and of kiosks that support day credentials.
PROGRAMME_ASKED = "programme=1"
DAYS_ASKED = "days=1"
DAY_CREDENTIALS_MAX = 16  # the most per holder that a door receives
# Query of kiosks that write records of version 2 and cosign checkpoints.
SALTED_ASKED = "salted=1"
# Query of kiosks that switch to another server if theirs does not answer.
SERVERS_ASKED = "servers=1"
RING_BYTES_MAX = 100_000  # 256 keys
HEAD_CONTEXT = b"hallkeeper/head/v1\x00"
# What a door serves.
DoorMode = Literal["entry", "exit", "both"]
KioskRun = Annotated[str, Meta(pattern="^[0-9]{16}-[0-9a-f]{16}$")]


# The parts of a snapshot: facts about the venue and the people.


class CategoryFacts(Struct, frozen=True):
    code: Count
    key: str
    names: dict[str, str]  # by language
    letter: str
    colour: str  # #rrggbb


class HallFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    hall: Count
    names: dict[str, str]
    closed: bool
    categories: list[int]
    zones: Count
    sessions_only: bool
    anti_passback: Literal["off", "soft", "hard"]
    exits: Literal["strict", "trusting"]
    facts_age_max_ms: Count | None
    capacity: Count
    # If the hall keeps places for wheelchair users and companions: when they are released, from
    # (inclusive) and to (exclusive), in order of time. Absent if it keeps none.
    released: list[tuple[Instant, Instant]] | UnsetType = UNSET


class SpeakerFacts(Struct, frozen=True, kw_only=True):
    """A speaker of a session, as in the printed programme."""

    name: Annotated[str, Meta(max_length=SPEAKER_NAME_MAX)]
    # "keynote", "speaker", "moderator" or "panellist". Doors show unknown roles as speaker.
    role: Annotated[str, Meta(max_length=20)]
    # Of their badge. Absent if the speaker is not on the roster.
    serial: Count | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET  # start of the talk, if known


class SessionFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """A session at the door's hall.

    The fields from `starts_at` on are the programme, only for the screen. Only kiosks that ask
    for them get them (PROGRAMME_ASKED), because earlier kiosks refuse unknown fields.
    """

    session: Count
    titles: dict[str, str]
    opens_at: Instant
    closes_at: Instant
    categories: list[int]
    invited: list[int]  # serials
    refused: list[int]  # serials
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    kind: dict[str, str] | UnsetType = UNSET  # the kind of activity, such as a conference
    # Names of the organisations that host it.
    hosts: Annotated[list[dict[str, str]], Meta(max_length=HOSTS_MAX)] | UnsetType = UNSET
    speakers: Annotated[list[SpeakerFacts], Meta(max_length=SPEAKERS_MAX)] | UnsetType = UNSET


class DoorFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    door: Count
    names: dict[str, str]
    mode: DoorMode


class HolderFacts(Struct, frozen=True, forbid_unknown_fields=True):
    serial: Count
    highest_issue: Count
    revoked: bool
    copied_issue: Count = 0  # badges up to this issue are likely copies; 0: none
    # The day credentials that replace the badge, each as the badge's issue and the day. Absent if
    # there are none, and for kiosks that do not ask (DAYS_ASKED).
    day_credentials: (
        Annotated[list[tuple[Count, Count]], Meta(max_length=DAY_CREDENTIALS_MAX)] | UnsetType
    ) = UNSET
    # Issues above `highest_issue` up to this one are void: staff took back a new badge.
    withdrawn_to: Count | UnsetType = UNSET


class StayFacts(Struct, frozen=True, forbid_unknown_fields=True):
    stay: StayRef
    serial: Count
    since: Instant
    door: Count
    override: bool = False  # it uses a place beyond the capacity
    moved: bool = False  # the holder was seen at another hall since; the place is still in use
    accessible: bool | UnsetType = UNSET  # it uses a kept place; else left out

    @property
    def kind(self) -> PlaceKind:
        return PlaceKind.of(self.override, self.accessible)


class OuterFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """A surrounding hall that the door leads into as well, with its open stays."""

    hall: HallFacts
    stays: list[StayFacts]


class SupervisorFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """A supervisor. `pin_hash` is argon2id of the PIN alone."""

    user: Count
    name: Annotated[str, Meta(max_length=60)]
    pin_hash: str


class PlaceTotals(Struct, frozen=True, forbid_unknown_fields=True):
    """A kiosk's places in one pool of a hall, as totals that only rise."""

    hall: Count
    granted: Count
    returned: Count
    free: Count  # only for the sharing policy, not for the protocol
    wants: bool = False  # a person waits at the door for a place
    override: bool = False  # places between the capacity and the fire limit
    # The server's signature of `granted`, and the incarnation of the signature.
    signature: Signature | UnsetType = UNSET
    signed_in: Count | UnsetType = UNSET
    accessible: bool | UnsetType = UNSET  # kept places; else left out

    @property
    def kind(self) -> PlaceKind:
        return PlaceKind.of(self.override, self.accessible)


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """How far feed and entry log were when the server answered, signed by the event's root key.

    `run` identifies one start of the server. A server that does not know the run, or is behind
    this position, runs on an old copy of its database.
    """

    incarnation: Count
    run: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    cursor: Count  # of the feed
    entries: Count  # number of entries in the log
    signature: Signature  # of badges.places.signed.mark_message


def later_mark(first: Mark | None, second: Mark | None) -> Mark | None:
    """The Mark with later positions. A server on an old copy of its database sends earlier ones
    than before.
    """
    if first is None or second is None:
        return first or second
    return max(second, first, key=lambda mark: (mark.incarnation, mark.cursor, mark.entries))


class GoneOuter(Struct, frozen=True, array_like=True):
    """An entry (`seq`) whose place in a surrounding hall an exit already gave back (rule 4 of
    docs/design/places.md).
    """

    seq: Sequence
    hall: Count


class OpenEnum(StrEnum):
    """Values to which later versions may add.

    A value that this version does not know is read as UNKNOWN, so that no message is refused for
    it.
    """

    @classmethod
    def _missing_(cls, value: object) -> Self:
        return cls("")


class CameraState(OpenEnum):
    UNKNOWN = ""
    NONE = "none"  # hand scanner only
    STARTING = "starting"
    LIVE = "live"
    LOST = "lost"  # no picture, or one that shows nothing
    ENDED = "ended"  # a film, which is over

    @property
    def is_broken(self) -> bool:
        return self in {CameraState.LOST, CameraState.ENDED}


class StorageState(OpenEnum):
    """Whether a phone's browser promised to keep the door's data."""

    UNKNOWN = ""
    PERSISTENT = "persistent"
    FLEETING = "fleeting"


class Health(Struct, frozen=True):
    """A kiosk's health. None means unknown."""

    version: Annotated[str, Meta(max_length=40)] = ""
    camera: CameraState = CameraState.UNKNOWN
    frames_per_second: float | None = None
    # The share of the codes in view that were read, in the last minute.
    read_rate: float | None = None
    queue: Count = 0
    disk_free_mb: Count | None = None
    battery_percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    skew_ms: Milliseconds | None = None
    facts_age_ms: Count | None = None
    # Only of phones: the version of the page's files, the greens that the server has not
    # acknowledged, and whether the browser promised to keep the storage.
    files: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    alone: Count | UnsetType = UNSET
    storage: StorageState | UnsetType = UNSET
    # What is wrong with a broken camera, for people. Nothing is decided by it.
    camera_fault: Annotated[str, Meta(max_length=120)] | UnsetType = UNSET


class Cosigned(Struct, frozen=True, forbid_unknown_fields=True):
    """The kiosk's cosignature of the entry log's checkpoint of this size (C2SP
    tlog-cosignature).
    """

    size: Sequence
    line: Annotated[str, Meta(max_length=500)]


class ScanBatch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Scans for the server (POST /api/scans). `records` are canonical; `signature` is of `head`,
    the journal's hash after the last one.

    An empty batch is a heartbeat. It has totals and health, and requests orders.
    """

    records: Annotated[list[msgspec.Raw], Meta(max_length=BATCH_SCANS_MAX)]
    first_seq: Sequence
    # The journal's last sequence. If the server has a later one, the kiosk's disk is an old copy.
    last_seq: Count
    gone: Annotated[list[Sequence], Meta(max_length=BATCH_SCANS_MAX)] = []
    # `gone` for outer halls. Absent if there are none.
    gone_outer: (
        Annotated[list[GoneOuter], Meta(max_length=BATCH_SCANS_MAX * OUTER_MAX)] | UnsetType
    ) = UNSET
    head: Hash
    signature: Signature  # of HEAD_CONTEXT and head, by the kiosk
    incarnation: Count
    places: Annotated[list[PlaceTotals], Meta(max_length=POOLS_MAX)] = []
    cursor: Count = 0  # how far this kiosk has applied the feed
    resting: bool = False  # the door is out of service: its places are returned and it wants none
    # The entry log's size in the newest checkpoint that this kiosk verified.
    log_size: Count = 0
    sent_at: Instant
    health: Health = Health()
    mark: Mark | UnsetType = UNSET  # the newest that this kiosk received
    # Identifies this run of the kiosk. Later runs compare greater, as text. Absent for servers that
    # do not know the field (badges.wire.version.RUN_SINCE).
    run: KioskRun | UnsetType = UNSET
    # The newest checkpoint that this kiosk verified, sent if the server's log contradicts it.
    note: Annotated[str, Meta(max_length=4_000)] | UnsetType = UNSET
    # Of a checkpoint that this kiosk verified and stored. Absent if there is no new one, or if the
    # server does not accept it (Snapshot.salted).
    cosigned: Cosigned | UnsetType = UNSET


class PlaceOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """The server's order about a kiosk's places in a hall, as totals, so that repeated or late
    orders have no effect.
    """

    hall: Count
    granted: Count
    recall: Count  # return places until the total of returned places is this
    incarnation: Count
    override: bool = False
    left: Count = 0  # in the whole hall when this was written; only for the screen
    signature: bytes = b""  # of `granted`, by badges.places.signed
    accessible: bool | UnsetType = UNSET  # kept places; else left out

    @property
    def kind(self) -> PlaceKind:
        return PlaceKind.of(self.override, self.accessible)


class ScanAnswer(Struct, frozen=True, kw_only=True):
    """The answer to a batch. All records up to `acked_seq` are on the server's disk."""

    acked_seq: Count
    incarnation: Count
    fenced: bool
    orders: list[PlaceOrder]
    received_at: Instant
    answered_at: Instant
    # The epoch of the server's time, which changes when its clock is set. 0: not stated.
    epoch: Count = 0
    cursor: Count  # of the feed, when the answer was made
    checkpoint: str  # C2SP signed note
    consistency: list[Hash]  # proof from the kiosk's `log_size` to the checkpoint's size
    full: list[Count] = []  # halls where the kiosk asked for a place and none can come now
    # Always null. Earlier kiosks and servers still expect the field.
    refused: None = None
    mark: Mark | None = None
    # The server's ring of badge keys: its number, and badges.credential.keys.ring_digest. A door
    # with another one takes a snapshot, unless its own is newer. Absent from early servers.
    ring_number: Instant | UnsetType = UNSET
    ring: Hash | UnsetType = UNSET
    # An admin asked this phone to leave the version of the page's files that it reported.
    update: Literal[True] | UnsetType = UNSET


class RingNumber(Struct, frozen=True):
    """The number of a ring of badge keys, signed by badges.credential.keys.sign_ring_number."""

    number: Instant  # it rises with each change of the keys
    signature: Signature


class Snapshot(Struct, frozen=True, kw_only=True):
    """All facts that a kiosk needs at its door, as of `cursor` (GET /api/replica)."""

    cursor: Count
    answered_at: Instant
    incarnation: Count
    event_name: dict[str, str]
    time_zone: str
    day_starts: list[Instant]
    ring: bytes  # by badges.credential.keys.sign_ring
    log_name: str
    log_key: bytes
    categories: list[CategoryFacts]
    hall: HallFacts
    door: DoorFacts
    # Names by door id, of the doors of the hall and of outer halls.
    doors: dict[str, dict[str, str]]
    sessions: list[SessionFacts]
    holders: list[HolderFacts]
    stays: list[StayFacts]
    orders: list[PlaceOrder]
    supervisors: list[SupervisorFacts] = []
    retired: bool
    # The outer halls that the door leads into as well, innermost first. Absent if there are none.
    outer: Annotated[list[OuterFacts], Meta(max_length=OUTER_MAX)] | UnsetType = UNSET
    # Serials for whom places are kept. Absent if none of these halls keeps any.
    accessible: list[Count] | UnsetType = UNSET
    # The server accepts records of version 2, and cosignatures. Only for kiosks that ask
    # (SALTED_ASKED), because earlier kiosks refuse unknown fields.
    salted: Literal[True] | UnsetType = UNSET
    # The event's signed list of servers (badges.wire.servers). Absent if there is none, and for
    # kiosks that do not ask (SERVERS_ASKED).
    servers: Annotated[bytes, Meta(max_length=20_000)] | UnsetType = UNSET
    # Absent as long as the event has the keys that it began with.
    ring_number: RingNumber | UnsetType = UNSET

    @property
    def outer_facts(self) -> list[OuterFacts]:
        return [] if isinstance(self.outer, UnsetType) else self.outer

    @property
    def ring_order(self) -> int:
        """Of two rings of an event, the one with the higher number is newer. 0: the first."""
        return 0 if isinstance(self.ring_number, UnsetType) else self.ring_number.number


class HolderChanged(Struct, frozen=True, tag="holder"):
    holder: HolderFacts


class StayOpened(Struct, frozen=True, tag="stay_opened"):
    stay: StayFacts
    hall: Count


class StayClosed(Struct, frozen=True, tag="stay_closed"):
    stay: StayRef
    hall: Count
    serial: Count
    # The holder was seen at another hall, but only an exit gives the place back.
    counted: bool = False


class PlacesOrdered(Struct, frozen=True, tag="places"):
    order: PlaceOrder
    # The generation of the kiosk. A replaced kiosk may still be listening.
    generation: Count


class VenueChanged(Struct, frozen=True, tag="venue"):
    """The programme, policy, keys or the kiosk's own door changed. The kiosk must take a new
    snapshot.
    """


class VenueEdited(Struct, frozen=True, tag="edited", kw_only=True, omit_defaults=True):
    """An edit of a door's venue facts. Absent fields did not change.

    Sent in place of VenueChanged to kiosks since EDITS_SINCE. `badges.wire.venue_edit` applies it.
    """

    at: Instant
    digest: bytes  # by badges.wire.venue_edit.digest, of the facts afterwards
    categories: list[CategoryFacts] | UnsetType = UNSET
    hall: HallFacts | UnsetType = UNSET
    door: DoorFacts | UnsetType = UNSET
    outer: Annotated[list[HallFacts], Meta(max_length=OUTER_MAX)] | UnsetType = UNSET
    doors: dict[str, dict[str, str]] = {}  # new and renamed
    doors_gone: list[str] = []
    sessions: list[SessionFacts] = []  # new and changed
    sessions_gone: list[Count] = []
    supervisors: list[SupervisorFacts] = []  # new and changed
    supervisors_gone: list[Count] = []
    accessible: list[Count] | UnsetType | None = UNSET  # None: no hall keeps places any more
    servers: Annotated[bytes, Meta(max_length=20_000)] | UnsetType = UNSET
    # The badge keys were changed. A kiosk that ignores these takes a snapshot for the digest.
    ring: Annotated[bytes, Meta(max_length=RING_BYTES_MAX)] | UnsetType = UNSET
    ring_number: RingNumber | UnsetType = UNSET


class NamesChanged(Struct, frozen=True, tag="names"):
    """There are sealed names to fetch, or to delete because their holders were erased.

    Early kiosks ignore `erased`, and keep sealed names that no server can open any more.
    """

    erased: list[bytes] | UnsetType = UNSET  # lookup_id of each (badges.credential.credential)


class KioskRetired(Struct, frozen=True, tag="retired"):
    generation: Count


Change = (
    HolderChanged
    | StayOpened
    | StayClosed
    | PlacesOrdered
    | VenueChanged
    | VenueEdited
    | NamesChanged
    | KioskRetired
)


class SealedName(Struct, frozen=True, array_like=True):
    lookup: bytes  # by badges.credential.credential.lookup_id
    sealed: bytes  # by badges.credential.credential.seal_name, of a HolderName


class HolderName(Struct, frozen=True):
    """The holder's data for a kiosk's screen. Encrypted so that only the scanned badge decrypts
    it.
    """

    name: str
    organisation: str = ""
    country: str = ""


class NamesPage(Struct, frozen=True):
    """The next sealed names after row N, up to a limit (GET /api/names?after=N)."""

    names: list[SealedName]
    next: Count
    more: bool


class EnrolRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """A kiosk's request to enrol (POST /api/enrol), repeated until the admin has confirmed."""

    token: Annotated[bytes, Meta(min_length=16, max_length=16)]
    public_key: Hash
    signature: Signature  # by badges.wire.enrolment.proof
    device: Literal["phone"] | UnsetType = UNSET  # absent for a kiosk


class EnrolAnswer(Struct, frozen=True, kw_only=True):
    confirmed: bool
    identity: bytes = b""  # by badges.wire.enrolment.sign_identity
    root_key: bytes = b""
    event_id: bytes = b""


class ErrorCode(OpenEnum):
    """Why the server refused a request. docs/design/wire.md has what a kiosk does about each."""

    UNKNOWN = ""

    # Of the journal and the feed.
    GAP = "gap"
    FORK = "fork"
    CURSOR_GONE = "cursor_gone"

    # Of the kiosk and its signature.
    RETIRED = "retired"
    UNKNOWN_KIOSK = "unknown_kiosk"
    BAD_SIGNATURE = "bad_signature"
    REPLAYED = "replayed"
    SESSION = "session"
    VERSION = "version"

    # Of an enrolment.
    WRONG_CODE = "wrong_code"
    CODE_EXPIRED = "code_expired"
    CODE_USED_UP = "code_used_up"

    # Of a supervisor.
    NOT_A_SUPERVISOR = "not_a_supervisor"
    NO_SUCH_DOOR = "no_such_door"
    MOVED_OFTEN = "moved_often"
    TOO_MANY = "too_many"

    # Of the server.
    DISK_FULL = "disk_full"
    DISK_READ_ONLY = "disk_read_only"
    DISK_FAILING = "disk_failing"
    SUPERSEDED = "superseded"
    DATABASE_AWAY = "database_away"

    # Of any request.
    MALFORMED = "malformed"
    NOT_FOUND = "not_found"
    NOT_ALLOWED = "not_allowed"
    TOO_LARGE = "too_large"
    FAILED = "failed"


class ErrorBody(Struct, frozen=True):
    """The body of every error response, `{"error": {...}}`. With `retry` the same request may work
    later.

    `counter` comes with `replayed`: the kiosk's highest request counter that the server has seen.
    """

    code: ErrorCode
    message: str
    retry: bool = False
    counter: int | UnsetType = UNSET


class ErrorAnswer(Struct, frozen=True):
    error: ErrorBody


T = TypeVar("T", bound=Struct)
_CHANGE: msgspec.json.Decoder[Change] = msgspec.json.Decoder(Change)


def encode(message: Struct) -> bytes:
    """Encode any message except a record as JSON."""
    return msgspec.json.encode(message)


def decode(raw: bytes, kind: type[T]) -> T:
    """Raises WireError, which names the invalid field."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(error_place(error)) from None


def encode_change(change: Change) -> str:
    return msgspec.json.encode(change).decode()


def decode_change(raw: bytes | str) -> Change:
    """Raises WireError."""
    try:
        return _CHANGE.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(error_place(error)) from None
