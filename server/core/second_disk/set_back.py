"""Detects a database that was set back to an older state, by hand or by a snapshot of its host.

Such a server has forgotten grants and would repeat them, so it does the same as a restore
(docs/design/places.md, rule 8). Only the server's signed statements are evidence: a mark or a grant
beyond this database's state, or a checkpoint that contradicts this log. A kiosk that claims an
unsigned grant lies, or its journal was altered. It is fenced, and no hall waits for it.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass

from msgspec import UNSET

from badges.credential.keys import BadSignatureError
from badges.places.pool import PoolKey
from badges.places.signed import mark_message, verify_order
from badges.transparency.checkpoint import open_checkpoint
from badges.transparency.signed_note import NoteError
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.event.directory import Event
from server.core.kiosks import contact
from server.core.kiosks.contact import ForkError, Sender
from server.core.kiosks.runs import RUN
from server.core.second_disk import critical_state, line
from server.storage import dialect, event_state
from server.storage.connection import Connection
from server.storage.tables import keep_setting

log = logging.getLogger(__name__)

BY = "server"
_SETTING = "set_back"  # the value is the time of detection, in Unix ms


class SetBackError(Exception):
    def __init__(self, sign: str, incarnation: int) -> None:
        """`sign` is the evidence. `incarnation` is the highest one seen."""
        super().__init__(sign)
        self.sign = sign
        self.incarnation = incarnation


@dataclass(frozen=True)
class Notice:
    """When the old copy was detected (Unix ms), and the kiosks that must report."""

    at: int
    awaited: Sequence[line.Awaited]


def judge(
    db: Connection,
    event: Event,
    entries: entry_log.Log,
    sender: Sender,
    batch: wire.ScanBatch,
) -> None:
    """Raise SetBackError if the batch proves that an old copy of the database is in use.

    Raises ForkError if the batch claims a signed statement without its signature.
    """
    here = sender.standing.state.incarnation
    if isinstance(batch.mark, wire.Mark):
        _judge_mark(db, event, sender, batch.mark)
    if isinstance(batch.note, str):
        _judge_note(event, entries, batch.note, here)
    _judge_grants(event, sender, batch, here)


def _judge_mark(db: Connection, event: Event, sender: Sender, mark: wire.Mark) -> None:
    here = sender.standing.state.incarnation
    if mark.incarnation < here or (mark.incarnation == here and _came_so_far(db, sender, mark)):
        return
    message = mark_message(event.event_id, mark.incarnation, mark.run, mark.cursor, mark.entries)
    try:
        event.root_key.public.verify(message, mark.signature)
    except BadSignatureError:
        raise ForkError from None
    raise SetBackError("mark", mark.incarnation)


def _came_so_far(db: Connection, sender: Sender, mark: wire.Mark) -> bool:
    """Return whether this database has reached the position in the kiosk's Mark."""
    own = mark.run == sender.memo.get(RUN)
    if own and contact.has_reached(sender.memo, mark.cursor, mark.entries):
        return True
    standing = contact.standing(db, sender.memo) or sender.standing
    if own:
        return mark.cursor <= standing.cursor and mark.entries <= standing.entries
    row = db.execute(
        "SELECT n.since_cursor, n.since_entries FROM server_run r LEFT JOIN server_run n"
        f" ON {dialect.insertion_order('n')} = {dialect.insertion_order('r')} + 1 WHERE r.run = ?",
        (mark.run,),
    ).fetchone()
    if row is None:
        return False
    cursor, entries = row
    if cursor is None:  # it is the current run
        cursor, entries = standing.cursor, standing.entries
    return bool(mark.cursor <= cursor and mark.entries <= entries)


def _judge_note(event: Event, entries: entry_log.Log, note: str, here: int) -> None:
    """Check a kiosk's checkpoint. Raises SetBackError if it is of a later incarnation, or
    contradicts this log.
    """
    name = note.partition("\n")[0]
    stem = f"hallkeeper/{event.uuid}"
    number = name.removeprefix(f"{stem}/")
    if name != stem and not (number.isascii() and number.isdigit() and len(number) <= 15):
        return
    incarnation = 1 if name == stem else int(number)
    if incarnation < here:
        return
    try:
        checkpoint = open_checkpoint(event.log_key.public, name, note)
    except NoteError:
        raise ForkError from None
    if incarnation > here or not entries.has(checkpoint.size, checkpoint.root):
        raise SetBackError("entry log", incarnation)


