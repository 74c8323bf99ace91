"""Caches rendered parts of pages that many users open."""

import threading
import time
from collections.abc import Callable

from server.web import i18n

Parts = dict[str, str]  # HTML by the id of its element


class Rendered:
    """Caches a page's parts for each role and language, so that ten open pages cost as much as
    one.
    """

    def __init__(self) -> None:
        # guards the parts
        self._lock = threading.Lock()
        self._parts: dict[tuple[str, str], tuple[float, Parts]] = {}

    def parts(self, role: str, render: Callable[[], Parts], *, fresh_s: float) -> Parts:
        """Rendered again if older than `fresh_s` seconds."""
        wanted = role, i18n.language()
        with self._lock:
            made_at, parts = self._parts.get(wanted, (float("-inf"), {}))
            if time.monotonic() - made_at >= fresh_s:
                parts = render()
                self._parts[wanted] = (time.monotonic(), parts)
            return parts


class Pieces:
    def __init__(self) -> None:
        # guards the dictionary
        self._lock = threading.Lock()
        self._kept: dict[str, tuple[object, str]] = {}

    def piece(self, name: str, value: object, render: Callable[[], str]) -> str:
        """Rendered again if `value` has changed."""
        with self._lock:
            kept = self._kept.get(name)
        if kept is not None and kept[0] == value:
            return kept[1]
        html = render()
        with self._lock:
            self._kept[name] = (value, html)
        return html
