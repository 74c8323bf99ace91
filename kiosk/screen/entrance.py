"""Access to the screen: the browser that opens the kiosk's one-time link, and later the same
browser.

Any local account can reach loopback, so that proves nothing. The link is in a file that only the
kiosk's user may read. Opening it sets a cookie and replaces the link. Cookies outlive restarts
of the kiosk and the browser.
"""

import hashlib
import hmac
import secrets
import threading
from pathlib import Path

from kiosk.config.files import ConfigError, write_whole

LINK_FILE = "screen.link"
# The SHA-256 of each cookie, one per line, newest last.
BROWSERS_FILE = "screen.browsers"
BROWSERS_MAX = 16  # the oldest is dropped first
COOKIE = "hallkeeper-screen"
LINK_PATH = "/open"


class Entrance:
    """The link and the known browsers of one kiosk's screen. Thread-safe."""

    def __init__(self, directory: Path | None = None) -> None:
        """Without a `directory` for the files, nothing outlives this object. Raises OSError."""
        self._directory = directory
        # A link is for one run only, so the last run's is deleted.
        if directory is not None:
            (directory / LINK_FILE).unlink(missing_ok=True)
        # Guards everything below, and the files.
        self._lock = threading.Lock()
        self._address = ""  # of the page, once it is served
        self._secret = secrets.token_urlsafe(24)
        self._browsers = [] if directory is None else _read_browsers(directory / BROWSERS_FILE)

    @property
    def link(self) -> str:
        with self._lock:
            return f"{self._address.rstrip('/')}{LINK_PATH}?link={self._secret}"

    def serve_at(self, address: str) -> None:
        self._address = address
        self._write_link()

    def open(self, secret: str) -> str | None:
        """A cookie for a browser with the link's `secret`, else None. The secret works once."""
        with self._lock:
            if not hmac.compare_digest(secret.encode(), self._secret.encode()):
                return None
            self._secret = secrets.token_urlsafe(24)
            cookie = secrets.token_urlsafe(32)
            self._browsers = [*self._browsers, _digest(cookie)][-BROWSERS_MAX:]
            if self._directory is not None:
                content = "".join(f"{digest}\n" for digest in self._browsers)
                write_whole(self._directory / BROWSERS_FILE, content.encode())
        self._write_link()
        return cookie

    def knows(self, cookie: str) -> bool:
        """Whether this browser has opened the link."""
        digest = _digest(cookie)
        return any(hmac.compare_digest(digest, known_digest) for known_digest in self._browsers)

    def _write_link(self) -> None:
        if self._directory is not None:
            link = self.link
            with self._lock:
                write_whole(self._directory / LINK_FILE, f"{link}\n".encode())


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


def _read_browsers(path: Path) -> list[str]:
    """Browsers lost in a damaged file need a link again."""
    try:
        lines = path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if len(line) == 64][-BROWSERS_MAX:]


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
