"""Sends one message to a webhook's address."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from server.core.outgoing import posting

ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """Holds the receiver's answer. `status` is 0 if there was none."""

    status: int
    words: str  # The status, or the kind of failure. Never the receiver's own text.

    @property
    def taken(self) -> bool:
        """Return whether the receiver accepted the message. A redirect is no acceptance."""
        return 200 <= self.status < 300


Post = Callable[[str, bytes, Mapping[str, str]], Answer]


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """POST a body. The certificate is checked, and redirects are not followed."""
    headers = {"Content-Type": "application/json", **headers}
    reply = posting.post(url, body, headers, ANSWER_BYTES_MAX)
    return Answer(reply.status, reply.words)
