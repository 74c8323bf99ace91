"""Sends one message to a webhook's address."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from server.core.outgoing import posting

ANSWER_BYTES_MAX = 64 * 1024


@dataclass(frozen=True)
class Answer:
    """The receiver's answer. `status` is 0 without one."""

    status: int
    words: str  # The status, or the kind of failure; never the receiver's own text

    @property
    def taken(self) -> bool:
        """Return whether the receiver accepted the message. A redirect does not count."""
        return 200 <= self.status < 300


Post = Callable[[str, bytes, Mapping[str, str]], Answer]


def post(url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
    """POST a body. Verifies the certificate, and follows no redirects."""
    headers = {"Content-Type": "application/json", **headers}
    reply = posting.post(url, body, headers, ANSWER_BYTES_MAX)
    return Answer(reply.status, reply.words)
