"""Reads and writes the settings of an event, as `event.toml` holds them. Each of them has a rule
that it must keep to.

A key that is not on the list is refused by name, with the one that was probably meant. A setting
that is silently ignored is worse than none.
"""

import difflib
import json
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any
from zoneinfo import ZoneInfo

DAYS_MAX = 16  # the credential has a bit for each
NAME_CHARS_MAX = 120
LANGUAGES = ("en", "zh")
_HOST = re.compile(r"[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]")
_LISTEN = re.compile(r"[A-Za-z0-9.:-]{1,253}")
_SETTINGS_CHARS_MAX = 100_000


class EventError(Exception):
    """Is raised when the event can't be made or opened. The text says what is wrong and what to
    do.
    """


@dataclass(frozen=True)
class EventSettings:
    """Holds what an organiser decides about an event. Raises EventError for a value that can't be
    right.
    """

    name: dict[str, str]  # by language: "en", "zh"
    time_zone: str  # IANA; the event's days begin at its midnights
    first_day: date
    days: int
    public_host: str = "localhost"  # what kiosks and phones call the server
    host: str = "0.0.0.0"  # the address to listen on
    port: int = 8443
    backup_dir: str | None = None  # a directory on a second disk; None: no backups are made

    def __post_init__(self) -> None:
        for key, (check, rule) in _RULES.items():
            if not check(getattr(self, key)):
                raise EventError(f"{key}: {rule}")

    @property
    def public_address(self) -> str:
        """Return `https://host:port`, as kiosks and phones use it."""
        return f"https://{self.public_host}:{self.port}"


def _is_name(value: object) -> bool:
    return (
        isinstance(value, dict)
        and bool(value)
        and all(
            language in LANGUAGES
            and isinstance(text, str)
            and text.isprintable()
            and 0 < len(text.strip()) <= NAME_CHARS_MAX
            for language, text in value.items()
        )
    )


def _is_zone(value: object) -> bool:
    try:
        ZoneInfo(value if isinstance(value, str) else "")
    except (ValueError, OSError, KeyError):
        return False
    return True


def _is_whole(lowest: int, highest: int) -> Callable[[object], bool]:
    return lambda value: type(value) is int and lowest <= value <= highest


def _is_host(value: object) -> bool:
    return isinstance(value, str) and _HOST.fullmatch(value) is not None


def _is_listening(value: object) -> bool:
    return isinstance(value, str) and _LISTEN.fullmatch(value) is not None


def _is_path(value: object) -> bool:
    return value is None or (
        isinstance(value, str) and value.isprintable() and 0 < len(value.strip()) <= 1000
    )


def _is_day(value: object) -> bool:
    return isinstance(value, date) and not isinstance(value, datetime) and 2000 <= value.year < 2100


_RULES: dict[str, tuple[Callable[[object], bool], str]] = {
    "name": (
        _is_name,
        f'the event\'s name by language, as en = "…", zh = "…", each up to {NAME_CHARS_MAX} '
        "characters.",
    ),
    "time_zone": (_is_zone, 'a time zone by its IANA name, such as "Asia/Shanghai".'),
    "first_day": (_is_day, "a date such as 2026-05-04, without quotation marks."),
    "days": (_is_whole(1, DAYS_MAX), f"how many days the event has, 1 to {DAYS_MAX}."),
    "public_host": (_is_host, "a host name or an address, without https:// and without a port."),
    "host": (_is_listening, 'an address to listen on, such as "0.0.0.0" or "127.0.0.1".'),
    "port": (_is_whole(1, 65535), "a port from 1 to 65535."),
    "backup_dir": (_is_path, 'a directory on a second disk, such as "/mnt/second/forum".'),
}
_REQUIRED = ("name", "time_zone", "first_day", "days")


def parse_settings(text: str, place: str) -> EventSettings:
    """Read settings from TOML. Raises EventError with `place`, the key at fault, and the remedy."""
    if len(text) > _SETTINGS_CHARS_MAX:
        raise EventError(f"{place} is too long to be an event's settings.")
    try:
        values: dict[str, Any] = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise EventError(f"{place} is not TOML: {error}.") from None
    check_keys(values, tuple(_RULES), place)
    missing = [key for key in _REQUIRED if key not in values]
    if missing:
        raise EventError(f"{place} lacks {missing[0]}: {_RULES[missing[0]][1]}")
    try:
        return EventSettings(**values)
    except EventError as error:
        raise EventError(f"{place}: {error}") from None


def check_keys(values: Mapping[str, object], known: tuple[str, ...], place: str) -> None:
    """Raises EventError for the first key that is not known, with the nearest one that is."""
    for key in values:
        if key not in known:
            raise EventError(f"{place}: {unknown_key(key, known)}")


def unknown_key(key: str, known: tuple[str, ...]) -> str:
    """Return a sentence about a key that nobody knows."""
    near = difflib.get_close_matches(key, known, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]!r}?" if near else f"known are {', '.join(known)}."
    return f"unknown key {key[:60]!r}; {hint}"


def settings_text(settings: EventSettings) -> str:
    """Return the settings as the text of `event.toml`, with comments."""
    name = "\n".join(f"{key} = {quoted(text)}" for key, text in settings.name.items())
    backup = "# backup_dir = " if settings.backup_dir is None else "backup_dir = "
    backup += quoted(settings.backup_dir or "/mnt/second/forum")
    return f"""\
# The settings of this event. `hallkeeper serve` reads them when it starts.

# The event's days begin at midnight in this time zone; a badge is valid on whole days.
time_zone = {quoted(settings.time_zone)}
first_day = {settings.first_day.isoformat()}
days = {settings.days}  # 1 to {DAYS_MAX}

# What kiosks and phones call this server: a name or an address that they can reach. A kiosk
# keeps what it was told when it was enrolled.
public_host = {quoted(settings.public_host)}
port = {settings.port}

# The address to listen on; "127.0.0.1" serves this machine alone.
host = {quoted(settings.host)}

# A directory on a second disk: the event is copied there every 5 minutes, secrets and all, and
# what a restored server must know is there before it is answered. Without it the loss of this
# disk is the loss of the event. See `hallkeeper restore --help`.
{backup}

[name]
{name}
"""


def quoted(text: str) -> str:
    """Return `text` as a TOML basic string. JSON's form of printable text is such a string."""
    return json.dumps(text, ensure_ascii=False)
