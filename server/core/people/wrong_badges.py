"""Finds outdated badges, and issues and replaces badges in batches, so that scans never wait for
long.
"""

from collections.abc import Callable, Sequence
from functools import partial

from server.core.event.directory import Event
from server.core.people import issuing
from server.core.people.attendees import Attendee
from server.storage.connection import Connection
from server.storage.database import Database

AT_ONCE = 200  # in one transaction
LOOKED_AT_ONCE = 2_000  # After an update of the event, every badge is checked once.


def find_changed(event: Event, database: Database) -> list[Attendee]:
    """Return the holders of outdated badges. Badges found up to date are not checked again."""
    holders = issuing.changed_badges(database.reader, event)
    right = issuing.unchanged_badges(database.reader, {holder.serial for holder in holders})
    for at in range(0, len(right), LOOKED_AT_ONCE):
        part = right[at : at + LOOKED_AT_ONCE]
        database.write(partial(issuing.forget_unchanged, event=event, serials=part))
    return holders


def replace_badges(
    event: Event,
    database: Database,
    holders: Sequence[Attendee],
    *,
    by: str,
    clock: Callable[[], int],
) -> tuple[int, list[str]]:
    """Reissue these holders' outdated badges. Return how many, and the reasons for failures.

    Others act between two batches, so each compares: whoever has got another badge meanwhile, or
    whose badge is right again, keeps it.
    """
    failed: list[str] = []

    def step(db: Connection, part: Sequence[Attendee]) -> int:
        done = 0
        for holder in issuing.still_outdated(db, event, part):
            try:
                issuing.reissue(db, event, holder.serial, reason="changed", now=clock(), by=by)
                done += 1
            except issuing.IssuingError as error:
                failed.append(str(error))
        return done

    done = 0
    for at in range(0, len(holders), AT_ONCE):
        part = holders[at : at + AT_ONCE]
        done += database.write(partial(step, part=part), long=True)
    return done, failed


def issue_all(event: Event, database: Database, *, by: str, clock: Callable[[], int]) -> int:
    """Return how many badges were issued."""

    def step(db: Connection) -> int:
        return issuing.issue_missing(db, event, now=clock(), by=by, limit=AT_ONCE)

    done = 0
    while part := database.write(step, long=True):
        done += part
    return done
