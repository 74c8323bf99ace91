"""Decides who may open the screen. It is whoever has the kiosk's one-time link, and after that the
same browser.

Everybody who has an account on the machine can reach loopback, so that proves nothing. The link
stands in a file that only the kiosk's own user may read. Opening it leaves a cookie in the browser,
and a new link in the file. Cookies outlive a restart of the kiosk and of the browser.
"""

import hashlib
import hmac
import secrets
import threading
from pathlib import Path

from kiosk.config.files import ConfigError, write_whole

LINK_FILE = "screen.link"
# The SHA-256 of each cookie, one in each line, with the newest last.
BROWSERS_FILE = "screen.browsers"
BROWSERS_MAX = 16  # The oldest is forgotten first.
COOKIE = "hallkeeper-screen"
LINK_PATH = "/open"


class Entrance:
    """Keeps the link and the browsers of one kiosk's screen. It is thread-safe."""

    def __init__(self, directory: Path | None = None) -> None:
        """Take the directory of the files. Without a `directory` nothing outlives this object.
        Raises OSError.
        """
        self._directory = directory
        # A link is for one run only, so the last run's must not be found any more.
        if directory is not None:
            (directory / LINK_FILE).unlink(missing_ok=True)
        # The lock guards everything below, and the files.
        self._lock = threading.Lock()
        self._address = ""  # Of the page, once it is served.
        self._secret = secrets.token_urlsafe(24)
        self._browsers = [] if directory is None else _read_browsers(directory / BROWSERS_FILE)

    @property
    def link(self) -> str:
        """Return the address that opens the screen, once."""
        with self._lock:
            return f"{self._address.rstrip('/')}{LINK_PATH}?link={self._secret}"

    def serve_at(self, address: str) -> None:
        """Note that the page is served at `address`. The link can be opened from now on."""
        self._address = address
        self._write_link()

    def open(self, secret: str) -> str | None:
        """Return a cookie for a browser that has the link's `secret`, else None. The secret can't
        be used again.
        """
        with self._lock:
            if not hmac.compare_digest(secret.encode(), self._secret.encode()):
                return None
            self._secret = secrets.token_urlsafe(24)
            cookie = secrets.token_urlsafe(32)
            self._browsers = [*self._browsers, _digest(cookie)][-BROWSERS_MAX:]
            if self._directory is not None:
                content = "".join(f"{one}\n" for one in self._browsers)
                write_whole(self._directory / BROWSERS_FILE, content.encode())
        self._write_link()
        return cookie

    def knows(self, cookie: str) -> bool:
        """Tell whether a browser with this cookie has opened the screen by a link."""
        digest = _digest(cookie)
        return any(hmac.compare_digest(digest, one) for one in self._browsers)

    def _write_link(self) -> None:
        if self._directory is not None:
            link = self.link
            with self._lock:
                write_whole(self._directory / LINK_FILE, f"{link}\n".encode())


def read_link(directory: Path) -> str:
    """Read the link of the kiosk that runs in `directory`. Raises ConfigError where there is
    none.
    """
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
    """Read the browsers that may see the screen. Browsers that a damaged file has lost need a link
    again.
    """
    try:
        lines = path.read_text("ascii").split()
    except (OSError, UnicodeDecodeError):
        return []
    return [line for line in lines if len(line) == 64][-BROWSERS_MAX:]


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()
