"""Test vectors: third-party ones for Ed25519 as in PyNaCl, and our own frozen file for the
credential.
"""

import functools
import hashlib
import json
from pathlib import Path

import cryptography_vectors
import pytest

from badges.admission.facts import Reason
from badges.credential.credential import (
    Credential,
    CredentialError,
    CredentialFlag,
    Kind,
    issue_credential,
    lookup_id,
    open_credential,
    open_name,
    seal_name,
)
from badges.credential.keys import (
    BadgeKey,
    BadSignatureError,
    KeyRing,
    PrivateKey,
    PublicKey,
    open_ring,
    sign_ring,
)

OURS = Path(__file__).parents[2] / "vectors" / "credential.json"
# Released badges and doors rely on it: add under other names, never change.
OURS_SHA256 = "688ecd844cadf4067dc08431ea0d7474d159655146aff97e8dc1e46830b23d65"

# The edge cases of CCTV that PyNaCl accepts. Libraries differ here, so this set is part of the
# format: other libraries must accept the same set.
CCTV_ACCEPTED = [
    *[7, 29, 50, 117, 139, 161, 182, 249, 305, 411, 425, 438, 465, 473, 481, 489, 497, 511],
    *[525, 538, 565, 573, 581, 589, 597, 611, 625, 638, 665, 673, 681, 689, 697, 711, 725, 738],
    *[765, 773, 781, 789, 797, 832, 899],
]


def verifies(public: bytes, message: bytes, signature: bytes) -> bool:
    try:
        PublicKey(public).verify(message, signature)
    except BadSignatureError:
        return False
    return True


def test_rfc_8032():
    with cryptography_vectors.open_vector_file("asymmetric/Ed25519/sign.input", "r") as file:
        vectors = [[bytes.fromhex(field) for field in line.split(":")[:4]] for line in file]
    assert len(vectors) == 1024
    for secret, public, message, signed in vectors:
        key, signature = PrivateKey(secret[:32]), signed[:64]
        assert key.public.raw == public
        assert key.sign(message) == signature
        key.public.verify(message, signature)
        with pytest.raises(BadSignatureError):
            key.public.verify(message + b"\x00", signature)


def test_wycheproof(others_vectors):
    groups = json.loads(others_vectors("wycheproof_ed25519.json").read_text())["testGroups"]
    answers = {}
    for group in groups:
        public = bytes.fromhex(group["publicKey"]["pk"])
        for case in group["tests"]:
            answer = verifies(public, bytes.fromhex(case["msg"]), bytes.fromhex(case["sig"]))
            answers[case["tcId"]] = (answer, case["result"] == "valid")
    assert len(answers) == 151
    assert [case for case, (answer, label) in answers.items() if answer is not label] == []


def test_cctv(others_vectors):
    cases = json.loads(others_vectors("cctv_ed25519.json").read_text())
    assert len(cases) == 914
    accepted = [
        case["number"]
        for case in cases
        if verifies(bytes.fromhex(case["key"]), case["msg"].encode(), bytes.fromhex(case["sig"]))
    ]
    assert len(accepted) == 43
    assert accepted == CCTV_ACCEPTED


@functools.cache
def ours() -> dict:
    return json.loads(OURS.read_text())


def our_ring() -> KeyRing:
    window = ours()["ring"]["not_before"], ours()["ring"]["not_after"]
    keys = {
        key["key_id"]: BadgeKey(PublicKey(bytes.fromhex(key["public"])), *window)
        for key in ours()["keys"]
    }
    return KeyRing(bytes.fromhex(ours()["event_id"]), keys)


def by_name(cases: str):
    return [pytest.param(case, id=case["name"]) for case in ours()[cases]]


def test_our_file_is_frozen():
    assert hashlib.sha256(OURS.read_bytes()).hexdigest() == OURS_SHA256


def test_our_keys():
    for key in ours()["keys"]:
        assert PrivateKey(bytes.fromhex(key["seed"])).public.raw.hex() == key["public"]


@pytest.mark.parametrize("case", by_name("accepted"))
def test_our_accepted_texts(case):
    fields = dict(case["fields"])
    kind, flags = Kind(fields.pop("kind")), CredentialFlag(fields.pop("flags"))
    badge = Credential(kind=kind, flags=flags, **fields)
    event_id = bytes.fromhex(ours()["event_id"])
    assert open_credential(our_ring(), case["text"]) == badge
    assert badge.pack(event_id).hex() == case["signed_bytes"]
    (seed,) = [key["seed"] for key in ours()["keys"] if key["key_id"] == badge.key_id]
    assert issue_credential(PrivateKey(bytes.fromhex(seed)), event_id, badge) == case["text"]


@pytest.mark.parametrize("case", by_name("refused"))
def test_our_refused_texts(case):
    with pytest.raises(CredentialError) as refused:
        open_credential(our_ring(), case["text"])
    assert refused.value.reason == case["reason"]
    assert Reason(refused.value.reason) == case["reason"]


def test_our_ring():
    root = PrivateKey(bytes.fromhex(ours()["ring"]["root_seed"]))
    signed = bytes.fromhex(ours()["ring"]["signed"])
    assert root.public.raw.hex() == ours()["ring"]["root_public"]
    assert open_ring(root.public, signed) == our_ring()
    assert sign_ring(root, our_ring()) == signed


def test_our_sealed_name():
    case = ours()["sealed_name"]
    signature, sealed = bytes.fromhex(case["signature"]), bytes.fromhex(case["sealed"])
    assert lookup_id(signature).hex() == case["lookup_id"]
    assert open_name(signature, sealed).decode() == case["plain"]
    assert seal_name(signature, case["plain"].encode()) == sealed
