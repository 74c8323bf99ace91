"""A witness for other logs (C2SP tlog-witness), run by outsiders.

Before it answers it stores the newest cosigned checkpoint on disk, and it cosigns only extensions.
"""

import hashlib
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

from badges.credential.keys import PrivateKey, PublicKey
from badges.transparency.checkpoint import Checkpoint, cosign, open_checkpoint
from badges.transparency.merkle import verify_consistency
from badges.transparency.signed_note import ED25519, NoteError, ProofError, check_name
from badges.transparency.witnessing import Submission, read_key, read_submission, witness_key
from server.core.event.lock import held
from server.core.event.settings import EventError
from server.storage import durable_files

KEY_FILE, NAME_FILE, LOGS_FILE, LOCK_FILE = "witness.key", "name", "logs", "witnessing.lock"
EVIDENCE_MAX = 100
LOGS_MAX = 1000
IN_USE = "another process is this witness already. Stop that one first."


class WitnessError(EventError):
    """The witness's directory can't be used. The text gives the remedy."""


class Answer(NamedTuple):
    status: int
    body: str = ""
    content_type: str = "text/plain; charset=utf-8"
    alert: str = ""  # Message for the operator


class Witness:
    """Judges the logs' submissions. Thread-safe; one process at a time."""

    def __init__(self, directory: Path, name: str, key: PrivateKey) -> None:
        """Raises WitnessError where the directory is damaged."""
        self.name, self._key, self._directory = name, key, directory
        # Guards `_newest`: two checkpoints must not both be compared with the same one.
        self._lock = threading.Lock()
        self._logs = dict(_read_logs(directory))
        self._newest = {origin: self._read(origin) for origin in self._logs}

    @property
    def key(self) -> str:
        return witness_key(self.name, self._key.public)

    @property
    def origins(self) -> list[str]:
        return sorted(self._logs)

    def size(self, origin: str) -> int:
        newest = self._newest.get(origin)
        return 0 if newest is None else newest.size

    def add_checkpoint(self, raw: bytes, now_s: int) -> Answer:
        """Answer a request `add-checkpoint` at `now_s` (Unix seconds)."""
        try:
            asked = read_submission(raw)
            origin = asked.note.partition("\n")[0]
        except NoteError:
            return Answer(400, "This is not an add-checkpoint request (c2sp.org/tlog-witness).\n")
        public = self._logs.get(origin)
        if public is None:
            return Answer(404, "This witness does not know this log.\n")
        try:
            checkpoint = open_checkpoint(public, origin, asked.note)
        except NoteError:
            return Answer(403, "The log's key that this witness knows did not sign this.\n")
        if asked.old > checkpoint.size:
            return Answer(400, "The old size is larger than the checkpoint's.\n")
        with self._lock:
            return self._judge(asked, checkpoint, now_s)

    def _judge(self, asked: Submission, checkpoint: Checkpoint, now_s: int) -> Answer:
        origin = checkpoint.origin
        before = self._newest[origin]
        cosigned_size = 0 if before is None else before.size
        if asked.old != cosigned_size:
            return _conflict(cosigned_size)
        try:
            _check(before, checkpoint, asked.proof)
        except ProofError as error:
            message = (
                f"{origin}: {checkpoint.size} entries do not go on from {cosigned_size}: {error}"
            )
            self._keep_evidence(asked.note, message)
            if checkpoint.size == cosigned_size and not asked.proof:
                return _conflict(cosigned_size)._replace(alert=message)
            return Answer(422, "It does not go on from what was cosigned before.\n", alert=message)
        line = cosign(self._key, self.name, asked.note, now_s)
        durable_files.write_whole(self._path(origin), asked.note.encode())
        self._newest[origin] = checkpoint
        return Answer(200, line)

    def _path(self, origin: str) -> Path:
        name = hashlib.sha256(origin.encode()).hexdigest()[:32]
        return self._directory / "cosigned" / f"{name}.note"

    def _read(self, origin: str) -> Checkpoint | None:
        """Return the newest cosigned checkpoint.

        Raises WitnessError for an unreadable file; it could cosign a second history.
        """
        path = self._path(origin)
        try:
            checkpoint = open_checkpoint(self._logs[origin], origin, path.read_bytes().decode())
        except FileNotFoundError:
            return None
        except ValueError:
            raise WitnessError(
                f"{path} is damaged: restore it from a copy. Without it this witness loses "
                f"the record of the log {origin} that it has cosigned."
            ) from None
        if checkpoint.origin != origin:
            raise WitnessError(f"{path} is of another log: restore it from a copy.")
        return checkpoint

    def _keep_evidence(self, note: str, message: str) -> None:
        """Store a checkpoint that contradicts the cosigned one; the log signed both."""
        folder = self._directory / "evidence"
        origin = note.partition("\n")[0]
        cosigned_path = self._path(origin)
        mark = hashlib.sha256(note.encode()).hexdigest()[:16]
        path = folder / f"{mark}.txt"
        if path.exists() or sum(1 for _ in folder.iterdir()) >= EVIDENCE_MAX:
            return
        before = cosigned_path.read_text(encoding="utf-8") if cosigned_path.exists() else ""
        text = f"{message}\n\n--- cosigned before\n{before}\n--- sent, and refused\n{note}"
        durable_files.write_whole(path, text.encode())


