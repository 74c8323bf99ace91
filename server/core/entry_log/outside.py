"""Keeps what is wrong with witnesses and with the time-stamping authority, until it is over."""

from dataclasses import dataclass
from enum import StrEnum

from server.storage.connection import Connection

AUTHORITY = "authority"  # In place of a witness's name, which has no such form.


class Code(StrEnum):
    """Says what is wrong."""

    AWAY = "away"  # It did not answer in time, or not as agreed. It is asked again.
    UNKNOWN = "unknown"  # The witness does not know this log, or its key.
    FORK = "fork"  # It knows another history of this log.
    AHEAD = "ahead"  # It knows more of this log than is here.
    SET_BACK = "set_back"  # It has forgotten what it cosigned.
    WRONG = "wrong"  # It answered with what it must not: a wrong signature, clock or stamp.
    SETTINGS = "settings"  # The event's settings can't be right.

    @property
    def grave(self) -> bool:
        """Tell whether this log may not be the one that others saw."""
        return self in (Code.FORK, Code.AHEAD)


@dataclass(frozen=True)
class OutsideTrouble:
    """Describes a trouble. `who` is `authority`, or `witness ` and its name. `words` are details
    for staff in English, and never what somebody outside wrote.
    """

    who: str
    code: Code
    words: str
    since: int  # Unix ms


def of_witness(name: str) -> str:
    """Return what stands for a witness in `who`."""
    return f"witness {name}"


def all_troubles(db: Connection) -> list[OutsideTrouble]:
    """Return all troubles there are, by whom they are about."""
    rows = db.execute("SELECT who, code, words, since FROM outside_trouble ORDER BY who")
    return [
        OutsideTrouble(row["who"], Code(row["code"]), row["words"], row["since"]) for row in rows
    ]


def note(db: Connection, who: str, code: Code | None, words: str, now: int) -> None:
    """Note a trouble, or with None that there is none any more. The same one keeps its time."""
    if code is None:
        db.execute("DELETE FROM outside_trouble WHERE who = ?", (who,))
        return
    db.execute(
        "INSERT INTO outside_trouble (who, code, words, since) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (who) DO UPDATE SET words = excluded.words,"
        " since = CASE WHEN code = excluded.code THEN since ELSE excluded.since END,"
        " code = excluded.code",
        (who, code, words, now),
    )
