"""Defines how doors and server speak, which is by typed messages as plain JSON. Their limits stand
here for both ends.
"""

from typing import Annotated, Literal, TypeVar

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
POOLS_MAX = 1000  # of one kiosk: two or three for each hall that it ever stood at
# Of one session.
HOSTS_MAX = 20
SPEAKERS_MAX = 200
SPEAKER_NAME_MAX = 200
# The query of a kiosk that shows the programme, and of one that knows of day credentials.
PROGRAMME_ASKED = "programme=1"
DAYS_ASKED = "days=1"
DAY_CREDENTIALS_MAX = 16  # The most of one holder that a door is told of.
# The same of a kiosk that writes records of version 2, and cosigns checkpoints.
SALTED_ASKED = "salted=1"
# The same of a kiosk that goes on with another server where its own does not answer.
SERVERS_ASKED = "servers=1"
HEAD_CONTEXT = b"hallkeeper/head/v1\x00"
KioskRun = Annotated[str, Meta(pattern="^[0-9]{16}-[0-9a-f]{16}$")]


# The classes that follow are the parts of a snapshot. They tell a door about the venue and people.


class CategoryFacts(Struct, frozen=True):
    code: Count
    key: str
    names: dict[str, str]  # By language.
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
    # Where it keeps places for wheelchair users and companions: when these are everybody's, from
    # (inclusive) and to (exclusive), the soonest first. Left out where it keeps none.
    released: list[tuple[Instant, Instant]] | UnsetType = UNSET


class SpeakerFacts(Struct, frozen=True, kw_only=True):
    """Names somebody who speaks at a session, as the printed programme does."""

    name: Annotated[str, Meta(max_length=SPEAKER_NAME_MAX)]
    # "keynote", "speaker", "moderator" or "panellist". A door calls a role that it does not know a
    # speaker.
    role: Annotated[str, Meta(max_length=20)]
    # Of their badge. It is left out for whoever is not on the roster.
    serial: Count | UnsetType = UNSET
    starts_at: Instant | UnsetType = UNSET  # Of the talk, where it is known.


class SessionFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Describes a session at the door's hall.

    What stands from `starts_at` on is the programme, for the screen alone. It is told to a kiosk
    that asks for it (PROGRAMME_ASKED), because earlier ones refuse a field that they do not know.
    """

    session: Count
    titles: dict[str, str]
    opens_at: Instant
    closes_at: Instant
    categories: list[int]
    invited: list[int]  # Serials.
    refused: list[int]  # Serials.
    starts_at: Instant | UnsetType = UNSET
    ends_at: Instant | UnsetType = UNSET
    kind: dict[str, str] | UnsetType = UNSET  # What the activity is, such as a conference.
    # Names of the organisations that lead it.
    hosts: Annotated[list[dict[str, str]], Meta(max_length=HOSTS_MAX)] | UnsetType = UNSET
    speakers: Annotated[list[SpeakerFacts], Meta(max_length=SPEAKERS_MAX)] | UnsetType = UNSET


class DoorFacts(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    door: Count
    names: dict[str, str]
    mode: Literal["entry", "exit", "both"]


class HolderFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Holds what a door must know of a serial beyond what its badge says."""

    serial: Count
    highest_issue: Count
    revoked: bool
    copied_issue: Count = 0  # Badges up to this issue are likely copies. 0 means that none is.
    # The day credentials that stand in for the badge, each as the badge's issue and the day. It is
    # left out where there are none, and for a kiosk that does not ask (DAYS_ASKED).
    day_credentials: (
        Annotated[list[tuple[Count, Count]], Meta(max_length=DAY_CREDENTIALS_MAX)] | UnsetType
    ) = UNSET


