"""The remarks of entries, in Python for marking and in SQL for unmarked entries.

A remark is a flag of the door's decision, or a key of `MADE_HERE`, derived by the server from the
entry's times.
"""

from server.storage.connection import Row

LATE_MS = 60_000
SKEW_MS = 2_000
# Kinds of entries in filters.
KINDS = {
    "entry": "s.direction = 'entry' AND s.decision = 'admitted' AND s.act <> 'annul'",
    "exit": "s.direction = 'exit' AND s.act <> 'annul'",
    "override": "s.act = 'override'",
    "annul": "s.act = 'annul'",
    "denial": "s.decision = 'denied'",
}
MADE_HERE = {
    "fenced": "s.quarantined = 1",
    "late": f"s.received_at - (s.scanned_at - COALESCE(s.skew_ms, 0)) >= {LATE_MS}",
    "old_facts": f"s.facts_age_ms >= {LATE_MS}",
    "skewed": f"ABS(s.skew_ms) >= {SKEW_MS}",
}


def kinds_of(row: Row) -> list[str]:
    is_annulment, is_exit = row["act"] == "annul", row["direction"] == "exit"
    admitted = row["decision"] == "admitted"
    applies = {
        "entry": admitted and row["direction"] == "entry" and not is_annulment,
        "exit": is_exit and not is_annulment,
        "override": row["act"] == "override",
        "annul": is_annulment,
        "denial": row["decision"] == "denied",
    }
    return [kind for kind, is_one in applies.items() if is_one]


def remarks_of(row: Row) -> list[str]:
    """Return the scan's flags, and the keys of `MADE_HERE` that apply to it."""
    late_ms = row["received_at"] - (row["scanned_at"] - (row["skew_ms"] or 0))
    applies = {
        "fenced": row["quarantined"] == 1,
        "late": late_ms >= LATE_MS,
        "old_facts": (row["facts_age_ms"] or 0) >= LATE_MS,
        "skewed": abs(row["skew_ms"] or 0) >= SKEW_MS,
    }
    return [*row["flags"].split(), *(remark for remark, is_one in applies.items() if is_one)]
