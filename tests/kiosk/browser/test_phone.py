"""A phone's start: without an enrolment, by a code, and with the files of an earlier start."""

import asyncio
import functools
import json
import sqlite3
from collections.abc import Awaitable, Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from badges.wire import wire
from badges.wire.enrolment import EnrolmentCode
from badges.wire.wire import HEAD_CONTEXT, ErrorCode
from kiosk.config.identity import load_identity
from kiosk.sync.protocol import Request, TransportError
from kiosk.sync.signer import Signer
from tests.kiosk.browser import fakes
from tests.kiosk.browser.fakes import Browser, Keys, Server, until
from tests.kiosk.support.door_fixture import (
    EVENT_ID,
    GENERATION,
    KIOSK,
    KIOSK_KEY,
    Clock,
    LocalDoor,
    badge,
    signed_identity,
)

fakes.install(Browser())

from kiosk.browser import door, enrol, phone  # noqa: E402

FILES = "/door/files/0a1b/"
OLD = f"kiosk {KIOSK}/{GENERATION}"
CODE, OTHER_CODE = (
    EnrolmentCode("forum.example", 8443, bytes(32), bytes([number]) * 16).text()
    for number in range(2)
)


class World:
    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.browser = Browser()
        monkeypatch.setattr(phone, "DIRECTORY", directory)
        monkeypatch.setattr(phone, "post", self.browser.post)
        monkeypatch.setattr(door, "post", self.browser.post)
        monkeypatch.setattr(enrol, "keys", Keys(self.browser))
        monkeypatch.setattr(enrol, "Network", lambda: self.server)
        self.names: list[tuple[str, int]] = []  # of the doors that opened
        monkeypatch.setattr(door, "Network", self._network)
        monkeypatch.setattr(enrol, "POLL_S", 0.005)

    def _network(self, signer: Signer) -> Server:
        self.names.append(signer.name)
        return self.server

    def run(self, work: Callable[[], Awaitable[None]], code: str = "") -> None:
        async def both() -> None:
            self.server = Server()
            self.phone = phone.Phone()
            self.start(code)
            running = asyncio.ensure_future(self.phone.run())
            try:
                await work()
            finally:
                running.cancel()
                await asyncio.gather(running, return_exceptions=True)
                self.phone.files.close()

        asyncio.run(both())

    def start(self, code: str = "") -> None:
        self.phone.receive(json.dumps({"type": "start", "files": FILES, "code": code}))

    def needs(self) -> list[str]:
        return [need["what"] for need in self.browser.of_type("need")]

    def six(self) -> list[str]:
        return [words["six"] for words in self.browser.of_type("words")]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    return World(tmp_path, monkeypatch)


def ready(world: World) -> list[Any]:
    return world.browser.of_type("ready")


def test_a_new_phone_asks_for_a_code_and_enrols_by_it(world: World) -> None:
    async def work() -> None:
        await until(lambda: world.needs() == ["code"])
        world.start(CODE)
        await until(lambda: len(world.server.enrolled) > 2)
        assert len(world.six()) == 1
        assert world.server.enrolled[0].device == "phone"
        assert ready(world) == []
        assert not (world.directory / "identity.json").exists()
        world.server.confirmed = True
        await until(lambda: ready(world))
        assert list(world.browser.keys) == [f"kiosk {KIOSK}/{GENERATION}"]

    world.run(work)
    identity = load_identity(world.directory)
    assert (identity.host, identity.port) == ("forum.example", 8443)


def test_an_interrupted_enrolment_goes_on_with_the_same_words(world: World) -> None:
    async def begin() -> None:
        await until(world.six)

    async def go_on() -> None:
        await until(lambda: len(world.six()) == 2)

    world.run(begin, CODE)
    world.run(go_on, CODE)
    assert len(set(world.six())) == 1


def test_a_refused_or_mangled_code_asks_for_another_one(world: World) -> None:
    async def work() -> None:
        world.server.refusal = "code_expired"
        await until(lambda: world.needs() == ["new_code"])
        world.start("HKE1.half of it")
        await until(lambda: world.needs() == ["new_code"] * 2)

    world.run(work, CODE)


