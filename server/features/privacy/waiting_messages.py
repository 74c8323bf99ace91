import json
from collections.abc import Sequence

from badges.credential.badge_number import badge_number
from server.storage.connection import Connection


def forget(db: Connection, serials: Sequence[int]) -> None:
    """Set these people's badge numbers in undelivered messages to null. Delivered messages have no
    body any more.
    """
    numbers = {badge_number(serial) for serial in serials}
    rows = db.execute(
        "SELECT message_id, body FROM webhook_message WHERE body IS NOT NULL"
    ).fetchall()
    for row in rows:
        body = json.loads(row["body"])
        data = body["data"]
        entries = [
            entry for entry in (data, *data.get("entries", ())) if entry.get("badge") in numbers
        ]
        for entry in entries:
            entry["badge"] = None
        if entries:
            db.execute(
                "UPDATE webhook_message SET body = ? WHERE message_id = ?",
                (json.dumps(body, ensure_ascii=False).encode(), row["message_id"]),
            )
