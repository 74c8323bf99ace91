"""Finds certificates that end soon or have ended: the server's own and those of the wallets."""

import threading

from badges.i18n import Phrase
from server.event import served
from server.event.directory import Event
from server.troubles.troubles import Kind, Trouble, steps
from server.wallet import certificates
from server.wallet.certificates import WalletError

DAY_MS = 24 * 3_600_000
WEEK_DAYS = 7
FRESH_MS = 60_000
SERVER, APPLE, GOOGLE = "server", "apple", "google"


class Certificates:
    """Keeps when certificates end, and reads their files once a minute, for the board looks at them
    five times a second. It is thread-safe.
    """

    def __init__(self) -> None:
        # The lock guards the values.
        self._lock = threading.Lock()
        self._looked_at: int | None = None
        self._ends: dict[str, int] = {}
        self._damaged: dict[str, str] = {}

    def troubles(self, event: Event, now: int) -> list[Trouble]:
        """List the certificates that end within the event's `alert_certificate_days`."""
        with self._lock:
            if self._looked_at is None or abs(now - self._looked_at) >= FRESH_MS:
                self._ends, self._damaged = _look(event)
                self._looked_at = now
            ends, damaged = dict(self._ends), dict(self._damaged)
        found = [
            Trouble(Kind.CERTIFICATE, about, about == SERVER, values={"words": words})
            for about, words in damaged.items()
        ]
        for about, at in ends.items():
            left = at - now
            if left < event.settings.alert_certificate_days * DAY_MS:
                level = steps(-left, -WEEK_DAYS * DAY_MS, -DAY_MS, 0)
                # Doors know the server by its key, and phones by its certificate.
                grave = left < DAY_MS and about == SERVER
                found.append(
                    Trouble(Kind.CERTIFICATE, about, grave, level, at, {"at": at, "ms": left})
                )  # fmt: skip
        return found


def _look(event: Event) -> tuple[dict[str, int], dict[str, str]]:
    """Return when each certificate ends (Unix ms), and what is said of those that are damaged."""
    ends: dict[str, int] = {}
    damaged: dict[str, str] = {}
    try:
        found = served.served(event).not_valid_after_utc
        ends[SERVER] = int(found.timestamp() * 1000)
    except (OSError, ValueError):
        damaged[SERVER] = Phrase("%(path)s is missing or damaged.", path=event.certificate_path)
    try:
        apple = certificates.apple_signer(event)
        if apple is not None:
            ends[APPLE] = apple.ends_at
    except WalletError as error:
        damaged[APPLE] = error.phrase
    try:
        # What Google gives has no end. It can only be damaged.
        certificates.google_signer(event)
    except WalletError as error:
        damaged[GOOGLE] = error.phrase
    return ends, damaged
