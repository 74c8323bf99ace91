from dataclasses import dataclass
from enum import StrEnum

from server.storage.connection import Connection

AUTHORITY = "authority"  # in place of `witness NAME`


class Code(StrEnum):
    AWAY = "away"  # no valid answer in time; it is asked again
    UNKNOWN = "unknown"  # the witness does not know this log, or its key
    FORK = "fork"  # it knows another history of this log
    AHEAD = "ahead"  # it knows more of this log than the database has
    SET_BACK = "set_back"  # it has forgotten its cosignature
    WRONG = "wrong"  # an invalid answer: wrong signature, clock or stamp
    SETTINGS = "settings"  # the event's settings are wrong

    @property
    def grave(self) -> bool:
        """Return whether the witness may have seen another log than this one."""
        return self in (Code.FORK, Code.AHEAD)


class OutsideError(ValueError):
    """A witness or time authority did not confirm the log. The text is for staff."""

    def __init__(self, code: Code, words: str) -> None:
        super().__init__(words)
        self.code = code


@dataclass(frozen=True)
class OutsideFailure:
    """A problem with a witness or time authority. `who` is `authority`, or `witness ` and its
    name. `words` are English details for staff, and never text from outside.
    """

    who: str
    code: Code
    words: str
    since: int  # Unix ms


def of_witness(name: str) -> str:
    return f"witness {name}"


def failures(db: Connection) -> list[OutsideFailure]:
    rows = db.execute("SELECT who, code, words, since FROM outside_failure ORDER BY who")
    return [
        OutsideFailure(row["who"], Code(row["code"]), row["words"], row["since"]) for row in rows
    ]


def note(db: Connection, party: str, code: Code | None, words: str, now: int) -> None:
    """Without `code`, delete the problem. A repeated problem keeps its start."""
    if code is None:
        db.execute("DELETE FROM outside_failure WHERE who = ?", (party,))
        return
    db.execute(
        "INSERT INTO outside_failure (who, code, words, since) VALUES (?, ?, ?, ?)"
        " ON CONFLICT (who) DO UPDATE SET words = excluded.words,"
        " since = CASE WHEN outside_failure.code = excluded.code"
        " THEN outside_failure.since ELSE excluded.since END,"
        " code = excluded.code",
        (party, code, words, now),
    )
