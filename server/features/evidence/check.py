"""Checks an event's database against its entry log.

It finds ledger rows that differ from records, records that differ from hashes, missing entries, and
a log other than the one that kiosks, witnesses or an authority confirmed.
"""

import base64
from collections.abc import Iterator
from typing import Any, NamedTuple

import msgspec

from badges.record import ScanRecord, WireError
from badges.transparency.merkle import Tree, leaf_hash
from server.core.entry_log import checkpoints, cosignatures
from server.core.entry_log.entry_log import ERASED, entry_of
from server.core.ledger.kept_record import kept_record
from server.features.evidence.witnesses import stamps
from server.storage.connection import Connection, Row


class _Leaf(msgspec.Struct):
    received_at: int
    record: msgspec.Raw


_LEAF = msgspec.json.Decoder(_Leaf)
_COLUMNS = (
    "kiosk", "generation", "seq", "act", "direction", "door_id", "hall_id", "serial", "issue",
    "category", "session_id", "decision", "reason", "flags", "scanned_at", "facts_age_ms",
    "override_place", "supervisor", "note",
)  # fmt: skip


class _Claim(NamedTuple):
    size: int
    note: str
    whose: str


def problems(db: Connection, log: str) -> Iterator[str]:
    """Yield each problem as a sentence without full stop. `log` is the log's name."""
    tree, number = Tree(), 0
    claims = sorted(_claims(db, log))
    columns = ", ".join(f"s.{column}" for column in _COLUMNS)
    rows = db.execute(
        f"SELECT l.number, l.kind, l.hash, l.body, l.salt, s.received_at, {columns}"
        " FROM leaf l LEFT JOIN scan s ON s.number = l.number ORDER BY l.number"
    )
    for row in rows:
        if row["number"] != number:
            yield f"entries {number} to {row['number'] - 1} are missing"
            return
        if row["kind"] != ERASED or row["body"]:
            if leaf_hash(entry_of(row["body"], row["salt"])) != row["hash"]:
                yield f"entry {number} differs from its hash in the log"
            elif row["kind"] == "scan":
                yield from _differences(row)
        tree.append(row["hash"])
        number += 1
    for claim in claims:
        yield from _compare(claim, tree)


def _differences(row: Row) -> Iterator[str]:
    number = row["number"]
    try:
        leaf = _LEAF.decode(row["body"])
        record = kept_record(bytes(leaf.record))
    except (msgspec.MsgspecError, WireError, UnicodeDecodeError):
        yield f"entry {number} is no scan"
        return
    if row["kiosk"] is None:
        yield f"scan {number} of the log is missing in the ledger"
        return
    logged = dict(zip(_COLUMNS, _values(record), strict=True)) | {"received_at": leaf.received_at}
    for column, value in logged.items():
        if row[column] != value:
            yield f"scan {number}: the ledger has another {column} than the log"


def _values(record: ScanRecord) -> tuple[Any, ...]:
    """Return a record's values in the order of `_COLUMNS`."""
    return (
        record.kiosk, record.generation, record.seq, record.act, record.direction, record.door,
        record.hall, record.serial, record.issue, record.category, record.session, record.decision,
        record.reason, " ".join(record.flags), record.scanned_at, record.facts_age_ms,
        record.override_place, record.by, record.note,
    )  # fmt: skip


def _claims(db: Connection, log: str) -> Iterator[_Claim]:
    for kept in cosignatures.all_kept(db):
        whose = f"kiosk {kept.kiosk} (generation {kept.generation}) cosigned"
        yield _Claim(kept.size, kept.note, whose)
    for seen in checkpoints.cosigned(db, log):
        yield _Claim(seen.size, seen.note, f"witness {seen.witness} cosigned")
    for stamp in stamps.stamps(db, log):
        yield _Claim(stamp.size, stamp.note, f"{stamp.authority} stamped")


def _compare(claim: _Claim, tree: Tree) -> Iterator[str]:
    if claim.size > tree.size:
        yield f"{claim.whose} {claim.size} entries, and there are {tree.size}"
        return
    root = base64.b64encode(tree.root(claim.size)).decode()
    # A log from before a restore has another name; only its beginning is here.
    if claim.note.split("\n")[2:3] != [root]:
        yield f"{claim.whose} another log of {claim.size} entries than this one"
