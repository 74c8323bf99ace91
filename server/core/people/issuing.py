"""Issues, replaces and revokes badges, and makes what is shown of them.

A badge's name is sealed for that badge alone, once per issue. Kiosks carry the sealed names of
everybody, and can read none without the badge in front of them.
"""

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import msgspec

from badges.credential import base45
from badges.credential.credential import (
    PREFIX,
    Credential,
    CredentialFlag,
    issue_credential,
    lookup_id,
    open_name,
    seal_name,
)
from badges.credential.keys import SIGNATURE_BYTES
from badges.i18n import N_, Spoken
from badges.roster.countries import country_name
from badges.wire import wire
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.occupancy import copies
from server.core.people import attendees
from server.core.people.attendees import Attendee
from server.storage.connection import Connection
from server.storage.tables import tables

ISSUE_MAX = 255
_REASON = re.compile(r"[a-z_]{1,32}")

Progress = Callable[[int, int], None]  # Takes how many are done, and of how many.


class IssuingError(Spoken, ValueError):
    """Is raised where the badge can't be issued, replaced or revoked in this way. The text says
    what to do.
    """


class NoBadgeError(IssuingError):
    """Is raised where the attendee has no badge yet."""


@dataclass(frozen=True)
class Badge:
    """Represents one issue of an attendee's badge. `credential` is the text of its QR."""

    serial: int
    issue: int
    credential: str
    issued_at: int
    names_row: int


def issue_missing(
    db: Connection,
    event: Event,
    *,
    now: int,
    by: str,
    progress: Progress | None = None,
    limit: int | None = None,
) -> int:
    """Issue badges to those who have none and are not revoked, at most `limit`. Return how many
    were issued.
    """
    missing = _without_badge(db, limit)
    if not missing:
        return 0
    row = newest_names_row(db)
    badges = []
    for done, holder in enumerate(missing, 1):
        badges.append(_make(event, holder, 1, row + done, now))
        if progress and (done % 100 == 0 or done == len(missing)):
            progress(done, len(missing))
    tables(db).table("badge").insert_all(badges, batch_size=1000)
    changes.publish(db, wire.NamesChanged())
    entry_log.act(db, by, Act.BADGES_ISSUED, {"count": len(missing)}, now)
    return len(missing)


def missing_badges(db: Connection) -> int:
    """Count the attendees to whom `issue_missing` would issue a badge."""
    # Where everybody has one, two indexes say so, ten times as quickly as looking at each.
    (without,) = db.execute(
        "SELECT (SELECT COUNT(*) FROM attendee) - (SELECT COUNT(DISTINCT serial) FROM badge)"
    ).fetchone()
    if not without:
        return 0
    (count,) = db.execute(f"SELECT COUNT(*) FROM attendee a WHERE {_WITHOUT_BADGE}").fetchone()
    return int(count)


def reissue(db: Connection, event: Event, serial: int, *, reason: str, now: int, by: str) -> Badge:
    """Issue the attendee's next badge, which voids the earlier ones. Whoever has none gets the
    first.

    Raises UnknownAttendeeError or IssuingError.
    """
    _check_reason(reason)
    holder = attendees.attendee(db, serial)
    if holder.revoked_at is not None:
        raise IssuingError(N_("This badge is revoked: reinstate the attendee first."))
    if holder.issue >= ISSUE_MAX:
        raise IssuingError(
            N_("This attendee has had %(most)s badges, the most there are: register them anew."),
            most=ISSUE_MAX,
        )
    row = newest_names_row(db) + 1
    tables(db).table("badge").insert(_make(event, holder, holder.issue + 1, row, now))
    _publish_holder(db, serial)
    changes.publish(db, wire.NamesChanged())
    subject: dict[str, str | int | None] = {
        "serial": serial,
        "issue": holder.issue + 1,
        "reason": reason,
    }
    entry_log.act(db, by, Act.BADGE_REISSUED, subject, now)
    return current_badge(db, serial)


def revoke(db: Connection, serial: int, *, reason: str, now: int, by: str) -> None:
    """Revoke every badge of the attendee. None opens a door once the doors have heard of it.

    Raises UnknownAttendeeError, or IssuingError where it is revoked already.
    """
    _check_reason(reason)
    _set_revoked(db, serial, now)
    entry_log.act(db, by, Act.BADGE_REVOKED, {"serial": serial, "reason": reason}, now)


