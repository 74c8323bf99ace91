"""Stores the links of public screens at a hall's doors."""

import hashlib
import os
from dataclasses import dataclass

from badges.i18n import N_, Spoken
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.storage.connection import Connection

TOKEN_BYTES = 32
EACH_MAX = 20  # links of a hall


class ScreenError(Spoken, ValueError):
    pass


class NoScreenError(Exception):
    """Raised if there is no such link, or it was revoked."""


@dataclass(frozen=True)
class ScreenLink:
    screen_id: int
    made_by: str
    made_at: int  # Unix ms


def add(db: Connection, hall_id: int, *, by: str, now: int) -> str:
    """Return a new link's secret, to show once. Raises ScreenError."""
    if len(links(db, hall_id)) >= EACH_MAX:
        raise ScreenError(
            N_("this hall has %(most)s links of screens already; revoke one that is not used."),
            most=EACH_MAX,
        )
    token = os.urandom(TOKEN_BYTES).hex()
    (screen_id,) = db.execute(
        "INSERT INTO hall_screen (hall_id, token_hash, made_by, made_at) VALUES (?, ?, ?, ?)"
        " RETURNING screen_id",
        (hall_id, _hash(token), by, now),
    ).fetchone()
    entry_log.act(db, by, Act.HALL_SCREEN_ADDED, {"hall": hall_id, "screen": screen_id}, now)
    return token


def links(db: Connection, hall_id: int) -> list[ScreenLink]:
    rows = db.execute(
        "SELECT screen_id, made_by, made_at FROM hall_screen"
        " WHERE hall_id = ? AND revoked_at IS NULL ORDER BY screen_id",
        (hall_id,),
    )
    return [ScreenLink(**dict(row)) for row in rows]


def revoke(db: Connection, hall_id: int, screen_id: int, *, by: str, now: int) -> None:
    """Raises ScreenError."""
    changed = db.execute(
        "UPDATE hall_screen SET revoked_at = ?"
        " WHERE screen_id = ? AND hall_id = ? AND revoked_at IS NULL",
        (now, screen_id, hall_id),
    ).rowcount
    if not changed:
        raise ScreenError(N_("this screen's link was revoked before."))
    entry_log.act(db, by, Act.HALL_SCREEN_REVOKED, {"hall": hall_id, "screen": screen_id}, now)


def hall_of(db: Connection, token: str) -> int:
    """Raises NoScreenError."""
    row = db.execute(
        "SELECT hall_id FROM hall_screen WHERE token_hash = ? AND revoked_at IS NULL",
        (_hash(token),),
    ).fetchone()
    if row is None:
        raise NoScreenError
    return int(row["hall_id"])


def _hash(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
