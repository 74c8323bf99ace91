"""No value that a kiosk sends ends in a program's error: not at its request, and not later on a
page that shows what it sent.

A kiosk signs whatever it likes, so these values are signed as they should be.
"""

import itertools
import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import quote_from_bytes

import msgspec
import pytest

from badges.record import OuterHall, ScanRecord, StayRef, encode_record
from badges.transparency.chain import chain_next
from badges.wire import session, supervisor, wire
from badges.wire.enrolment import proof
from server.core.event.directory import Event
from server.core.staff import pins, users
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.doors.test_api import Kiosk
from tests.server.support import hostile
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages
from tests.server.web.serving.support import Served, scans
from tests.tries import tries

VALUES = {**hostile.VALUES, "53 bits": str(2**53).encode()}
MEI = "user:2"
HALL, OUTER = 1, 2
MESSAGES: dict[str, type[msgspec.Struct]] = {
    "/api/enrol": wire.EnrolRequest,
    "/api/session": session.SessionRequest,
    "/api/scans": wire.ScanBatch,
    "/api/people": supervisor.LookUp,
    "/api/door": supervisor.MoveDoor,
}
Sample = dict[str, Any]


class Connected(NamedTuple):
    """A kiosk, and the server's answer to its first batch."""

    door: FakeDoor
    answer: wire.ScanAnswer


@pytest.fixture
def pages(event: Event, site: Database) -> Iterator[Pages]:
    """Of a hall in a hall, badges for all, and a supervisor who has a PIN."""
    with Pages(event, site) as opened:
        opened.issue()
        opened.execute("UPDATE hall SET parent_id = ? WHERE hall_id = ?", OUTER, HALL)
        site.write(lambda db: users.add_user(db, "Mei", "supervisor", "x", by="test", now=NOW))
        site.write(lambda db: pins.set_pin(db, 2, "a hash", by="test", now=NOW))
        yield opened


@pytest.fixture
def served(pages: Pages) -> Served:
    return Served(pages.app)


@pytest.fixture
def doors(pages: Pages, served: Served) -> Iterator[Connected]:
    """A new kiosk each time, since a hostile one may be stopped."""
    return (connected(pages, served, f"west-{number}") for number in itertools.count())


def connected(pages: Pages, served: Served, name: str) -> Connected:
    door = pages.kiosk(name, "main")
    answer = wire.decode(served.send(door, door.batch(NOW)).answer, wire.ScanAnswer)
    door.granted = answer.orders[0].granted
    return Connected(door, answer)


def record_sample(door: FakeDoor) -> Sample:
    """An entry by override, with every field but that of another kind of place."""
    record = ScanRecord(
        v=2, kiosk=door.kiosk, generation=1, seq=1, act="override", direction="entry",
        door=door.door, hall=door.hall, scanned_at=1, skew_ms=0, epoch=1, facts_age_ms=0,
        decision="admitted", reason="hall_closed", flags=("late",), serial=1, issue=1, category=1,
        day=0, session=1, closes=StayRef(door.kiosk, 1, 1), credited=False, override_place=True,
        by=MEI, note="a guest", outer=(OuterHall(hall=OUTER),), salt="0" * 32,
    )  # fmt: skip
    return msgspec.json.decode(encode_record(record))


def batch_sample(door: FakeDoor, answer: wire.ScanAnswer) -> Sample:
    """A heartbeat with every field, and with what the server signed for this kiosk."""
    order, kiosk_run = answer.orders[0], f"{1:016}-{1:016}"
    places = wire.PlaceTotals(
        door.hall, order.granted, 0, order.granted, wants=True, signature=order.signature,
        signed_in=order.incarnation, accessible=False,
    )  # fmt: skip
    health = wire.Health(
        version="1", camera=wire.CameraState.LIVE, frames_per_second=1.0, read_rate=0.5, queue=1,
        disk_free_mb=1, battery_percent=50, skew_ms=1, facts_age_ms=1, files="f", alone=1,
        storage=wire.StorageState.PERSISTENT, camera_fault="dark",
    )  # fmt: skip
    batch = door.batch(
        NOW, gone=[1], gone_outer=[wire.GoneOuter(1, door.hall)], places=[places],
        cursor=answer.cursor, log_size=1, health=health, mark=answer.mark, run=kiosk_run,
        note=answer.checkpoint, cosigned=wire.Cosigned(1, "a line"),
    )  # fmt: skip
    return msgspec.json.decode(wire.encode(batch))


def samples(door: FakeDoor, answer: wire.ScanAnswer) -> dict[str, Sample]:
    """A message for each address, with every field of its type."""
    enrolment = wire.EnrolRequest(
        b"t" * 16, door.key.public.raw, proof(door.key, b"t" * 16), "phone"
    )
    return {
        "/api/enrol": msgspec.to_builtins(enrolment),
        "/api/session": msgspec.to_builtins(session.Offer().request),
        "/api/scans": batch_sample(door, answer),
        "/api/people": {"words": "Anna", "by": MEI},
        "/api/door": {"door": door.door, "by": MEI},
    }


def test_every_message_is_swept_with_every_field(pages: Pages, doors: Iterator[Connected]) -> None:
    taken = {
        rule.rule
        for rule in pages.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and "POST" in (rule.methods or ())
    }
    assert taken == MESSAGES.keys()
    door, answer = next(doors)
    for target, sample in samples(door, answer).items():
        assert sample.keys() == fields(MESSAGES[target]), target
    batch = batch_sample(door, answer)
    assert batch["health"].keys() == fields(wire.Health)
    assert batch["places"][0].keys() == fields(wire.PlaceTotals)
    assert record_sample(door).keys() == fields(ScanRecord) - {"accessible_place"}


