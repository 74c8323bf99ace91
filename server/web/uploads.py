"""Stores uploaded files between a preview and its confirmation, in a private directory under
generated names.

A file is deleted after import or cancellation, after an hour, and whenever the server starts or
stops.
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
SWEEP_S = 1.0  # minimum interval between two sweeps
TURN_S = 60.0  # maximum wait for another plan
NAME_CHARS_MAX = 80
_TOKEN = re.compile(r"[A-Za-z0-9_-]{22}")


class UploadGoneError(Exception):
    """Raised if the user does not have such an upload, or no longer."""


class UploadBusyError(Exception):
    """Raised if the uploads of others are too many. The user may try later."""


@dataclass
class Upload:
    """An uploaded file. `name` is only for display, and never a path."""

    token: str
    kind: str
    by: str
    name: str
    content: Callable[[], bytes]  # raises UploadGoneError
    kept_at: float = 0.0  # seconds of the monotonic clock
    is_stored: bool = False  # whether its file was written
    answers: dict[str, str] = field(default_factory=dict)
    plan: Any = None  # the result of a preview; kept for one upload at a time

    def read(self) -> bytes:
        return self.content()


def is_token(text: str) -> bool:
    return _TOKEN.fullmatch(text) is not None


def shown_name(name: str) -> str:
    return "".join(char for char in name if char.isprintable())[:NAME_CHARS_MAX] or "file"


class OneAtATime:
    """Lets one preview at a time be computed in a server."""

    def __init__(self) -> None:
        self._turn = threading.Lock()

    @contextmanager
    def turn(self) -> Iterator[None]:
        """Raises UploadBusyError if others take too long."""
        if not self._turn.acquire(timeout=TURN_S):
            raise UploadBusyError
        try:
            yield
        finally:
            self._turn.release()


class Uploads(OneAtATime):
    """Keeps uploads in files of one server. Thread-safe. Closing deletes all files."""

    def __init__(self, directory: Path, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._directory = directory
        self._monotonic = monotonic
        # guards everything below
        self._lock = threading.Lock()
        self._kept: dict[str, Upload] = {}
        self._timer: threading.Timer | None = None
        shutil.rmtree(directory, ignore_errors=True)

    def keep(self, data: bytes, *, kind: str, by: str, name: str) -> Upload:
        """Replaces the user's earlier file of that kind. Raises OSError and UploadBusyError."""
        self.sweep()
        for earlier in list(self._kept.values()):
            if (earlier.kind, earlier.by) == (kind, by):
                self.drop(earlier)
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
            with open(os.open(self._path(token), flags, 0o600), "wb") as file:  # noqa: PTH123 - of a descriptor
                file.write(data)
            upload.is_stored = True
        except OSError:
            self.drop(upload)
            raise
        self._wake()
        return upload

    def find(self, token: str, *, kind: str, by: str) -> Upload:
        """Raises UploadGoneError."""
        self.sweep()
        with self._lock:
            upload = self._kept.get(token) if is_token(token) else None
        if upload is None or (upload.kind, upload.by) != (kind, by):
            raise UploadGoneError
        return upload

    def drop(self, upload: Upload) -> None:
        with self._lock:
            self._kept.pop(upload.token, None)
        upload.plan = None
        self._path(upload.token).unlink(missing_ok=True)

    def remember(self, upload: Upload, plan: Any) -> None:
        """Keep the upload's preview (`plan`), and drop any other."""
        with self._lock:
            for other in self._kept.values():
                other.plan = None
        upload.plan = plan

    def forget_plan(self, upload: Upload) -> None:
        upload.plan = None

    def keep_answers(self, upload: Upload) -> None:
        """Keep the user's answers, and drop the preview, which they change."""
        upload.plan = None

    def sweep(self) -> None:
        """Forget uploads that are old, or whose file an erasure has deleted, with their plans."""
        limit = self._monotonic() - LIFE_S
        with self._lock:
            kept = list(self._kept.values())
        for upload in kept:
            is_gone = upload.is_stored and not self._path(upload.token).exists()
            if is_gone or upload.kept_at <= limit:
                self.drop(upload)

    def close(self) -> None:
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
        with self._lock:
            if self._timer is not None or not self._kept:
                return
            oldest = min(upload.kept_at for upload in self._kept.values())
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
