"""Sends the newest backup of the second disk to the event's restic repository, on a thread of its
own: a slow network delays neither backups nor doors.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from badges.i18n import phrase_of
from server.core.event.settings import EventError
from server.core.second_disk.copy import backups
from server.features.backup.restic import Repository
from server.repeating import Repeating

log = logging.getLogger(__name__)

LOOK_S = 20.0
RETRY_S = 60.0  # after a failure
DAY_MS = 86_400_000


@dataclass(frozen=True)
class Sent:
    """The state of the repository. `trouble` is "" while all is well."""

    repository: str
    newest_at: int | None = None  # Unix ms, when the newest copy was sent; None: none, or unknown
    failing_since: int | None = None  # Unix ms
    trouble: str = ""


class Sending:
    """A `Work` of the one server that has the event's second disk."""

    def __init__(self, repository: Repository, directory: Path, now: Callable[[], int]) -> None:
        self._repository, self._directory, self._now = repository, directory, now
        self._sent = Sent(repository.shown)
        self._newest: Path | None = None  # the backup that was sent last
        self._forgotten_on = -1  # day (UTC) on which old copies were deleted
        self._repeating = Repeating("repository", LOOK_S, self._turn, first_s=0)

    @property
    def sent(self) -> Sent:
        return self._sent

    def start(self) -> None:
        self._repository.stop(stopped=False)
        self._repeating.start()

    def close(self) -> None:
        """Stop, also a copy that is being sent: it is sent again at the next start."""
        self._repeating.close(wait=False)
        self._repository.stop()
        self._repeating.close()

    def _turn(self) -> float:
        try:
            self._send()
        except EventError as error:
            if self._repeating.is_closing:
                return 0.0
            if not self._sent.trouble:
                log.error("%s", error)
            since = self._sent.failing_since or self._now()
            self._sent = replace(self._sent, trouble=phrase_of(error), failing_since=since)
            return RETRY_S
        self._sent = replace(self._sent, trouble="", failing_since=None)
        return LOOK_S

    def _send(self) -> None:
        """Send the newest backup, unless the repository has it."""
        made = backups(self._directory)
        if made and made[-1].path != self._newest:
            # It also fails soon, where restic would try to send for a quarter of an hour.
            copies = self._repository.snapshots()
            if copies:
                newest_at = int(copies[-1].time.timestamp() * 1000)
                self._sent = replace(self._sent, newest_at=newest_at)
            if not copies or copies[-1].paths != [str(made[-1].path)]:
                self._repository.send(made[-1].path)
                self._sent = replace(self._sent, newest_at=self._now())
            self._newest = made[-1].path
        today = self._now() // DAY_MS
        if self._newest is not None and self._forgotten_on != today:
            self._repository.forget_old()
            self._forgotten_on = today