class StayFacts(Struct, frozen=True, forbid_unknown_fields=True):
    stay: StayRef
    serial: Count
    since: Instant
    door: Count
    override: bool = False  # it uses a place beyond the capacity
    moved: bool = False  # the holder was seen at another hall since; the place is still taken
    accessible: bool | UnsetType = UNSET  # it uses a kept place; else left out

    @property
    def kind(self) -> PlaceKind:
        """Return the kind of place that it uses."""
        return PlaceKind.of(self.override, self.accessible)


class OuterFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Describes a hall around the door's own that the door leads into as well, and who is
    inside.
    """

    hall: HallFacts
    stays: list[StayFacts]


class SupervisorFacts(Struct, frozen=True, forbid_unknown_fields=True):
    """Says who may act at a door in a steward's stead. `pin_hash` is argon2id, of a PIN alone."""

    user: Count
    name: Annotated[str, Meta(max_length=60)]
    pin_hash: str


class PlaceTotals(Struct, frozen=True, forbid_unknown_fields=True):
    """Says what a door has of places in a hall, as totals that only grow."""

    hall: Count
    granted: Count
    returned: Count
    free: Count  # For the sharing policy alone. The protocol does not use it.
    wants: bool = False  # Somebody stands at the door and there is no place for them.
    override: bool = False  # The totals are of the places between the capacity and the fire limit.
    # The server's signature of `granted`, and the incarnation in which it signed.
    signature: Signature | UnsetType = UNSET
    signed_in: Count | UnsetType = UNSET
    accessible: bool | UnsetType = UNSET  # of the places that are kept; else left out

    @property
    def kind(self) -> PlaceKind:
        """Return the kind of these places."""
        return PlaceKind.of(self.override, self.accessible)


class Mark(Struct, frozen=True, forbid_unknown_fields=True):
    """Says how far the server had come when it answered, signed by the event's root key.

    `run` names one start of the server. A server that knows no such run, or has not come so far in
    it, runs on an old copy of its database.
    """

    incarnation: Count
    run: Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
    cursor: Count  # The feed's.
    entries: Count  # How many the entry log has.
    signature: Signature  # badges.places.signed.mark_message


def later_mark(one: Mark | None, other: Mark | None) -> Mark | None:
    """Return the mark that shows more. A server on an old copy of its database shows less than
    before.
    """
    if one is None or other is None:
        return one or other
    return max(other, one, key=lambda mark: (mark.incarnation, mark.cursor, mark.entries))


class GoneOuter(Struct, frozen=True, array_like=True):
    """Names an entry whose place in a hall around the door's own was taken back by an exit.

    That is rule 4 of docs/design/places.md, for each hall by itself.
    """

    seq: Sequence
    hall: Count


class Health(Struct, frozen=True):
    """Says how a kiosk is. A value is None where it can't know."""

    version: Annotated[str, Meta(max_length=40)] = ""
    camera: Annotated[str, Meta(max_length=120)] = ""  # What is wrong with it. Empty if nothing is.
    frames_per_second: float | None = None
    # The share of the codes in view that were read, in the last minute.
    read_rate: float | None = None
    queue: Count = 0
    disk_free_mb: Count | None = None
    battery_percent: Annotated[int, Meta(ge=0, le=100)] | None = None
    skew_ms: Milliseconds | None = None
    facts_age_ms: Count | None = None


class Cosigned(Struct, frozen=True, forbid_unknown_fields=True):
    """Holds the kiosk's cosignature of the entry log's checkpoint of so many entries (C2SP
    tlog-cosignature).
    """

    size: Sequence
    line: Annotated[str, Meta(max_length=500)]


