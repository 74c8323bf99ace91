"""Replaces PyNaCl and argon2 in a browser, by libsodium's WebAssembly build.

It is the same C library as behind PyNaCl, so phones and kiosks accept the same signatures.
`sodium` is libsodium-wrappers. `install` makes its functions importable under the names that the
kiosk imports.
"""

import sys
from types import ModuleType
from typing import Any

from hallkeeper_js import sodium
from pyodide.ffi import JsException, to_js

SIGNATURE_BYTES = 64


class CryptoError(Exception):
    pass


class BadSignatureError(CryptoError):
    pass


class VerificationError(Exception):
    pass


class InvalidHashError(ValueError):
    pass


def crypto_sign_open(signed: bytes, public_key: bytes) -> bytes:
    signature, message = signed[:SIGNATURE_BYTES], signed[SIGNATURE_BYTES:]
    if not sodium.crypto_sign_verify_detached(to_js(signature), to_js(message), to_js(public_key)):
        raise BadSignatureError("Signature was forged or corrupt")
    return message


def crypto_secretbox(message: bytes, nonce: bytes, key: bytes) -> bytes:
    return bytes(sodium.crypto_secretbox_easy(to_js(message), to_js(nonce), to_js(key)).to_py())


def crypto_secretbox_open(ciphertext: bytes, nonce: bytes, key: bytes) -> bytes:
    try:
        opened = sodium.crypto_secretbox_open_easy(to_js(ciphertext), to_js(nonce), to_js(key))
    except JsException:
        raise CryptoError("Decryption failed. Ciphertext failed verification") from None
    return bytes(opened.to_py())


class Signed(bytes):
    """A signature followed by its message."""

    @property
    def signature(self) -> bytes:
        return bytes(self[:SIGNATURE_BYTES])


class SigningKey:
    def __init__(self, seed: bytes) -> None:
        pair = sodium.crypto_sign_seed_keypair(to_js(seed))
        self._private_key = pair.privateKey
        self.verify_key = bytes(pair.publicKey.to_py())

    def sign(self, message: bytes) -> Signed:
        signature = sodium.crypto_sign_detached(to_js(message), self._private_key)
        return Signed(bytes(signature.to_py()) + message)


class PasswordHasher:
    """Checks hashes of argon2id. Phones make none."""

    def verify(self, password_hash: str, password: str) -> bool:
        if not password_hash.startswith("$argon2"):
            raise InvalidHashError
        if not sodium.crypto_pwhash_str_verify(password_hash, password):
            raise VerificationError
        return True


def install() -> None:
    exceptions = _module(
        "nacl.exceptions", CryptoError=CryptoError, BadSignatureError=BadSignatureError
    )
    bindings = _module(
        "nacl.bindings",
        crypto_sign_open=crypto_sign_open,
        crypto_secretbox=crypto_secretbox,
        crypto_secretbox_open=crypto_secretbox_open,
    )
    signing = _module("nacl.signing", SigningKey=SigningKey)
    _module("nacl", bindings=bindings, exceptions=exceptions, signing=signing)
    wrong = _module(
        "argon2.exceptions", VerificationError=VerificationError, InvalidHashError=InvalidHashError
    )
    _module("argon2", PasswordHasher=PasswordHasher, exceptions=wrong)


def _module(name: str, **content: Any) -> ModuleType:
    module = ModuleType(name)
    vars(module).update(content)
    sys.modules[name] = module
    return module
