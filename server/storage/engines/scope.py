"""The scope of a concurrent transaction: the kiosks, people and halls that it has locked.

Several servers write to one PostgreSQL. Their scans of different kiosks, people and halls need no
order among each other (docs/design/order.md). A concurrent transaction locks its scope before it
reads, and may read and write nothing else that other concurrent transactions write. All other
transactions lock out all writers.

Locks are taken in this order, so no transactions wait for each other in a circle: kiosks, people,
halls, each by number, and at last the one of the order (`Joint.in_order`). Their numbers are those
of PostgreSQL's advisory locks, above that of the lock of all writers.
"""

import zlib
from collections.abc import Iterable
from dataclasses import dataclass

# The first numbers of kiosks, people and halls, and that of the order.
KIOSKS, PEOPLE, HALLS, ORDER = 1 << 40, 2 << 40, 3 << 40, 4 << 40
# The database has room for some thousand locks of all its connections.
LOCKS_MAX = 400


class OutOfScopeError(Exception):
    """Raised if a step needs something that its concurrent transaction has not locked. The
    transaction must be undone, and its steps repeated in one that locks out all others.
    """


@dataclass(frozen=True)
class Scope:
    people: frozenset[int]
    halls: frozenset[int]


def lock_halls(halls: str) -> str:
    """Return the statement that locks the halls that a SELECT statement yields, and returns them.

    PostgreSQL sorts a subquery with ORDER BY before it calls the function for each row.
    """
    return (
        f"SELECT hall_id, pg_advisory_xact_lock({HALLS} + hall_id)"
        f" FROM ({halls} ORDER BY 1) AS concerned (hall_id)"
    )


# Its holder alone may write rows whose numbers follow the order of commits. Like all of these it is
# held until the commit, so a smaller number is never visible after a greater one.
LOCK_ORDER = f"SELECT pg_advisory_xact_lock({ORDER})"
# The parameter is `dialect.many(keys(…))`.
LOCK_KEYS = (
    "SELECT COUNT(pg_advisory_xact_lock(number))"
    " FROM (SELECT unnest(many(?)) ORDER BY 1) AS keys (number)"
)


def keys(kiosks: Iterable[str], people: Iterable[int]) -> list[int]:
    """Return the numbers of kiosks, by name, and people. Two names may share one, and then wait for
    each other.
    """
    numbers = [KIOSKS + zlib.crc32(kiosk.encode()) for kiosk in kiosks]
    return numbers + [PEOPLE + serial for serial in people]