def _conflict(size: int) -> Answer:
    return Answer(409, f"{size}\n", "text/x.tlog.size")


def _check(before: Checkpoint | None, checkpoint: Checkpoint, proof: tuple[bytes, ...]) -> None:
    """Raise ProofError where a checkpoint does not extend the previous one."""
    if checkpoint.size == 0 and checkpoint.root != hashlib.sha256().digest():
        raise ProofError("an empty log has another root")
    if before is None or before.size == 0:
        if proof:
            raise ProofError("a proof from nothing")
        return
    verify_consistency(before.size, before.root, checkpoint.size, checkpoint.root, proof)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise WitnessError(f"{path} is not text in UTF-8: restore it from a copy.") from None


def _read_logs(directory: Path) -> Iterator[tuple[str, PublicKey]]:
    path = directory / LOGS_FILE
    for number, line in enumerate(_text(path).splitlines(), 1):
        try:
            yield read_key(line, ED25519)
        except NoteError:
            raise WitnessError(
                f"{path}: line {number} is not a verifier key of a log (`hallkeeper audit key`)."
            ) from None


@contextmanager
def opened(directory: Path, name: str | None, logs: list[str]) -> Iterator[Witness]:
    """Open a witness's directory for this process alone, or create it, which requires `name`.

    `logs` are verifier keys to add. Raises WitnessError.
    """
    directory.mkdir(mode=0o700, parents=True, exist_ok=True)
    with held(directory / LOCK_FILE, lambda _: WitnessError(IN_USE), WitnessError):
        for folder in ("cosigned", "evidence"):
            (directory / folder).mkdir(mode=0o700, exist_ok=True)
        key = _key(directory)
        named = _name(directory, name)
        _add_logs(directory, logs)
        yield Witness(directory, named, key)


def _key(directory: Path) -> PrivateKey:
    path = directory / KEY_FILE
    if not path.exists():
        if any((directory / "cosigned").iterdir()):
            raise WitnessError(f"{path} is missing: restore it from a copy.")
        durable_files.write_whole(path, os.urandom(32).hex().encode() + b"\n")
    try:
        return PrivateKey(bytes.fromhex(path.read_text(encoding="ascii").strip()))
    except ValueError:
        raise WitnessError(f"{path} is damaged: restore it from a copy.") from None


def _name(directory: Path, name: str | None) -> str:
    path = directory / NAME_FILE
    kept = _text(path).strip() if path.exists() else ""
    if not kept and name is None:
        raise WitnessError('name the witness, with --name "example.org/witness".')
    if kept and name is not None and name != kept:
        raise WitnessError(f"this witness is called {kept}, and keeps its name.")
    try:
        checked = check_name(kept or name or "")
    except NoteError:
        raise WitnessError(
            "a witness's name is printable, without spaces and +, such as example.org/witness."
        ) from None
    if not kept:
        durable_files.write_whole(path, f"{checked}\n".encode())
    return checked


def _add_logs(directory: Path, logs: list[str]) -> None:
    path = directory / LOGS_FILE
    lines = _text(path).splitlines() if path.exists() else []
    for text in logs:
        try:
            origin, _ = read_key(text, ED25519)
        except NoteError:
            raise WitnessError(
                f"{text[:200]!r} is not a verifier key of a log (`hallkeeper audit key` prints it)."
            ) from None
        for line in lines:
            if line.startswith(f"{origin}+") and line != text.strip():
                raise WitnessError(f"{path} has another key of {origin}. A log keeps its key.")
        if text.strip() not in lines:
            lines.append(text.strip())
    if len(lines) > LOGS_MAX:
        raise WitnessError(f"a witness cosigns {LOGS_MAX} logs at most.")
    durable_files.write_whole(path, "".join(f"{line}\n" for line in lines).encode())
