"""Checkpoints and cosignatures: a published one, our own, and everything that is refused."""

import base64
import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from badges.credential.keys import PrivateKey, PublicKey
from badges.transparency import signed_note
from badges.transparency.checkpoint import (
    Checkpoint,
    cosign,
    open_checkpoint,
    sign_checkpoint,
    verify_cosignature,
)
from badges.transparency.signed_note import NoteError

LOG = PrivateKey(b"log key".ljust(32))
WITNESS = PrivateKey(b"witness key".ljust(32))
NAME = "hallkeeper/4f6d"
CHECKPOINT = Checkpoint("hallkeeper/4f6d", 1234, hashlib.sha256(b"root").digest())
NOTE = sign_checkpoint(LOG, NAME, CHECKPOINT)
TEXT = NOTE[: NOTE.index("\n\n") + 1]
LINE = NOTE[len(TEXT) + 1 :]
TIME_S = 1_790_000_000


def signed(text: str) -> str:
    """Any text as a note with a valid signature by the log."""
    key_id = signed_note.key_id(NAME, signed_note.ED25519, LOG.public)
    return f"{text}\n{signed_note.signature_line(NAME, key_id, LOG.sign(text.encode()))}"


def test_it_works():
    assert open_checkpoint(LOG.public, NAME, NOTE) == CHECKPOINT
    assert TEXT == f"hallkeeper/4f6d\n1234\n{base64.b64encode(CHECKPOINT.root).decode()}\n"
    assert signed(TEXT) == NOTE


def test_a_checkpoint_of_another_implementation():
    """Published by sum.golang.org, whose key is in every Go toolchain; also the example of C2SP."""
    vkey = "sum.golang.org+033de0ae+Ac4zctda0e5eza+HJyk9SxEdh+s3Ux18htTTAD8OuAn8"
    name, key_id, key = vkey.split("+", 2)
    public = PublicKey(base64.b64decode(key)[1:])
    note = (
        "go.sum database tree\n20852163\nCsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n\n"
        "— sum.golang.org Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGz"
        "Gku9nTo+zyWE+xeMcTOAYQ8=\n"
    )
    assert signed_note.key_id(name, signed_note.ED25519, public).hex() == key_id
    checkpoint = open_checkpoint(public, name, note)
    assert (checkpoint.origin, checkpoint.size) == ("go.sum database tree", 20852163)
    assert checkpoint.root.hex().startswith("0ac5186a91863e8e")


def test_the_smallest_and_largest_checkpoint():
    for size in (0, 2**63 - 1):
        checkpoint = Checkpoint("o", size, bytes(32))
        assert open_checkpoint(LOG.public, "n", sign_checkpoint(LOG, "n", checkpoint)) == checkpoint


@pytest.mark.parametrize(
    "fields",
    [
        ("", 1, bytes(32)),
        ("two\nlines", 1, bytes(32)),
        ("tab\t", 1, bytes(32)),
        ("\udc80", 1, bytes(32)),
        ("o" * 256, 1, bytes(32)),
        ("o", -1, bytes(32)),
        ("o", 2**63, bytes(32)),
        ("o", 1, bytes(31)),
    ],
)
def test_malformed_checkpoints_are_refused(fields):
    with pytest.raises(NoteError):
        Checkpoint(*fields)


@pytest.mark.parametrize(
    "name", ["", "two words", "a+b", "line\n", "no\u00a0break", "\u2003", "x" * 256]
)
def test_malformed_names_are_refused(name):
    with pytest.raises(NoteError):
        sign_checkpoint(LOG, name, CHECKPOINT)
    with pytest.raises(NoteError):
        open_checkpoint(LOG.public, name, NOTE)
    with pytest.raises(NoteError):
        cosign(WITNESS, name, NOTE, TIME_S)


ROOT = base64.b64encode(CHECKPOINT.root).decode()


