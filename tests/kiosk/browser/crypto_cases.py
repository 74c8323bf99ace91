"""Uses of PyNaCl and argon2, for these and for the phone: each gives a comparable result."""

from typing import Any

SEED = bytes(range(32))
MESSAGES = (b"", b"a", bytes(1000), b"\xff" * 5000)


def results(hashes: dict[str, str]) -> dict[str, Any]:
    """`hashes` of argon2id, by their PIN."""
    import nacl.bindings
    import nacl.exceptions
    import nacl.signing

    key = nacl.signing.SigningKey(SEED)
    public = bytes(key.verify_key)
    signatures = [key.sign(message).signature for message in MESSAGES]

    def opens(signed: bytes, by: bytes = public) -> str | bool:
        try:
            return nacl.bindings.crypto_sign_open(signed, by).hex()
        except nacl.exceptions.BadSignatureError:
            return False

    nonce, secret = bytes(24), bytes(range(32, 64))
    boxes = [nacl.bindings.crypto_secretbox(message, nonce, secret) for message in MESSAGES]

    def unboxes(box: bytes) -> str | bool:
        try:
            return nacl.bindings.crypto_secretbox_open(box, nonce, secret).hex()
        except nacl.exceptions.CryptoError:
            return False

    return {
        "public": public.hex(),
        "signatures": [signature.hex() for signature in signatures],
        "opened": [opens(s + m) for s, m in zip(signatures, MESSAGES, strict=True)],
        "altered": [opens(_flipped(signatures[1] + b"a", bit)) for bit in range(0, 520, 13)],
        "odd": [opens(signature + b"odd", odd) for odd in ODD_KEYS for signature in ODD_SIGNATURES],
        "boxes": [box.hex() for box in boxes],
        "unboxed": [unboxes(box) for box in boxes],
        "forged": [unboxes(_flipped(boxes[1], bit)) for bit in range(0, 136, 17)],
        "pins": {pin: [_verifies(h, pin), _verifies(h, "000000")] for pin, h in hashes.items()},
        "no hashes": [_verifies("$argon2id$v=19$m=8", "1"), _verifies("secret", "1")],
    }


# Points of small order, and encodings that some libraries accept and others refuse.
ODD_KEYS = tuple(
    bytes.fromhex(text)
    for text in (
        "00" * 32,
        "01" + "00" * 31,
        "01" + "00" * 30 + "80",
        "ec" + "ff" * 30 + "7f",
        "ee" + "ff" * 30 + "7f",
        "c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a",
        "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05",
    )
)
ODD_SIGNATURES = (
    bytes(64),
    bytes.fromhex("01" + "00" * 63),
    ODD_KEYS[5] + bytes(32),
    bytes(32) + bytes.fromhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010"),
)


def _flipped(data: bytes, bit: int) -> bytes:
    changed = bytearray(data)
    changed[bit // 8 % len(data)] ^= 1 << bit % 8
    return bytes(changed)


def _verifies(password_hash: str, pin: str) -> str:
    import argon2

    try:
        return str(argon2.PasswordHasher().verify(password_hash, pin))
    except argon2.exceptions.InvalidHashError:
        return "invalid"
    except argon2.exceptions.VerificationError:
        return "wrong"
