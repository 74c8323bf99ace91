"""The entry log's Merkle tree and its proofs, as in RFC 9162 (same as RFC 6962).

Functions that verify return or raise.
"""

import hashlib
from collections.abc import Iterator, Sequence

from badges.transparency.signed_note import ProofError

HASH_BYTES = 32


def leaf_hash(data: bytes) -> bytes:
    """RFC 9162, 2.1.1."""
    return hashlib.sha256(b"\x00" + data).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    return hashlib.sha256(b"\x01" + left + right).digest()


class Tree:
    """An append-only Merkle tree that stores only hashes. A million leaves take 64 MB.

    `_levels[k]` has the hashes of the complete subtrees of 2**k leaves, concatenated.
    """

    def __init__(self) -> None:
        self._levels = [bytearray()]

    @property
    def size(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    def append(self, leaf: bytes) -> int:
        """Add a leaf, given by its hash, and return its index. It computes two hashes
        on average.
        """
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
        """The root hash of the tree of the first `size` leaves, by default of all."""
        size = self.size if size is None else size
        if not 0 <= size <= self.size:
            raise ValueError(f"no tree of {size} leaves: there are {self.size}")
        return self._subtree(0, size) if size else hashlib.sha256().digest()

    def full_subtree(self, level: int) -> bytes:
        """The hash of the last complete subtree of 2**level leaves. Raises IndexError if there is
        none.
        """
        subtree = bytes(self._levels[level][-HASH_BYTES:])
        if not subtree:
            raise IndexError(f"no subtree of 2**{level} leaves")
        return subtree

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """Prove that leaf `index` is among the first `size` leaves (RFC 9162, 2.1.3.1)."""
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
        """Prove that the tree of `old` leaves is a prefix of that of `new` leaves (RFC 9162,
        2.1.4.1).
        """
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
        # At 0 the rest is the old tree itself, and the verifier has its root.
        if start:
            path.append(self._subtree(start, end))
        return path[::-1]

    def _subtree(self, start: int, end: int) -> bytes:
        width = end - start
        # Such a subtree is complete. It is also aligned, because every split is at a power of 2.
        if width & (width - 1) == 0:
            at = start // width * HASH_BYTES
            return bytes(self._levels[width.bit_length() - 1][at : at + HASH_BYTES])
        middle = _middle(start, end)
        return node_hash(self._subtree(start, middle), self._subtree(middle, end))


def _middle(start: int, end: int) -> int:
    """The index at which the subtree of leaves `start` to `end` divides: its left part has the
    largest power of 2 below its width.
    """
    return start + (1 << (end - start - 1).bit_length() - 1)


def verify_inclusion(
    leaf: bytes, index: int, proof: Sequence[bytes], size: int, root: bytes
) -> None:
    """Raises ProofError unless `proof` shows that the leaf with hash `leaf` is number `index` of
    the `size` leaves under `root`.
    """
    _check_hashes(leaf, root, *proof)
    if not 0 <= index < size:
        raise ProofError(f"no leaf {index} in a tree of {size} leaves")
    computed = leaf
    for is_left, sibling in _climb(index, size - 1, proof):
        computed = node_hash(sibling, computed) if is_left else node_hash(computed, sibling)
    if computed != root:
        raise ProofError("another root")


def verify_consistency(
    old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]
) -> None:
    """Raises ProofError unless `proof` shows that the tree of `old` leaves is a prefix of that of
    `new`.

    Nothing can be proven from an empty tree, so that raises too.
    """
    if not 0 < old <= new:
        raise ProofError(f"no proof from {old} to {new} leaves")
    if old == new:
        if proof or old_root != new_root:
            raise ProofError("the same size, another tree")
        return
    _check_hashes(old_root, new_root, *proof)
    # If the old tree is one complete subtree, the verifier has its hash already.
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
    """Yield each sibling hash from leaf `index` to the root, and whether it is on the left (RFC
    9162, 2.1.3.2).

    Raises ProofError if the proof has too few or too many hashes.
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
