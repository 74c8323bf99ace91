"""Signed notes (C2SP signed-note): a text, an empty line, and signature lines by named keys.

Only the form; `checkpoint` verifies signatures.
"""

import base64
import binascii
import hashlib
import re

from badges.credential.keys import PublicKey

NOTE_CHARS_MAX = 1 << 18  # enough for more than a thousand cosignatures
NAME_CHARS_MAX = 255
# The types of signature, as in C2SP signed-note.
ED25519 = b"\x01"
COSIGNATURE = b"\x04"

_ID_BYTES = 4
_LINE = re.compile(r"— (\S+) ([A-Za-z0-9+/]+={0,2})")


class ProofError(ValueError):
    """Raised if a proof does not prove its claim."""


class NoteError(ProofError):
    """Raised if a note is malformed, or not signed by the expected key."""


class SignedNote:
    """A signed text (C2SP signed-note): its text, including the last newline, and its unverified
    signatures.
    """

    def __init__(self, note: str) -> None:
        """Raises NoteError if `note` is not in canonical form."""
        if len(note) > NOTE_CHARS_MAX or not note.endswith("\n"):
            raise NoteError("malformed")
        body, _, lines = note[:-1].rpartition("\n\n")
        self.text = body + "\n"
        self._signatures = [_parse_line(line) for line in lines.split("\n")]

    def signatures(self, name: str, key_id: bytes) -> list[bytes]:
        """All signatures by the key, unverified. Raises NoteError if there is none.

        Signatures of other keys are ignored, as the format demands.
        """
        matching = [raw for signer, at, raw in self._signatures if (signer, at) == (name, key_id)]
        if not matching:
            raise NoteError("not signed by this key")
        return matching

    def lines(self, name: str, key_id: bytes) -> list[str]:
        return [
            signature_line(signer, at, raw)
            for signer, at, raw in self._signatures
            if (signer, at) == (name, key_id)
        ]


def _parse_line(line: str) -> tuple[str, bytes, bytes]:
    match = _LINE.fullmatch(line)
    if match is None:
        raise NoteError("malformed")
    name, text = match.groups()
    check_name(name)
    try:
        raw = base64.b64decode(text, validate=True)
    except binascii.Error:
        raise NoteError("malformed") from None
    if len(raw) <= _ID_BYTES or base64.b64encode(raw).decode() != text:
        raise NoteError("malformed")
    return name, raw[:_ID_BYTES], raw[_ID_BYTES:]


def signature_line(name: str, key_id: bytes, signature: bytes) -> str:
    return f"— {check_name(name)} {base64.b64encode(key_id + signature).decode()}\n"


def key_id(name: str, kind: bytes, public: PublicKey) -> bytes:
    """The four bytes that distinguish keys of the same name and their types of signature."""
    return hashlib.sha256(check_name(name).encode() + b"\n" + kind + public.raw).digest()[
        :_ID_BYTES
    ]


def verifier_key(name: str, public: PublicKey, kind: bytes = ED25519) -> str:
    """The public key as text (the `vkey` of C2SP signed-note)."""
    encoded = base64.b64encode(kind + public.raw).decode()
    return f"{name}+{key_id(name, kind, public).hex()}+{encoded}"


def check_name(name: str) -> str:
    """Raises NoteError unless it is printable and without spaces and `+`."""
    good = name.isprintable() and not {" ", "+"} & set(name) and 0 < len(name) <= NAME_CHARS_MAX
    if not good:
        raise NoteError(f"no name for a note: {name[:NAME_CHARS_MAX]!r}")
    return name
