"""Work that a server repeats on a thread."""

import logging
import threading
import traceback
from collections.abc import Callable

from server.storage.errors import cause, grade

log = logging.getLogger(__name__)


class Ended(Exception):
    """Raised by work that has nothing more to do. It ends the thread."""


class Repeating:
    """Calls `work` every `every_s` seconds on a thread, until it is closed.

    `work` may return another number of seconds until its next call. If it raises an exception, the
    exception is logged and the work goes on. The same exception at the same line is logged once,
    until a call succeeds. The log has the lines of code, but not the exception's text, which may
    quote personal data.
    """

    def __init__(
        self,
        name: str,
        every_s: float,
        work: Callable[[], float | None],
        *,
        first_s: float | None = None,
    ) -> None:
        """The first call is `first_s` seconds after the start, by default `every_s`."""
        self._name = name
        self._every_s = every_s
        self._first_s = every_s if first_s is None else first_s
        self._work = work
        self._woken = threading.Event()
        self._closing = False
        self._thread: threading.Thread | None = None
        self._logged: object = None

    def start(self) -> None:
        """Start, also after a close."""
        self._closing = False
        self._woken.clear()
        self._thread = threading.Thread(target=self._run, name=self._name, daemon=True)
        self._thread.start()

    def close(self, *, wait: bool = True) -> None:
        """Stop after the present call, and `wait` for that."""
        self._closing = True
        self._woken.set()
        if wait and self._thread is not None:
            self._thread.join()

    def wake(self) -> None:
        """Call `work` now, or again if it is being called."""
        self._woken.set()

    @property
    def is_closing(self) -> bool:
        """For work that takes long."""
        return self._closing

    @property
    def is_alive(self) -> bool:
        return self._thread is not None and self._thread.is_alive()

    def _run(self) -> None:
        pause_s = self._first_s
        while not self._is_over(pause_s):
            next_s: float | None = None
            try:
                next_s = self._work()
            except Ended:
                return
            except Exception as error:
                if not self._closing:
                    self._log(error)
            else:
                self._logged = None
            pause_s = self._every_s if next_s is None else next_s

    def _is_over(self, pause_s: float) -> bool:
        self._woken.wait(pause_s)
        self._woken.clear()
        return self._closing

    def _log(self, error: Exception) -> None:
        place = traceback.extract_tb(error.__traceback__)[-1]
        mark = (type(error), place.filename, place.lineno)
        if mark != self._logged:
            self._logged = mark
            lines = "".join(traceback.format_tb(error.__traceback__))
            log.log(grade(error), "%s failed, and goes on: %s\n%s", self._name, cause(error), lines)
