"""Signs each request of a kiosk, or hashes it with a session's key. So there is no bearer token to
steal.
"""

import base64
from collections.abc import Callable

from badges.credential.keys import PrivateKey
from badges.wire import version
from badges.wire.enrolment import RequestStamp, body_digest, request_mac, signed_message

COUNTER_MAX = 2**52  # half of the server's limit; the clock in ms gives about 2**41


class Signer:
    def __init__(
        self, kiosk: str, generation: int, key: PrivateKey, next_counter: Callable[[int], int]
    ) -> None:
        """`next_counter` returns a counter above its argument and above all earlier ones."""
        self.name = (kiosk, generation)
        self._key = key
        self._next_counter = next_counter
        self._seen = 0

    def overtaken(self, counter: int) -> None:
        if counter < COUNTER_MAX:
            self._seen = max(self._seen, counter)

    def headers(
        self, method: str, target: str, body: bytes, session: bytes | None = None
    ) -> dict[str, str]:
        """The headers that prove a request. `target` is path and query, `session` the session's
        key.
        """
        stamp = RequestStamp(*self.name, self._next_counter(self._seen))
        digest = body_digest(body)
        message = signed_message(stamp, method, target, digest)
        proof = (
            {RequestStamp.SIGNATURE_HEADER: base64.b64encode(self._key.sign(message)).decode()}
            if session is None
            else {RequestStamp.MAC_HEADER: request_mac(session, message)}
        )
        return proof | {
            RequestStamp.KIOSK_HEADER: f"{stamp.kiosk}/{stamp.generation}",
            RequestStamp.COUNTER_HEADER: str(stamp.counter),
            RequestStamp.DIGEST_HEADER: digest,
            version.HEADER: version.OWN.text,
        }
