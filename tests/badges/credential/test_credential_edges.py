"""The format's released numbers, and its limits."""

from dataclasses import replace

import pytest

from badges.credential import credential
from badges.credential.credential import (
    Credential,
    CredentialFlag,
    Kind,
    issue_credential,
    open_credential,
)
from badges.credential.keys import BadgeKey, KeyRing, PrivateKey

EVENT = bytes(range(16))
KEY = PrivateKey(b"badge".ljust(32, b"."))
PLAIN = Credential(serial=7, issue=1, category=1, valid_days=1, zones=1, key_id=1)
EDGES = [
    ("key_id", 0, 0xFF),
    ("serial", 0, 0xFFFFFF),
    ("issue", 1, 0xFF),
    ("category", 0, 0xFF),
    ("valid_days", 0, 0xFFFF),
    ("zones", 0, 0xFFFFFFFF),
]


@pytest.mark.parametrize(("name", "lowest", "highest"), EDGES, ids=[edge[0] for edge in EDGES])
def test_a_field_goes_from_its_lowest_to_its_highest(name: str, lowest: int, highest: int) -> None:
    for value in (lowest, highest):
        credential = replace(PLAIN, **{name: value})
        ring = KeyRing(EVENT, {credential.key_id: BadgeKey(KEY.public, 0, 1)})
        assert open_credential(ring, issue_credential(KEY, EVENT, credential)) == credential
    for value in (lowest - 1, highest + 1):
        with pytest.raises(ValueError, match=f"{name} is {lowest} to {highest}, not {value}"):
            issue_credential(KEY, EVENT, replace(PLAIN, **{name: value}))


def test_the_numbers_on_released_badges() -> None:
    """Cards are in use: none of these may ever change."""
    assert (credential.VERSION, credential.TEXT_CHARS, credential.CREDENTIAL_BYTES) == (1, 122, 80)
    assert [kind.value for kind in Kind] == [0, 1, 2, 3]
    assert {flag.name: flag.value for flag in CredentialFlag} == {"ATTENTION": 1, "ESCORT": 2}
    assert (PLAIN.kind, PLAIN.flags, PLAIN.signature) == (Kind.PRINTED, CredentialFlag(0), b"")


def test_unknown_flags_are_not_signed() -> None:
    with pytest.raises(ValueError, match="unknown flags: 0x4"):
        issue_credential(KEY, EVENT, replace(PLAIN, flags=CredentialFlag(4)))


def test_a_signature_is_neither_compared_nor_shown() -> None:
    signed = replace(PLAIN, signature=b"signature")
    assert signed == PLAIN
    assert "signature" not in repr(signed)


@pytest.mark.parametrize("length", [0, 1, 62, 63, 64, 126, 127, 128])
def test_sealed_names_are_padded_to_the_next_64(length: int) -> None:
    """With the byte that ends them and the seal's own 16."""
    sealed = credential.seal_name(b"s" * 64, b"x" * length)
    assert len(sealed) == (length // 64 + 1) * 64 + 16
    assert credential.open_name(b"s" * 64, sealed) == b"x" * length
