"""The fields of a record and of messages for the kind of an entry's place."""

import pytest

from badges.record import (
    OuterHall,
    PlaceKind,
    ScanRecord,
    WireError,
    accessible_field,
    decode_record,
    encode_record,
)
from badges.wire import wire

FIELDS = {
    "kiosk": "west", "generation": 1, "seq": 1, "direction": "entry", "door": 1, "hall": 1,
    "scanned_at": 1, "skew_ms": None, "facts_age_ms": None, "decision": "admitted",
}  # fmt: skip


@pytest.mark.parametrize("kind", list(PlaceKind))
def test_a_record_has_its_kind_of_place(kind: PlaceKind) -> None:
    record = ScanRecord(
        **FIELDS,
        override_place=kind is PlaceKind.OVERRIDE,
        accessible_place=accessible_field(kind),
        outer=(OuterHall(hall=2, accessible_place=kind is PlaceKind.ACCESSIBLE),),
    )
    raw = encode_record(record)
    assert decode_record(raw).kind is kind
    assert decode_record(raw).outer_halls[0].kind is not PlaceKind.OVERRIDE
    assert (b"accessible" in raw) is (kind is PlaceKind.ACCESSIBLE), "else the bytes of before"


@pytest.mark.parametrize(
    "changes",
    [
        {"accessible_place": False},
        {"accessible_place": True, "override_place": True},
        {"outer": (OuterHall(hall=2, accessible_place=True, override_place=True),)},
        {"v": 2},
        {"salt": "0" * 32},
        {"v": 2, "salt": "0" * 31},
        {"v": 2, "salt": "A" * 32},
    ],
    ids=[
        "said without need",
        "two kinds",
        "two kinds around",
        "no salt",
        "a salt in version 1",
        "a short salt",
        "another form of salt",
    ],
)
def test_a_record_has_one_form(changes: dict[str, object]) -> None:
    with pytest.raises(WireError):
        decode_record(encode_record(ScanRecord(**(FIELDS | changes))))


def test_messages_of_before_kept_places_are_read() -> None:
    old = b'{"hall":1,"granted":3,"returned":0,"free":3,"wants":false,"override":true}'
    assert wire.decode(old, wire.PlaceTotals).kind is PlaceKind.OVERRIDE
    assert wire.encode(wire.PlaceTotals(1, 3, 0, 3, override=True)) == old
    assert b"accessible" not in wire.encode(wire.PlaceOrder(1, 3, 0, 1))
    kept = wire.PlaceOrder(1, 3, 0, 1, accessible=accessible_field(PlaceKind.ACCESSIBLE))
    assert wire.decode(wire.encode(kept), wire.PlaceOrder).kind is PlaceKind.ACCESSIBLE
