"""The disk's own time to sync a page: on a shared virtual disk no commit can be quicker."""

import os
import threading
import time
from pathlib import Path

PAGE = b"." * 4096
EVERY_S = 0.02


class DiskProbe:
    """Appends a page and syncs it, fifty times a second, while it is open."""

    def __init__(self, folder: Path) -> None:
        self.took_ms: list[float] = []
        self._file = os.open(folder / "probe", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "DiskProbe":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()
        os.close(self._file)

    def _run(self) -> None:
        while not self._stop.wait(EVERY_S):
            os.write(self._file, PAGE)
            began = time.perf_counter()
            os.fdatasync(self._file)
            self.took_ms.append((time.perf_counter() - began) * 1000)
