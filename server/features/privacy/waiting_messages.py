"""Takes erased people's badge numbers out of messages that wait for a webhook's receiver."""

import json
from collections.abc import Sequence

from badges.credential.badge_number import badge_number
from server.storage.connection import Connection


def forget(db: Connection, serials: Sequence[int]) -> None:
    """Let waiting messages tell what happened as before, and of no badge of these people.

    A message that was delivered has no body any more.
    """
    numbers = {badge_number(serial) for serial in serials}
    rows = db.execute(
        "SELECT message_id, body FROM webhook_message WHERE body IS NOT NULL"
    ).fetchall()
    for row in rows:
        body = json.loads(row["body"])
        data = body["data"]
        found = [one for one in (data, *data.get("entries", ())) if one.get("badge") in numbers]
        for one in found:
            one["badge"] = None
        if found:
            db.execute(
                "UPDATE webhook_message SET body = ? WHERE message_id = ?",
                (json.dumps(body, ensure_ascii=False).encode(), row["message_id"]),
            )
