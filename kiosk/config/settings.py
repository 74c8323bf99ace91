"""The kiosk's settings in `settings.toml`, each with its purpose and valid values.
badges/settings_check.py checks them.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal

from msgspec import Meta

from badges.settings_check import SettingsError, read_settings, rule
from kiosk.config.files import SETTINGS_FILE, ConfigError, read_small

# Speeds of a relay's serial line.
Baud = Literal[1200, 2400, 4800, 9600, 19_200, 38_400, 57_600, 115_200]
_BYTES = r"hex:(?:\s*[0-9A-Fa-f]{2})*\s*"
_RELAY_TEXT = '1 to 100 characters, or bytes such as "hex:A00101A2"'


@dataclass(frozen=True)
class KioskSettings:
    # A webcam's number or name, or the path or address of a file, folder or stream.
    camera: Annotated[
        str,
        Meta(min_length=1, max_length=1000),
        rule(
            "a webcam's number or name, a file, a folder or a stream, in quotation marks, such "
            'as "0"'
        ),
    ] = "0"
    # Requests to a webcam, which may choose other values; the page /camera shows them. With None
    # the camera keeps its last setting, perhaps from another program.
    camera_width: Annotated[int, Meta(ge=160, le=7680), rule("160 to 7680 (pixels)")] = 1280
    camera_height: Annotated[int, Meta(ge=120, le=4320), rule("120 to 4320 (pixels)")] = 720
    camera_fps: Annotated[float, Meta(ge=1, le=240), rule("1 to 240 (pictures a second)")] = 30.0
    # 5 to 10 ms are needed to read badges in motion. "auto" is the camera's own choice. With
    # "short" the kiosk sets exposure and gain by the pictures, the gain first.
    camera_exposure_ms: Annotated[
        Annotated[float, Meta(ge=0.1, le=1000)] | Literal["auto", "short"] | None,
        rule('"auto", "short", or 0.1 to 1000 (ms)'),
    ] = None
    camera_gain: Annotated[
        Annotated[float, Meta(ge=0, le=10_000)] | None,
        rule("0 to 10000 (the camera's own units)"),
    ] = None
    camera_focus: Annotated[
        Annotated[float, Meta(ge=0, le=10_000)] | Literal["auto"] | None,
        rule('"auto", or 0 to 10000 (the camera\'s own units)'),
    ] = None
    # Port of the staff's page, on loopback.
    port: Annotated[int, Meta(ge=0, le=65_535), rule("a port from 0 to 65535")] = 8421
    # The page's languages; the first two are shown at once. With () the browser chooses.
    languages: Annotated[Sequence[str], rule('a list such as ["zh", "en"]')] = ()
    # How long an answer stays on the page, unless another follows.
    answer_s: Annotated[float, Meta(ge=1, le=60), rule("1 to 60 (s)")] = 5.0
    # For a door for both directions. None means entry.
    direction: Annotated[Literal["entry", "exit"] | None, rule('"entry" or "exit"')] = None
    # Called with POST for each admission, to open a turnstile or a lock.
    relay_url: Annotated[
        str,
        Meta(pattern=r"\Ahttps?://", max_length=1000),
        rule('an address such as "http://192.0.2.7/open"'),
    ] = ""
    # A serial device, which gets `relay_text`.
    relay_file: Annotated[
        str,
        Meta(pattern=r"\A/", max_length=1000),
        rule('a device by its full path, such as "/dev/ttyUSB0"'),
    ] = ""
    # For a board that needs bytes, for example "hex:A00101A2".
    relay_text: Annotated[
        Annotated[
            str, Meta(pattern=rf"\A(?:{_BYTES}|(?!hex:)[\s\S]+)\Z", min_length=1, max_length=100)
        ],
        rule(_RELAY_TEXT),
    ] = "1"
    # Written `relay_pulse_ms` later, to a board that would otherwise stay on.
    relay_off_text: Annotated[
        Annotated[str, Meta(pattern=rf"\A(?:{_BYTES}|(?!hex:)[\s\S]*)\Z", max_length=100)],
        rule(f"nothing, or {_RELAY_TEXT}"),
    ] = ""
    relay_pulse_ms: Annotated[int, Meta(ge=20, le=5000), rule("20 to 5000 (ms)")] = 500
    relay_baud: Annotated[Baud, rule(f"one of {', '.join(map(str, Baud.__args__))}")] = 9600
    relay_timeout_ms: Annotated[int, Meta(ge=50, le=10_000), rule("50 to 10000 (ms)")] = 1000


def relay_bytes(text: str) -> bytes:
    """Raises ValueError for invalid hex."""
    return bytes.fromhex(text[4:]) if text.startswith("hex:") else text.encode()


def load_settings(directory: Path) -> KioskSettings:
    """Without a file, the defaults. Raises ConfigError."""
    path = directory / SETTINGS_FILE
    if not path.exists():
        return KioskSettings()
    try:
        return read_settings(KioskSettings, read_small(path).decode("utf-8-sig"), str(path))
    except UnicodeDecodeError:
        raise ConfigError(f"{path} is not UTF-8 text: save it as UTF-8.") from None
    except SettingsError as error:
        raise ConfigError(str(error)) from None


def with_options(settings: KioskSettings, **given: Any) -> KioskSettings:
    """None overrides nothing."""
    return replace(settings, **{key: value for key, value in given.items() if value is not None})
