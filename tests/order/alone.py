"""Finds quick tests that start a process after all, by what Python tells of each start."""

import sys

STARTS = frozenset({"os.fork", "os.forkpty", "os.posix_spawn", "subprocess.Popen"})


class Watch:
    """Notes what is started from now on. Python keeps such a hook until it ends."""

    def __init__(self) -> None:
        self._started: list[str] = []
        sys.addaudithook(self._note)

    def _note(self, event: str, arguments: tuple[object, ...]) -> None:
        if event in STARTS:
            self._started.append(str(arguments[0]) if arguments else event)

    def taken(self) -> list[str]:
        """Return what was started since this was asked last."""
        found, self._started = self._started, []
        return found
