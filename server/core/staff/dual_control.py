"""Decides whether two accounts may be taken to be those of two people. Some acts need two people's
word.

Whoever makes an account, or sets its password, can sign in with it. So for a day two accounts count
as one person's where either was made so by the other, or both by the same third, however many
accounts lie between. What is done on the command line ties nobody, because that needs the server
itself.
"""

import json

from server.core.entry_log.act_names import Act
from server.storage.connection import Connection

TIE_MS = 24 * 3_600_000
# After these acts `by` may be able to use the account of `user`.
_TIES = frozenset({Act.USER_ADDED, Act.USER_ENABLED, Act.ROLE_SET, Act.PASSWORD_SET})


def apart_from(db: Connection, first: str, second: str, now: int) -> int | None:
    """Return from when on two accounts (such as `user:1`) count as two people's. Returns None where
    they do now.
    """
    if first == second:
        return now + TIE_MS
    # A chain leads from each account to the one that stands for its group.
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
    """Return the last day's ties between accounts, the newest first. Each says when, by whom and on
    whose account.
    """
    # The index over acts leaves scans out. It is used only if the query does so too.
    rows = db.execute(
        "SELECT at, body FROM leaf WHERE kind = 'act' AND kind <> 'scan' AND at > ?",
        (now - TIE_MS,),
    )
    found = []
    for at, body in rows:
        act = json.loads(body)
        if act["act"] in _TIES and act["by"].startswith("user:"):
            found.append((at, act["by"], f"user:{act['subject']['user']}"))
    return sorted(found, reverse=True)
