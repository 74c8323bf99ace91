"""Erases a person's records from the entry log, while every proof stays valid (docs/entry-log.md).

The log keeps each record's commitment, and a scan's hash for the kiosk's chain. In the ledger,
scans and stays remain without a holder.
"""

import secrets
from collections.abc import Collection, Iterator, Sequence

import msgspec

from badges.transparency.chain import HASHED_END, record_hash
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.storage import database_file, dialect
from server.storage.connection import Connection

_NOBODIES = 2**31 - 1  # number range of stays without a holder


# Acts in whose subject staff write freely
WITH_WORDS = (
    Act.TROUBLE_TAKEN, Act.ATTENTION_MARKED, Act.MUSTER_BEGUN, Act.MUSTER_ENDED,
)  # fmt: skip


class ErasureError(Exception):
    """Raised if a holder can't be erased. Nothing was erased."""


class _Scan(msgspec.Struct):
    record: msgspec.Raw
    signature: str | None = None


def erase(db: Connection, serial: int, *, by: str, now: int) -> int:
    """Erase a holder's records. Return the number of erased entries. Raises ErasureError.

    The caller must then fold the database's write-ahead log (`database_file.fold_log`), which still
    contains the records. Older backups keep them until deleted.
    """
    if is_counted(db, serial):
        raise ErasureError(
            "this person is counted in a hall. Wait until they left, or count the hall as empty."
        )
    count = forget(db, [serial])
    if count:
        # Listing the entries would keep their relation to each other.
        entry_log.act(db, by, Act.LOG_ERASED, {"count": count}, now)
    return count


def is_counted(db: Connection, serial: int) -> bool:
    """Return whether a stay of the holder uses a place, even if a move has ended it."""
    row = db.execute(
        "SELECT 1 FROM stay WHERE serial = ? AND (closed_at IS NULL OR after_move = 'counted')",
        (serial,),
    ).fetchone()
    return row is not None


def forget(
    db: Connection, serials: Sequence[int], *, acts: bool = True, also: Collection[int] = ()
) -> int:
    """Erase like `erase`, unlogged, for holders without counted stays.

    Without `acts`, acts about them stay. `also` are numbers of further acts, whose words name them.
    Each stay remains under a number of its own, so that halls and doors add up and no two stays can
    be linked.
    """
    wanted = dialect.many(serials)
    with database_file.deleted_is_overwritten(db):
        numbers = {*numbers_of(db, serials, acts=acts), *also}
        for number in numbers:
            _forget(db, number)
        of_them = dialect.one_of("serial")
        db.execute(
            f"UPDATE scan SET serial = NULL, issue = NULL, note = NULL WHERE {of_them}", (wanted,)
        )
        db.execute(f"DELETE FROM unnamed_exit WHERE {of_them}", (wanted,))
        stays = db.execute(
            f"SELECT kiosk, generation, seq, hall_id FROM stay WHERE {of_them}", (wanted,)
        ).fetchall()
        # Negative numbers are never on a badge.
        db.executemany(
            "UPDATE stay SET serial = ?, issue = 0"
            " WHERE kiosk = ? AND generation = ? AND seq = ? AND hall_id = ?",
            [(-1 - secrets.randbelow(_NOBODIES), *stay) for stay in stays],
        )
    return len(numbers)


def numbers_of(db: Connection, serials: Sequence[int], *, acts: bool = True) -> list[int]:
    """Return the numbers of these holders' scans, inferred exits and, with `acts`, acts."""
    wanted = dialect.many(serials)
    scans = f"SELECT number FROM scan WHERE {dialect.one_of('serial')}"
    numbers = {row[0] for row in db.execute(scans, (wanted,))}
    about = [
        dialect.one_of(dialect.in_json("body", "subject", name)) for name in ("serial", "merged")
    ]
    query = f"SELECT number FROM leaf WHERE {entry_log.ACTS} AND ({about[0]} OR {about[1]})"
    if acts:
        numbers |= {row[0] for row in db.execute(query, (wanted, wanted))}
    stay = [
        f"{dialect.in_json('l.body', 'closes', name)}" for name in ("kiosk", "generation", "seq")
    ]
    inferred = (
        "SELECT DISTINCT l.number FROM leaf l JOIN stay s"
        f" ON s.kiosk = {stay[0]} AND s.generation = {stay[1]} AND s.seq = {stay[2]}"
        f" WHERE l.kind = 'inferred_exit' AND l.kind <> 'scan' AND {dialect.one_of('s.serial')}"
    )
    numbers |= {row[0] for row in db.execute(inferred, (wanted,))}
    return sorted(numbers)


def acts_with_words(db: Connection) -> Iterator[tuple[int, str]]:
    """Yield the numbers and words of the acts in which staff wrote freely: notes and reasons."""
    kinds = ", ".join(f"'{act}'" for act in WITH_WORDS)
    act = dialect.in_json("body", "act")
    query = f"SELECT number, body FROM leaf WHERE {entry_log.ACTS} AND {act} IN ({kinds})"
    for number, body in db.execute(query).fetchall():
        subject = msgspec.json.decode(body)["subject"]
        yield number, f"{subject.get('note') or ''} {subject.get('reason') or ''}".strip()


def _forget(db: Connection, number: int) -> None:
    """Delete a leaf's record and salt. If it has no salt, its hash remains."""
    kind, body, salt = db.execute(
        "SELECT kind, body, salt FROM leaf WHERE number = ?", (number,)
    ).fetchone()
    if kind == "scan":
        scan = msgspec.json.decode(body, type=_Scan)
        record = bytes(scan.record)
        # A record of version 1 has no salt of its own, so its hash would reveal too much.
        hashed = record_hash(record) if record.endswith(HASHED_END) else None
        signature = None if scan.signature is None else bytes.fromhex(scan.signature)
        db.execute(
            "INSERT INTO erased_scan (number, record_hash, signature) VALUES (?, ?, ?)",
            (number, hashed, signature),
        )
    entry = b"" if salt is None else entry_log.entry_of(body, salt)
    db.execute(
        "UPDATE leaf SET kind = ?, body = ?, salt = NULL WHERE number = ?",
        (entry_log.ERASED, entry, number),
    )
