"""Access to the screen: the browser that opens the kiosk's one-time link, for one run of the kiosk.

Any local account can reach loopback, so that proves nothing. The link is in a file that only the
kiosk's user may read. Opening it sets a cookie and replaces the link.

Any local account can also bind the port while the kiosk is not there, and is then sent what an
open page sends. So a cookie is worth nothing after its run, and the page believes and tells only a
server that proves to know the page's key, which is never sent (`prove`).
"""

import hashlib
import hmac
import secrets
import threading
from pathlib import Path

from kiosk.config.files import ConfigError, write_whole

LINK_FILE = "screen.link"
BROWSERS_MAX = 16  # the oldest is dropped first
COOKIE = "hallkeeper-screen"
LINK_PATH = "/open"
LINK_QUERY = "?link="


class Entrance:
    """The link and the known browsers of one run of a kiosk's screen. Thread-safe."""

    def __init__(self, directory: Path | None = None) -> None:
        """Without a `directory` for the link's file, the link is in memory only. Raises OSError."""
        self._directory = directory
        # A link is for one run only, so the last run's is deleted.
        if directory is not None:
            (directory / LINK_FILE).unlink(missing_ok=True)
        self._run = secrets.token_hex(8)
        # Guards everything below, and the file.
        self._lock = threading.Lock()
        self._address = ""  # of the page, once it is served
        self._secret = self._new_secret()
        self._browsers: list[str] = []  # the SHA-256 of each cookie, newest last

    @property
    def link(self) -> str:
        with self._lock:
            return f"{self._address.rstrip('/')}{LINK_PATH}{LINK_QUERY}{self._secret}"

    def serve_at(self, address: str) -> None:
        self._address = address
        self._write_link()

    def open(self, secret: str) -> str | None:
        """A cookie for a browser with the link's `secret`, else None. The secret works once."""
        with self._lock:
            if not hmac.compare_digest(secret.encode(), self._secret.encode()):
                return None
            self._secret = self._new_secret()
            cookie = secrets.token_urlsafe(32)
            self._browsers = [*self._browsers, _digest(cookie)][-BROWSERS_MAX:]
        self._write_link()
        return cookie

    def knows(self, cookie: str) -> bool:
        """Whether this browser has opened the link."""
        digest = _digest(cookie)
        return any(hmac.compare_digest(digest, known_digest) for known_digest in self._browsers)

    def _new_secret(self) -> str:
        return f"{self._run}.{secrets.token_urlsafe(24)}"

    def _write_link(self) -> None:
        if self._directory is not None:
            link = self.link
            with self._lock:
                write_whole(self._directory / LINK_FILE, f"{link}\n".encode())


def prove(key: str, challenge: str) -> str:
    """What only the server that made the page knows: the HMAC of the page's challenge, in hex."""
    return hmac.digest(key.encode(), challenge.encode(), "sha256").hex()


def read_link(directory: Path) -> str:
    """Raises ConfigError if there is no link."""
    try:
        return (directory / LINK_FILE).read_text("utf-8").strip()
    except FileNotFoundError:
        raise ConfigError(
            f"No screen is served from {directory}. Start the kiosk: "
            f"`hallkeeper-kiosk run --dir {directory}`."
        ) from None
    except OSError as error:
        raise ConfigError(
            f"{directory / LINK_FILE} can't be read: {error.strerror}. Only the user who runs the "
            "kiosk may open its screen."
        ) from None


def run_of(link: str) -> str:
    """The run of the kiosk that made the link."""
    return link.partition(LINK_QUERY)[2].partition(".")[0]


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
