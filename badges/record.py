"""The scan record, which is one line of a kiosk's journal, and its one canonical form.

The form is canonical JSON: sorted keys, no spaces, UTF-8, no floats. So it can be hashed without
this library.
"""

from enum import IntEnum
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

KioskId = Annotated[str, Meta(pattern="^[a-z0-9][a-z0-9-]{0,31}$")]
Count = Annotated[int, Meta(ge=0, le=2**53)]
Sequence = Annotated[int, Meta(ge=1, le=2**53)]
Instant = Annotated[int, Meta(ge=0, le=2**53)]  # Unix ms, UTC
Milliseconds = Annotated[int, Meta(ge=-(2**53), le=2**53)]
Word = Annotated[str, Meta(pattern="^[a-z_]{1,32}$")]
Hash = Annotated[bytes, Meta(min_length=32, max_length=32)]
Signature = Annotated[bytes, Meta(min_length=64, max_length=64)]
SALT_BYTES = 16  # of a record of version 2, written as twice as many hexadecimal digits
Salt = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]


class WireError(ValueError):
    """Raised for a malformed message. The text names the field, never its value."""


class PlaceKind(IntEnum):
    """The three pools of a hall's places. The numbers are stored and never change."""

    ORDINARY = 0  # up to the capacity, without the kept places
    OVERRIDE = 1  # between the capacity and the fire limit, for a supervisor
    ACCESSIBLE = 2  # of the capacity, kept for wheelchair users and their companions

    @classmethod
    def of(cls, override: bool, accessible: bool | UnsetType) -> "PlaceKind":
        if accessible is True:
            return cls.ACCESSIBLE
        return cls.OVERRIDE if override else cls.ORDINARY


def accessible_field(kind: PlaceKind) -> Literal[True] | UnsetType:
    """The field of a message or record that marks a kept place.

    It is absent for other places, so their messages keep the bytes from before kept places
    existed.
    """
    return True if kind is PlaceKind.ACCESSIBLE else UNSET


class StayRef(Struct, frozen=True, forbid_unknown_fields=True):
    kiosk: KioskId
    generation: Count
    seq: Sequence


class OuterHall(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True, omit_defaults=True):
    """A scan's effect in a surrounding hall, which its door leads into as well.

    An entry takes a place of that hall too. An exit closes a stay there, if the door knew the
    stay. A denied entry has only the hall that was the reason.
    """

    hall: Count
    closes: StayRef | None = None
    credited: bool = False  # as in the record, for this hall
    override_place: bool = False
    accessible_place: bool = False

    @property
    def kind(self) -> PlaceKind:
        """Of the place that the entry used or the exit gave back."""
        return PlaceKind.of(self.override_place, self.accessible_place)


OUTER_MAX = 8  # the most halls nested around a hall

OuterHalls = Annotated[tuple[OuterHall, ...], Meta(min_length=1, max_length=OUTER_MAX)]


class ScanRecord(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """One record of a kiosk's journal. Its canonical bytes are hashed, signed and logged.

    Version 2 has a salt, so that the hash can replace a deleted record
    (badges/transparency/chain.py). A kiosk writes version 2 once its server accepts it.
    """

    v: Literal[1, 2] = 1
    kiosk: KioskId
    generation: Count
    seq: Sequence
    act: Literal["scan", "override", "annul"] = "scan"
    direction: Literal["entry", "exit"]
    door: Count
    hall: Count
    scanned_at: Instant
    skew_ms: Milliseconds | None  # kiosk's clock minus the server's, as last measured
    # The epoch of the server's time in which the skew was measured.
    epoch: Sequence | UnsetType = UNSET
    facts_age_ms: Count | None  # age of the door's facts; None: it never had any
    decision: Literal["admitted", "denied"]
    reason: Word | None = None
    flags: Annotated[tuple[Word, ...], Meta(max_length=8)] = ()
    serial: Annotated[int, Meta(ge=0, le=0xFFFFFF)] | None = None
    issue: Annotated[int, Meta(ge=1, le=255)] | None = None
    category: Annotated[int, Meta(ge=0, le=255)] | None = None
    # The day of a day credential, counted from 0. Other badges leave it out.
    day: Annotated[int, Meta(ge=0, le=15)] | UnsetType = UNSET
    session: Count | None = None
    closes: StayRef | None = None
    credited: bool = False  # an exit whose place the door took back at once
    override_place: bool = False  # an entry on a place between the capacity and the fire limit
    accessible_place: bool | UnsetType = UNSET  # an entry on a kept place; else left out
    by: Annotated[str, Meta(max_length=32)] | None = None  # override, annul: the supervisor
    note: Annotated[str, Meta(max_length=200)] | None = None  # override, annul: the reason
    # Halls around the door's own, from the inside out. Left out if the scan counts in none.
    outer: OuterHalls | UnsetType = UNSET
    salt: Salt | UnsetType = UNSET  # random, only in version 2

    @property
    def kind(self) -> PlaceKind:
        """Of the place that the entry used or the exit gave back."""
        return PlaceKind.of(self.override_place, self.accessible_place)

    @property
    def outer_halls(self) -> tuple[OuterHall, ...]:
        """Innermost first."""
        return () if isinstance(self.outer, UnsetType) else self.outer


def encode_record(record: ScanRecord) -> bytes:
    return msgspec.json.encode(record, order="sorted")


def decode_record(raw: bytes) -> ScanRecord:
    """Decode a record. Raises WireError if `raw` is invalid or not in canonical form."""
    try:
        record = _RECORD.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise WireError(f"scan record: {error_place(error)}") from None
    if encode_record(record) != raw or record.accessible_place is False:
        raise WireError("scan record: not in canonical form")
    if (record.v == 2) is (record.salt is UNSET):
        raise WireError("scan record: version 2 has a salt, and version 1 has none")
    places: list[tuple[bool, bool | UnsetType]]
    places = [(outer.override_place, outer.accessible_place) for outer in record.outer_halls]
    places.append((record.override_place, record.accessible_place))
    if (True, True) in places:
        raise WireError("scan record: one place of two kinds")
    if record.outer is not UNSET and not _distinct(record):
        raise WireError("scan record: one hall twice")
    return record


def _distinct(record: ScanRecord) -> bool:
    halls = [record.hall, *(outer.hall for outer in record.outer_halls)]
    return len(set(halls)) == len(halls)


_RECORD = msgspec.json.Decoder(ScanRecord)


def error_place(error: Exception) -> str:
    """Describe an error without the invalid value: only msgspec's texts are used, which name types
    and fields.
    """
    if isinstance(error, RecursionError):
        return "nested too deeply"
    return str(error) if isinstance(error, msgspec.MsgspecError) else "not UTF-8"
