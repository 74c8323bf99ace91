"""Decides whether two accounts may belong to one person, for acts that need two people.

An admin who creates an account or sets its password can sign in with it. So for a day both accounts
count as one person's, transitively. Acts on the command line do not count, since they need the
server itself.
"""

import json

from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.storage.connection import Connection

TIE_MS = 24 * 3_600_000
# After these acts `by` may be able to use the account of `user`.
_TIES = frozenset({Act.USER_ADDED, Act.USER_ENABLED, Act.ROLE_SET, Act.PASSWORD_SET})


class NotTwoError(Exception):
    """Raised if two users may be one person, which holds until `until` (Unix ms)."""

    def __init__(self, until: int) -> None:
        super().__init__("the two users may be one person")
        self.until = until


def check_two(db: Connection, first: str, second: str, now: int) -> None:
    """Raises NotTwoError if the two accounts (such as `user:1`) may be one person's."""
    until = apart_from(db, first, second, now)
    if until is not None:
        raise NotTwoError(until)


def apart_from(db: Connection, first: str, second: str, now: int) -> int | None:
    """Return when two accounts (such as `user:1`) will count as two people's (Unix ms), or None if
    they do now.
    """
    if first == second:
        return now + TIE_MS
    # Union-find: a chain leads from each account to the head of its group.
    group = {first: first, second: second}

    def head(account: str) -> str:
        while (above := group.setdefault(account, account)) != account:
            account = above
        return account

    for at, by, account in _ties(db, now):
        group[head(by)] = head(account)
        if head(first) == head(second):
            return at + TIE_MS
    return None


def _ties(db: Connection, now: int) -> list[tuple[int, str, str]]:
    """Return the last day's acts by which one account gained power over another, newest first, as
    (at, by, account).
    """
    rows = db.execute(
        f"SELECT at, body FROM leaf WHERE {entry_log.ACTS} AND at > ?", (now - TIE_MS,)
    )
    ties = []
    for at, body in rows:
        act = json.loads(body)
        if act["act"] in _TIES and act["by"].startswith("user:"):
            ties.append((at, act["by"], f"user:{act['subject']['user']}"))
    return sorted(ties, reverse=True)
