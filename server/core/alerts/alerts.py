"""Describes a trouble: what it is about, how grave it is, and since when. Its words are the pages'
own.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum

Value = str | int


class Kind(StrEnum):
    """Says what is wrong. The names stand in the entry log for ever."""

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
    # Of badge desks and mails.
    PRINTER = "printer"
    MAIL_STOPPED = "mail_stopped"
    MAIL_FAILED = "mail_failed"
    MAIL_BOUNCED = "mail_bounced"
    # Of the server.
    SERVER = "server"
    # Of those outside who confirm the entry log.
    WITNESS = "witness"
    TIME_STAMP = "time_stamp"
    CERTIFICATE = "certificate"
    WEBHOOK = "webhook"
    NO_FACTOR = "no_factor"


@dataclass(frozen=True)
class Trouble:
    """Describes one trouble.

    `about` names the kiosk, the hall, the door, the badge, the printer or what else it is. With a
    higher `level` it is worse. Where it is `grave`, people may stand before a door that does not
    work. `since` (Unix ms, or another number that is never the same for the next occurrence) is
    None where nothing tells. `values` fill the words.
    """

    kind: Kind
    about: str
    grave: bool = False
    level: int = 0
    since: int | None = None
    values: Mapping[str, Value] = field(default_factory=dict)

    @property
    def key(self) -> str:
        return f"{self.kind}:{self.about}"


def steps(value: float, *edges: float) -> int:
    """Return how many of the edges the value has reached. That is its level."""
    return sum(value >= edge for edge in edges)


def most_urgent_first(troubles: list[Trouble]) -> list[Trouble]:
    """Sort troubles: grave ones first, then by their level."""
    return sorted(troubles, key=lambda one: (not one.grave, -one.level, one.kind, one.about))