@pytest.mark.parametrize(
    "text",
    [
        "",
        "\n",
        f"o\n1\n{ROOT}",
        f"o\n1\n{ROOT}\nextension\n",
        f"o\n1\n{ROOT}\n\n",
        f"\n1\n{ROOT}\n",
        f"o\n01\n{ROOT}\n",
        f"o\n+1\n{ROOT}\n",
        f"o\n-1\n{ROOT}\n",
        f"o\n 1\n{ROOT}\n",
        f"o\n1_0\n{ROOT}\n",
        f"o\n\u0661\n{ROOT}\n",
        f"o\n\n{ROOT}\n",
        f"o\n{10**30}\n{ROOT}\n",
        f"o\n1\n{ROOT[:-1]}\n",
        f"o\n1\n{ROOT} \n",
        f"o\n1\n{ROOT[:-4]}\n",
        f"o\n1\n{ROOT[:-2]}{chr(ord(ROOT[-2]) + 1)}=\n",
        f"o\r\n1\r\n{ROOT}\r\n",
        f"o\n1\n{base64.urlsafe_b64encode(bytes([255]) * 32).decode()}\n",
        "o\n1\n",
    ],
)
def test_signed_texts_that_are_no_checkpoints(text):
    """The signature is valid, so the parser refuses. They can't be cosigned either."""
    note = signed(text)
    with pytest.raises(NoteError):
        open_checkpoint(LOG.public, NAME, note)
    with pytest.raises(NoteError):
        cosign(WITNESS, "w", note, TIME_S)


SIGNATURE = LINE.split(" ")[2].strip()


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "\n\n",
        TEXT,
        TEXT + "\n",
        TEXT + LINE,
        NOTE[:-1],
        NOTE + "\n",
        NOTE + "x",
        NOTE + " \n",
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—  "),
        NOTE.replace("— ", "—\u00a0"),
        TEXT + f"\n— {NAME} {SIGNATURE} \n",
        TEXT + f"\n— {NAME} {SIGNATURE}=\n",
        TEXT + f"\n— {NAME} {SIGNATURE[:-1]}\n",
        TEXT + f"\n— {NAME} {SIGNATURE}\n\n— {NAME} {SIGNATURE}\n",
        TEXT + f"\n— {NAME} AAAAAA==\n",
        TEXT + f"\n— a+b {SIGNATURE}\n",
        TEXT + f"\n— {NAME}\n",
        NOTE + "— w AAAA\n",  # a key id and no signature
        NOTE + "— w AAAAAAB=\n",  # not the canonical base64 of its bytes
        NOTE + "— a+b AAAAAAAA\n",
        NOTE[:-1] + "x",
        NOTE + "— other\n",
        NOTE + LINE * 4000,
    ],
)
def test_notes_that_are_malformed(note):
    with pytest.raises(NoteError):
        open_checkpoint(LOG.public, NAME, note)
    with pytest.raises(NoteError):
        verify_cosignature(WITNESS.public, "w", note)


def test_signatures_by_others_are_passed_over():
    note = NOTE + cosign(WITNESS, "w", NOTE, TIME_S) + "— unknown.example AAAAAAAA\n"
    assert open_checkpoint(LOG.public, NAME, note) == CHECKPOINT
    assert verify_cosignature(WITNESS.public, "w", note) == TIME_S


def test_another_key_name_or_type_has_not_signed():
    with pytest.raises(NoteError, match="not signed"):
        open_checkpoint(WITNESS.public, NAME, NOTE)
    with pytest.raises(NoteError, match="not signed"):
        open_checkpoint(LOG.public, "another-name", NOTE)
    with pytest.raises(NoteError, match="not signed"):
        open_checkpoint(LOG.public, NAME, NOTE.replace(f"— {NAME}", "— other"))
    with pytest.raises(NoteError, match="not signed"):
        verify_cosignature(LOG.public, NAME, NOTE)