@pytest.mark.parametrize("code", [CODE, "HKE1.half of it"])
def test_a_code_that_is_refused_leaves_the_door_that_the_phone_was(world: World, code: str) -> None:
    async def enrolled() -> None:
        world.server.confirmed = True
        await until(lambda: ready(world))

    async def again() -> None:
        world.server.refusal = "code_expired"
        await until(lambda: ready(world) or world.needs())
        assert world.needs() == []
        await until(lambda: status(world).get("free_places"))
        assert "The new code was not accepted" in status(world)["trouble"]["en"]
        assert "新注册码无效" in status(world)["trouble"]["zh"]
        present(world, badge(1))
        await until(lambda: status(world).get("scans_waiting") == 0 and not troubled(world))

    world.run(enrolled, CODE)
    world.browser.posted.clear()
    world.run(again, code)


def test_an_enrolled_phone_opens_with_its_key_alone(world: World) -> None:
    async def enrolled() -> None:
        world.server.confirmed = True
        await until(lambda: ready(world))

    async def opened() -> None:
        await until(lambda: ready(world))
        assert world.needs() == []

    async def without_key() -> None:
        world.browser.keys.clear()
        await until(world.needs)
        (need,) = world.browser.of_type("need")
        assert need["what"] == "new_code"
        assert "key is missing" in need["message"]["en"]
        assert set(need["message"]) >= {"en", "zh"}

    world.run(enrolled, CODE)
    world.browser.posted.clear()
    world.run(opened)
    world.browser.posted.clear()
    world.browser.keys.clear()
    world.run(without_key)


@pytest.mark.parametrize("fault", ["missing", "damaged"])
def test_a_journal_that_is_gone_needs_a_new_code(world: World, fault: str) -> None:
    async def enrolled() -> None:
        world.server.confirmed = True
        await until(lambda: ready(world))

    async def without() -> None:
        await until(world.needs)
        (need,) = world.browser.of_type("need")
        assert need["what"] == "new_code"
        assert "scans can't be read" in need["message"]["en"]
        assert "无法读取" in need["message"]["zh"]

    world.run(enrolled, CODE)
    world.browser.posted.clear()
    journal = world.directory / f"{KIOSK}-{GENERATION}" / "journal.db"
    if fault == "missing":
        journal.unlink()
    else:
        with closing(sqlite3.connect(journal)) as connection, connection:
            connection.execute("UPDATE state SET offered = offered + 1")
    world.run(without)


def test_another_event_may_give_the_phone_the_same_name(world: World) -> None:
    """As after a rehearsal. What the earlier event's server did not take is kept."""

    async def again() -> None:
        world.server.confirmed = True
        fail(
            world.server,
            TransportError(ErrorCode.BAD_SIGNATURE, "another key", permanent=True),
            1_000,
        )
        await until(lambda: ready(world) or world.needs())
        assert world.needs() == []
        await until(lambda: status(world).get("free_places"))
        assert status(world)["scans_waiting"] == 0

    world.run(lambda: scanned_offline(world), CODE)
    for code in (OTHER_CODE, ""):  # and the next start
        world.browser.posted.clear()
        world.run(again, code)
    kept = sorted(path.parent.name for path in world.directory.rglob("journal.db"))
    name = f"{KIOSK}-{GENERATION}"
    assert kept == [name, f"{name}.{EVENT_ID.hex()[:8]}"]
    assert sorted(world.browser.keys) == [OLD, f"{OLD}/{EVENT_ID.hex()[:8]}"]


def earlier(world: World, *, scans: int, free_places: int = 0) -> Path:
    """What an enrolment with another name left on the phone."""
    directory = world.directory / f"{KIOSK}-{GENERATION}"
    directory.mkdir()
    door = LocalDoor(directory, Clock())
    door.load(holders=[])
    door.grant(scans + free_places)
    for serial in range(1, scans + 1):
        door.present(badge(serial))
    door.journal.close()
    door.replica.close()
    world.browser.keys[OLD] = KIOSK_KEY.seed
    return directory


def enrols_as_east_2(monkeypatch: pytest.MonkeyPatch) -> None:
    new = functools.partial(signed_identity, kiosk="east-2")
    monkeypatch.setattr(fakes, "signed_identity", new)
    monkeypatch.setattr(phone, "EARLIER_S", 0.005)


