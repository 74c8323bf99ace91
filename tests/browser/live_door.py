"""A real kiosk with its page, its camera and a small server, at the present time."""

import threading
from collections.abc import Sequence
from datetime import datetime, time
from pathlib import Path
from time import sleep, time_ns
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np

from badges.admission.facts import Direction
from badges.credential.credential import Credential, CredentialFlag, issue_credential
from badges.credential.keys import BadgeKey, KeyRing, sign_ring
from badges.wire import wire
from badges.wire.supervisor import DoorChoice, DoorChoices, Found, LookUp, Moved, PersonFacts
from kiosk.camera.camera import Camera
from kiosk.camera.sources import Kind, Source
from kiosk.config.settings import KioskSettings
from kiosk.eye import Eye
from kiosk.pictures import CameraError
from kiosk.run import Kiosk
from kiosk.screen.camera_page import add_camera_page
from kiosk.screen.serving import ScreenServer, create_screen
from server.demo.forum.forum import noon_zone
from tests.kiosk.support.door_fixture import (
    BADGE,
    DAY_MS,
    DELEGATE,
    EVENT_ID,
    PRESS,
    ROOT,
    badge,
    enrolled,
    hall_facts,
    sealed_name,
)
from tests.kiosk.support.fake_event import FakeEvent
from tests.kiosk.support.fake_server import error_reply, json_reply
from tests.kiosk.support.pictures import hall, held_up, symbol
from tests.kiosk.support.supervised import PERSON, SUPERVISORS

DOORS = [
    DoorChoice(70, {"en": "North", "zh": "北门"}, {"en": "Hall 7", "zh": "七号厅"}, "both"),
    DoorChoice(71, {"en": "South", "zh": "南门"}, {"en": "Hall 7", "zh": "七号厅"}, "entry"),
]
CATEGORIES = [
    wire.CategoryFacts(DELEGATE, "delegate", {"en": "Delegate", "zh": "代表"}, "D", "#1f5fa8"),
    wire.CategoryFacts(PRESS, "press", {"en": "Press", "zh": "媒体"}, "P", "#8a5a00"),
]
# Each picture costs the browser as much time as a click.
PICTURE_S = 1.0
NAMED, LOOKED_AT = 0x10, 0x11  # serials with a name


def now_ms() -> int:
    return time_ns() // 1_000_000


class Event(FakeEvent):
    """Its clock is right, and it has supervisors and their settings."""

    def __init__(self, directory: Path) -> None:
        super().__init__(directory)
        # It is past noon there, so that the current and the next sessions are of the same day.
        zone, today = noon_zone(now_ms())
        midnight = int(datetime.combine(today, time.min, ZoneInfo(zone)).timestamp()) * 1000
        ring = KeyRing(EVENT_ID, {1: BadgeKey(BADGE.public, midnight, midnight + 3 * DAY_MS)})
        self.facts = {
            "answered_at": now_ms(),
            "day_starts": [midnight + day * DAY_MS for day in range(3)],
            "time_zone": zone,
            "ring": sign_ring(ROOT, ring),
            "categories": CATEGORIES,
            "hall": hall_facts(names={"en": "Hall 7 · Auditorium", "zh": "七号厅 · 大礼堂"}),
            "supervisors": SUPERVISORS,
        }
        self.names = [
            sealed_name(NAMED, "Maria-Magdalena von Hohenzollern-Sigmaringen"),
            sealed_name(LOOKED_AT, "欧阳娜娜"),
        ]
        self.routes["POST", "/api/people"] = self._signed(self._people)
        self.routes["GET", "/api/doors"] = self._signed(lambda _: json_reply(DoorChoices(DOORS)))
        self.routes["POST", "/api/door"] = self._signed(lambda _: json_reply(Moved(71)))

    @property
    def now(self) -> int:
        return now_ms()

    @now.setter
    def now(self, instant: int) -> None:
        pass

    def _people(self, request: Any) -> Any:
        words = wire.decode(request.body, LookUp).words
        people: list[PersonFacts] = [PERSON] if words.lower() in "lost badge acme" else []
        return json_reply(Found(people, more=False))


class Scene:
    """The view of a live camera, and whether it is plugged in."""

    def __init__(self) -> None:
        self.picture = hall()
        self.plugged = True
        self._number = 0

    def open(self, source: Source, wish: object) -> "Scene":
        if not self.plugged:
            raise CameraError("the camera can't be opened", "check the cable")
        return self

    def read(self) -> tuple[bool, Any]:
        sleep(0.3)  # Reading each picture costs a core more time than the rest of the tests here.
        self._number += 1
        picture = self.picture.copy()
        picture[:8, :8] = self._number % 256  # else it would be a frozen picture
        return self.plugged, np.stack([picture] * 3, axis=-1)

    def get(self, prop: int) -> float:
        return 0.0

    def release(self) -> None:
        pass

    def hold(self, text: str | None) -> None:
        self.picture = hall() if text is None else held_up(symbol(text), 5)


class LiveDoor:
    """Close it, or use it in a `with`."""

    def __init__(self, path: Path, languages: Sequence[str] = ("zh", "en"), **more: Any) -> None:
        self.event = Event(path)
        self.scene = Scene()
        self.camera = Camera(Source(Kind.STREAM, "http://camera"), open_capture=self.scene.open)
        directory = enrolled(path / "door", port=self.event.port, pin=self.event.spki_sha256)
        self.kiosk = Kiosk(directory, KioskSettings())
        self.eye = Eye(self.camera, self.kiosk)
        self.kiosk.attach(self.eye)
        app = create_screen(
            self.kiosk.board,
            self.eye.preview,
            languages=languages,
            supervision=self.kiosk.supervision,
            answer=self.kiosk.answer,
            picture_s=PICTURE_S,
            **more,
        )
        add_camera_page(app, self.eye)
        self.server = ScreenServer(app, port=0)
        self.event.grant(8)
        self._stop = threading.Event()
        self._watch = threading.Thread(target=self.eye.watch, args=(self._stop,))

    def __enter__(self) -> "LiveDoor":
        assert self.kiosk.wait_for_facts(60)
        self.kiosk.show_status()
        self.camera.start()
        self._watch.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._watch.join(240)
        self.camera.close()
        self.server.close()
        self.kiosk.close()
        self.event.close()

    @property
    def url(self) -> str:
        return self.server.url

    @property
    def link(self) -> str:
        return self.server.link

    @property
    def answers(self) -> int:
        return self.kiosk.board.state.shown

    def turn(self, direction: Direction) -> None:
        assert self.kiosk.direction.choose(direction)

    def lose_server(self) -> None:
        """Every request fails until `find_server`."""
        self.event.spoil = lambda request: error_reply(503, "unavailable", retry=True)
        self.event.mute_feed = True

    def find_server(self) -> None:
        self.event.spoil = lambda request: None
        self.event.mute_feed = False


def flagged(serial: int) -> str:
    flags = CredentialFlag.ESCORT | CredentialFlag.ATTENTION
    fields = Credential(
        serial=serial, issue=1, category=DELEGATE, valid_days=0b11, zones=1, key_id=1, flags=flags
    )
    return issue_credential(BADGE, EVENT_ID, fields)


def press(serial: int) -> str:
    return badge(serial, category=PRESS)
