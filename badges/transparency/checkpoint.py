"""Checkpoints of the entry log, signed and cosigned by witnesses.

The formats are C2SP's tlog-checkpoint and tlog-cosignature. Functions that verify return or
raise.
"""

import base64
from dataclasses import dataclass

from badges.credential.keys import PrivateKey, PublicKey
from badges.transparency import signed_note
from badges.transparency.merkle import HASH_BYTES
from badges.transparency.signed_note import NoteError

_INTEGER_MAX = (1 << 63) - 1  # the largest accepted size or time
_TIME_BYTES = 8


@dataclass(frozen=True)
class Checkpoint:
    """Number of entries and root hash of the log named `origin` (C2SP tlog-checkpoint, without
    extension lines).
    """

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        named = self.origin.isprintable() and 0 < len(self.origin) <= signed_note.NAME_CHARS_MAX
        if not named or not 0 <= self.size <= _INTEGER_MAX or len(self.root) != HASH_BYTES:
            raise NoteError("malformed")

    def text(self) -> str:
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def witness_name(log_name: str, kiosk: str, generation: int) -> str:
    """It stays the same when a restored server's log is renamed."""
    return f"{'/'.join(log_name.split('/')[:2])}/kiosk/{kiosk}/{generation}"


def sign_checkpoint(key: PrivateKey, name: str, checkpoint: Checkpoint) -> str:
    """The checkpoint as signed text (C2SP signed-note), under the log's key `name`."""
    text = checkpoint.text()
    key_id = signed_note.key_id(name, signed_note.ED25519, key.public)
    return f"{text}\n{signed_note.signature_line(name, key_id, key.sign(text.encode()))}"


def open_checkpoint(public: PublicKey, name: str, note: str) -> Checkpoint:
    """Verify a log's signature of `note` and return its checkpoint. Raises NoteError unless it is
    one canonical note.
    """
    signed = signed_note.SignedNote(note)
    for signature in signed.signatures(name, signed_note.key_id(name, signed_note.ED25519, public)):
        _verify(public, signed.text, signature)
    return _parse_checkpoint(signed.text)


def cosign(key: PrivateKey, name: str, note: str, time_s: int) -> str:
    """A witness's signature line, to append to `note` (C2SP cosignature/v1).

    It states that at `time_s` (Unix seconds) this was the largest consistent checkpoint that the
    witness had seen. The caller must have verified that.
    """
    if not 0 <= time_s <= _INTEGER_MAX:
        raise ValueError(f"time out of range: {time_s}")
    text = signed_note.SignedNote(note).text
    _parse_checkpoint(text)
    signature = key.sign(_cosigned(text, time_s).encode())
    key_id = signed_note.key_id(name, signed_note.COSIGNATURE, key.public)
    return signed_note.signature_line(name, key_id, time_s.to_bytes(_TIME_BYTES, "big") + signature)


def verify_cosignature(public: PublicKey, name: str, note: str) -> int:
    """The newest time (Unix seconds) at which the witness `name` cosigned the checkpoint in
    `note`.

    Raises NoteError if there is no such signature, or one is wrong.
    """
    signed = signed_note.SignedNote(note)
    _parse_checkpoint(signed.text)
    times = []
    for stamped in signed.signatures(
        name, signed_note.key_id(name, signed_note.COSIGNATURE, public)
    ):
        time_s = int.from_bytes(stamped[:_TIME_BYTES], "big")
        if time_s > _INTEGER_MAX:
            raise NoteError("malformed")
        _verify(public, _cosigned(signed.text, time_s), stamped[_TIME_BYTES:])
        times.append(time_s)
    return max(times)


def _parse_checkpoint(text: str) -> Checkpoint:
    """Parse a checkpoint. Raises NoteError unless `text` is exactly as `Checkpoint.text()` writes
    it.
    """
    try:
        origin, size, root, _ = text.split("\n")
        checkpoint = Checkpoint(origin, int(size[:20]), base64.b64decode(root, validate=True))
    except ValueError:
        raise NoteError("malformed") from None
    if checkpoint.text() != text:
        raise NoteError("malformed")
    return checkpoint


def _cosigned(text: str, time_s: int) -> str:
    return f"cosignature/v1\ntime {time_s}\n{text}"


def _verify(public: PublicKey, text: str, signature: bytes) -> None:
    try:
        public.verify(text.encode(), signature)
    except ValueError:
        # The signature is not of this text, or the text can't be encoded as UTF-8.
        raise NoteError("signature") from None
