"""Reports issued, replaced, revoked or reinstated badges, by badge number."""

import json
from typing import Any

from badges.credential.badge_number import badge_number
from badges.i18n import N_
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.features.integrations.topics.topic import Content, Leaves, Topic
from server.storage import dialect
from server.storage.connection import Connection

_KINDS = {
    Act.BADGES_ISSUED: "badges.issued",
    Act.BADGE_REISSUED: "badge.replaced",
    Act.BADGE_WITHDRAWN: "badge.withdrawn",
    Act.BADGE_REVOKED: "badge.revoked",
    Act.BADGE_REINSTATED: "badge.reinstated",
}


def _first(db: Connection, first: int, end: int) -> int | None:
    row = db.execute(
        f"SELECT number FROM leaf WHERE {entry_log.ACTS} AND number >= ?"
        f" AND number < ? AND {dialect.in_json('body', 'act')} IN"
        f" ({', '.join('?' * len(_KINDS))}) ORDER BY number LIMIT 1",
        (first, end, *_KINDS),
    ).fetchone()
    return None if row is None else row["number"]


def _content(db: Connection, first: int, _end: int) -> Content:
    row = db.execute("SELECT body FROM leaf WHERE number = ?", (first,)).fetchone()
    act = json.loads(row["body"])
    subject: dict[str, Any] = act["subject"]
    data = {key: value for key, value in subject.items() if key in ("count", "issue", "reason")}
    if isinstance(subject.get("serial"), int):
        data["badge"] = badge_number(subject["serial"])
    return Content(_KINDS[Act(act["act"])], act["at"], data, first)


TOPIC = Topic(
    "badges", N_("Badges issued, replaced, revoked, reinstated"), leaves=Leaves(_first, _content)
)
