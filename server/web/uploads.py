"""Keeps files that staff have sent, for the time between a preview and its confirmation.

They lie in a directory of the event that nobody else on the machine can read, under names that the
server makes. A file goes once it is imported or given up, after an hour, and whenever the server
starts or ends.
"""

import os
import re
import secrets
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LIFE_S = 60 * 60
KEPT_MAX = 8  # files of all users together
SWEEP_S = 1.0  # the least time between two looks for those whose hour is over
TURN_S = 60.0  # how long somebody waits for another's plan to be made
NAME_CHARS_MAX = 80
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


class UploadGoneError(Exception):
    """Is raised where there is no such upload of this user, or no longer."""


class UploadBusyError(Exception):
    """Is raised where others keep the server busy with their uploads. It may be tried later."""


@dataclass
class Upload:
    """Holds what is known of a file that was sent. `name` is only shown, and never a path."""

    token: str
    kind: str
    by: str
    name: str
    content: Callable[[], bytes]  # raises UploadGoneError
    kept_at: float = 0.0  # seconds of a clock that nobody sets
    answers: dict[str, str] = field(default_factory=dict)
    plan: Any = None  # what a preview has found; of one upload at a time

    def read(self) -> bytes:
        """Return the file. Raises UploadGoneError."""
        return self.content()


def is_token(text: str) -> bool:
    """Say whether a text may be the name of an upload."""
    return _TOKEN.fullmatch(text) is not None


def shown_name(name: str) -> str:
    """Return what is shown of a file's name."""
    return "".join(char for char in name if char.isprintable())[:NAME_CHARS_MAX] or "file"


class OneAtATime:
    """Lets one plan be made at a time, in one server."""

    def __init__(self) -> None:
        self._turn = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Wait for one's turn. Raises UploadBusyError."""
        if not self._turn.acquire(timeout=TURN_S):
            raise UploadBusyError
        try:
            yield
        finally:
            self._turn.release()


class Uploads(OneAtATime):
    """Keeps the uploads of an event. It is thread-safe. Close it, and they are gone."""

    def __init__(self, directory: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._directory = directory
        self._monotonic = monotonic
        # The lock guards everything below.
        self._lock = threading.Lock()
        self._kept: dict[str, Upload] = {}
        self._timer: threading.Timer | None = None
        shutil.rmtree(directory, ignore_errors=True)

    def keep(self, data: bytes, *, kind: str, by: str, name: str) -> Upload:
        """Keep a file, in place of an earlier one of the same kind and user.

        Raises UploadBusyError where too many are kept, and OSError.
        """
        self.sweep()
        for one in list(self._kept.values()):
            if (one.kind, one.by) == (kind, by):
                self.drop(one)
        token = secrets.token_urlsafe(16)
        upload = Upload(
            token, kind, by, shown_name(name), lambda: self._read(token), self._monotonic()
        )
        with self._lock:
            if len(self._kept) >= KEPT_MAX:
                raise UploadBusyError
            self._kept[token] = upload
        try:
            self._directory.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL
            with open(os.open(self._path(token), flags, 0o600), "wb") as file:
                file.write(data)
        except OSError:
            self.drop(upload)
            raise
        self._wake()
        return upload

    def find(self, token: str, *, kind: str, by: str) -> Upload:
        """Return the upload of this user. Raises UploadGoneError."""
        self.sweep()
        with self._lock:
            found = self._kept.get(token) if is_token(token) else None
        if found is None or (found.kind, found.by) != (kind, by):
            raise UploadGoneError
        return found

    def drop(self, upload: Upload) -> None:
        """Delete a file. It does not matter whether it is there."""
        with self._lock:
            self._kept.pop(upload.token, None)
        upload.plan = None
        self._path(upload.token).unlink(missing_ok=True)

    def remember(self, upload: Upload, plan: Any) -> None:
        """Keep what a preview has found until it is confirmed, and forget that of all others."""
        with self._lock:
            for one in self._kept.values():
                one.plan = None
        upload.plan = plan

    def forget_plan(self, upload: Upload) -> None:
        """Forget what a preview has found, because it is no longer so."""
        upload.plan = None

    def keep_answers(self, upload: Upload) -> None:
        """Keep what was answered to a preview's questions. What it had found is forgotten."""
        upload.plan = None

    def sweep(self) -> None:
        """Delete the files that are kept for an hour."""
        limit = self._monotonic() - LIFE_S
        with self._lock:
            old = [one for one in self._kept.values() if one.kept_at <= limit]
        for one in old:
            self.drop(one)

    def close(self) -> None:
        """Delete every file."""
        with self._lock:
            timer, self._timer = self._timer, None
            self._kept.clear()
        if timer is not None:
            timer.cancel()
            timer.join()
        shutil.rmtree(self._directory, ignore_errors=True)

    def _path(self, token: str) -> Path:
        return self._directory / token

    def _read(self, token: str) -> bytes:
        try:
            return self._path(token).read_bytes()
        except OSError:
            raise UploadGoneError from None

    def _wake(self) -> None:
        """See to it that files go at their time, though nobody asks for a page."""
        with self._lock:
            if self._timer is not None or not self._kept:
                return
            oldest = min(one.kept_at for one in self._kept.values())
            wait_s = max(SWEEP_S, oldest + LIFE_S - self._monotonic() + SWEEP_S)
            self._timer = threading.Timer(wait_s, self._sweep_in_time)
            self._timer.daemon = True
            self._timer.name = "uploads"
            self._timer.start()

    def _sweep_in_time(self) -> None:
        self.sweep()
        with self._lock:
            if self._timer is not threading.current_thread():
                return
            self._timer = None
        self._wake()
