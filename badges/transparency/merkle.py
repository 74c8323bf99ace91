"""Proofs about records: the entry log's Merkle tree, its signed checkpoints, a kiosk's hash chain.

The tree is RFC 9162's (the same as RFC 6962's); checkpoints and cosignatures are C2SP's
tlog-checkpoint and tlog-cosignature. To verify is to return or to raise; nothing answers yes or no.
"""

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from badges.credential.keys import PrivateKey, PublicKey
from badges.transparency import signed_note
from badges.transparency.signed_note import NoteError, ProofError

HASH_BYTES = 32
CHAIN_CONTEXT = b"hallkeeper/scan/v1\x00"

_INTEGER_MAX = (1 << 63) - 1  # of sizes and times
_TIME_BYTES = 8


def leaf_hash(data: bytes) -> bytes:
    """Hash of one entry (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """Hash of two neighbouring subtrees (RFC 9162, 2.1.1)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """A Merkle tree that only grows, as hashes alone: 64 MB for a million leaves.

    `_levels[k]` holds the hashes of the complete subtrees of 2**k leaves, one after the other.
    """

    def __init__(self) -> None:
        self._levels = [bytearray()]

    @property
    def size(self) -> int:
        """Number of leaves."""
        return len(self._levels[0]) // HASH_BYTES

    def append(self, leaf: bytes) -> int:
        """Add a leaf by its hash and return its index; two hashes of work on average."""
        if len(leaf) != HASH_BYTES:
            raise ValueError(f"a leaf hash has {HASH_BYTES} bytes, not {len(leaf)}")
        self._levels[0] += leaf
        level = 0
        while len(self._levels[level]) % (2 * HASH_BYTES) == 0:
            if level + 1 == len(self._levels):
                self._levels.append(bytearray())
            pair = bytes(self._levels[level][-2 * HASH_BYTES :])
            self._levels[level + 1] += node_hash(pair[:HASH_BYTES], pair[HASH_BYTES:])
            level += 1
        return self.size - 1

    def root(self, size: int | None = None) -> bytes:
        """Root of the first `size` leaves; of all of them by default."""
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise ValueError(f"no tree of {size} leaves: there are {self.size}")
        return self._subtree(0, size) if size else hashlib.sha256().digest()

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Proof that leaf `index` is among the first `size` leaves (RFC 9162, 2.1.3.1)."""
        if not 0 <= index < size <= self.size:
            raise ValueError(f"no leaf {index} in a tree of {size} leaves: there are {self.size}")
        start, end, path = 0, size, []
        while end - start > 1:
            middle = _middle(start, end)
            if index < middle:
                path.append(self._subtree(middle, end))
                end = middle
            else:
                path.append(self._subtree(start, middle))
                start = middle
        return path[::-1]

    def consistency(self, old: int, new: int) -> list[bytes]:
        """Proof that the first `old` leaves begin the first `new` ones (RFC 9162, 2.1.4.1)."""
        if not 0 < old <= new <= self.size:
            raise ValueError(f"no proof from {old} to {new} leaves: there are {self.size}")
        start, end, path = 0, new, []
        while end != old:
            middle = _middle(start, end)
            if old <= middle:
                path.append(self._subtree(middle, end))
                end = middle
            else:
                path.append(self._subtree(start, middle))
                start = middle
        if start:  # At 0 the rest is the old tree itself, whose root the verifier has.
            path.append(self._subtree(start, end))
        return path[::-1]

    def _subtree(self, start: int, end: int) -> bytes:
        width = end - start
        if width & (width - 1) == 0:  # complete, and aligned because every split is at a power of 2
            at = start // width * HASH_BYTES
            return bytes(self._levels[width.bit_length() - 1][at : at + HASH_BYTES])
        middle = _middle(start, end)
        return node_hash(self._subtree(start, middle), self._subtree(middle, end))


def _middle(start: int, end: int) -> int:
    """Where a subtree splits: its left part has the largest power of 2 below its width."""
    return start + (1 << (end - start - 1).bit_length() - 1)


def verify_inclusion(
    leaf: bytes, index: int, proof: Sequence[bytes], size: int, root: bytes
) -> None:
    """Return if the leaf with this hash is number `index` under `root`; else raise ProofError."""
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of {size} leaves")
    found = leaf
    for is_left, sibling in _climb(index, size - 1, proof):
        found = node_hash(sibling, found) if is_left else node_hash(found, sibling)
    if found != root:
        raise ProofError("another root")


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Return if the tree of `old` leaves begins the one of `new`; else raise ProofError.

    From an empty tree nothing can be proven, and that raises too.
    """
    if not 0 < old <= new:
        raise ProofError(f"no proof from {old} to {new} leaves")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError("the same size, another tree")
        return
    _check_hashes(old_root, new_root, *proof)
    # Where the old tree is one complete subtree, the verifier has its hash already.
    path = [old_root, *proof] if old & (old - 1) == 0 else list(proof)
    if not path:
        raise ProofError("too short")
    index, last = old - 1, new - 1
    while index & 1:
        index, last = index >> 1, last >> 1
    found_old = found_new = path[0]
    for is_left, sibling in _climb(index, last, path[1:]):
        if is_left:
            found_old = node_hash(sibling, found_old)
            found_new = node_hash(sibling, found_new)
        else:
            found_new = node_hash(found_new, sibling)
    if found_old != old_root or found_new != new_root:
        raise ProofError("another root")