class ScanBatch(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Carries scans to the server (POST /api/scans). `records` are canonical, and the chain's head
    after the last one is signed.

    An empty batch is a heartbeat. It carries totals and health, and asks for orders.
    """

    records: Annotated[list[msgspec.Raw], Meta(max_length=BATCH_SCANS_MAX)]
    first_seq: Sequence
    # The journal's last sequence. If the server has a later one, the kiosk's disk is an old copy.
    last_seq: Count
    gone: Annotated[list[Sequence], Meta(max_length=BATCH_SCANS_MAX)] = []
    # `gone` for halls around the door's own. It is left out where there are none.
    gone_outer: (
        Annotated[list[GoneOuter], Meta(max_length=BATCH_SCANS_MAX * OUTER_MAX)] | UnsetType
    ) = UNSET
    head: Hash
    signature: Signature  # The kiosk's, of HEAD_CONTEXT and head.
    incarnation: Count
    places: Annotated[list[PlaceTotals], Meta(max_length=POOLS_MAX)] = []
    cursor: Count = 0  # How far this kiosk has applied the feed.
    resting: bool = False  # The door is out of service. It gave its places back and wants none.
    # The entry log's size in the newest checkpoint that this kiosk verified.
    log_size: Count = 0
    sent_at: Instant
    health: Health = Health()
    mark: Mark | UnsetType = UNSET  # The newest that this kiosk was shown.
    # Names this run of the kiosk, from its start on. The name of a later run is greater, as text.
    # It is left out for a server that does not know the field (badges.wire.version.RUN_SINCE).
    run: KioskRun | UnsetType = UNSET
    # The newest checkpoint that this kiosk verified. It is sent where the server's log contradicts
    # it.
    note: Annotated[str, Meta(max_length=4_000)] | UnsetType = UNSET
    # Of a checkpoint that this kiosk verified and has on its disk. It is left out where there is no
    # new one, or where the server has not said that it takes it (Snapshot.salted).
    cosigned: Cosigned | UnsetType = UNSET


class PlaceOrder(Struct, frozen=True, forbid_unknown_fields=True):
    """Holds what the server says of a door's places in a hall, as totals. Older ones do no harm."""

    hall: Count
    granted: Count
    recall: Count  # Return places until your total of returned ones is this.
    incarnation: Count
    override: bool = False
    left: Count = 0  # in the whole hall, when this was written; for the screen alone
    signature: bytes = b""  # of `granted`, by badges.places.signed
    accessible: bool | UnsetType = UNSET  # of the places that are kept; else left out

    @property
    def kind(self) -> PlaceKind:
        """Return the kind of these places."""
        return PlaceKind.of(self.override, self.accessible)


class ScanAnswer(Struct, frozen=True, kw_only=True):
    """Answers a batch. Everything up to `acked_seq` is in the ledger, on disk."""

    acked_seq: Count
    incarnation: Count
    fenced: bool
    orders: list[PlaceOrder]
    received_at: Instant
    answered_at: Instant
    # The epoch of the server's time. It changes when the server's clock was set. 0 means not told.
    epoch: Count = 0
    cursor: Count  # The feed's, when the answer was made.
    checkpoint: str  # C2SP signed note
    consistency: list[Hash]  # The proof from the kiosk's `log_size` to the checkpoint's size.
    full: list[Count] = []  # Halls in which the kiosk asked for a place and none can come now.
    # Always null. Kiosks and servers of earlier versions still expect the field.
    refused: None = None
    mark: Mark | None = None


class Snapshot(Struct, frozen=True, kw_only=True):
    """Holds all that one kiosk's door needs as of `cursor` (GET /api/replica)."""

    cursor: Count
    answered_at: Instant
    incarnation: Count
    event_name: dict[str, str]
    time_zone: str
    day_starts: list[Instant]
    ring: bytes  # badges.credential.keys.sign_ring
    log_name: str
    log_key: bytes
    categories: list[CategoryFacts]
    hall: HallFacts
    door: DoorFacts
    # Names by door id, of the doors of the hall and of halls around it.
    doors: dict[str, dict[str, str]]
    sessions: list[SessionFacts]
    holders: list[HolderFacts]
    stays: list[StayFacts]
    orders: list[PlaceOrder]
    supervisors: list[SupervisorFacts] = []
    retired: bool
    # The halls around that the door leads into as well, innermost first. Left out where there are
    # none.
    outer: Annotated[list[OuterFacts], Meta(max_length=OUTER_MAX)] | UnsetType = UNSET
    # For whom places are kept, by serial; left out where none of these halls keeps any.
    accessible: list[Count] | UnsetType = UNSET
    # The server takes records of version 2, and cosignatures. It is told to a kiosk that asks
    # (SALTED_ASKED), because earlier ones refuse a field that they do not know.
    salted: Literal[True] | UnsetType = UNSET
    # The event's signed list of its servers (badges.wire.servers). It is left out where there is
    # none, and for a kiosk that does not ask (SERVERS_ASKED).
    servers: Annotated[bytes, Meta(max_length=20_000)] | UnsetType = UNSET

    @property
    def outer_facts(self) -> list[OuterFacts]:
        """Return `outer`, or an empty list where it is left out."""
        return [] if isinstance(self.outer, UnsetType) else self.outer


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
    # The generation of the kiosk that it is for. A replaced kiosk may still be listening.
    generation: Count


class VenueChanged(Struct, frozen=True, tag="venue"):
    """Says that programme, policy, keys or the kiosk's own door changed, so the kiosk takes a new
    snapshot.
    """


class NamesChanged(Struct, frozen=True, tag="names"):
    """Says that there are sealed names to fetch, or which are to be deleted because their holders
    were erased.

    An early kiosk doesn't know `erased`, and keeps what no server can open any more.
    """

    erased: list[bytes] | UnsetType = UNSET  # badges.credential.credential.lookup_id of each


class KioskRetired(Struct, frozen=True, tag="retired"):
    generation: Count


Change = (
    HolderChanged
    | StayOpened
    | StayClosed
    | PlacesOrdered
    | VenueChanged
    | NamesChanged
    | KioskRetired
)


class SealedName(Struct, frozen=True, array_like=True):
    lookup: bytes  # badges.credential.credential.lookup_id
    sealed: bytes  # badges.credential.credential.seal_name of a HolderName


class HolderName(Struct, frozen=True):
    """Holds what a kiosk shows of a holder. It is readable only with the badge in front of it."""

    name: str
    organisation: str = ""
    country: str = ""


class NamesPage(Struct, frozen=True):
    """Holds sealed names after row N, at most some thousands at a time (GET /api/names?after=N)."""

    names: list[SealedName]
    next: Count
    more: bool


class EnrolRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """POST /api/enrol, repeated until the admin has confirmed."""

    token: Annotated[bytes, Meta(min_length=16, max_length=16)]
    public_key: Hash
    signature: Signature  # badges.wire.enrolment.proof


class EnrolAnswer(Struct, frozen=True, kw_only=True):
    confirmed: bool
    identity: bytes = b""  # badges.wire.enrolment.sign_identity
    root_key: bytes = b""
    event_id: bytes = b""


class ErrorBody(Struct, frozen=True):
    """Holds the one shape of an error, `{"error": {...}}`. `retry` says that the same request may
    work later.

    `counter` comes with `replayed`. It is the kiosk's highest request counter that the server has
    seen.
    """

    code: str
    message: str
    retry: bool = False
    counter: int | UnsetType = UNSET


class ErrorAnswer(Struct, frozen=True):
    error: ErrorBody


T = TypeVar("T", bound=Struct)
_CHANGE: msgspec.json.Decoder[Change] = msgspec.json.Decoder(Change)


def encode(message: Struct) -> bytes:
    """Write any message but a record as JSON."""
    return msgspec.json.encode(message)


def decode(raw: bytes, kind: type[T]) -> T:
    """Read a message of `kind`. Raises WireError with the field at fault."""
    try:
        return msgspec.json.decode(raw, type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(error_place(error)) from None


def encode_change(change: Change) -> str:
    return msgspec.json.encode(change).decode()


def decode_change(raw: bytes | str) -> Change:
    """Read one change of the feed. Raises WireError."""
    try:
        return _CHANGE.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(error_place(error)) from None
