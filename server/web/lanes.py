"""Limits how many request bodies each client may be sending.

A request holds a thread until its answer, so a slow body holds one as long as its sender likes.
Kiosks authenticate by headers alone (they sign the body's digest, or hash it with their session's
key), and each has its own lane.
Addresses that have authenticated before share a second lane, all others a small third one.
`server/web/connections.py` ends bodies that take too long.
"""

import base64
import binascii
import hashlib
import hmac
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from badges.credential.keys import BadSignatureError, public_key
from badges.places.pool import KioskKey
from badges.wire.enrolment import RequestStamp, request_mac, signed_message

KIOSK_MAX = 8  # bodies of one kiosk at a time; it sends one after the other
KNOWN_MAX = 200  # bodies of all known addresses together
# Bodies of one known address. A venue's kiosks and staff may share an address.
KNOWN_ADDRESS_MAX = 100
STRANGERS_MAX = 64
STRANGER_ADDRESS_MAX = 8
KNOWN_S = 12 * 3600  # how long an address stays known
KNOWN_ADDRESSES_MAX = 10_000  # the oldest are dropped first
SESSION_S = 12 * 3600  # then the kiosk signs again
SESSIONS_MAX = 10_000  # the oldest are dropped first


class Headers(Protocol):
    def get(self, key: str, default: str, /) -> str: ...


class BusyError(Exception):
    """Raised if a sender has too many open requests. The request may be repeated later."""


@dataclass(frozen=True)
class Proof:
    """A kiosk's verified request, with the body's hash."""

    stamp: RequestStamp
    message: bytes  # the signed or hashed text
    signature: bytes | None  # None in a session
    digest: str  # SHA-256 of the body, in hexadecimal digits
    key: bytes  # the kiosk's public key, which verified the request or the session's first one

    def fits(self, body: bytes) -> bool:
        return hmac.compare_digest(hashlib.sha256(body).hexdigest(), self.digest)


@dataclass
class _Session:
    key: bytes
    public_key: bytes  # the kiosk's
    counter: int  # the highest of its requests
    ends_at: float


