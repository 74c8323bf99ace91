"""The phone's door: which answers it shows green, by connection and storage, and its messages."""

import asyncio
import functools
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec import Struct

from badges.admission.facts import Direction
from badges.record import decode_record
from badges.wire.wire import CameraState, ErrorCode
from kiosk.config.files import DIRECTION_FILE
from kiosk.config.identity import make_identity
from kiosk.journal import schema
from kiosk.journal.journal import Journal
from kiosk.sync.protocol import Request, TransportError
from tests.kiosk.browser import fakes
from tests.kiosk.browser.fakes import Browser, Server, until
from tests.kiosk.support.door_fixture import (
    GENERATION,
    HALL,
    KIOSK,
    KIOSK_KEY,
    NOON,
    PRESS,
    ROOT,
    badge,
    records_of,
    signed_identity,
    snapshot,
)
from tests.kiosk.support.supervised import MEI, PIN, SUPERVISORS

fakes.install(Browser())

from kiosk.browser import door as phone  # noqa: E402
from kiosk.browser.door import PhoneDoor  # noqa: E402
from kiosk.browser.kept_files import KeptFiles  # noqa: E402


class World:
    """A phone's door, its page and its server."""

    def __init__(self, directory: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.directory = directory
        self.browser = Browser()
        self._set = monkeypatch.setattr
        self._set(phone, "post", self.browser.post)
        self._set(phone, "now_ms", lambda: NOON)
        self._set(phone, "PROMISE_S", 0.05)
        self._set(phone, "BEAT_S", 0.01)
        self._set(phone, "HEARTBEAT_S", 0.01)
        self._set(phone, "BACK_OFF_S", (0.01, 0.02))
        self._set(phone, "Network", lambda signer: self.server)
        with Journal(
            directory / "journal.db", KIOSK, GENERATION, KIOSK_KEY,
            pragmas=schema.without_wal(schema.PRAGMAS),
        ):  # fmt: skip
            pass

    def keeps_files(self, keeps: bool) -> None:
        self._set(phone, "persistent", keeps)

    def run(self, work: Callable[[], Awaitable[None]]) -> dict[str, Any]:
        """Open the door, and do the work while it runs. Returns the door's last message."""

        async def both() -> dict[str, Any]:
            self.server = Server()
            self.messages: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
            identity = make_identity("h", 1, bytes(32), ROOT.public.raw, signed_identity())
            files = KeptFiles(self.directory)
            self.door = PhoneDoor(self.directory, files, identity, KIOSK_KEY, "0a1b")
            running = asyncio.ensure_future(self.door.run(self.messages))
            try:
                await until(lambda: self.status["online"] and self.door.journal.has_place(HALL))
                await work()
            finally:
                self.tell(type="start", code="HKE1.…")
                end = await running
                files.close()
            return end

        return asyncio.run(both())

    def tell(self, **message: Any) -> None:
        self.messages.put_nowait(message)

    def show(self, serial: int, **fields: Any) -> None:
        body = {"text": badge(serial, **fields), "keys": []}
        self.tell(type="post", id=serial, path="/text", body=body)

    async def asked(self, path: str, body: Any = None) -> dict[str, Any]:
        """The reply to a page's request."""
        number = 1000 + len(self.browser.posted)
        self.tell(type="post", id=number, path=path, body=body)
        await until(lambda: self.reply(number))
        return self.reply(number)

    def reply(self, number: int) -> dict[str, Any]:
        replies = self.browser.of_type("reply")
        return next((reply for reply in replies if reply["id"] == number), {})

    async def away(self) -> None:
        self.server.reachable = False
        await until(lambda: not self.status["online"])

    @property
    def event(self) -> dict[str, Any]:
        states = self.browser.of_type("state")
        return states[-1]["event"] if states else {"answers": [], "status": {"online": False}}

    @property
    def status(self) -> dict[str, Any]:
        return self.event["status"]

    @property
    def tones(self) -> list[str]:
        """The newest first."""
        return [answer["tone"] for answer in self.event["answers"]]

    @property
    def trouble(self) -> str:
        return self.status["trouble"].get("en", "")

    @property
    def acts(self) -> list[tuple[str, str]]:
        records = [decode_record(record) for record in records_of(self.door.journal)]
        return [(record.act, record.decision) for record in records]


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    world = World(tmp_path, monkeypatch)
    world.keeps_files(True)
    return world


@pytest.mark.parametrize("keeps", [True, False])
def test_online_an_answer_is_green_once_the_server_has_it(world: World, keeps: bool) -> None:
    world.keeps_files(keeps)
    world._set(phone, "PROMISE_S", 240.0)

    async def work() -> None:
        world.server.answers.clear()
        world.show(1)
        await until(lambda: world.status["asking"])
        assert world.tones == []
        assert world.acts == [("scan", "admitted")]
        world.server.answers.set()
        await until(lambda: world.tones == ["admit"])
        assert world.status["promise"] == "server"
        await until(lambda: world.status["alone"] == 0)

    world.run(work)


def test_after_a_late_acknowledgement_a_phone_that_keeps_files_counts_as_offline(
    world: World,
) -> None:
    async def work() -> None:
        world.server.answers.clear()
        world.show(1)
        await until(lambda: world.tones == ["admit"])
        assert (world.status["online"], world.status["promise"]) == (False, "phone")
        assert world.status["alone"] == 1
        world.server.answers.set()
        await until(lambda: world.status["alone"] == 0 and world.status["online"])

    world.run(work)


def test_without_files_such_an_entry_is_annulled_and_never_green(world: World) -> None:
    world.keeps_files(False)

    async def work() -> None:
        world.server.answers.clear()
        world.show(1)
        await until(lambda: "did not confirm" in world.trouble)
        assert world.tones == []
        assert world.acts == [("scan", "admitted"), ("annul", "admitted")]
        # The annulment is no passage.
        await until(lambda: (world.status["scans_waiting"], world.status["alone"]) == (2, 1))
        world.server.answers.set()
        await until(lambda: world.status["online"] and world.status["scans_waiting"] == 0)
        world.show(1)
        await until(lambda: world.tones == ["admit"])
        assert world.trouble == ""

    world.run(work)


def test_without_files_two_entries_that_wait_for_the_server_are_annulled(world: World) -> None:
    """A supervisor overrides a denial, and the next badge is scanned, before the server answers."""
    world.keeps_files(False)
    world._set(phone, "PROMISE_S", 240.0)
    world._set(fakes, "snapshot", functools.partial(snapshot, supervisors=SUPERVISORS))

    async def work() -> None:
        world.show(1, category=PRESS)
        await until(lambda: world.tones == ["deny"])
        await world.asked("/supervisor/unlock", {"user": MEI, "pin": PIN})
        world.server.answers.clear()
        await world.asked("/supervisor/override", {"seq": 1, "reason": "vip"})
        world.show(2)
        await until(lambda: len(world.acts) == 3)
        world.server.reachable = False
        world.server.answers.set()
        await until(lambda: world.acts[3:] == [("annul", "admitted")] * 2)
        with world.door.journal.transaction() as transaction:
            assert [transaction.own_stays(serial, HALL) for serial in (1, 2)] == [[], []]
        assert world.tones == ["deny"]

    world.run(work)


def test_offline_a_phone_that_keeps_files_admits_alone(world: World) -> None:
    async def work() -> None:
        await world.away()
        for serial in (1, 2):
            world.show(serial)
        await until(lambda: len(world.tones) == 2)
        assert world.tones == ["admit", "admit"]
        assert (world.status["alone"], world.status["promise"]) == (2, "phone")

    async def sent() -> None:
        await until(lambda: world.status["alone"] == 0 and world.status["scans_waiting"] == 0)
        assert sum(len(batch.records) for batch in world.server.batches) == 2

    world.run(work)
    world.browser.posted.clear()
    world.run(sent)


def test_offline_a_phone_without_files_records_nothing(world: World) -> None:
    world.keeps_files(False)

    async def work() -> None:
        await world.away()
        world.show(1)
        await until(lambda: "does not keep scans" in world.trouble)
        assert world.acts == []
        assert (world.status["promise"], world.status["unanswered"]) == ("none", 1)
        reply = await world.asked("/supervisor/override", {"seq": 1, "reason": "vip"})
        assert (reply["status"], reply["body"]["error"]) == (503, "no_server")

    world.run(work)


def test_a_scan_that_the_server_refuses_as_a_copy_s_is_never_green(world: World) -> None:
    world._set(phone, "PROMISE_S", 240.0)

    def refuse(request: Request) -> Struct:
        raise TransportError(
            ErrorCode.FORK, "Another device uses this kiosk's name.", permanent=True
        )

    async def work() -> None:
        world.server.scans = refuse  # type: ignore[method-assign]
        world.show(1)
        await until(lambda: world.status["retired"] and "did not confirm" in world.trouble)
        assert world.tones == []
        assert world.acts[0] == ("scan", "admitted")

    world.run(work)


def test_a_denial_needs_no_promise(world: World) -> None:
    async def work() -> None:
        world.server.answers.clear()
        world._set(phone, "PROMISE_S", 240.0)
        world.show(1, category=PRESS)
        await until(lambda: world.tones == ["deny"])
        world.server.answers.set()

    world.run(work)


def test_one_presentation_is_one_scan_and_two_badges_are_noticed(world: World) -> None:
    def seen(at: int, *serials: int) -> None:
        codes = [{"text": badge(serial), "area": 100.0 + serial} for serial in serials]
        world.tell(type="seen", at=at, codes=codes, located=bool(codes))

    async def work() -> None:
        for at in (0, 100, 200):
            seen(at, 1)
        await until(lambda: world.tones == ["admit"])
        seen(300, 1, 2)
        await until(lambda: "Two badges" in world.status["notice"].get("en", ""))
        assert world.acts == [("scan", "admitted")]

    world.run(work)


def test_a_badge_that_stays_in_view_costs_no_transaction(world: World) -> None:
    world._set(phone, "BEAT_S", 240.0)
    world._set(phone, "HEARTBEAT_S", 240.0)

    async def work() -> None:
        world.show(1)
        await until(lambda: world.tones == ["admit"])
        reads = []
        state = world.door.journal.state
        world._set(world.door.journal, "state", lambda: reads.append(1) or state())
        for at in range(0, 10_000, 100):
            code = {"text": badge(1), "area": 100.0}
            world.tell(type="seen", at=at, codes=[code], located=True)
        await world.asked("/direction", {"direction": "entry"})
        assert len(reads) < 50  # of the one presentation

    world.run(work)


def test_more_codes_than_it_can_answer_are_refused_in_words(world: World) -> None:
    async def work() -> None:
        world.server.answers.clear()
        world._set(phone, "PROMISE_S", 240.0)
        for serial in range(1, phone.TEXTS_MAX + 4):
            world.show(serial)
        await until(lambda: "Too many codes" in world.trouble)
        world.server.answers.set()
        await until(lambda: len(world.acts) >= phone.TEXTS_MAX and "Too" not in world.trouble)
        assert len(world.acts) < phone.TEXTS_MAX + 3

    world.run(work)


def test_the_direction_is_kept(world: World) -> None:
    async def turn() -> None:
        assert (await world.asked("/direction", {"direction": "exit"}))["status"] == 204
        assert (await world.asked("/direction", {"direction": "up"}))["status"] == 400
        assert (await world.asked("/nothing"))["status"] == 404

    async def stays() -> None:
        await until(lambda: world.status["direction"] == "exit")

    world.run(turn)
    world.browser.posted.clear()
    world.run(stays)


def test_a_damaged_direction_is_that_of_entries(world: World) -> None:
    async def turn() -> None:
        assert (await world.asked("/direction", {"direction": "exit"}))["status"] == 204

    async def enters() -> None:
        assert world.door.direction.chosen() is Direction.ENTRY

    world.run(turn)
    files = KeptFiles(world.directory)
    files.write(world.directory / DIRECTION_FILE, b"ex\xff")
    files.close()
    world.run(enters)


def test_another_code_ends_the_door(world: World) -> None:
    async def work() -> None:
        pass

    assert world.run(work)["code"] == "HKE1.…"
    world.door.journal.close()  # once more does no harm


def test_the_page_may_take_an_update_when_nothing_waits(world: World) -> None:
    world._set(phone, "ANSWER_S", 0.02)

    def allowed() -> list[bool]:
        return [message["update_allowed"] for message in world.browser.of_type("idle")]

    async def work() -> None:
        await until(lambda: allowed()[-1:] == [True])
        world.server.changes = {"update": True}
        await until(lambda: world.status["update"])
        await world.away()
        world.show(1)
        await until(lambda: allowed()[-1] is False)
        world.server.reachable = True
        await until(lambda: allowed()[-1] is True)

    world.run(work)


def test_the_page_takes_no_update_while_scans_wait(world: World) -> None:
    """However long ago the last answer was."""
    world._set(phone, "ANSWER_S", -1.0)

    async def work() -> None:
        await world.away()
        world.show(1)
        await until(lambda: world.status["scans_waiting"] == 1)
        world.browser.posted.clear()
        await until(lambda: len(world.browser.of_type("idle")) > 2)
        assert not any(idle["update_allowed"] for idle in world.browser.of_type("idle"))

    world.run(work)


def test_forgetting_an_enrolment_keeps_one_whose_name_begins_alike(world: World) -> None:
    files = KeptFiles(world.directory)
    near, far = world.directory / "gate-1", world.directory / "gate-12"
    for directory in (near, far):
        directory.mkdir()
        files.write(directory / DIRECTION_FILE, b"exit")
    files.forget(near)
    files.close()
    for path in far.iterdir():
        path.unlink()
    KeptFiles(world.directory).close()  # The next start puts the kept files back.
    assert (far / DIRECTION_FILE).read_bytes() == b"exit"
    assert not near.exists()


def test_an_idle_door_repeats_that_the_page_may_take_an_update(world: World) -> None:
    """The page may get the version, or close its panel, after the first time."""

    async def work() -> None:
        await until(lambda: world.browser.of_type("idle"))
        world.browser.posted.clear()
        await until(lambda: world.browser.of_type("idle"))
        assert world.browser.of_type("idle")[0]["update_allowed"]

    world.run(work)


def test_a_fenced_phone_says_so_once_everything_is_sent(world: World) -> None:
    async def work() -> None:
        world.server.changes = {"fenced": True}
        await until(lambda: world.browser.of_type("need"))
        (need,) = world.browser.of_type("need")
        assert need["what"] == "fenced"
        assert world.status["retired"]

    world.run(work)


def test_its_health_names_the_device(world: World) -> None:
    async def work() -> None:
        world.tell(type="device", battery=41, camera="live", frames_per_second=9.5)
        await until(lambda: world.server.batches[-1].health.battery_percent == 41)
        health = world.server.batches[-1].health
        assert (health.camera, health.frames_per_second) == (CameraState.LIVE, 9.5)
        assert not health.camera_fault
        assert (health.files, health.alone, health.storage) == ("0a1b", 0, "persistent")

    world.run(work)


def test_its_health_says_why_the_camera_is_lost(world: World) -> None:
    async def work() -> None:
        fault = "another app uses the camera"
        world.tell(type="device", battery=41, camera="lost", camera_fault=fault)
        await until(lambda: world.server.batches[-1].health.battery_percent == 41)
        health = world.server.batches[-1].health
        assert (health.camera, health.camera_fault) == (CameraState.LOST, fault)
        assert health.frames_per_second is None

    world.run(work)
