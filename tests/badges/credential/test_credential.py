"""The credential: which texts open, which don't and why, and that only the signed text opens."""

import dataclasses

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.credential import base45
from badges.credential.credential import (
    CONTEXT,
    CREDENTIAL_BYTES,
    FIELD_BYTES,
    TEXT_CHARS,
    Credential,
    CredentialError,
    CredentialFlag,
    ForgedError,
    Kind,
    NotABadgeError,
    OtherEventError,
    issue_credential,
    open_credential,
)
from badges.credential.keys import BadgeKey, KeyRing, PrivateKey

EVENT = bytes.fromhex("00ff5a5ab2e84d53a7f0315e8c2b9d64")
KEY = PrivateKey(b"first badge key".ljust(32))
SECOND_KEY = PrivateKey(b"second badge key".ljust(32))
RING = KeyRing(EVENT, {1: BadgeKey(KEY.public, 0, 1), 7: BadgeKey(SECOND_KEY.public, 0, 1)})
BADGE = Credential(
    serial=0x010203, issue=4, category=5, valid_days=0b110, zones=0x01000001, key_id=1
)
TEXT = issue_credential(KEY, EVENT, BADGE)
RAW = base45.decode(TEXT[2:])
GROUP_ORDER = 2**252 + 27742317777372353535851937790883648493  # RFC 8032, 5.1

credentials = st.builds(
    Credential,
    serial=st.integers(0, 2**24 - 1),
    issue=st.integers(1, 255),
    category=st.integers(0, 255),
    valid_days=st.integers(0, 2**16 - 1),
    zones=st.integers(0, 2**32 - 1),
    key_id=st.just(1),
    kind=st.sampled_from(Kind),
    flags=st.integers(0, 3).map(CredentialFlag),
)


def as_text(raw: bytes) -> str:
    return "HK" + base45.encode(raw)


def test_it_works():
    badge = open_credential(RING, TEXT)
    assert badge == BADGE
    assert (badge.serial, badge.issue, badge.kind) == (0x010203, 4, Kind.PRINTED)
    assert badge.signature == RAW[FIELD_BYTES:]
    assert (len(TEXT), len(RAW)) == (TEXT_CHARS, CREDENTIAL_BYTES) == (122, 80)


def test_the_layout_is_this():
    """badges/README.md, byte for byte."""
    assert RAW[:FIELD_BYTES].hex(" ") == "10 01 00 ff 01 02 03 04 05 00 00 06 01 00 00 01"
    KEY.public.verify(b"hallkeeper/badge/v1\x00" + EVENT + RAW[:16], RAW[16:])


@given(credentials)
def test_round_trip(badge):
    text = issue_credential(KEY, EVENT, badge)
    assert len(text) == TEXT_CHARS
    assert set(text) <= set(base45.ALPHABET)
    assert open_credential(RING, text) == badge


def test_the_same_fields_give_the_same_text():
    assert issue_credential(KEY, EVENT, BADGE) == TEXT


