"""Describes an alert: what it is about, how grave it is, and since when."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from badges.i18n import Phrase, counted

Value = str | int


class Kind(StrEnum):
    """Names core's kinds, whose words the board has (`server/web/alerts.py`). The entry log has the
    names of kinds, so they never change.
    """

    # Of kiosks.
    SILENT = "silent"
    NEVER_HEARD = "never_heard"
    VERSION = "version"
    CAMERA = "camera"
    SLOW_CAMERA = "slow_camera"
    FEW_READ = "few_read"
    SKEW = "skew"
    OLD_FACTS = "old_facts"
    QUEUE = "queue"
    KIOSK_DISK = "kiosk_disk"
    BATTERY = "battery"
    # Of halls.
    FILL = "fill"
    FILLING = "filling"
    # Of badges.
    FORGED = "forged"
    COPIED = "copied"
    # Of the server.
    SERVER = "server"
    CERTIFICATE = "certificate"
    NO_FACTOR = "no_factor"


@dataclass(frozen=True)
class Trouble:
    """Describes one trouble.

    `about` names the kiosk, the hall, the door, the badge, the printer or what else it is. With a
    higher `level` it is worse. Where it is `grave`, people may stand before a door that does not
    work. `since` (Unix ms, or another number that is never the same for the next occurrence) is
    None where nothing tells.

    The words are `what` and `todo`, as phrases where the board shows them. An alert of a `Kind` has
    `values` in their place, which fill the board's words. `where` names the place, which links to
    `page`, an endpoint with its values.
    """

    kind: str
    about: str
    grave: bool = False
    level: int = 0
    since: int | None = None
    values: Mapping[str, Value] = field(default_factory=dict)
    what: str = ""
    todo: str = ""
    where: str = ""
    page: tuple[str, Mapping[str, Value]] | None = None

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.about}"


def steps(value: float, *edges: float) -> int:
    """Return how many of the edges the value has reached. That is its level."""
    return sum(value >= edge for edge in edges)


def lasting(length_ms: int) -> Phrase:
    """Return a duration in the largest unit that fits."""
    seconds = abs(length_ms) // 1000
    if seconds >= 86_400:
        return counted("%(num)s day", "%(num)s days", seconds // 86_400)
    if seconds >= 3_600:
        return Phrase("%(number)s h", number=seconds // 3_600)
    if seconds >= 60:
        return Phrase("%(number)s min", number=seconds // 60)
    return Phrase("%(number)s s", number=seconds)


def most_urgent_first(troubles: list[Trouble]) -> list[Trouble]:
    """Sort troubles: grave ones first, then by their level."""
    return sorted(troubles, key=lambda one: (not one.grave, -one.level, one.kind, one.about))
