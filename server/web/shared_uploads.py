"""Stores uploaded files in the database, for all servers of an event, encrypted under a key that is
not in it.

The page after the upload may come from any server. A preview's result stays in its server's memory.
A file is deleted after import or cancellation, or after an hour.
"""

import hashlib
import json
import logging
import secrets
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import nacl.exceptions
import nacl.secret

from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.disk import DatabaseError
from server.storage.errors import EngineError, cause
from server.web.uploads import (
    KEPT_MAX,
    LIFE_S,
    OneAtATime,
    Upload,
    UploadBusyError,
    UploadGoneError,
    is_token,
    shown_name,
)

log = logging.getLogger(__name__)

# Each part is a separate write, so that scans never wait for a whole file.
PART_BYTES = 500_000
LIFE_MS = LIFE_S * 1000


class SharedUploads(OneAtATime):
    """Stores uploads in the database, encrypted, for all servers of an event. Thread-safe. Close
    it.
    """

    def __init__(self, database: Database, key: bytes, now: Callable[[], int]) -> None:
        """`key` has 32 bytes and must not be in the database."""
        super().__init__()
        self._database = database
        self._key = key
        self._box = nacl.secret.SecretBox(key)
        self._now = now
        # Guards the timer, and the one cached plan with its upload and answers.
        self._lock = threading.Lock()
        self._plan: tuple[str, dict[str, str], Any] = ("", {}, None)
        self._timer: threading.Timer | None = None
        self._closed = False
        self.sweep()

    def keep(self, data: bytes, *, kind: str, by: str, name: str) -> Upload:
        """Replaces the user's earlier file of that kind. Raises UploadBusyError."""
        token = secrets.token_urlsafe(16)
        upload = self._upload(token, kind, by, shown_name(name), {})
        whose, about, until = self._whose(token), self._about(upload), self._now() + LIFE_MS

        def begin(db: Connection) -> None:
            self._forget_old(db)
            rows = db.execute(
                "SELECT token FROM upload WHERE kind = ? AND sent_by = ?", (kind, by)
            ).fetchall()
            for (earlier,) in rows:
                _delete(db, earlier)
            if db.execute("SELECT COUNT(*) FROM upload").fetchone()[0] >= KEPT_MAX:
                raise UploadBusyError
            db.execute(
                "INSERT INTO upload (token, kind, sent_by, about, until) VALUES (?, ?, ?, ?, ?)",
                (whose, kind, by, about, until),
            )

        self._database.write(begin)
        try:
            for number, at in enumerate(range(0, len(data), PART_BYTES)):
                part = bytes(self._box.encrypt(data[at : at + PART_BYTES]))
                self._database.write(partial(_add_part, whose, number, part))
        except BaseException:
            self.drop(upload)
            raise
        self._wake()
        return upload

    def find(self, token: str, *, kind: str, by: str) -> Upload:
        """Raises UploadGoneError."""
        if not is_token(token):
            raise UploadGoneError
        with self._database.reading() as db:
            row = db.execute(
                "SELECT about FROM upload WHERE token = ? AND kind = ? AND sent_by = ?"
                " AND until > ?",
                (self._whose(token), kind, by, self._now()),
            ).fetchone()
        if row is None:
            self.sweep()
            raise UploadGoneError
        name, answers = json.loads(self._opened(row[0]))
        upload = self._upload(token, kind, by, name, answers)
        with self._lock:
            of, answered, plan = self._plan
        if of == token and answered == answers:
            upload.plan = plan
        return upload

    def drop(self, upload: Upload) -> None:
        self.forget_plan(upload)
        whose = self._whose(upload.token)
        self._database.write(lambda db: _delete(db, whose))

    def remember(self, upload: Upload, plan: Any) -> None:
        """Cache the upload's preview (`plan`), and drop any other."""
        upload.plan = plan
        with self._lock:
            self._plan = (upload.token, dict(upload.answers), plan)

    def forget_plan(self, upload: Upload) -> None:
        upload.plan = None
        with self._lock:
            if self._plan[0] == upload.token:
                self._plan = ("", {}, None)

    def keep_answers(self, upload: Upload) -> None:
        """Store the user's answers to a preview's questions, and drop the preview."""
        self.forget_plan(upload)
        values = self._about(upload), self._whose(upload.token)
        self._database.write(
            lambda db: db.execute("UPDATE upload SET about = ? WHERE token = ?", values) and None
        )

    def sweep(self) -> None:
        """Delete old uploads, and forget the plan of one that is gone."""
        self._database.write(self._forget_old)
        with self._lock, self._database.reading() as db:
            query = "SELECT 1 FROM upload WHERE token = ?"
            if db.execute(query, (self._whose(self._plan[0]),)).fetchone() is None:
                self._plan = ("", {}, None)

    def close(self) -> None:
        """Stop the timer. The files stay for other servers."""
        with self._lock:
            self._closed = True
            timer, self._timer = self._timer, None
        if timer is not None:
            timer.cancel()
            timer.join()

    def _forget_old(self, db: Connection) -> None:
        now = self._now()
        # Entries in the future are from before the clock was set back.
        rows = db.execute(
            "SELECT token FROM upload WHERE until <= ? OR until > ?", (now, now + LIFE_MS)
        ).fetchall()
        for (whose,) in rows:
            _delete(db, whose)

    def _upload(self, token: str, kind: str, by: str, name: str, answers: dict[str, str]) -> Upload:
        return Upload(token, kind, by, name, lambda: self._read(token), answers=answers)

    def _read(self, token: str) -> bytes:
        with self._database.reading() as db:
            rows = db.execute(
                "SELECT sealed FROM upload_part WHERE token = ? ORDER BY number",
                (self._whose(token),),
            ).fetchall()
        if not rows:
            raise UploadGoneError
        return b"".join(self._opened(sealed) for (sealed,) in rows)

    def _about(self, upload: Upload) -> bytes:
        return bytes(self._box.encrypt(json.dumps([upload.name, upload.answers]).encode()))

    def _opened(self, sealed: bytes) -> bytes:
        try:
            return self._box.decrypt(bytes(sealed))
        except nacl.exceptions.CryptoError:
            raise UploadGoneError from None  # encrypted under the event's former secret

    def _whose(self, token: str) -> bytes:
        return hashlib.blake2b(token.encode(), key=self._key, digest_size=16).digest()

    def _wake(self) -> None:
        with self._lock:
            if self._timer is not None or self._closed:
                return
            self._timer = threading.Timer(LIFE_S + 1, self._sweep_in_time)
            self._timer.daemon = True
            self._timer.name = "uploads"
            self._timer.start()

    def _sweep_in_time(self) -> None:
        try:
            self.sweep()
            with self._database.reading() as db:
                more = count(db) > 0
        except (DatabaseError, EngineError) as error:
            log.warning("files that were sent are not deleted yet: %s", cause(error))
            more = True
        with self._lock:
            if self._closed:
                return
            self._timer = None
        if more:
            self._wake()


def count(db: Connection) -> int:
    return int(db.execute("SELECT COUNT(*) FROM upload").fetchone()[0])


def forget_all(db: Connection) -> None:
    """Delete all uploads in the caller's transaction, since some may contain an erased person's
    data.
    """
    db.execute("DELETE FROM upload_part")
    db.execute("DELETE FROM upload")


def _add_part(whose: bytes, number: int, sealed: bytes, db: Connection) -> None:
    db.execute(
        "INSERT INTO upload_part (token, number, sealed) VALUES (?, ?, ?)", (whose, number, sealed)
    )


def _delete(db: Connection, whose: bytes) -> None:
    db.execute("DELETE FROM upload_part WHERE token = ?", (whose,))
    db.execute("DELETE FROM upload WHERE token = ?", (whose,))
