from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

from badges.i18n import Phrase, counted


class Kind(StrEnum):
    """The kinds of alerts raised in `server/core`. `server/web/alerts.py` names their places. The
    entry log stores the values, so they never change.
    """

    # of kiosks
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
    FLEETING = "fleeting"
    # of halls
    FILL = "fill"
    FILLING = "filling"
    # of badges
    FORGED = "forged"
    COPIED = "copied"
    # of the server
    SERVER = "server"
    CERTIFICATE = "certificate"
    NO_FACTOR = "no_factor"


@dataclass(frozen=True)
class Alert:
    """A problem shown to staff.

    `about` identifies the subject, such as a kiosk or hall. A higher `level` is worse. `grave`:
    people may be waiting at a door that does not work. `since` is in Unix ms, or another number
    unique to the occurrence, or None if unknown.

    `what` and `todo` are the texts: the problem and the remedy. `where` names the place and links
    to `page`, an endpoint with its values. An alert of a `Kind` has its place from `about`.

    `remedy_at` is the endpoint of the remedy. Users who may not open it read `todo_of_others`.
    """

    kind: str
    about: str
    grave: bool = False
    level: int = 0
    since: int | None = None
    what: str = ""
    todo: str = ""
    where: str = ""
    page: tuple[str, Mapping[str, str | int]] | None = None
    remedy_at: str = ""
    todo_of_others: str = Phrase("Call an admin.")

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.about}"


def steps(value: float, *edges: float) -> int:
    return sum(value >= edge for edge in edges)


def lasting(length_ms: int) -> Phrase:
    """Format a duration in its largest unit, such as "3 hours"."""
    seconds = abs(length_ms) // 1000
    if seconds >= 86_400:
        return counted("%(num)s day", "%(num)s days", seconds // 86_400)
    if seconds >= 3_600:
        return Phrase("%(number)s h", number=seconds // 3_600)
    if seconds >= 60:
        return Phrase("%(number)s min", number=seconds // 60)
    return Phrase("%(number)s s", number=seconds)


def most_urgent_first(alerts: list[Alert]) -> list[Alert]:
    return sorted(
        alerts,
        key=lambda alert: (not alert.grave, -alert.level, alert.kind, alert.about),
    )
