"""Makes the messages of webhooks, in order and each once.

The entry log is the outbox for entries and badges: a leaf is written in the transaction of what it
tells, and nothing more is written for webhooks then. What no leaf tells is a notice: that a hall
has become full or open is noted in the transaction in which it did, by `note_halls`.

Each endpoint has a place in the log. Its next message is made of what comes after that place, and
making it moves the place in the same transaction.
"""

import json
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from badges.credential.badge_number import badge_number
from badges.i18n import restored, stored
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.features.integrations.endpoints import Endpoint
from server.features.integrations.entries import Time, entries_from, time_of
from server.storage import dialect
from server.storage.connection import Connection, Row

ENTRIES_TOGETHER = 100  # At most so many entries that come one after the other are one message.
LEAVES_TOGETHER = 10_000  # So many leaves are looked through at a time.
LEAVES_SKIPPED = 1_000  # Where nothing concerns an endpoint, its place is kept so often.
KEPT_MESSAGES = 1_000  # of each endpoint, that were delivered. They have no body any more.
KEPT_NOTICES = 10_000
_BADGE_ACTS = {
    Act.BADGES_ISSUED: "badges.issued",
    Act.BADGE_REISSUED: "badge.replaced",
    Act.BADGE_REVOKED: "badge.revoked",
    Act.BADGE_REINSTATED: "badge.reinstated",
}
ENTRIES = "entries.recorded"
# A full hall counts as open again once so large a part of its places is free, so that one who goes
# and one who comes are not two messages.
FREE_AGAIN_PART = 50


class Envelope(msgspec.Struct):
    """Is the body of every message."""

    type: str
    timestamp: Time
    data: msgspec.Raw


@dataclass(frozen=True)
class Message:
    """Holds a message that waits. Times are Unix ms."""

    message_id: str
    endpoint_id: int
    kind: str
    body: bytes
    tries: int
    next_at: int


@dataclass(frozen=True)
class Delivery:
    """Describes a message in the log of deliveries. Times are Unix ms."""

    message_id: str
    kind: str
    made_at: int
    tries: int
    tried_at: int | None
    next_at: int
    delivered_at: int | None
    answer: str


@dataclass(frozen=True)
class _Next:
    """Holds what the next message tells, and the endpoint's place after it."""

    kind: str
    at: int
    data: Any
    next_leaf: int
    last_notice: int


def waiting(db: Connection, endpoint_id: int) -> Message | None:
    """Return the message that an endpoint gets next, where it is made already."""
    row = db.execute(
        "SELECT message_id, endpoint_id, kind, body, tries, next_at FROM webhook_message"
        " WHERE endpoint_id = ? AND delivered_at IS NULL ORDER BY position LIMIT 1",
        (endpoint_id,),
    ).fetchone()
    return None if row is None else Message(**dict(row))


def is_due(db: Connection, endpoint: Endpoint) -> bool:
    """Tell whether `make_next` has something to do: a message, or much to leave out."""
    found, next_leaf, _ = _look(db, endpoint)
    return found is not None or next_leaf - endpoint.next_leaf >= LEAVES_SKIPPED


def make_next(db: Connection, endpoint: Endpoint, now: int) -> Message | None:
    """Make an endpoint's next message, and move its place. Return None where nothing concerns it.

    Nothing may wait for it already.
    """
    found, next_leaf, last_notice = _look(db, endpoint)
    db.execute(
        "UPDATE webhook_endpoint SET next_leaf = ?, last_notice = ? WHERE endpoint_id = ?",
        (next_leaf, last_notice, endpoint.endpoint_id),
    )
    if found is None:
        return None
    data = msgspec.Raw(msgspec.json.encode(found.data))
    body = msgspec.json.encode(Envelope(found.kind, time_of(found.at), data))
    message_id = f"msg_{secrets.token_hex(16)}"
    (position,) = db.execute(
        "SELECT COALESCE(MAX(position), 0) + 1 FROM webhook_message WHERE endpoint_id = ?",
        (endpoint.endpoint_id,),
    ).fetchone()
    db.execute(
        "INSERT INTO webhook_message"
        " (message_id, endpoint_id, position, kind, made_at, body, next_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?)",
        (message_id, endpoint.endpoint_id, position, found.kind, now, body, now),
    )
    db.execute(
        "DELETE FROM webhook_message WHERE endpoint_id = ? AND position <= ?"
        " AND delivered_at IS NOT NULL",
        (endpoint.endpoint_id, position - KEPT_MESSAGES),
    )
    return Message(message_id, endpoint.endpoint_id, found.kind, body, 0, now)


def note_delivered(db: Connection, message: Message, answer: str, now: int) -> None:
    """Keep that a message was taken. Its body is not kept any longer."""
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
    """Keep that a message was not taken, and when it is sent again."""
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
    """Return an endpoint's newest messages, the newest first."""
    rows = db.execute(
        "SELECT message_id, kind, made_at, tries, tried_at, next_at, delivered_at, answer"
        " FROM webhook_message WHERE endpoint_id = ? ORDER BY position DESC LIMIT ?",
        (endpoint_id, limit),
    ).fetchall()
    return [Delivery(**{**dict(row), "answer": restored(row["answer"])}) for row in rows]


