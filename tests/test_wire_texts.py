"""Each state that crosses a wire has a type: whatever is a text there is a name, an id or words.

A state that is a text is compared with texts at the other side, where a renamed one is overlooked:
phones once reported the camera "live", and the server took all but "ok" for a fault.
"""

import re
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from msgspec import inspect

import kiosk.screen
from server.core.programme import speakers
from server.features.integrations import entries, halls, outbox
from server.features.integrations.interface import people, probes, reading, routes
from tests.badges.wire.test_version import MESSAGES

API = (entries, halls, outbox, people, probes, reading, routes)

# The texts of each message. None of them is compared with a value, but for equality of ids.
NAMES = {
    "CategoryFacts": {"names"}, "DoorChoice": {"names", "hall_names"}, "DoorFacts": {"names"},
    "Hall": {"names"}, "HallFacts": {"names"}, "HolderName": {"name", "organisation", "country"},
    "Person": {
        "given_name", "family_name", "latin_name", "organisation", "job_title", "country", "email",
        "phone", "order_number", "language",
    },
    "SessionFacts": {"titles", "kind", "hosts"}, "Session": {"titles"}, "SpeakerFacts": {"name"},
    "SupervisorFacts": {"name"}, "Snapshot": {"event_name", "doors"}, "VenueEdited": {"doors"},
    "PersonFacts": {"hints"},
}  # fmt: skip
NAMES["PersonChange"] = NAMES["NewPerson"] = NAMES["Person"]
IDS = {
    "CategoryFacts": {"key", "letter", "colour"}, "Cosigned": {"line"},
    "EntriesAsked": {"hall"}, "Entry": {"badge", "category", "door", "hall", "kiosk", "session"},
    "Hall": {"code", "parent"}, "Health": {"version", "files"}, "LookUp": {"by"}, "Mark": {"run"},
    "MoveDoor": {"by"}, "PeopleAsked": {"external_id"},
    "Person": {"badge", "category", "external_id"}, "PersonChange": {"category", "external_id"},
    "ProgrammeAsked": {"hall"}, "Receipt": {"key", "receipt"}, "ScanBatch": {"run", "note"},
    "ScanAnswer": {"checkpoint"},
    "ScanRecord": {"kiosk", "by", "salt"}, "ServerAddress": {"host"}, "StayRef": {"kiosk"},
    "Session": {"code", "hall", "categories"}, "Snapshot": {"time_zone", "log_name"},
    "SupervisorFacts": {"pin_hash"}, "VenueEdited": {"doors_gone"},
}  # fmt: skip
IDS["NewPerson"] = IDS["PersonChange"]
WORDS = {
    "ErrorBody": {"message"}, "Health": {"camera_fault"}, "LookUp": {"words"}, "PeopleAsked": {"q"},
    "ScanRecord": {"note"},
}  # fmt: skip
# A record stays as its kiosk signed it, also with a reason that only a later version knows.
RECORDED = {"ScanRecord": {"reason", "flags"}, "Entry": {"reason"}}
# The types of webhooks: others read them.
SENT = {"Envelope": {"type"}}
# Only shown. A door shows an unknown one as speaker.
ROLES = {"SpeakerFacts": {"role"}}


def part_types(of: inspect.Type) -> Sequence[inspect.Type]:
    """The types of a container's or a union's values."""
    if isinstance(of, inspect.Metadata):
        return [of.type]
    if isinstance(of, inspect.UnionType | inspect.TupleType):
        return of.types if isinstance(of, inspect.UnionType) else of.item_types
    if isinstance(of, inspect.ListType | inspect.VarTupleType | inspect.SetType):
        return [of.item_type]
    return [of.value_type] if isinstance(of, inspect.DictType) else []


def texts(of: inspect.Type, field: tuple[str, str], seen: set[type]) -> Iterator[tuple[str, str]]:
    """The message and the field of each text in messages of this type."""
    if isinstance(of, inspect.StrType | inspect.AnyType):
        yield field
    for part in part_types(of):
        yield from texts(part, field, seen)
    if isinstance(of, inspect.StructType) and of.cls not in seen:
        seen.add(of.cls)
        for member in of.fields:
            yield from texts(member.type, (of.cls.__name__, member.name), seen)


def structs(module: object) -> list[type]:
    return [
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, msgspec.Struct)
    ]


def texts_of(messages: Sequence[type]) -> set[tuple[str, str]]:
    seen: set[type] = set()
    return {field for kind in messages for field in texts(inspect.type_info(kind), ("", ""), seen)}


def test_each_text_of_a_message_is_a_name_an_id_or_words() -> None:
    api = [message for module in API for message in structs(module)]
    found = texts_of([*MESSAGES, *api])
    known = {
        (message, field)
        for group in (NAMES, IDS, WORDS, RECORDED, SENT, ROLES)
        for message, fields in group.items()
        for field in fields
    }
    assert found - known == set(), "a state? Give it a type (badges.wire.wire.OpenEnum)"
    assert known - found == set(), "these are no longer sent"


def test_doors_have_words_for_each_role_of_a_speaker() -> None:
    page = Path(kiosk.screen.__file__).parent / "static/answer/programme.js"
    words = re.search(r"const ROLES = \{(.*)\};", page.read_text())
    assert words is not None
    assert {*re.findall(r"(\w+):", words[1]), "speaker"} == set(speakers.ROLES)


def test_a_state_that_is_a_text_is_found() -> None:
    class Lamp(msgspec.Struct):
        state: str
        colours: list[str] | None = None
        watts: int = 0

    class Lamps(msgspec.Struct):
        lamps: dict[str, Lamp]

    assert texts_of([Lamps]) == {("Lamp", "state"), ("Lamp", "colours")}