def test_one_wrong_signature_by_a_known_key_spoils_the_note():
    other = sign_checkpoint(LOG, NAME, Checkpoint("o", 1, bytes(32)))
    for line in (LINE + other.splitlines(keepends=True)[-1], other.splitlines(keepends=True)[-1]):
        with pytest.raises(NoteError, match="signature"):
            open_checkpoint(LOG.public, NAME, f"{TEXT}\n{line}")
    note = NOTE + cosign(WITNESS, "w", NOTE, 1) + cosign(WITNESS, "w", other, 2)
    with pytest.raises(NoteError, match="signature"):
        verify_cosignature(WITNESS.public, "w", note)


def test_every_changed_character_of_the_text_is_refused():
    for at, char in enumerate(TEXT):
        changed = "7" if char != "7" else "8"
        with pytest.raises(NoteError):
            open_checkpoint(LOG.public, NAME, NOTE[:at] + changed + NOTE[at + 1 :])


def test_a_cosignature_signs_this():
    """Byte for byte as C2SP's cosignature/v1, checked without our parser."""
    line = cosign(WITNESS, "kiosk-7", NOTE, TIME_S)
    dash, name, payload = line.rstrip("\n").split(" ")
    raw = base64.b64decode(payload)
    key_id = hashlib.sha256(b"kiosk-7\n\x04" + WITNESS.public.raw).digest()[:4]
    assert (dash, name, raw[:4]) == ("—", "kiosk-7", key_id)
    assert int.from_bytes(raw[4:12], "big") == TIME_S
    message = b"cosignature/v1\ntime 1790000000\n" + TEXT.encode()
    WITNESS.public.verify(message, raw[12:])


def test_of_several_cosignatures_the_last_counts():
    note = NOTE + "".join(cosign(WITNESS, "w", NOTE, at) for at in (TIME_S, TIME_S + 60, 0))
    assert verify_cosignature(WITNESS.public, "w", note) == TIME_S + 60


def cosignature_line(stamp: bytes, signature: bytes) -> str:
    key_id = signed_note.key_id("w", signed_note.COSIGNATURE, WITNESS.public)
    return signed_note.signature_line("w", key_id, stamp + signature)


def test_a_cosignature_counts_for_its_time_and_text_alone():
    signature = WITNESS.sign(f"cosignature/v1\ntime {TIME_S}\n{TEXT}".encode())
    verify_cosignature(WITNESS.public, "w", NOTE + cosignature_line(stamp(TIME_S), signature))
    for time_s in (TIME_S + 1, 0):
        with pytest.raises(NoteError):
            verify_cosignature(
                WITNESS.public, "w", NOTE + cosignature_line(stamp(time_s), signature)
            )
    later = sign_checkpoint(LOG, NAME, Checkpoint(CHECKPOINT.origin, 1235, CHECKPOINT.root))
    with pytest.raises(NoteError):
        verify_cosignature(WITNESS.public, "w", later + cosign(WITNESS, "w", NOTE, TIME_S))


@pytest.mark.parametrize("cut", [1, 8, 60, 71])
def test_a_short_cosignature(cut):
    raw = stamp(TIME_S) + bytes(64)
    with pytest.raises(NoteError):
        verify_cosignature(WITNESS.public, "w", NOTE + cosignature_line(raw[:cut], b""))


def test_times_have_a_limit():
    for time_s in (-1, 2**63):
        with pytest.raises(ValueError, match="time out of range"):
            cosign(WITNESS, "w", NOTE, time_s)
    signature = WITNESS.sign(f"cosignature/v1\ntime {2**63}\n{TEXT}".encode())
    with pytest.raises(NoteError):
        verify_cosignature(WITNESS.public, "w", NOTE + cosignature_line(stamp(2**63), signature))


def stamp(time_s: int) -> bytes:
    return time_s.to_bytes(8, "big")


@given(st.text(max_size=400))
def test_no_text_does_anything_but_raise(text):
    for note in (text, NOTE + text, TEXT + text):
        if note == NOTE:
            continue
        try:
            assert open_checkpoint(LOG.public, NAME, note) == CHECKPOINT
        except NoteError:
            pass
        else:
            assert note.startswith(NOTE)