def revoke_many(db: Connection, serials: Sequence[int], *, reason: str, now: int, by: str) -> None:
    """Revoke many at once, each with its act. Those who are revoked already stay so."""
    _check_reason(reason)
    standing = [
        (serial, issue)
        for serial in serials
        for (issue,) in db.execute(
            "SELECT (SELECT COALESCE(MAX(issue), 0) FROM badge b WHERE b.serial = a.serial)"
            " FROM attendee a WHERE serial = ? AND revoked_at IS NULL",
            (serial,),
        )
    ]
    db.executemany(
        "UPDATE attendee SET revoked_at = ? WHERE serial = ?",
        ((now, serial) for serial, _ in standing),
    )
    changes.publish_all(
        db,
        (wire.HolderChanged(wire.HolderFacts(serial, issue, True)) for serial, issue in standing),
    )
    subjects: list[dict[str, str | int | None]] = [
        {"serial": serial, "reason": reason} for serial, _ in standing
    ]
    entry_log.acts(db, by, Act.BADGE_REVOKED, subjects, now)


def reinstate(db: Connection, serial: int, *, reason: str, now: int, by: str) -> None:
    """Undo a revocation, so that the newest badge opens doors again."""
    _check_reason(reason)
    _set_revoked(db, serial, None)
    entry_log.act(db, by, Act.BADGE_REINSTATED, {"serial": serial, "reason": reason}, now)


def changed_badges(db: Connection, event: Event, looks: int | None = None) -> list[Attendee]:
    """List the holders whose newest badge says something that is no longer true, or whose name is
    no longer as doors show it.

    Those who are revoked are left out. It looks only at badges whose holders have changed since
    they were issued, and with `looks` only at so many of them.
    """
    order = "a.family_name, a.given_name, a.serial" if looks is None else "a.serial"
    rows = db.execute(
        f"{attendees.SELECT} JOIN changed_holder USING (serial) WHERE a.revoked_at IS NULL"
        f" ORDER BY {order} LIMIT ?",
        (-1 if looks is None else looks,),
    ).fetchall()
    holders = [attendees.attendee_of(row) for row in rows]
    return [one for one in holders if one.issue and not _says_what_is_so(db, event, one)]


def perhaps_changed(db: Connection) -> int:
    """Count the badges that `changed_badges` would look at."""
    (count,) = db.execute(
        "SELECT COUNT(*) FROM changed_holder JOIN attendee USING (serial) WHERE revoked_at IS NULL"
    ).fetchone()
    return int(count)


def _says_what_is_so(db: Connection, event: Event, holder: Attendee) -> bool:
    """Tell whether the newest badge would come out the same if it were made again. Its key and its
    number don't count.
    """
    text, sealed = db.execute(
        "SELECT credential, sealed FROM badge WHERE serial = ? AND issue = ?",
        (holder.serial, holder.issue),
    ).fetchone()
    raw = base45.decode(text.removeprefix(PREFIX))
    fields, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    if fields != credential_of(holder, holder.issue, fields[1]).pack(event.event_id):
        return False
    return open_name(signature, sealed) == msgspec.json.encode(_holder_name(holder))


def unchanged_badges(db: Connection, changed: Collection[int]) -> list[int]:
    """Return those serials that `changed_badges` looked at and found to be right."""
    rows = db.execute(
        "SELECT serial FROM changed_holder JOIN attendee USING (serial) WHERE revoked_at IS NULL"
    )
    return [serial for (serial,) in rows if serial not in changed]


def forget_unchanged(db: Connection, event: Event, serials: Sequence[int]) -> None:
    """Let `changed_badges` look no more at these holders, where their badges still are right."""
    for serial in serials:
        holder = attendees.attendee(db, serial)
        if not holder.issue or _says_what_is_so(db, event, holder):
            db.execute("DELETE FROM changed_holder WHERE serial = ?", (serial,))


def current_badge(db: Connection, serial: int) -> Badge:
    """Return the newest issue. Raises UnknownAttendeeError or NoBadgeError."""
    row = db.execute(
        f"{_SELECT} WHERE serial = ? ORDER BY issue DESC LIMIT 1", (serial,)
    ).fetchone()
    if row is None:
        attendees.attendee(db, serial)
        raise NoBadgeError(N_("This attendee has no badge yet: issue one first."))
    return Badge(**dict(row))


def badges_of(db: Connection, serial: int) -> list[Badge]:
    """Return every issue of an attendee's badge, the oldest first."""
    rows = db.execute(f"{_SELECT} WHERE serial = ? ORDER BY issue", (serial,))
    return [Badge(**dict(row)) for row in rows]