def _judge_grants(event: Event, sender: Sender, batch: wire.ScanBatch, here: int) -> None:
    for totals in batch.places:
        signed_in = 0 if totals.signed_in is UNSET else totals.signed_in
        if signed_in < here:
            continue
        key = PoolKey(totals.hall, totals.kind)
        if signed_in > here or totals.granted > _granted(sender, key):
            _check_grant(event, sender, totals, key, signed_in)
            raise SetBackError("grant", signed_in)
    if sender.state == "active" and _claims(sender, batch, here):
        raise ForkError


def _check_grant(
    event: Event, sender: Sender, totals: wire.PlaceTotals, key: PoolKey, signed_in: int
) -> None:
    signature = b"" if totals.signature is UNSET else totals.signature
    try:
        verify_order(
            event.root_key.public, event.event_id, sender.key, key, signature,
            granted=totals.granted, incarnation=signed_in,
        )  # fmt: skip
    except BadSignatureError:
        raise ForkError from None


def _claims(sender: Sender, batch: wire.ScanBatch, here: int) -> bool:
    """Return whether the kiosk reports more grants than known here, in the server's incarnation or
    a later one.

    After a restore this is allowed in the server's incarnation until the kiosk has reported.
    """
    if batch.incarnation > here:
        return True
    if batch.incarnation < here or _is_awaited(sender):
        return False
    return any(
        totals.granted > _granted(sender, PoolKey(totals.hall, totals.kind))
        for totals in batch.places
    )


def _granted(sender: Sender, key: PoolKey) -> int:
    account = sender.accounts.get(key)
    return 0 if account is None else account.granted


def _is_awaited(sender: Sender) -> bool:
    return any(account.awaited for account in sender.accounts.values())


def renew(
    db: Connection,
    event: Event,
    entries: entry_log.Log,
    sender: Sender,
    batch: wire.ScanBatch,
    kept: Sequence[critical_state.Acts],
    now: int,
) -> int | None:
    """Begin a new incarnation of the server in the writer's transaction.

    Return None if another request has already done so. Raises ForkError like `judge`. `kept` are
    the critical acts of the second disk, including those that this database may lack. If empty,
    kiosks may hold places in halls where they are unknown.
    """
    try:
        judge(db, event, entries, sender, batch)
        return None
    except SetBackError as error:
        evidence = error
    about: entry_log.Subject = {
        "kiosk": sender.kiosk,
        "generation": sender.generation,
        "sign": evidence.sign,
    }
    incarnation = _renew(db, event, evidence.incarnation, about, kept, now)
    if not kept:
        event_state.await_all_everywhere(db)
    log.error(
        "This database is older than kiosk %s's data of this server (%s): it was set back. No "
        "places are granted in a hall until its doors have reported. The page Overview lists the "
        "awaited kiosks; if a kiosk is lost, fence it and attest on the hall's page.",
        sender.kiosk,
        evidence.sign,
    )
    return incarnation


def renew_by_memory(
    db: Connection,
    event: Event,
    sign: str,
    kept: Sequence[critical_state.Acts],
    now: int,
) -> int:
    """Begin a new incarnation, because the database lacks data in this server's memory.

    This happens when a lagging standby becomes the primary.
    """
    incarnation = _renew(db, event, 0, {"sign": sign}, kept, now)
    log.error(
        "The database lacks data that this server wrote (%s): a lagging standby became the "
        "primary, or the database was set back. No places are granted in a hall until its doors "
        "have reported. The page Overview lists the awaited kiosks.",
        sign,
    )
    return incarnation


def _renew(
    db: Connection,
    event: Event,
    seen: int,
    about: entry_log.Subject,
    kept: Sequence[critical_state.Acts],
    now: int,
) -> int:
    """Begin an incarnation above the database's and the one `seen` in evidence. `about` is logged
    with it.
    """
    here = (event_state.incarnation(db), entry_log.size(db))
    incarnation = max(here[0] + 1, seen + 1, now // 1000)
    newer = sorted(
        (acts for acts in kept if acts.moment.order > here), key=lambda acts: acts.moment.order
    )
    line.next_of_line(
        db, event.log_name, incarnation, newer, {"incarnation": incarnation, **about},
        by=BY, now=now, was_put_back=True,
    )  # fmt: skip
    keep_setting(db, _SETTING, str(now))
    return incarnation


def notice(db: Connection) -> Notice | None:
    row = db.execute("SELECT value FROM setting WHERE key = ?", (_SETTING,)).fetchone()
    return None if row is None else Notice(int(row[0]), line.awaited(db))