class Lanes:
    """Limits the open requests of each kiosk, address and group of addresses. Thread-safe."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._monotonic = monotonic
        # guards everything below
        self._lock = threading.Lock()
        self._held: dict[object, int] = {}  # bodies in transit, by lane and by holder
        self._known: dict[str, float] = {}  # expiry of each known address
        self._keys: dict[KioskKey, bytes] = {}
        self._sessions: dict[KioskKey, _Session] = {}
        # By kiosk: the counter of the last request that was answered without the database.
        self._answered: dict[KioskKey, int] = {}

    def remember_kiosk(self, kiosk: KioskKey, public_key: bytes, address: str) -> None:
        """Remember the public key of a kiosk whose signature was verified against the database."""
        if self._keys.get(kiosk) != public_key:
            with self._lock:
                self._keys[kiosk] = public_key
        self.remember(address)

    def begin_session(self, kiosk: KioskKey, public_key: bytes, key: bytes, counter: int) -> None:
        """Accept requests by this session's key with a higher counter. It replaces the kiosk's
        earlier session.
        """
        session = _Session(key, public_key, counter, self._monotonic() + SESSION_S)
        with self._lock:
            self._sessions.pop(kiosk, None)  # the newest session goes to the end
            self._sessions[kiosk] = session
            if len(self._sessions) > SESSIONS_MAX:
                self._sessions.pop(next(iter(self._sessions)))

    def end_session(self, kiosk: KioskKey) -> None:
        with self._lock:
            self._sessions.pop(kiosk, None)

    def answer_once(self, kiosk: KioskKey, counter: int) -> bool:
        """Note a request as answered without the database. Return False if its counter has not
        risen.
        """
        with self._lock:
            risen = counter > self.last_answered(kiosk)
            if risen:
                self._answered[kiosk] = counter
            return risen

    def last_answered(self, kiosk: KioskKey) -> int:
        """Return the counter of the last request that was answered without the database, or -1."""
        return self._answered.get(kiosk, -1)

    def remember(self, address: str) -> None:
        """Remember an address that has authenticated."""
        now = self._monotonic()
        with self._lock:
            self._known.pop(address, None)  # the newest address goes to the end
            self._known[address] = now + KNOWN_S
            if len(self._known) > KNOWN_ADDRESSES_MAX:
                self._known.pop(next(iter(self._known)))

    def is_known(self, address: str) -> bool:
        with self._lock:
            return self._known.get(address, 0.0) > self._monotonic()

    def prove(self, headers: Headers, method: str, target: str) -> Proof | None:
        """Verify a kiosk's signature of the headers, or their keyed hash in a session. Return None
        if it is not valid.

        The first request of a kiosk since the server's start gives None too, because its key is
        not known yet. In a session a request is valid once, and only after those with lower
        counters.
        """
        stamp = read_stamp(headers)
        digest = headers.get(RequestStamp.DIGEST_HEADER, "")
        if stamp is None or len(digest) != 64:
            return None
        message = signed_message(stamp, method, target, digest)
        mac = headers.get(RequestStamp.MAC_HEADER, "")
        if mac:
            return self._prove_in_session(stamp, message, digest, mac)
        key = self._keys.get(stamp.key)
        if key is None:
            return None
        try:
            signature = base64.b64decode(
                headers.get(RequestStamp.SIGNATURE_HEADER, ""), validate=True
            )
            public_key(key).verify(message, signature)
        except (ValueError, binascii.Error, BadSignatureError):
            return None
        return Proof(stamp, message, signature, digest, key)

    def _prove_in_session(
        self, stamp: RequestStamp, message: bytes, digest: str, mac: str
    ) -> Proof | None:
        session = self._sessions.get(stamp.key)
        if session is None or session.ends_at <= self._monotonic():
            return None
        if not hmac.compare_digest(request_mac(session.key, message).encode(), mac.encode()):
            return None
        with self._lock:
            if stamp.counter <= session.counter:
                return None
            session.counter = stamp.counter
        return Proof(stamp, message, None, digest, session.public_key)

    @contextmanager
    def hold(self, address: str, kiosk: KioskKey | None = None) -> Iterator[None]:
        """Count the sender's request in the block, while its body is read. Raises BusyError."""
        held = self.take(address, kiosk)
        try:
            yield
        finally:
            self.give_back(held)

    def take(self, address: str, kiosk: KioskKey | None = None) -> Sequence[object]:
        """Return the argument for `give_back`. Raises BusyError."""
        if kiosk is not None:
            limits: list[tuple[object, int]] = [(kiosk, KIOSK_MAX)]
        elif self.is_known(address):
            limits = [("known", KNOWN_MAX), (address, KNOWN_ADDRESS_MAX)]
        else:
            limits = [("strangers", STRANGERS_MAX), (address, STRANGER_ADDRESS_MAX)]
        holders = [holder for holder, _ in limits]
        with self._lock:
            for holder, most in limits:
                if self._held.get(holder, 0) >= most:
                    raise BusyError
            for holder in holders:
                self._held[holder] = self._held.get(holder, 0) + 1
        return holders

    def give_back(self, holders: Sequence[object]) -> None:
        with self._lock:
            for holder in holders:
                left = self._held.pop(holder) - 1
                if left:
                    self._held[holder] = left


def read_stamp(headers: Headers) -> RequestStamp | None:
    """The claimed, unverified sender and counter, or None."""
    try:
        kiosk, _, generation = headers.get(RequestStamp.KIOSK_HEADER, "").partition("/")
        counter = int(headers.get(RequestStamp.COUNTER_HEADER, "")[:20])
        stamp = RequestStamp(kiosk[:64], int(generation[:20]), counter)
    except ValueError:
        return None
    if not 0 <= stamp.counter < 2**53 or not 0 <= stamp.generation < 2**53:
        return None
    return stamp
