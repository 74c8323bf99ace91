"""The messages between a log and a witness (C2SP tlog-witness).

The log asks the witness to cosign a checkpoint, and proves that it extends the checkpoint that
the witness cosigned last. A witness sees only hashes.
"""

import base64
import binascii
import re
from dataclasses import dataclass

from badges.credential.keys import PublicKey
from badges.transparency import signed_note
from badges.transparency.checkpoint import verify_cosignature
from badges.transparency.merkle import HASH_BYTES
from badges.transparency.signed_note import NoteError

PROOF_LINES_MAX = 63
# A note with many signatures, after a proof.
BYTES_MAX = signed_note.NOTE_CHARS_MAX + 4096
_OLD = re.compile(r"old (0|[1-9][0-9]{0,18})")
_SIZE = re.compile(rb"(0|[1-9][0-9]{0,18})\n")
_KEY = re.compile(r"(\S+)\+([0-9a-f]{8})\+([A-Za-z0-9+/]+={0,2})")
_SIZE_MAX = (1 << 63) - 1


@dataclass(frozen=True)
class Submission:
    """A log's request to cosign the checkpoint in `note`. `proof` shows that the log of `old`
    entries is a prefix.
    """

    old: int
    proof: tuple[bytes, ...]
    note: str

    def encoded(self) -> bytes:
        lines = [f"old {self.old}", *(base64.b64encode(digest).decode() for digest in self.proof)]
        return ("\n".join(lines) + f"\n\n{self.note}").encode()


def read_submission(raw: bytes) -> Submission:
    """Raises NoteError for a malformed body.

    The caller must verify the note.
    """
    if len(raw) > BYTES_MAX:
        raise NoteError("malformed")
    try:
        head, separator, note = raw.decode().partition("\n\n")
        first, *lines = head.split("\n")
        proof = tuple(base64.b64decode(line, validate=True) for line in lines)
    except (ValueError, binascii.Error):
        raise NoteError("malformed") from None
    old = _OLD.fullmatch(first)
    if (
        old is None
        or not separator
        or len(proof) > PROOF_LINES_MAX
        or any(len(digest) != HASH_BYTES for digest in proof)
        or [base64.b64encode(digest).decode() for digest in proof] != lines
        or int(old[1]) > _SIZE_MAX
    ):
        raise NoteError("malformed")
    return Submission(int(old[1]), proof, note)


def read_size(raw: bytes) -> int:
    """Parse a witness's 409 response: the size that it cosigned last. Raises NoteError."""
    size = _SIZE.fullmatch(raw)
    if size is None or int(size[1]) > _SIZE_MAX:
        raise NoteError("malformed")
    return int(size[1])


def read_cosignature(raw: bytes, name: str, public: PublicKey, note: str) -> tuple[str, int]:
    """The witness's signature line under `note` from its response, and the time of signing (Unix
    s).

    Lines by other keys are ignored. Raises NoteError unless there is exactly one valid line by
    this key.
    """
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise NoteError("malformed") from None
    wanted = signed_note.key_id(name, signed_note.COSIGNATURE, public)
    lines = signed_note.SignedNote(f"{note}{text}").lines(name, wanted)
    if len(lines) != 1:
        raise NoteError("not signed by this key" if not lines else "signed twice")
    return lines[0], verify_cosignature(public, name, f"{note}{lines[0]}")


def read_key(text: str, kind: bytes) -> tuple[str, PublicKey]:
    """`text` is a `vkey` of C2SP signed-note; `kind` the type of signature.

    Raises NoteError.
    """
    match = _KEY.fullmatch(text.strip())
    try:
        if match is None:
            raise NoteError("no verifier key")
        name, mark, encoded = match.groups()
        raw = base64.b64decode(encoded, validate=True)
        public = PublicKey(raw[1:])
        if raw[:1] != kind or signed_note.key_id(name, kind, public).hex() != mark:
            raise NoteError("no verifier key")
    except (ValueError, binascii.Error):
        raise NoteError("no verifier key") from None
    return name, public


def read_witness_key(text: str) -> tuple[str, PublicKey]:
    """Raises NoteError."""
    return read_key(text, signed_note.COSIGNATURE)


def witness_key(name: str, public: PublicKey) -> str:
    return signed_note.verifier_key(name, public, signed_note.COSIGNATURE)
