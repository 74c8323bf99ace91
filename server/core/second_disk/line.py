"""Makes a database that was set back the next server of its line.

This happens in a restore, and when a running server finds its database older than its own
signatures (docs/design/places.md, rule 8).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from badges.i18n import N_, stored
from badges.transparency.merkle import Tree
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.core.occupancy import pools
from server.core.people import badge_keys
from server.core.second_disk import critical_state, restore_critical
from server.storage.connection import Connection
from server.storage.tables import keep_setting

# Above any real rate, so that a restored feed begins after the old one.
CURSORS_PER_S = 1_000


@dataclass(frozen=True)
class Awaited:
    """A kiosk that must report before its hall grants places. Names are JSON by language."""

    hall_id: int
    hall_names: str
    kiosk: str
    generation: int
    state: str
    door_names: str


def next_of_line(
    db: Connection,
    log_name: str,
    incarnation: int,
    newer: Sequence[critical_state.Acts],
    subject: Subject,
    *,
    by: str,
    now: int,
    was_put_back: bool,
) -> tuple[dict[str, int], int]:
    """After a restore, make this database usable by a new incarnation of the server. It may lack
    grants (rule 8).

    `newer` are critical acts that it may lack, oldest first. `log_name` is the entry log's former
    name. `subject` is logged. `was_put_back` means that the old copy may have been in use. Return
    the number of rows gained from the acts by table, and of rows that did not fit.
    """
    left: Subject = {"log_name": log_name, "log_size": entry_log.size(db), "log_root": _root(db)}
    keep_setting(db, "incarnation", str(incarnation))
    # Before the acts: a kiosk fenced in them may have received places until then.
    pools.await_all(db, incarnation, was_put_back=was_put_back)
    gained: dict[str, int] = {}
    skipped = 0
    for acts in newer:
        brought, failed = restore_critical.merge(db, acts.rows)
        gained |= brought
        skipped += failed
    badge_keys.mark_holders(db)
    _forget_what_is_over(db, incarnation)
    ask_about_print_jobs(db, now)
    entry_log.act(db, by, Act.SERVER_RESTORED, {**subject, **left}, now)
    return gained, skipped


def ask_about_print_jobs(db: Connection, now: int) -> None:
    """Return unfinished print jobs to their desks, because they may have been printed since the
    backup.
    """
    words = N_("The server has since been restored to an earlier state.")
    db.execute(
        "UPDATE print_job SET state = 'failed', problem = 'perhaps_printed', words = ?, done_at = ?"
        " WHERE state IN ('waiting', 'printing')",
        (stored(words), now),
    )


def _forget_what_is_over(db: Connection, incarnation: int) -> None:
    """Delete page sessions and invitations, since some may have ended since, and the old feed.

    The new feed begins at a higher position than every kiosk's, so each kiosk first takes a
    snapshot.
    """
    db.execute("DELETE FROM web_session")
    db.execute("DELETE FROM invitation")
    (newest,) = db.execute("SELECT COALESCE(MAX(cursor), 0) FROM change").fetchone()
    cursor = max(newest + CURSORS_PER_S, incarnation * CURSORS_PER_S)
    db.execute("DELETE FROM change")
    body = wire.encode_change(wire.VenueChanged())
    db.execute("INSERT INTO change (cursor, body) VALUES (?, ?)", (cursor, body))
    db.execute("UPDATE hall SET change_cursor = ?", (cursor,))
    db.execute("UPDATE kiosk SET cursor = 0, log_size = 0")


def _root(db: Connection) -> str:
    tree = Tree()
    for (digest,) in db.execute("SELECT hash FROM leaf ORDER BY number"):
        tree.append(digest)
    return tree.root().hex()


def awaited(db: Connection) -> list[Awaited]:
    """Return the kiosks whose report halls wait for, by hall."""
    rows = db.execute(
        "SELECT a.hall_id, h.names AS hall_names, a.kiosk, a.generation, k.state,"
        " d.names AS door_names"
        " FROM (SELECT DISTINCT hall_id, kiosk, generation FROM place_account WHERE awaited = 1) a"
        " JOIN kiosk k USING (kiosk, generation) JOIN hall h USING (hall_id)"
        " JOIN door d USING (door_id) ORDER BY h.code, a.kiosk, a.generation"
    )
    return [Awaited(**dict(row)) for row in rows]
