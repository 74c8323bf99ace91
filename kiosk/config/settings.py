"""The few settings of a kiosk, each with what it is for: `settings.toml`, and what it may say."""

import difflib
import tomllib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from kiosk.config.files import SETTINGS_FILE, ConfigError, read_small

# The speeds of a serial line, as a relay may have them.
BAUDS = (1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200)


@dataclass(frozen=True)
class KioskSettings:
    """What staff may decide at a door. The command line stands above it."""

    camera: str = "0"  # webcam's number or name, file, folder or stream
    # What is asked of a webcam; it may give something else, which /camera on the page tells. None
    # leaves a thing as the camera has it; it keeps what it was last told, also by others.
    camera_width: int = 1280
    camera_height: int = 720
    camera_fps: float = 30.0
    camera_exposure_ms: float | Literal["auto"] | None = None  # 5 to 10 reads badges that move
    camera_gain: float | None = None
    camera_focus: float | Literal["auto"] | None = None
    port: int = 8421  # of the staff's page, on loopback
    languages: Sequence[str] = ()  # of the page, the first two at once; (): as its browser likes
    answer_s: float = 5.0  # how long an answer stays on the page when nobody else comes
    direction: Literal["entry", "exit"] | None = None  # at a door for both; None: entry
    relay_url: str = ""  # called with POST when somebody is admitted: turnstile, lock
    relay_file: str = ""  # a serial device; `relay_text` is written to it
    relay_text: str = "1"  # "hex:A00101A2" for a board that wants bytes
    relay_off_text: str = ""  # written `relay_pulse_ms` later, to a board that stays on otherwise
    relay_pulse_ms: int = 500
    relay_baud: int = 9600
    relay_timeout_ms: int = 1000


def _is_number(value: Any, least: float, most: float) -> bool:
    return type(value) in (int, float) and least <= value <= most


def relay_bytes(text: str) -> bytes:
    """What a relay's text stands for. Raises ValueError for hex that is none."""
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()


def _is_relay_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and len(value) <= 100 and relay_bytes(value) is not None
    except ValueError:
        return False


_RELAY_TEXT = '1 to 100 characters, or bytes such as "hex:A00101A2"'
_CHECKS: dict[str, tuple[Callable[[Any], bool], str]] = {
    "camera": (
        lambda v: isinstance(v, str) and 0 < len(v) <= 1000,
        'a webcam\'s number or name, a file, a folder or a stream, in quotation marks, such as "0"',
    ),
    "camera_width": (lambda v: type(v) is int and 160 <= v <= 7680, "160 to 7680 (pixels)"),
    "camera_height": (lambda v: type(v) is int and 120 <= v <= 4320, "120 to 4320 (pixels)"),
    "camera_fps": (lambda v: _is_number(v, 1, 240), "1 to 240 (pictures a second)"),
    "camera_exposure_ms": (
        lambda v: v == "auto" or _is_number(v, 0.1, 1000),
        '"auto", or 0.1 to 1000 (ms)',
    ),
    "camera_gain": (lambda v: _is_number(v, 0, 10_000), "0 to 10000 (the camera's own units)"),
    "camera_focus": (
        lambda v: v == "auto" or _is_number(v, 0, 10_000),
        '"auto", or 0 to 10000 (the camera\'s own units)',
    ),
    "port": (lambda v: type(v) is int and 0 <= v <= 65535, "a port from 0 to 65535"),
    "languages": (
        lambda v: isinstance(v, list) and all(isinstance(one, str) for one in v),
        'a list such as ["zh", "en"]',
    ),
    "answer_s": (lambda v: _is_number(v, 1, 60), "1 to 60 (s)"),
    "direction": (lambda v: v in ("entry", "exit"), '"entry" or "exit"'),
    "relay_url": (
        lambda v: isinstance(v, str) and v.startswith(("http://", "https://")) and len(v) <= 1000,
        'an address such as "http://192.0.2.7/open"',
    ),
    "relay_file": (
        lambda v: isinstance(v, str) and v.startswith("/") and len(v) <= 1000,
        'a device by its full path, such as "/dev/ttyUSB0"',
    ),
    "relay_text": (lambda v: _is_relay_text(v) and v != "", _RELAY_TEXT),
    "relay_off_text": (lambda v: _is_relay_text(v), f"nothing, or {_RELAY_TEXT}"),
    "relay_pulse_ms": (lambda v: type(v) is int and 20 <= v <= 5000, "20 to 5000 (ms)"),
    "relay_baud": (lambda v: v in BAUDS, f"one of {', '.join(map(str, BAUDS))}"),
    "relay_timeout_ms": (lambda v: type(v) is int and 50 <= v <= 10_000, "50 to 10000 (ms)"),
}


def load_settings(directory: Path) -> KioskSettings:
    """The settings, or the defaults where there is no file. Raises ConfigError."""
    path = directory / SETTINGS_FILE
    if not path.exists():
        return KioskSettings()
    try:
        values = tomllib.loads(read_small(path).decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not TOML: {error}.") from None
    for key, value in values.items():
        if key not in _CHECKS:
            near = difflib.get_close_matches(key, _CHECKS, n=1)
            remedy = f"Did you mean {near[0]!r}?" if near else f"Known: {', '.join(_CHECKS)}."
            raise ConfigError(f"{path}: there is no setting {key!r}. {remedy}")
        check, rule = _CHECKS[key]
        if not check(value):
            raise ConfigError(f"{path}: {key} is {rule}.")
    return KioskSettings(**values)


def with_options(settings: KioskSettings, **given: Any) -> KioskSettings:
    """The settings with what the command line says instead; None says nothing."""
    return replace(settings, **{key: value for key, value in given.items() if value is not None})