def _climb(index: int, last: int, proof: Sequence[bytes]) -> Iterator[tuple[bool, bytes]]:
    """Each sibling on the way up and whether it stands left (RFC 9162, 2.1.3.2).

    Raises ProofError where the way is longer or shorter than the proof.
    """
    for sibling in proof:
        if last == 0:
            raise ProofError("too long")
        is_left = bool(index & 1) or index == last
        yield is_left, sibling
        while is_left and index and not index & 1:
            index, last = index >> 1, last >> 1
        index, last = index >> 1, last >> 1
    if last:
        raise ProofError("too short")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_BYTES for each in hashes):
        raise ProofError("a hash of another length")


@dataclass(frozen=True)
class Checkpoint:
    """Size and root of the log called `origin` (C2SP tlog-checkpoint, without extension lines)."""

    origin: str
    size: int
    root: bytes

    def __post_init__(self) -> None:
        named = self.origin.isprintable() and 0 < len(self.origin) <= signed_note.NAME_CHARS_MAX
        if not named or not 0 <= self.size <= _INTEGER_MAX or len(self.root) != HASH_BYTES:
            raise NoteError("malformed")

    def text(self) -> str:
        """The three lines that are signed."""
        return f"{self.origin}\n{self.size}\n{base64.b64encode(self.root).decode()}\n"


def sign_checkpoint(key: PrivateKey, name: str, checkpoint: Checkpoint) -> str:
    """The checkpoint as a note, signed by the log's key called `name`."""
    text = checkpoint.text()
    key_id = signed_note.key_id(name, signed_note.ED25519, key.public)
    return f"{text}\n{signed_note.signature_line(name, key_id, key.sign(text.encode()))}"


def open_checkpoint(public: PublicKey, name: str, note: str) -> Checkpoint:
    """The checkpoint in `note`, verified. Raises NoteError for anything but one canonical note."""
    signed = signed_note.SignedNote(note)
    for signature in signed.signatures(name, signed_note.key_id(name, signed_note.ED25519, public)):
        _verify(public, signed.text, signature)
    return _parse_checkpoint(signed.text)


def cosign(key: PrivateKey, name: str, note: str, time_s: int) -> str:
    """A witness's signature line for `note`, to be put at its end (C2SP cosignature/v1).

    It states that at `time_s` (Unix seconds) this was the largest consistent checkpoint that the
    witness had seen: the caller has opened it and verified its consistency before.
    """
    if not 0 <= time_s <= _INTEGER_MAX:
        raise ValueError(f"time out of range: {time_s}")
    text = signed_note.SignedNote(note).text
    _parse_checkpoint(text)
    signature = key.sign(_cosigned(text, time_s).encode())
    key_id = signed_note.key_id(name, signed_note.COSIGNATURE, key.public)
    return signed_note.signature_line(name, key_id, time_s.to_bytes(_TIME_BYTES, "big") + signature)


def verify_cosignature(public: PublicKey, name: str, note: str) -> int:
    """When the witness `name` cosigned the checkpoint in `note`: Unix seconds, the last if often.

    Raises NoteError where it did not, or where one of its signatures is wrong.
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
    """The checkpoint whose `text()` is exactly `text`, or NoteError."""
    try:
        origin, size, root, _ = text.split("\n")
        checkpoint = Checkpoint(origin, int(size[:20]), base64.b64decode(root, validate=True))
    except ValueError:
        raise NoteError("malformed") from None
    if checkpoint.text() != text:
        raise NoteError("malformed")
    return checkpoint


def _cosigned(text: str, time_s: int) -> str:
    """What a cosignature of the checkpoint `text` signs."""
    return f"cosignature/v1\ntime {time_s}\n{text}"


def _verify(public: PublicKey, text: str, signature: bytes) -> None:
    try:
        public.verify(text.encode(), signature)
    except ValueError:  # no signature of this text, or a text that is no Unicode
        raise NoteError("signature") from None


def chain_start(kiosk: str, generation: int) -> bytes:
    """What a kiosk's journal begins with: the hash before its first record."""
    return hashlib.sha256(CHAIN_CONTEXT + generation.to_bytes(8, "big") + kiosk.encode()).digest()


def chain_next(previous: bytes, record: bytes) -> bytes:
    """The chain's hash after `record` (canonical bytes)."""
    if len(previous) != HASH_BYTES:
        raise ValueError(f"a chain hash has {HASH_BYTES} bytes, not {len(previous)}")
    return hashlib.sha256(CHAIN_CONTEXT + previous + record).digest()
