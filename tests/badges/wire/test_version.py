"""Wire versions: compatibility, and which changes an earlier peer may ignore."""

import hashlib
from itertools import product

import msgspec
import pytest

from badges.record import ScanRecord, WireError
from badges.wire import server_key, servers, session, supervisor, wire
from badges.wire.version import FIRST, OWN, UNSTATED, WireVersion, read_version

# Each version's messages as they were when it was the newest. A released one never changes.
FROZEN = {2: "ef9a44f2484943ab", 3: "c000294d0533c038", 4: "2e28759868a71271"}
MESSAGES = (
    ScanRecord, wire.ScanBatch, wire.ScanAnswer, wire.Snapshot, wire.Change, wire.NamesPage,
    wire.EnrolRequest, wire.EnrolAnswer, wire.ErrorAnswer, wire.HolderName, supervisor.LookUp,
    supervisor.Found, supervisor.DoorChoices, supervisor.MoveDoor, supervisor.Moved,
    server_key.ServerKeyAnswer, servers.ServerList, session.SessionRequest, session.SessionAnswer,
)  # fmt: skip


def test_whether_two_understand_each_other_is_the_same_from_either_side() -> None:
    numbers = [WireVersion(new, old) for new, old in product(range(4), range(4)) if old <= new]
    for ours, theirs in product(numbers, numbers):
        fits = ours.understands(theirs)
        assert fits == theirs.understands(ours)
        assert fits != (ours.is_too_old_for(theirs) or theirs.is_too_old_for(ours))


def test_the_kiosk_and_the_server_of_the_version_before_are_understood() -> None:
    assert OWN.understands(UNSTATED)
    assert not OWN.understands(FIRST)
    assert OWN.understands(WireVersion(OWN.newest + 1, OWN.newest))
    assert not OWN.understands(WireVersion(OWN.newest + 2, OWN.newest + 1))


@pytest.mark.parametrize(
    "text", [None, "", "2", "2/", "/1", "a/b", "2/1/0", "-2/1", "٢/١", "9" * 9]
)
def test_malformed_versions_are_refused(text: str | None) -> None:
    assert read_version(text) is None
    assert read_version(OWN.text) == OWN


def test_a_message_that_changes_has_a_version_of_its_own() -> None:
    """May an earlier peer ignore the new field, or does it ask for it? Then raise only `newest`.
    Else raise `oldest` too, so that both sides report the incompatibility.
    """
    shape = msgspec.json.encode(
        undescribed(msgspec.json.schema_components(MESSAGES)), order="sorted"
    )
    assert (max(FROZEN), FROZEN[max(FROZEN)]) == (
        OWN.newest,
        hashlib.sha256(shape).hexdigest()[:16],
    )


def undescribed(schema: object) -> object:
    """The schema without descriptions."""
    if isinstance(schema, dict):
        return {key: undescribed(part) for key, part in schema.items() if key != "description"}
    return [undescribed(part) for part in schema] if isinstance(schema, list | tuple) else schema


def with_field(message: msgspec.Struct, *path: str) -> bytes:
    """The message as JSON, with an unknown field."""
    whole = msgspec.json.decode(wire.encode(message))
    part = whole
    for name in path:
        part = part[name]
    part["later"] = 1
    return msgspec.json.encode(whole)


HALL = wire.HallFacts(
    hall=1, names={}, closed=False, categories=[], zones=1, sessions_only=False,
    anti_passback="off", exits="strict", facts_age_max_ms=None, capacity=1,
)  # fmt: skip
SNAPSHOT = wire.Snapshot(
    cursor=1, answered_at=1, incarnation=1, event_name={}, time_zone="UTC", day_starts=[],
    ring=b"", log_name="", log_key=b"", categories=[], hall=HALL,
    door=wire.DoorFacts(door=1, names={}, mode="both"), doors={}, sessions=[], holders=[],
    stays=[], orders=[], retired=False,
)  # fmt: skip


def test_fields_that_an_earlier_kiosk_may_ignore_do_not_exclude_it() -> None:
    assert wire.decode(with_field(SNAPSHOT), wire.Snapshot) == SNAPSHOT


@pytest.mark.parametrize("path", [("hall",), ("door",)])
def test_a_rule_that_it_does_not_know_is_not_ignored(path: tuple[str, ...]) -> None:
    """Otherwise it would admit people whom the hall refuses."""
    with pytest.raises(WireError, match="later"):
        wire.decode(with_field(SNAPSHOT, *path), wire.Snapshot)


@pytest.mark.parametrize(
    "message",
    [
        wire.PlaceTotals(1, 1, 0, 1),
        wire.PlaceOrder(1, 1, 0, 1),
        wire.Mark(1, "0" * 32, 1, 1, bytes(64)),
        wire.Cosigned(1, ""),
    ],
)
def test_nor_is_anything_about_places_or_signatures(message: msgspec.Struct) -> None:
    with pytest.raises(WireError, match="later"):
        wire.decode(with_field(message), type(message))
