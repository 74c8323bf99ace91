"""Lets only one process or thread send an event's mails at a time."""

import contextlib
import fcntl
from collections.abc import Iterator
from pathlib import Path

from server.mail.settings import MailError
from server.storage import disk

LOCK_NAME = "mailing.lock"


@contextlib.contextmanager
def only_mailer(event_dir: Path) -> Iterator[None]:
    """Hold the lock. It ends with the process, however that ends. Raises MailError while another
    holds it.
    """
    path = event_dir / LOCK_NAME
    try:
        opened = path.open("a+")
    except OSError as error:
        found = disk.trouble(error, path)
        raise MailError(str(found or f"{path} can't be written: {error.strerror}.")) from None
    with opened as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise MailError(
                "Mails of this event are being sent already, by another command or by the server."
                " Wait for that, or stop it first."
            ) from None
        yield
