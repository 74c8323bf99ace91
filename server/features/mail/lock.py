"""Ensures that only one process or thread sends an event's mails."""

import contextlib
from collections.abc import Iterator
from pathlib import Path

from server.core.event.lock import held
from server.features.mail.settings import MailError

LOCK_NAME = "mailing.lock"


@contextlib.contextmanager
def only_mailer(event_dir: Path) -> Iterator[None]:
    with held(event_dir / LOCK_NAME, lambda _: MailError(_BUSY), MailError):
        yield


_BUSY = (
    "Mails of this event are being sent already, by another command or by the server. Wait for"
    " that, or stop it first."
)
