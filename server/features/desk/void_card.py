"""Finds since when and why a scanned card is void."""

import json
from dataclasses import dataclass
from typing import Any

from server.core.entry_log.act_names import Act
from server.core.people.attendees import Attendee
from server.storage import dialect
from server.storage.connection import Connection

_ACTS = (Act.BADGE_REISSUED, Act.BADGE_REVOKED, Act.BADGE_WITHDRAWN)


@dataclass(frozen=True)
class VoidCard:
    issue: int
    since: int | None  # None without a record in the log
    reason: str  # As in the log, or ""
    is_withdrawn: bool = False  # A new badge that staff took back


def void_card(db: Connection, holder: Attendee, issue: int) -> VoidCard | None:
    """Return why this issue's card is void, or None if valid."""
    if issue == holder.issue and holder.revoked_at is None:
        return None
    logged = [(at, act["act"], act["subject"]) for at, act in _acts(db, holder.serial)]
    replaced = VoidCard(issue, None, "")
    for at, name, subject in logged:
        if name == Act.BADGE_WITHDRAWN and subject["issue"] == issue:
            return VoidCard(issue, at, "", is_withdrawn=True)
        if name == Act.BADGE_REISSUED and subject["issue"] > issue and issue < holder.issue:
            replaced = VoidCard(issue, at, subject["reason"])
        if name == Act.BADGE_REVOKED and issue == holder.issue:
            return VoidCard(issue, holder.revoked_at, subject["reason"])
    return replaced


def _acts(db: Connection, serial: int) -> list[tuple[int, dict[str, Any]]]:
    """Return the acts on a person's badges, newest first."""
    marks = ", ".join("?" * len(_ACTS))
    rows = db.execute(
        f"SELECT at, body FROM leaf {dialect.by_index('leaf_act_serial')} WHERE kind = 'act'"
        f" AND {dialect.in_json('body', 'subject', 'serial')} = ?"
        f" AND {dialect.in_json('body', 'act')} IN ({marks}) ORDER BY at DESC, number DESC",
        (serial, *_ACTS),
    )
    return [(row["at"], json.loads(row["body"])) for row in rows]