def note(db: Connection, topic: str, kind: str, data: Mapping[str, Any], now: int) -> None:
    """Add a notice of what no leaf tells. `data` has codes and numbers, and nothing personal."""
    db.execute(
        "INSERT INTO webhook_notice (at_leaf, topic, kind, at, data) VALUES (?, ?, ?, ?, ?)",
        (entry_log.size(db), topic, kind, now, json.dumps(dict(data), ensure_ascii=False)),
    )
    db.execute(
        "DELETE FROM webhook_notice WHERE notice_id <="
        " (SELECT MAX(notice_id) FROM webhook_notice) - ? AND NOT EXISTS"
        " (SELECT 1 FROM webhook_endpoint e WHERE e.removed_at IS NULL"
        " AND e.last_notice < webhook_notice.notice_id)",
        (KEPT_NOTICES,),
    )


_INSIDE = "(h.open_stays + h.open_overrides + h.open_accessible)"
_STATE = (
    "CASE WHEN h.closed_at IS NOT NULL THEN 'closed'"
    f" WHEN {_INSIDE} >= h.capacity THEN 'full'"
    f" WHEN w.state = 'full' AND {_INSIDE} > h.capacity - "
    f"{dialect.greatest('1', f'h.capacity / {FREE_AGAIN_PART}')} THEN 'full'"
    " ELSE 'open' END"
)
_CHANGED = (
    f"SELECT * FROM (SELECT h.hall_id, h.code, h.capacity, {_INSIDE} AS inside, w.state AS before,"
    f" {_STATE} AS state FROM hall h LEFT JOIN webhook_hall w USING (hall_id)) AS found"
    f" WHERE {dialect.differs('before', 'state')} ORDER BY hall_id"
)


def note_halls(db: Connection, now: int) -> None:
    """Add a notice of each hall that has become full, open or closed since the last time.

    It is called inside the transaction in which that may have happened.
    """
    for row in db.execute(_CHANGED).fetchall():
        db.execute(
            "INSERT INTO webhook_hall (hall_id, state) VALUES (?, ?)"
            " ON CONFLICT (hall_id) DO UPDATE SET state = excluded.state",
            (row["hall_id"], row["state"]),
        )
        if row["before"] is None:
            continue  # Nobody has looked before, so this is no news.
        data = {"hall": row["code"], "inside": row["inside"], "capacity": row["capacity"]}
        note(db, "halls", f"hall.{row['state']}", data, now)


def _look(db: Connection, endpoint: Endpoint) -> tuple[_Next | None, int, int]:
    """Return what the endpoint is told next, and its place after it.

    A notice comes after the leaves that were there when it was made.
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
    found = _in_leaves(db, endpoint, first, end) if first < end else None
    if found is not None:
        return found, found.next_leaf, endpoint.last_notice
    if end < notice_at or row is None:
        return None, end, endpoint.last_notice
    told = _Next(row["kind"], row["at"], msgspec.Raw(row["data"].encode()), end, row["notice_id"])
    return told, end, row["notice_id"]


def _in_leaves(db: Connection, endpoint: Endpoint, first: int, end: int) -> _Next | None:
    """Return what the leaves from `first` to before `end` tell first."""
    act = _badge_act(db, first, end) if "badges" in endpoint.topics else None
    if "entries" in endpoint.topics:
        before = end if act is None else act["number"]
        found = entries_from(db, first, ENTRIES_TOGETHER, before=before)
        if found:
            last = found[-1]
            at = int(last.received_at.timestamp() * 1000)
            return _Next(ENTRIES, at, {"entries": found}, last.number + 1, endpoint.last_notice)
    if act is None:
        return None
    leaf = json.loads(act["body"])
    kind = _BADGE_ACTS[Act(leaf["act"])]
    return _Next(
        kind, leaf["at"], _badge_data(leaf["subject"]), act["number"] + 1, endpoint.last_notice
    )


def _badge_act(db: Connection, first: int, end: int) -> Row | None:
    """Return the first leaf about badges."""
    found: Row | None = db.execute(
        # The index over acts leaves scans out. It is used only if the query does so too.
        "SELECT number, body FROM leaf WHERE kind = 'act' AND kind <> 'scan' AND number >= ?"
        f" AND number < ? AND {dialect.in_json('body', 'act')} IN"
        f" ({', '.join('?' * len(_BADGE_ACTS))}) ORDER BY number LIMIT 1",
        (first, end, *_BADGE_ACTS),
    ).fetchone()
    return found


def _badge_data(subject: Mapping[str, Any]) -> dict[str, Any]:
    data = {key: value for key, value in subject.items() if key in ("count", "issue", "reason")}
    if isinstance(subject.get("serial"), int):
        data["badge"] = badge_number(subject["serial"])
    return data
