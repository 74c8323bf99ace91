"""Signs each request of a kiosk, so there is no bearer token to steal."""

import base64
from collections.abc import Callable

from badges.credential.keys import PrivateKey
from badges.wire import version
from badges.wire.enrolment import RequestStamp, body_digest, signed_message

COUNTER_MAX = 2**52  # half of the server's limit; the clock in ms gives about 2**41


class Signer:
    def __init__(
        self, kiosk: str, generation: int, key: PrivateKey, next_counter: Callable[[int], int]
    ) -> None:
        """`next_counter` returns a counter above its argument and above all earlier ones."""
        self._kiosk = kiosk
        self._generation = generation
        self._key = key
        self._next_counter = next_counter
        self._seen = 0

    def overtaken(self, counter: int) -> None:
        if counter < COUNTER_MAX:
            self._seen = max(self._seen, counter)

    def headers(self, method: str, target: str, body: bytes) -> dict[str, str]:
        """The signature headers of a request. `target` is path and query."""
        stamp = RequestStamp(self._kiosk, self._generation, self._next_counter(self._seen))
        digest = body_digest(body)
        signature = self._key.sign(signed_message(stamp, method, target, digest))
        return {
            RequestStamp.KIOSK_HEADER: f"{stamp.kiosk}/{stamp.generation}",
            RequestStamp.COUNTER_HEADER: str(stamp.counter),
            RequestStamp.SIGNATURE_HEADER: base64.b64encode(signature).decode(),
            RequestStamp.DIGEST_HEADER: digest,
            version.HEADER: version.OWN.text,
        }