def fields(kind: type[msgspec.Struct]) -> set[str]:
    return {item.encode_name for item in msgspec.structs.fields(kind)}


def test_the_samples_are_taken(served: Served, doors: Iterator[Connected]) -> None:
    """Otherwise the sweep would only meet the first refusal."""
    door, answer = next(doors)
    assert acked(served, door, msgspec.json.encode(batch_sample(door, answer))) == 0
    door, _ = next(doors)
    assert acked(served, door, batch_of_one(door, msgspec.json.encode(record_sample(door)))) == 1


def acked(served: Served, door: FakeDoor, body: bytes) -> int:
    answer = served.ask(scans(door, body), body).answer
    assert b"acked_seq" in answer, answer
    return wire.decode(answer, wire.ScanAnswer).acked_seq


def turn(kind: str) -> int:
    return list(VALUES).index(kind)


@pytest.mark.parametrize("kind", VALUES)
def test_no_message_fails_at_any_value(pages: Pages, doors: Iterator[Connected], kind: str) -> None:
    tables, faults = hostile.Tables(pages.database), []
    client = pages.app.test_client(use_cookies=False)
    door, first = next(doors)
    for target, sample in samples(door, first).items():
        for place, body in hostile.bodies(sample, VALUES[kind], turn(kind)):
            before = tables.rows()
            headers = Kiosk(client, door).headers("POST", target, body)
            answer = client.post(target, data=body, headers=headers)
            if answer.status_code >= 500:
                faults.append(f"{target} {place}: {answer.status_code}")
            if answer.status_code == 400 and tables.rows() != before:
                faults.append(f"{target} {place}: data changed")
    assert not faults
    assert not hostile.texts_not_whole(hostile.Tables(pages.database).rows())


@pytest.mark.parametrize("kind", VALUES)
def test_no_batch_fails_at_any_value(
    pages: Pages, served: Served, doors: Iterator[Connected], kind: str
) -> None:
    """On the event loop, and where that leaves it to the app."""

    def body_of(place: str, connected: Connected) -> bytes:
        return hostile.body(batch_sample(*connected), place, VALUES[kind])

    places = tries.some(hostile.places(batch_sample(*next(doors))), turn(kind))
    assert not failing(pages, served, doors, places, body_of)
    assert not hostile.texts_not_whole(hostile.Tables(pages.database).rows())


@pytest.mark.parametrize("kind", VALUES)
def test_no_record_fails_at_any_value(
    pages: Pages, served: Served, doors: Iterator[Connected], kind: str
) -> None:
    def body_of(place: str, connected: Connected) -> bytes:
        record = hostile.body(record_sample(connected.door), place, VALUES[kind])
        return batch_of_one(connected.door, record)

    places = tries.some(hostile.places(record_sample(next(doors).door)), turn(kind))
    assert not failing(pages, served, doors, places, body_of)
    assert not hostile.texts_not_whole(hostile.Tables(pages.database).rows())


def failing(
    pages: Pages,
    served: Served,
    doors: Iterator[Connected],
    places: Sequence[str],
    body_of: Callable[[str, Connected], bytes],
) -> list[str]:
    """Return the places at which a value fails, and the pages that fail once it is accepted."""
    failed, is_accepted, connected = [], False, next(doors)
    for place in places:
        body = body_of(place, connected)
        status = served.ask(scans(connected.door, body), body).status
        if status >= 500:
            failed.append(f"{place}: {status}")
        is_accepted |= status == 200
        # A malformed batch changes nothing, so its kiosk can send the next one.
        if status != 400:
            connected = next(doors)
    return failed + (failing_pages(pages) if is_accepted else [])


def test_no_query_fails_at_any_value(pages: Pages, doors: Iterator[Connected]) -> None:
    door, _ = next(doors)
    failed, accepted = [], 0
    addresses = {
        rule.rule
        for rule in pages.app.url_map.iter_rules()
        if rule.endpoint.startswith("api.") and "GET" in (rule.methods or ())
    }
    assert "/api/feed" in addresses
    with pages.app.test_client() as client:
        kiosk = Kiosk(client, door)
        for address, (name, value) in itertools.product(sorted(addresses), VALUES.items()):
            raw = quote_from_bytes(value[:4_000].strip(b'"'))
            for query in (f"after={raw}", f"{raw}={raw}", raw, f"programme&{raw}&{raw}"):
                answer = kiosk.get(f"{address}?{query}")
                accepted += answer.status_code == 200
                if answer.status_code >= 500:
                    failed.append(f"{address}, {name}: {query[:40]}")
                answer.close()
    assert not failed
    assert accepted > 50


def batch_of_one(door: FakeDoor, record: bytes) -> bytes:
    """A batch whose only record may be anything. Its hash and signature are right."""
    # What is no JSON has no canonical form.
    with suppress(msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        record = msgspec.json.encode(msgspec.json.decode(record), order="sorted")
    door.records = [b"0"]
    door.heads[1:] = [chain_next(door.heads[0], record)]
    return wire.encode(door.batch(NOW)).replace(b'"records":[0]', b'"records":[%s]' % record)


def failing_pages(pages: Pages) -> list[str]:
    """Return the pages and files of staff that fail now."""
    admin, failed = pages.staff("admin"), []
    addresses = {
        rule.rule
        for rule in pages.app.url_map.iter_rules()
        if "GET" in (rule.methods or ()) and rule.rule.startswith(("/admin", "/desk"))
    }
    for address in sorted(addresses):
        answer = admin.get(re.sub(r"<[^>]+>", "1", address))
        if answer.status_code >= 500:
            failed.append(address)
        answer.close()
    return failed
