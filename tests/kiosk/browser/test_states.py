"""The states that doors report: what sends them and what reads them have the same values."""

import re
from pathlib import Path
from typing import get_args, get_type_hints

import kiosk.browser
import kiosk.screen
from badges.wire.supervisor import DoorChoice
from badges.wire.wire import CameraState, DoorFacts
from kiosk.camera.camera import CameraStatus
from kiosk.screen.actions import ScanRefusal
from kiosk.screen.board import DeviceStatus
from kiosk.screen.texts import WORDS

CAMERAS = {state.value for state in CameraState} - {CameraState.UNKNOWN.value}
PHONE = Path(kiosk.browser.__file__).parent / "static"
SCREEN = Path(kiosk.screen.__file__).parent / "static"


def values(kind: type, field: str) -> set[str]:
    return set(get_args(get_type_hints(kind)[field]))


def test_a_kiosk_s_camera() -> None:
    """`kiosk.run` reports "none" where there is no camera."""
    assert values(CameraStatus, "state") | {"none"} == CAMERAS
    assert values(DeviceStatus, "camera") == CAMERAS


def test_a_phone_s_camera() -> None:
    script = (PHONE / "camera.mjs").read_text()
    told = re.findall(r'\btell\("(\w+)"', script) + re.findall(r'this\.state = "(\w+)"', script)
    # A phone's camera shows no film that could end.
    assert set(told) == CAMERAS - {"ended"}


def test_each_state_of_a_camera_has_words_and_each_level_is_of_a_state() -> None:
    assert {f"camera_{state}" for state in CAMERAS} <= WORDS.keys()
    script = (SCREEN / "steward/status.js").read_text()
    levels = re.search(r"const level = \{(.*)\}\[status\.camera\]", script)
    assert levels is not None
    assert set(re.findall(r"(\w+):", levels[1])) <= CAMERAS


def test_each_relay_s_state_has_words() -> None:
    script = (SCREEN / "steward/status.js").read_text()
    told = re.search(r"const RELAY = \{(.*)\};", script)
    assert told is not None
    assert set(re.findall(r"(\w+): \[", told[1])) == values(DeviceStatus, "relay") - {"none"}


def test_a_door_serves_the_same_directions_in_each_message() -> None:
    assert values(DoorChoice, "mode") == values(DoorFacts, "mode") == {"entry", "exit", "both"}


def test_each_refused_scan_that_has_words_of_its_own_is_sent() -> None:
    words = re.search(r"const REFUSED = \{(.*)\};", (SCREEN / "steward/screen.js").read_text())
    by_phone = re.findall(r'error: \{ code: "(\w+)"', (PHONE / "phone_kiosk.mjs").read_text())
    assert words is not None
    assert set(re.findall(r"(\w+):", words[1])) <= {*get_args(ScanRefusal), *by_phone}
