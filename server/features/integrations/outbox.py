"""Makes the messages of webhooks, in order and each once.

The entry log is the outbox of topics with leaves, so a scan's transaction writes nothing for
webhooks. Other topics store notices (`notices.py`).

An endpoint's next message is made of the leaves and notices after its position; the same
transaction moves it.
"""

import secrets
from dataclasses import dataclass

import msgspec

from badges.i18n import restored, stored
from server.core.entry_log import entry_log
from server.features.integrations.endpoints import Endpoint
from server.features.integrations.entries import Time, time_of
from server.features.integrations.topics.table import TOPICS
from server.features.integrations.topics.topic import Content, Leaves
from server.storage.connection import Connection

LEAVES_TOGETHER = 10_000
LEAVES_SKIPPED = 1_000  # Leaves without a message before the position is stored
KEPT_MESSAGES = 1_000  # Delivered messages per endpoint, without bodies


class Envelope(msgspec.Struct):
    """The body of every message."""

    type: str
    timestamp: Time
    data: msgspec.Raw


@dataclass(frozen=True)
class Message:
    """An undelivered message. Times are Unix ms."""

    message_id: str
    endpoint_id: int
    kind: str
    body: bytes
    tries: int
    next_at: int


@dataclass(frozen=True)
class Delivery:
    """A message in the delivery log. Times are Unix ms."""

    message_id: str
    kind: str
    made_at: int
    tries: int
    next_at: int
    delivered_at: int | None
    answer: str


def waiting(db: Connection, endpoint_id: int) -> Message | None:
    row = db.execute(
        "SELECT message_id, endpoint_id, kind, body, tries, next_at FROM webhook_message"
        " WHERE endpoint_id = ? AND delivered_at IS NULL ORDER BY position LIMIT 1",
        (endpoint_id,),
    ).fetchone()
    return None if row is None else Message(**dict(row))


def is_due(db: Connection, endpoint: Endpoint) -> bool:
    """Return whether `make_next` would make a message, or skip many leaves."""
    content, next_leaf, _ = _look(db, endpoint)
    return content is not None or next_leaf - endpoint.next_leaf >= LEAVES_SKIPPED


def make_next(db: Connection, endpoint: Endpoint, now: int) -> Message | None:
    """Make an endpoint's next message, if any, and move its position.

    The endpoint must have no undelivered one.
    """
    content, next_leaf, last_notice = _look(db, endpoint)
    db.execute(
        "UPDATE webhook_endpoint SET next_leaf = ?, last_notice = ? WHERE endpoint_id = ?",
        (next_leaf, last_notice, endpoint.endpoint_id),
    )
    if content is None:
        return None
    data = msgspec.Raw(msgspec.json.encode(content.data))
    body = msgspec.json.encode(Envelope(content.kind, time_of(content.at), data))
    message_id = f"msg_{secrets.token_hex(16)}"
    (position,) = db.execute(
        "SELECT COALESCE(MAX(position), 0) + 1 FROM webhook_message WHERE endpoint_id = ?",
        (endpoint.endpoint_id,),
    ).fetchone()
    db.execute(
        "INSERT INTO webhook_message"
        " (message_id, endpoint_id, position, kind, made_at, body, next_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (message_id, endpoint.endpoint_id, position, content.kind, now, body, now),
    )
    db.execute(
        "DELETE FROM webhook_message WHERE endpoint_id = ? AND position <= ?"
        " AND delivered_at IS NOT NULL",
        (endpoint.endpoint_id, position - KEPT_MESSAGES),
    )
    return Message(message_id, endpoint.endpoint_id, content.kind, body, 0, now)


def note_delivered(db: Connection, message: Message, answer: str, now: int) -> None:
    """Record that a message was accepted; delete its body."""
    db.execute(
        "UPDATE webhook_message SET body = NULL, delivered_at = ?, tried_at = ?,"
        " tries = tries + 1, answer = ? WHERE message_id = ?",
        (now, now, stored(answer), message.message_id),
    )
    db.execute(
        "UPDATE webhook_endpoint SET failing_since = NULL WHERE endpoint_id = ?"
        " AND failing_since IS NOT NULL",
        (message.endpoint_id,),
    )


def note_failed(db: Connection, message: Message, answer: str, now: int, next_at: int) -> None:
    db.execute(
        "UPDATE webhook_message SET tried_at = ?, tries = tries + 1, answer = ?, next_at = ?"
        " WHERE message_id = ?",
        (now, stored(answer), next_at, message.message_id),
    )
    db.execute(
        "UPDATE webhook_endpoint SET failing_since = ? WHERE endpoint_id = ?"
        " AND failing_since IS NULL",
        (now, message.endpoint_id),
    )


def deliveries(db: Connection, endpoint_id: int, limit: int = 50) -> list[Delivery]:
    rows = db.execute(
        "SELECT message_id, kind, made_at, tries, next_at, delivered_at, answer"
        " FROM webhook_message WHERE endpoint_id = ? ORDER BY position DESC LIMIT ?",
        (endpoint_id, limit),
    ).fetchall()
    return [Delivery(**{**dict(row), "answer": restored(row["answer"])}) for row in rows]


def _look(db: Connection, endpoint: Endpoint) -> tuple[Content | None, int, int]:
    """Return the endpoint's next content, and its position after it: a leaf and a notice.

    A notice comes after the leaves that existed when it was made.
    """
    first = endpoint.next_leaf
    row = db.execute(
        "SELECT notice_id, at_leaf, kind, at, data FROM webhook_notice WHERE notice_id > ?"
        f" AND topic IN ({', '.join('?' * len(endpoint.topics))}) ORDER BY notice_id LIMIT 1",
        (endpoint.last_notice, *endpoint.topics),
    ).fetchone()
    size = entry_log.size(db)
    notice_at = size if row is None else max(first, min(row["at_leaf"], size))
    end = min(notice_at, first + LEAVES_TOGETHER)
    content = _in_leaves(db, endpoint, first, end) if first < end else None
    if content is not None:
        return content, content.last + 1, endpoint.last_notice
    if end < notice_at or row is None:
        return None, end, endpoint.last_notice
    notice = msgspec.Raw(row["data"].encode())
    return Content(row["kind"], row["at"], notice, end - 1), end, row["notice_id"]


def _in_leaves(db: Connection, endpoint: Endpoint, first: int, end: int) -> Content | None:
    starts: dict[int, Leaves] = {}
    for name in endpoint.topics:
        leaves = TOPICS[name].leaves
        if leaves is not None and (start := leaves.first(db, first, end)) is not None:
            starts[start] = leaves
    if not starts:
        return None
    start, *others = sorted(starts)
    return starts[start].content(db, start, min(others, default=end))
