"""The Merkle tree against its definition and third-party vectors, damaged proofs, the hash
chain.
"""

import base64
import hashlib
import json
from itertools import pairwise

import pytest

from badges.transparency import chain
from badges.transparency.chain import chain_next, chain_start
from badges.transparency.merkle import (
    Tree,
    leaf_hash,
    node_hash,
    verify_consistency,
    verify_inclusion,
)
from badges.transparency.signed_note import ProofError

SIZES = 33
LEAVES = [leaf_hash(b"entry %d" % i) for i in range(SIZES)]


def tree_of(leaves) -> Tree:
    tree = Tree()
    for leaf in leaves:
        tree.append(leaf)
    return tree


def defined_root(leaves) -> bytes:
    """The Merkle tree hash as RFC 9162, 2.1.1 defines it."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    left, right = defined_root(leaves[:split]), defined_root(leaves[split:])
    return hashlib.sha256(b"\x01" + left + right).digest()


@pytest.fixture(scope="module")
def tree() -> Tree:
    return tree_of(LEAVES)


def test_leaf_and_node_are_hashed_apart():
    assert leaf_hash(b"") == hashlib.sha256(b"\x00").digest()
    assert (
        node_hash(b"l" * 32, b"r" * 32) == hashlib.sha256(b"\x01" + b"l" * 32 + b"r" * 32).digest()
    )


def test_every_root_is_as_defined(tree):
    assert tree.size == SIZES
    assert tree.root() == tree.root(SIZES)
    for size in range(SIZES + 1):
        assert tree.root(size) == defined_root(LEAVES[:size]), size
        assert tree_of(LEAVES[:size]).root() == tree.root(size), size


def test_append_returns_the_index():
    tree = Tree()
    assert [tree.append(leaf) for leaf in LEAVES[:5]] == [0, 1, 2, 3, 4]


def test_every_inclusion_proof_proves_its_leaf_alone(tree):
    for size in range(1, SIZES + 1):
        root = tree.root(size)
        for index in range(size):
            proof = tree.inclusion(index, size)
            verify_inclusion(LEAVES[index], index, proof, size, root)
            for other in range(size):
                if other != index:
                    with pytest.raises(ProofError):
                        verify_inclusion(LEAVES[index], other, proof, size, root)
                    with pytest.raises(ProofError):
                        verify_inclusion(LEAVES[other], index, proof, size, root)


def test_every_consistency_proof_proves_its_two_sizes_alone(tree):
    for new in range(1, SIZES + 1):
        for old in range(1, new + 1):
            proof = tree.consistency(old, new)
            old_root, new_root = tree.root(old), tree.root(new)
            verify_consistency(old, old_root, new, new_root, proof)
            for wrong in (tree.root(old - 1), tree.root(new - 1), hashlib.sha256(b"x").digest()):
                if wrong != old_root:
                    with pytest.raises(ProofError):
                        verify_consistency(old, wrong, new, new_root, proof)
                if wrong != new_root:
                    with pytest.raises(ProofError):
                        verify_consistency(old, old_root, new, wrong, proof)


def damaged(proof):
    """The proof with one fault, in every relevant way."""
    for at, each in enumerate(proof):
        flipped = bytes([each[0] ^ 1]) + each[1:]
        yield [*proof[:at], flipped, *proof[at + 1 :]]
        yield [*proof[:at], *proof[at + 1 :]]
        yield [*proof[:at], each[:31], *proof[at + 1 :]]
    yield [*proof, bytes(32)]
    yield [bytes(32), *proof]


def test_damaged_proofs_are_refused(tree):
    root = tree.root()
    for index in range(SIZES):
        for proof in damaged(tree.inclusion(index, SIZES)):
            with pytest.raises(ProofError):
                verify_inclusion(LEAVES[index], index, proof, SIZES, root)
    for old in range(1, SIZES + 1):
        for proof in damaged(tree.consistency(old, SIZES)):
            with pytest.raises(ProofError):
                verify_consistency(old, tree.root(old), SIZES, root, proof)


def test_a_rewritten_past_has_no_proof(tree):
    """A log that changes an old entry can't connect to the checkpoint that a witness has."""
    rewritten = tree_of([LEAVES[0], leaf_hash(b"another entry"), *LEAVES[2:]])
    for old in range(2, SIZES):
        proof = rewritten.consistency(old, SIZES)
        with pytest.raises(ProofError):
            verify_consistency(old, tree.root(old), SIZES, rewritten.root(), proof)


