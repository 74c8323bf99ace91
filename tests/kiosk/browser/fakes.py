"""A browser and a server for the phone's Python, in CPython: kiosk/browser without JavaScript."""

import asyncio
import json
import sys
from collections.abc import AsyncGenerator, Callable
from types import ModuleType, SimpleNamespace
from typing import Any

from msgspec import Struct

from badges.wire import server_key, wire
from badges.wire.version import OWN
from badges.wire.wire import ErrorCode
from kiosk.sync.protocol import ConnectionFault, Request, TransportError
from tests.kiosk.support.door_fixture import (
    EVENT_ID,
    KIOSK_KEY,
    NOON,
    ROOT,
    signed_identity,
    snapshot,
)

WAIT_S = 60.0  # for one step of a test, which takes less than a second on an idle machine


class Browser:
    """The module `hallkeeper_js`: what the worker gives to Python."""

    def __init__(self) -> None:
        self.posted: list[dict[str, Any]] = []
        self.keys: dict[str, bytes] = {}

    def post(self, text: str) -> None:
        self.posted.append(json.loads(text))

    def of_type(self, name: str) -> list[dict[str, Any]]:
        return [message for message in self.posted if message["type"] == name]


class Keys:
    def __init__(self, browser: Browser) -> None:
        self._kept = browser.keys

    async def load(self, name: str) -> Any:
        seed = self._kept.get(name)
        return None if seed is None else SimpleNamespace(to_py=lambda: memoryview(seed))

    async def save(self, name: str, seed: bytes) -> None:
        self._kept[name] = seed

    async def forget(self, name: str) -> None:
        self._kept.pop(name, None)


def install(browser: Browser) -> None:
    """Make the JavaScript modules importable, before kiosk.browser is imported."""

    class Storage:
        def names(self) -> list[str]:
            return []

        def remove(self, path: str) -> None:
            raise AssertionError(path)

    own = sys.modules.setdefault("hallkeeper_js", ModuleType("hallkeeper_js"))
    vars(own).update(
        persistent=True, post=browser.post, keys=Keys(browser), storage=Storage(),
        send=None, stream=None,
    )  # fmt: skip
    ffi = sys.modules.setdefault("pyodide.ffi", ModuleType("pyodide.ffi"))
    vars(ffi).update(
        JsNull=type("JsNull", (), {}), JsException=type("JsException", (Exception,), {}),
        to_js=lambda value: value,
    )  # fmt: skip
    sys.modules.setdefault("pyodide", ModuleType("pyodide"))


class Server:
    """Takes every scan, and is `Network` for the phone. `answers` is clear while it is silent."""

    peer = OWN

    def __init__(self) -> None:
        self.reachable = True
        self.answers = asyncio.Event()
        self.answers.set()
        self.batches: list[wire.ScanBatch] = []
        self.changes: dict[str, Any] = {}  # of its answers to scans
        self.orders = [wire.PlaceOrder(7, 10, 0, 1)]
        self.confirmed = False
        self.enrolled: list[wire.EnrolRequest] = []
        self.refusal = ""

    def avoid(self) -> None:
        pass

    async def send(self, request: Request) -> Struct:
        if not self.reachable:
            raise TransportError(ConnectionFault.UNREACHABLE, "away")
        await asyncio.sleep(0)
        path = request.target.partition("?")[0]
        answer: Struct = getattr(self, path.removeprefix("/api/").replace("-", "_"))(request)
        if path == "/api/scans":
            await self.answers.wait()
            if not self.reachable:
                raise TransportError(ConnectionFault.UNREACHABLE, "away")
        return answer

    async def lines(self, target: str) -> AsyncGenerator[str, None]:
        if not self.reachable:
            raise TransportError(ConnectionFault.UNREACHABLE, "away")
        yield ":"
        await asyncio.Event().wait()

    def replica(self, _: Request) -> wire.Snapshot:
        return snapshot(orders=self.orders)

    def names(self, _: Request) -> wire.NamesPage:
        return wire.NamesPage([], 0, more=False)

    def people(self, _: Request) -> Struct:
        raise TransportError(ErrorCode.TOO_MANY, "too many")

    def scans(self, request: Request) -> wire.ScanAnswer:
        batch = request.message
        assert isinstance(batch, wire.ScanBatch)
        self.batches.append(batch)
        fields: dict[str, Any] = {
            "acked_seq": batch.first_seq - 1 + len(batch.records), "incarnation": 1,
            "fenced": False, "orders": self.orders, "received_at": NOON, "answered_at": NOON,
            "cursor": 10, "checkpoint": "", "consistency": [],
        }  # fmt: skip
        return wire.ScanAnswer(**{**fields, **self.changes})

    def enrol(self, request: Request) -> wire.EnrolAnswer:
        asked = request.message
        assert isinstance(asked, wire.EnrolRequest)
        self.enrolled.append(asked)
        if self.refusal:
            raise TransportError(self.refusal, "no", permanent=True)
        if not self.confirmed:
            return wire.EnrolAnswer(confirmed=False)
        identity = signed_identity(_PublicAlone(asked.public_key))  # type: ignore[arg-type]
        return wire.EnrolAnswer(
            confirmed=True, identity=identity, root_key=ROOT.public.raw, event_id=EVENT_ID
        )

    def server_key(self, _: Request) -> server_key.ServerKeyAnswer:
        raise TransportError(ErrorCode.NOT_FOUND, "an early server")


class _PublicAlone:
    """A key of which the server knows the public part."""

    def __init__(self, raw: bytes) -> None:
        self.public = type(KIOSK_KEY.public)(raw)


async def until(condition: Callable[[], object]) -> None:
    async with asyncio.timeout(WAIT_S):
        while not condition():
            await asyncio.sleep(0.002)
