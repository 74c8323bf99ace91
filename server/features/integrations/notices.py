"""Stores notices: events for webhooks outside the entry log."""

import json
from collections.abc import Mapping
from typing import Any

from server.core.entry_log import entry_log
from server.storage.connection import Connection

KEPT_NOTICES = 10_000


def add(db: Connection, topic: str, kind: str, data: Mapping[str, Any], now: int) -> None:
    """Add a notice. `data` has codes and numbers, nothing personal."""
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
