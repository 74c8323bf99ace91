"""Proofs, checkpoints and cosignatures at their limits."""

import base64

import pytest

from badges.credential.keys import PrivateKey
from badges.transparency import signed_note
from badges.transparency.checkpoint import (
    Checkpoint,
    cosign,
    open_checkpoint,
    sign_checkpoint,
    verify_cosignature,
)
from badges.transparency.merkle import Tree, leaf_hash, verify_consistency, verify_inclusion
from badges.transparency.signed_note import NoteError, ProofError

LOG, WITNESS = PrivateKey(b"log".ljust(32, b".")), PrivateKey(b"witness".ljust(32, b"."))
ROOT = bytes(range(32))
LARGEST = (1 << 63) - 1
NOTE = sign_checkpoint(LOG, "log", Checkpoint("log", 5, ROOT))


def tree_of(size: int) -> Tree:
    tree = Tree()
    for number in range(size):
        tree.append(leaf_hash(b"%d" % number))
    return tree


def test_a_tree_of_one_leaf_has_no_second() -> None:
    """With one leaf no proof is needed, so nothing may pass for a missing leaf."""
    leaf = leaf_hash(b"0")
    verify_inclusion(leaf, 0, [], 1, leaf)
    for index, size in ((1, 1), (-1, 1), (0, 0), (2, 1)):
        with pytest.raises(ProofError, match="no leaf"):
            verify_inclusion(leaf, index, [], size, leaf)


@pytest.mark.parametrize("part", ["leaf", "root", "proof"])
@pytest.mark.parametrize("length", [31, 33])
def test_hashes_of_another_length_prove_nothing(part: str, length: int) -> None:
    tree = tree_of(3)
    leaf, root, proof = leaf_hash(b"0"), tree.root(), tree.inclusion(0, 3)
    verify_inclusion(leaf, 0, proof, 3, root)
    wrong = bytes(length)
    parts = {"leaf": leaf, "root": root, "proof": proof[0]} | {part: wrong}
    with pytest.raises(ProofError, match="another length"):
        verify_inclusion(parts["leaf"], 0, [parts["proof"], *proof[1:]], 3, parts["root"])


@pytest.mark.parametrize("part", ["old", "new", "proof"])
def test_nor_do_they_in_a_proof_of_consistency(part: str) -> None:
    tree = tree_of(5)
    old, new, proof = tree.root(3), tree.root(), tree.consistency(3, 5)
    verify_consistency(3, old, 5, new, proof)
    parts = {"old": old, "new": new, "proof": proof[0]} | {part: bytes(31)}
    with pytest.raises(ProofError, match="another length"):
        verify_consistency(3, parts["old"], 5, parts["new"], [parts["proof"], *proof[1:]])


def test_two_halves_of_a_hash_are_no_two_hashes() -> None:
    """Without a length check, 31 bytes and 33 would hash like 32 and 32."""
    tree = tree_of(2)
    left, right = leaf_hash(b"0"), leaf_hash(b"1")
    moved = left[:31]
    with pytest.raises(ProofError):
        verify_inclusion(moved, 0, [left[31:] + right], 2, tree.root())


def test_a_proof_that_is_too_long_is_refused() -> None:
    tree = tree_of(2)
    with pytest.raises(ProofError, match="too long"):
        verify_inclusion(leaf_hash(b"0"), 0, [*tree.inclusion(0, 2), ROOT], 2, tree.root())


@pytest.mark.parametrize("size", [1, 2, 3, 4, 7, 8, 9])
def test_a_tree_keeps_no_more_levels_than_it_needs(size: int) -> None:
    levels = tree_of(size)._levels
    assert len(levels) == size.bit_length()
    assert [len(level) // 32 for level in levels] == [size >> n for n in range(len(levels))]


class TestNames:
    def test_the_longest(self) -> None:
        longest = "x" * signed_note.NAME_CHARS_MAX
        assert Checkpoint(longest, 1, ROOT).origin == longest
        for name in ("", longest + "x"):
            with pytest.raises(NoteError):
                Checkpoint(name, 1, ROOT)


class TestTimes:
    def test_the_last_moment(self) -> None:
        for time_s in (0, LARGEST):
            note = NOTE + cosign(WITNESS, "witness", NOTE, time_s)
            assert verify_cosignature(WITNESS.public, "witness", note) == time_s
        for time_s in (-1, LARGEST + 1):
            with pytest.raises(ValueError, match="time out of range"):
                cosign(WITNESS, "witness", NOTE, time_s)

    def test_one_after_it(self) -> None:
        """Signed by a witness that ignores the limit."""
        time_s = LARGEST + 1
        text = Checkpoint("log", 5, ROOT).text()
        signature = WITNESS.sign(f"cosignature/v1\ntime {time_s}\n{text}".encode())
        key_id = signed_note.key_id("witness", signed_note.COSIGNATURE, WITNESS.public)
        line = signed_note.signature_line("witness", key_id, time_s.to_bytes(8, "big") + signature)
        with pytest.raises(NoteError, match="malformed"):
            verify_cosignature(WITNESS.public, "witness", NOTE + line)


def test_only_a_checkpoint_is_cosigned() -> None:
    """Another note with both valid signatures is no statement about a log."""
    text = "log\nnot a size\n" + base64.b64encode(ROOT).decode() + "\n"
    key_id = signed_note.key_id("log", signed_note.ED25519, LOG.public)
    note = f"{text}\n" + signed_note.signature_line("log", key_id, LOG.sign(text.encode()))
    signature = WITNESS.sign(f"cosignature/v1\ntime 7\n{text}".encode())
    witness_id = signed_note.key_id("witness", signed_note.COSIGNATURE, WITNESS.public)
    line = signed_note.signature_line("witness", witness_id, (7).to_bytes(8, "big") + signature)
    for wrong in (
        lambda: cosign(WITNESS, "witness", note, 7),
        lambda: verify_cosignature(WITNESS.public, "witness", note + line),
        lambda: open_checkpoint(LOG.public, "log", note),
    ):
        with pytest.raises(NoteError, match="malformed"):
            wrong()
