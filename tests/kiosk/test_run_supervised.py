"""A supervisor at the running kiosk: board, relay and places together, and the server's answers."""

import itertools
from pathlib import Path
from typing import Any

import pytest

from badges.admission.facts import Direction
from badges.places.account import Order
from badges.places.pool import PoolKey
from badges.wire.supervisor import DoorChoice, DoorChoices, Found, LookUp, Moved
from badges.wire.wire import DoorFacts, decode
from kiosk.config.settings import KioskSettings
from kiosk.run import Kiosk
from kiosk.steps import run
from kiosk.supervisor.server_requests import ServerDesk
from kiosk.sync import protocol
from kiosk.sync.signer import Signer
from kiosk.sync.transport import Transport
from tests.kiosk.support.door_fixture import (
    DOOR,
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    PRESS,
    badge,
    enrolled,
    orders,
    reason,
    snapshot,
)
from tests.kiosk.support.fake_server import FakeServer, Request, error_reply, json_reply, serving
from tests.kiosk.support.supervised import MEI, PERSON, PIN, SUPERVISORS, refused
from tests.waiting import until

DAY_MS = 86_400_000


class Relay:
    fired = 0
    trouble, state = None, "off"

    def fire(self) -> None:
        self.fired += 1

    def close(self) -> None:
        pass


@pytest.fixture
def relay() -> Relay:
    return Relay()


@pytest.fixture
def kiosk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, relay: Relay):
    """An enrolled kiosk with facts and five places, whose server is away, at noon of day one."""
    noon = snapshot().day_starts[0] + DAY_MS // 2
    for module in ("run", "replica.replica"):
        monkeypatch.setattr(f"kiosk.{module}.now_ms", lambda: noon)
    monkeypatch.setattr("kiosk.run.make_relay", lambda settings, on_trouble: relay)
    with Kiosk(enrolled(tmp_path / "door"), KioskSettings()) as kiosk:
        kiosk.replica.load(snapshot(supervisors=SUPERVISORS))
        kiosk.journal.obey(orders((5, 0, 1)))
        kiosk.link._gone_at -= 3_600_000  # and is not expected back
        yield kiosk


def status(kiosk: Kiosk):
    kiosk.show_status()
    return kiosk.board.state.status


def test_an_override_opens_the_door_and_an_annulment_does_not(kiosk: Kiosk, relay: Relay) -> None:
    assert [s.name for s in status(kiosk).supervisors] == ["Mei Lin", "Omar"]
    kiosk.supervision.unlock(MEI, PIN)
    denied = kiosk.present(badge(1, category=PRESS))
    assert relay.fired == 0
    assert status(kiosk).can_override.seq == denied.seq
    entry = run(kiosk.supervision.override(denied.seq, "vip", ""), kiosk.answer)
    assert relay.fired == 1
    assert kiosk.board.state.answers[0] == entry
    assert (status(kiosk).can_override, status(kiosk).can_annul.seq) == (None, entry.seq)
    annulled = kiosk.supervision.annul(entry.seq, "nobody_passed", "")
    assert relay.fired == 1
    assert kiosk.board.state.answers[0] == annulled
    # The kiosk's own thread may still show what it counted before.
    until(lambda: status(kiosk).free_places == 5)


def test_without_the_server_an_override_has_the_places_that_are_here(kiosk: Kiosk) -> None:
    kiosk.journal.obey(orders((5, 5, 1)))
    kiosk.journal.obey([(PoolKey(HALL, True), Order(1, 0, 1))])
    kiosk.supervision.unlock(MEI, PIN)
    override = kiosk.supervision.override(kiosk.present(badge(1)).seq, "vip", "")
    assert run(override, kiosk.answer).admitted
    denied = kiosk.present(badge(2))
    assert reason(denied) == "hall_full"
    assert refused(kiosk.supervision.override, denied.seq, "vip", "") == "no_place"


def test_requests_that_need_the_server_fail_at_once_offline(kiosk: Kiosk) -> None:
    kiosk.supervision.unlock(MEI, PIN)
    assert refused(kiosk.supervision.people, "lost") == "no_server"
    assert refused(kiosk.supervision.doors) == "no_server"
    assert refused(kiosk.supervision.move, 71) == "no_server"


def test_the_direction_and_the_shift(kiosk: Kiosk) -> None:
    kiosk.supervision.unlock(MEI, PIN)
    kiosk.replica.load(
        snapshot(
            supervisors=SUPERVISORS, door=DoorFacts(door=DOOR, names={"en": "In"}, mode="entry")
        )
    )
    kiosk.show_status()
    assert refused(kiosk.supervision.turn, Direction.EXIT) == "one_way"
    kiosk.replica.load(snapshot(supervisors=SUPERVISORS))
    kiosk.show_status()
    kiosk.supervision.turn(Direction.EXIT)
    assert kiosk.present(badge(1)).direction is Direction.EXIT
    kiosk.supervision.turn(Direction.ENTRY)
    kiosk.supervision.end_shift()
    shown = kiosk.board.state.status
    assert (shown.resting, shown.supervisor, shown.shift.exits) == (True, None, 1)
    assert reason(kiosk.present(badge(2))) == "door_resting"


@pytest.fixture
def server(tmp_path: Path):
    with serving(
        tmp_path,
        post_api_people=lambda request: json_reply(Found([PERSON], more=True)),
        get_api_doors=lambda request: json_reply(DoorChoices([])),
        post_api_door=lambda request: json_reply(Moved(71)),
    ) as server:
        yield server


class Desk:
    """A supervisor's requests by a transport, which wait for their answers."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport
        self._desk = ServerDesk(lambda: True)

    def look_up(self, words: str, by: str) -> Found:
        return run(self._desk.look_up(words, by), self._send)

    def doors(self) -> list[DoorChoice]:
        return run(self._desk.doors(), self._send)

    def move(self, door: int, by: str) -> None:
        run(self._desk.move(door, by), self._send)

    def _send(self, request: protocol.Request) -> Any:
        return protocol.send(self._transport, request)


@pytest.fixture
def desk(server: FakeServer):
    counter = itertools.count(1)
    signer = Signer(KIOSK, GENERATION, KIOSK_KEY, lambda above: next(counter))
    transport = Transport(server, signer, answer_s=2.0)
    yield Desk(transport)
    transport.close()


def test_the_server_is_asked_in_the_supervisor_s_name(desk: Desk, server) -> None:
    assert desk.look_up("lost", "user:3") == Found([PERSON], more=True)
    assert decode(server.requests[0].body, LookUp) == LookUp("lost", "user:3")
    assert desk.doors() == []
    desk.move(71, "user:3")


@pytest.mark.parametrize(
    ("status_code", "code", "retry", "expected"),
    [
        (403, "not_a_supervisor", False, "not_a_supervisor"),
        (429, "too_many", False, "too_many"),
        (404, "no_such_door", False, "no_such_door"),
        (403, "retired", False, "kiosk_retired"),
        (500, "failed", True, "failed"),
        (503, "busy", True, "no_server"),
        (401, "bad_signature", False, "failed"),
    ],
)
def test_the_server_s_refusals(
    desk: Desk, server, status_code: int, code: str, retry: bool, expected: str
) -> None:
    def refuse(request: Request):
        return error_reply(status_code, code, retry=retry)

    server.routes["POST", "/api/door"] = refuse
    assert refused(desk.move, 71, "user:3") == expected


def test_a_server_that_is_gone(desk: Desk, server: FakeServer) -> None:
    server.close()
    assert refused(desk.doors) == "no_server"
    server.close = lambda: None  # the fixture's