def test_every_flipped_bit_is_refused():
    """All 640. Those of the event's short id read as another event's badge."""
    for bit in range(8 * CREDENTIAL_BYTES):
        flipped = bytearray(RAW)
        flipped[bit // 8] ^= 1 << bit % 8
        expected = OtherEventError if bit // 8 in (2, 3) else (NotABadgeError, ForgedError)
        with pytest.raises(expected):
            open_credential(RING, as_text(bytes(flipped)))


def test_every_changed_character_is_refused():
    for at in range(TEXT_CHARS):
        for char in base45.ALPHABET:
            if char != TEXT[at]:
                with pytest.raises(CredentialError):
                    open_credential(RING, TEXT[:at] + char + TEXT[at + 1 :])


def test_a_malleated_signature_is_refused():
    """s + L satisfies the curve's equation as s does; RFC 8032 demands s < L."""
    s = int.from_bytes(RAW[48:], "little")
    for malleated in (s + GROUP_ORDER, s + 2 * GROUP_ORDER, GROUP_ORDER - s):
        with pytest.raises(ForgedError):
            open_credential(RING, as_text(RAW[:48] + malleated.to_bytes(32, "little")))


@pytest.mark.parametrize(
    "text",
    [
        "",
        "HK",
        TEXT.lower(),
        "hk" + TEXT[2:],
        "K1" + TEXT[2:],
        "HC" + TEXT[2:],
        TEXT[2:],
        TEXT[2:] + "HK",
        TEXT[:-1],
        TEXT[:-2],
        TEXT[:-3],
        TEXT + "0",
        TEXT + "000",
        TEXT + TEXT,
        TEXT + "\n",
        TEXT[:-1] + "\n",
        " " + TEXT,
        TEXT[:60] + "\uff21" + TEXT[61:],
        TEXT[:60] + "\x00" + TEXT[61:],
        TEXT[:60] + "\udc80" + TEXT[61:],
        "HK" + ":" * 120,
        "https://example.org/HK",
        "HKE1.code-of-a-kiosk",
    ],
)
def test_other_texts_are_no_badges(text):
    with pytest.raises(NotABadgeError):
        open_credential(RING, text)


def signed(change: dict[int, int]) -> str:
    """The badge with some bytes changed, signed by the right key for the right event."""
    fields = bytearray(RAW[:FIELD_BYTES])
    for at, value in change.items():
        fields[at] = value
    return as_text(bytes(fields) + KEY.sign(CONTEXT + EVENT + fields))


RESERVED = [
    *({0: version << 4} for version in range(16) if version != 1),
    *({0: 0x10 | kind} for kind in range(4, 16)),
    {7: 0},
    *({9: flags} for flags in range(256) if flags > 3),
]


@pytest.mark.parametrize("change", RESERVED, ids=str)
def test_reserved_values_are_refused_despite_a_correct_signature(change):
    """Today's doors can't honour a later version's meaning of these."""
    with pytest.raises(NotABadgeError):
        open_credential(RING, signed(change))


def test_the_crafting_helper_makes_badges():
    assert open_credential(RING, signed({})) == BADGE
    assert open_credential(RING, signed({9: 3})).flags == CredentialFlag.ATTENTION | 2


@given(
    st.text(max_size=130)
    | st.text(st.sampled_from(base45.ALPHABET), min_size=120).map("HK".__add__)
)
def test_no_text_does_anything_but_raise(text):
    with pytest.raises(CredentialError):
        open_credential(RING, text)


@given(st.binary(min_size=80, max_size=80))
def test_no_80_bytes_open_without_a_signature(raw):
    for forged in (raw, RAW[:FIELD_BYTES] + raw[FIELD_BYTES:]):
        with pytest.raises(CredentialError):
            open_credential(RING, as_text(forged))


def test_another_event():
    other = bytes.fromhex("00fe") + EVENT[2:]
    text = issue_credential(KEY, other, BADGE)
    with pytest.raises(OtherEventError, match="00fe"):
        open_credential(RING, text)


def test_an_event_of_the_same_short_id():
    """The UUID is signed though not carried."""
    twin = EVENT[:2] + bytes(14)
    with pytest.raises(ForgedError):
        open_credential(RING, issue_credential(KEY, twin, BADGE))


def test_a_dropped_key():
    kept = KeyRing(EVENT, {7: RING.keys[7]})
    with pytest.raises(ForgedError, match="key"):
        open_credential(kept, TEXT)
    with pytest.raises(ForgedError):
        open_credential(KeyRing(EVENT, {}), TEXT)


def test_each_key_signs_for_its_own_id():
    seventh = dataclasses.replace(BADGE, key_id=7)
    assert open_credential(RING, issue_credential(SECOND_KEY, EVENT, seventh)) == seventh
    for key, badge in ((KEY, seventh), (SECOND_KEY, BADGE)):
        with pytest.raises(ForgedError, match="signature"):
            open_credential(RING, issue_credential(key, EVENT, badge))


def test_a_key_past_its_last_day_still_opens():
    """The decision checks the time; RING's keys ended in 1970."""
    assert open_credential(RING, TEXT) == BADGE


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("serial", -1),
        ("serial", 2**24),
        ("issue", 0),
        ("issue", 256),
        ("category", -1),
        ("category", 256),
        ("valid_days", -1),
        ("valid_days", 2**16),
        ("zones", -1),
        ("zones", 2**32),
        ("key_id", -1),
        ("key_id", 256),
        ("kind", 4),
        ("kind", 16),
        ("flags", 4),
        ("flags", 255),
        ("flags", -1),
    ],
)
def test_nothing_is_issued_that_no_door_would_open(name, value):
    with pytest.raises(ValueError, match=name if name != "kind" else "Kind"):
        issue_credential(KEY, EVENT, dataclasses.replace(BADGE, **{name: value}))


@pytest.mark.parametrize("event_id", [b"", EVENT[:15], EVENT + b"\x00"])
def test_an_event_id_has_16_bytes(event_id):
    with pytest.raises(ValueError, match="16 bytes"):
        issue_credential(KEY, event_id, BADGE)


def test_a_printed_credential_shows_no_signature():
    """The signature opens the holder's sealed name, so logs must not have it."""
    badge = open_credential(RING, TEXT)
    assert badge.signature.hex() not in repr(badge)
    assert repr(badge.signature) not in repr(badge)