@pytest.mark.parametrize(("index", "size"), [(-1, 5), (5, 5), (0, 0), (0, SIZES + 1), (0, -1)])
def test_no_inclusion_outside_the_tree(tree, index, size):
    with pytest.raises(ValueError, match="no leaf"):
        tree.inclusion(index, size)
    with pytest.raises(ProofError):
        verify_inclusion(LEAVES[0], index, [], size, LEAVES[0])


@pytest.mark.parametrize(("old", "new"), [(0, 5), (-1, 5), (6, 5), (5, SIZES + 1), (0, 0)])
def test_no_consistency_outside_the_tree(tree, old, new):
    with pytest.raises(ValueError, match="no proof"):
        tree.consistency(old, new)
    with pytest.raises(ProofError):
        verify_consistency(old, LEAVES[0], new, LEAVES[0], [])


@pytest.mark.parametrize("size", [-1, SIZES + 1])
def test_no_root_outside_the_tree(tree, size):
    with pytest.raises(ValueError, match=f"there are {SIZES}"):
        tree.root(size)


def test_a_leaf_is_a_hash():
    with pytest.raises(ValueError, match="32 bytes"):
        Tree().append(b"entry")


def test_64_bytes_are_kept_for_a_leaf():
    tree = tree_of(LEAVES[0] for _ in range(1 << 14))
    assert sum(len(level) for level in tree._levels) == 64 * (1 << 14) - 32


def _hashes(texts):
    return [base64.b64decode(text) for text in texts or []]


def _inclusion_holds(vector) -> bool:
    leaf, root = _hashes([vector["leafHash"], vector["root"]])
    index, size = vector["leafIdx"], vector["treeSize"]
    return _holds(verify_inclusion, leaf, index, _hashes(vector["proof"]), size, root)


def _consistency_holds(vector) -> bool:
    old, new = _hashes([vector["root1"], vector["root2"]])
    proof = _hashes(vector["proof"])
    return _holds(verify_consistency, vector["size1"], old, vector["size2"], new, proof)


def _holds(verify, *arguments) -> bool:
    try:
        verify(*arguments)
    except ProofError:
        return False
    return True


@pytest.mark.parametrize(
    ("kind", "holds"), [("inclusion", _inclusion_holds), ("consistency", _consistency_holds)]
)
def test_vectors_of_transparency_dev(others_vectors, kind, holds):
    paths = sorted(others_vectors(f"merkle_testdata/{kind}").rglob("*.json"))
    vectors = {path: json.loads(path.read_text()) for path in paths}
    assert [str(path) for path, each in vectors.items() if holds(each) is each["wantErr"]] == []
    assert len(vectors) == 98


def test_the_chain_is_this():
    start = chain_start("kiosk-7", 2)
    context = b"hallkeeper/scan/v1\x00"
    assert context == chain.CHAIN_CONTEXT
    assert start == hashlib.sha256(context + bytes(7) + b"\x02" + b"kiosk-7").digest()
    assert chain_next(start, b"{}") == hashlib.sha256(context + start + b"{}").digest()


def test_chains_of_different_kiosks_and_orders_differ():
    starts = [chain_start(*each) for each in [("k", 1), ("k", 2), ("k1", 1), ("k", 11), ("k1", 0)]]
    assert len(set(starts)) == len(starts)
    first = chain_next(chain_next(starts[0], b"a"), b"b")
    assert (
        len({first, chain_next(chain_next(starts[0], b"b"), b"a"), chain_next(starts[0], b"ab")})
        == 3
    )


def test_a_dropped_record_changes_the_head():
    heads = [chain_start("k", 1)]
    for i in range(5):
        heads.append(chain_next(heads[-1], b"%d" % i))
    dropped = chain_next(chain_next(heads[1], b"2"), b"3")
    assert dropped not in heads
    assert all(before != after for before, after in pairwise(heads))


def test_the_chain_takes_a_hash():
    with pytest.raises(ValueError, match="32 bytes"):
        chain_next(b"", b"{}")