@pytest.mark.parametrize("scans", [0, 2])
def test_an_earlier_enrolment_is_deleted_once_its_scans_are_sent(
    world: World, scans: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enrolled() -> None:
        world.server.confirmed = True
        await until(lambda: ready(world) and OLD not in world.browser.keys)
        assert not directory.exists()
        sent = [batch for batch in world.server.batches if batch.records]
        assert [len(batch.records) for batch in sent] == ([scans] if scans else [])
        for batch in sent:
            KIOSK_KEY.public.verify(HEAD_CONTEXT + batch.head, batch.signature)

    directory = earlier(world, scans=scans)
    enrols_as_east_2(monkeypatch)
    world.run(enrolled, CODE)
    assert (world.directory / f"east-2-{GENERATION}").exists()


@pytest.mark.parametrize("scans", [0, 2])
def test_an_earlier_enrolment_returns_its_free_places(
    world: World, scans: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also those that the server grants before it knows that this door has ended."""

    async def enrolled() -> None:
        world.server.confirmed, world.server.reachable = True, False
        await until(world.six)
        world.server.reachable = True
        await until(lambda: ready(world) and OLD not in world.browser.keys)

    earlier(world, scans=scans, free_places=3)
    enrols_as_east_2(monkeypatch)
    world.run(enrolled, CODE)
    (granted,) = [order.granted for order in world.server.orders]
    ends = [batch for batch in world.server.batches if batch.resting]
    assert {(place.returned, place.free) for place in ends[0].places} == {(3, 0)}
    assert {(place.returned, place.free) for place in ends[-1].places} == {(granted - scans, 0)}


def test_scans_from_before_a_code_that_was_opened_offline_are_sent_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def again() -> None:
        world.server.confirmed, world.server.reachable = True, False
        await until(world.six)
        world.server.reachable = True
        await until(lambda: OLD not in world.browser.keys)
        assert ready(world)
        assert sum(len(batch.records) for batch in world.server.batches) == 1
        assert ("east-2", GENERATION) in world.names

    world.run(lambda: scanned_offline(world), CODE)
    world.browser.posted.clear()
    world.names.clear()
    enrols_as_east_2(monkeypatch)
    world.run(again, CODE)


def fail(server: Server, error: TransportError, times: int) -> list[Request]:
    """Answer so many batches of scans with the error. Returns all of them, as they come."""
    asked: list[Request] = []
    take = server.scans

    def scans(request: Request) -> wire.ScanAnswer:
        assert isinstance(request.message, wire.ScanBatch)
        if request.message.records:
            asked.append(request)
            if len(asked) <= times:
                raise error
        return take(request)

    server.scans = scans  # type: ignore[method-assign]
    return asked


def test_scans_of_an_earlier_enrolment_are_sent_again_after_a_fault(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enrolled() -> None:
        asked = fail(world.server, TransportError(ErrorCode.DATABASE_AWAY, "away"), 2)
        world.server.confirmed = True
        await until(lambda: OLD not in world.browser.keys)
        assert len(asked) == 3
        assert world.names.count((KIOSK, GENERATION)) == 1  # its journal was checked once

    earlier(world, scans=2)
    enrols_as_east_2(monkeypatch)
    world.run(enrolled, CODE)


def test_an_earlier_enrolment_that_the_server_refuses_is_kept_and_not_tried_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def enrolled() -> None:
        error = TransportError(ErrorCode.UNKNOWN_KIOSK, "unknown", permanent=True)
        asked = fail(world.server, error, 1_000)
        world.server.confirmed = True
        await until(lambda: asked and ready(world))
        later = len(world.server.batches) + 20
        await until(lambda: len(world.server.batches) > later)
        assert len(asked) == 1

    monkeypatch.setattr(door, "HEARTBEAT_S", 0.01)
    directory = earlier(world, scans=2)
    enrols_as_east_2(monkeypatch)
    world.run(enrolled, CODE)
    assert (directory / "journal.db").exists()
    assert OLD in world.browser.keys


async def scanned_offline(world: World) -> None:
    """Enrol, and scan a badge that the server does not get."""
    world.server.confirmed = True
    await until(lambda: status(world).get("free_places"))
    world.server.reachable = False
    present(world, badge(1))
    await until(lambda: status(world)["scans_waiting"] == 1)


def present(world: World, text: str) -> None:
    """As a hand scanner types it."""
    body = {"text": text, "keys": []}
    message = {"type": "post", "id": 1, "path": "/text", "body": body}
    world.phone.receive(json.dumps(message))


def troubled(world: World) -> bool:
    return bool(status(world).get("trouble"))


def test_a_new_code_waits_until_the_scans_are_sent(world: World) -> None:
    async def again() -> None:
        await until(world.six)
        assert sum(len(batch.records) for batch in world.server.batches) == 1

    world.run(lambda: scanned_offline(world), CODE)
    world.browser.posted.clear()
    world.run(again, CODE)


def status(world: World) -> dict[str, Any]:
    states = world.browser.of_type("state")
    return dict(states[-1]["event"]["status"]) if states else {}