def current_badges(db: Connection, serials: Sequence[int] | None = None) -> list[Badge]:
    """Return the newest badge of each attendee who is not revoked, in the order of their names.

    With `serials`, it returns the badges of these, in their own order, and raises as
    `current_badge` does.
    """
    if serials is not None:
        return [current_badge(db, serial) for serial in serials]
    rows = db.execute(
        f"{_SELECT} JOIN attendee a USING (serial) WHERE a.revoked_at IS NULL"
        " AND issue = (SELECT MAX(n.issue) FROM badge n WHERE n.serial = badge.serial)"
        " ORDER BY a.family_name, a.given_name, serial"
    )
    return [Badge(**dict(row)) for row in rows]


def names_after(db: Connection, after: int, limit: int) -> wire.NamesPage:
    """Read the sealed names of badges after names row `after`, at most `limit` of them. Day
    credentials are among them.
    """
    rows = [
        row
        for table in ("badge", "day_credential")
        for row in db.execute(
            f"SELECT names_row, lookup, sealed FROM {table} WHERE names_row > ?"
            " ORDER BY names_row LIMIT ?",
            (after, limit + 1),
        )
    ]
    rows.sort(key=lambda row: int(row["names_row"]))
    shown = rows[:limit]
    names = [wire.SealedName(row["lookup"], row["sealed"]) for row in shown]
    last = shown[-1]["names_row"] if shown else after
    return wire.NamesPage(names, last, len(rows) > limit)


_SELECT = "SELECT serial, issue, credential, issued_at, names_row FROM badge"
_WITHOUT_BADGE = (
    "a.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM badge b WHERE b.serial = a.serial)"
)


def _without_badge(db: Connection, limit: int | None) -> list[Attendee]:
    rows = db.execute(
        f"{attendees.SELECT} WHERE {_WITHOUT_BADGE} ORDER BY a.serial LIMIT ?",
        (-1 if limit is None else limit,),
    )
    return [attendees.attendee_of(row) for row in rows]


def _make(event: Event, holder: Attendee, issue: int, names_row: int, now: int) -> dict[str, Any]:
    """Make a row of `badge`."""
    credential = credential_of(holder, issue, event.issuing_key_id)
    return signed_row(event, holder, credential, names_row, now)


def signed_row(
    event: Event, holder: Attendee, credential: Credential, names_row: int, now: int
) -> dict[str, Any]:
    """Make the columns that every credential's row has. It is signed, and has the name sealed for
    it.
    """
    text = issue_credential(event.badge_keys[credential.key_id], event.event_id, credential)
    signature = base45.decode(text.removeprefix(PREFIX))[-SIGNATURE_BYTES:]
    return {
        "serial": holder.serial,
        "issue": credential.issue,
        "credential": text,
        "lookup": lookup_id(signature),
        "sealed": seal_name(signature, msgspec.json.encode(_holder_name(holder))),
        "issued_at": now,
        "names_row": names_row,
    }


def credential_of(holder: Attendee, issue: int, key_id: int) -> Credential:
    """Return what a badge of the attendee says if it is issued now."""
    return Credential(
        serial=holder.serial,
        issue=issue,
        category=holder.category,
        valid_days=holder.valid_days,
        zones=holder.zones,
        key_id=key_id,
        flags=CredentialFlag(holder.flags),
    )


def _holder_name(holder: Attendee) -> wire.HolderName:
    return wire.HolderName(holder.name, holder.organisation, country_name(holder.country))


def newest_names_row(db: Connection) -> int:
    """Return the row of the name that was sealed last, of badges and day credentials alike."""
    found = [
        db.execute(f"SELECT COALESCE(MAX(names_row), 0) FROM {table}").fetchone()[0]
        for table in ("badge", "day_credential")
    ]
    return int(max(found))


def _set_revoked(db: Connection, serial: int, at: int | None) -> None:
    before = attendees.attendee(db, serial)
    if (before.revoked_at is None) == (at is None):
        raise IssuingError(
            N_("This badge is revoked already.")
            if at is not None
            else N_("This badge is not revoked already.")
        )
    db.execute("UPDATE attendee SET revoked_at = ? WHERE serial = ?", (at, serial))
    _publish_holder(db, serial)


def _publish_holder(db: Connection, serial: int) -> None:
    changes.publish(db, wire.HolderChanged(copies.holder_facts(db, serial)))


def _check_reason(reason: str) -> None:
    """Check that a reason is one word of a list and never a text. The entry log is kept longer than
    what is personal.
    """
    if not _REASON.fullmatch(reason):
        raise IssuingError(
            N_(
                "A reason is one word in small letters, such as lost: notes about people "
                "have no place in the entry log."
            )
        )
