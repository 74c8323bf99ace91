"""Issues, replaces and revokes badges.

Each issue has the holder's name sealed for that badge alone. Kiosks carry all sealed names, and can
read one only with its badge before the camera.
"""

import re
from collections.abc import Collection, Sequence
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
from server.core.entry_log.entry_log import Subject
from server.core.event.directory import Event
from server.core.feed import changes
from server.core.muster import muster
from server.core.occupancy import copies
from server.core.people import attendees, badge_keys
from server.core.people.attendees import Attendee
from server.core.people.badge_keys import BadgeKeys
from server.storage import dialect
from server.storage.connection import Connection
from server.storage.tables import tables

ISSUE_MAX = 255
WITHDRAW_MS = 60_000
REISSUE_REASONS = ("lost", "stolen", "damaged", "misprint", "changed")
_REASON = re.compile(r"[a-z_]{1,32}")


class IssuingError(Spoken, ValueError):
    pass


class NoBadgeError(IssuingError):
    pass


@dataclass(frozen=True)
class Badge:
    """One issue of an attendee's badge. `credential` is the text of its QR."""

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
    limit: int = dialect.NO_LIMIT,
    serials: Collection[int] | None = None,
) -> int:
    """Issue badges to at most `limit` attendees without one who are not revoked, of `serials` if
    given. Return the number.
    """
    chosen = "" if serials is None else f" AND {dialect.one_of('a.serial')}"
    values = () if serials is None else (dialect.many(serials),)
    rows = db.execute(
        f"{attendees.SELECT} WHERE {_WITHOUT_BADGE}{chosen} ORDER BY a.serial LIMIT ?",
        (*values, limit),
    )
    missing = [attendees.attendee_of(row) for row in rows]
    if not missing:
        return 0
    row, keys = newest_names_row(db), badge_keys.keys_of(db, event)
    badges = [_make(keys, holder, 1, row + n, now) for n, holder in enumerate(missing, 1)]
    tables(db).table("badge").insert_all(badges, batch_size=1000)
    changes.publish(db, wire.NamesChanged())
    entry_log.act(db, by, Act.BADGES_ISSUED, {"count": len(missing)}, now)
    return len(missing)


def missing_badges(db: Connection) -> int:
    """Count those due for `issue_missing`."""
    # If all have one, two indexes answer ten times faster than a check of each attendee.
    (without,) = db.execute(
        "SELECT (SELECT COUNT(*) FROM attendee) - (SELECT COUNT(DISTINCT serial) FROM badge)"
    ).fetchone()
    if not without:
        return 0
    (count,) = db.execute(f"SELECT COUNT(*) FROM attendee a WHERE {_WITHOUT_BADGE}").fetchone()
    return int(count)


def reissue(db: Connection, event: Event, serial: int, *, reason: str, now: int, by: str) -> Badge:
    """Issue the attendee's next badge, which voids earlier ones. Raises UnknownAttendeeError or
    IssuingError.
    """
    _check_reason(reason)
    holder = attendees.attendee(db, serial)
    if holder.revoked_at is not None:
        raise IssuingError(N_("This badge is revoked: reinstate the attendee first."))
    issue = _next_issue(db, holder)
    if issue > ISSUE_MAX:
        raise IssuingError(
            N_(
                "This attendee has already had %(most)s badges, which is the limit: register "
                "them anew."
            ),
            most=ISSUE_MAX,
        )
    row = newest_names_row(db) + 1
    tables(db).table("badge").insert(_make(badge_keys.keys_of(db, event), holder, issue, row, now))
    _publish_holder(db, serial)
    muster.judge_again(db, [serial])
    changes.publish(db, wire.NamesChanged())
    subject: Subject = {"serial": serial, "issue": issue, "reason": reason}
    entry_log.act(db, by, Act.BADGE_REISSUED, subject, now)
    return current_badge(db, serial)


def withdraw(db: Connection, serial: int, *, now: int, by: str) -> None:
    """Take the newest badge back, which makes it void and the one before it valid again.

    Raises UnknownAttendeeError, NoBadgeError, or IssuingError later than `WITHDRAW_MS`, after a
    revocation, and for a first badge.
    """
    holder, badge = attendees.attendee(db, serial), current_badge(db, serial)
    if now - badge.issued_at > WITHDRAW_MS:
        raise IssuingError(
            N_(
                "More than a minute has passed, so this badge can't be taken back. "
                "Issue a new badge instead."
            )
        )
    if holder.revoked_at is not None or len(badges_of(db, serial)) == 1:
        raise IssuingError(N_("There is no earlier badge that can be valid again."))
    db.execute(
        "INSERT INTO withdrawn_badge (serial, issue, credential, lookup, names_row, withdrawn_at)"
        " SELECT serial, issue, credential, lookup, names_row, ? FROM badge"
        " WHERE serial = ? AND issue = ?",
        (now, serial, badge.issue),
    )
    db.execute("DELETE FROM badge WHERE serial = ? AND issue = ?", (serial, badge.issue))
    # The earlier badge may show what has changed since; `holder_reissued` removed this mark.
    db.execute("INSERT INTO changed_holder VALUES (?) ON CONFLICT DO NOTHING", (serial,))
    _publish_holder(db, serial)
    muster.judge_again(db, [serial])
    subject: Subject = {"serial": serial, "issue": badge.issue}
    entry_log.act(db, by, Act.BADGE_WITHDRAWN, subject, now)


def _next_issue(db: Connection, holder: Attendee) -> int:
    (withdrawn,) = db.execute(
        "SELECT COALESCE(MAX(issue), 0) FROM withdrawn_badge WHERE serial = ?", (holder.serial,)
    ).fetchone()
    return int(max(holder.issue, withdrawn)) + 1


def revoke(db: Connection, serial: int, *, reason: str, now: int, by: str) -> None:
    """Revoke all badges of the attendee. Raises UnknownAttendeeError, or IssuingError if already
    revoked.
    """
    _check_reason(reason)
    _set_revoked(db, serial, now)
    entry_log.act(db, by, Act.BADGE_REVOKED, {"serial": serial, "reason": reason}, now)


def revoke_many(db: Connection, serials: Sequence[int], *, reason: str, now: int, by: str) -> int:
    """Return how many were not revoked before."""
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
    muster.judge_again(db, [serial for serial, _ in standing])
    subjects: list[Subject] = [{"serial": serial, "reason": reason} for serial, _ in standing]
    entry_log.acts(db, by, Act.BADGE_REVOKED, subjects, now)
    return len(standing)


def reinstate(db: Connection, serial: int, *, reason: str, now: int, by: str) -> None:
    _check_reason(reason)
    _set_revoked(db, serial, None)
    entry_log.act(db, by, Act.BADGE_REINSTATED, {"serial": serial, "reason": reason}, now)


def changed_badges(db: Connection, event: Event, looks: int | None = None) -> list[Attendee]:
    """List the holders of outdated badges, except revoked ones.

    Only badges whose holders have changed since the issue are compared, at most `looks` of them.
    """
    order = "a.family_name, a.given_name, a.serial" if looks is None else "a.serial"
    rows = db.execute(
        f"{attendees.SELECT} JOIN changed_holder USING (serial) WHERE a.revoked_at IS NULL"
        f" ORDER BY {order} LIMIT ?",
        (dialect.NO_LIMIT if looks is None else looks,),
    ).fetchall()
    holders = [attendees.attendee_of(row) for row in rows]
    keys = badge_keys.keys_of(db, event)
    return [holder for holder in holders if holder.issue and not _says_what_is_so(db, keys, holder)]


def still_outdated(db: Connection, event: Event, holders: Sequence[Attendee]) -> list[Attendee]:
    """Return those of these holders whose badge is still the same one, and outdated. Who was erased
    meanwhile is left out.
    """
    keys, outdated = badge_keys.keys_of(db, event), []
    for before in holders:
        try:
            holder = attendees.attendee(db, before.serial)
        except attendees.UnknownAttendeeError:
            continue
        if holder.issue == before.issue and not _says_what_is_so(db, keys, holder):
            outdated.append(holder)
    return outdated


def perhaps_changed(db: Connection) -> int:
    (count,) = db.execute(f"SELECT COUNT(*) {_PERHAPS_CHANGED}").fetchone()
    return int(count)


def _says_what_is_so(db: Connection, keys: BadgeKeys, holder: Attendee) -> bool:
    """Return whether a badge issued now would have the same content, apart from the issue and
    from another key that doors take too.
    """
    text, sealed = db.execute(
        "SELECT credential, sealed FROM badge WHERE serial = ? AND issue = ?",
        (holder.serial, holder.issue),
    ).fetchone()
    raw = base45.decode(text.removeprefix(PREFIX))
    fields, signature = raw[:-SIGNATURE_BYTES], raw[-SIGNATURE_BYTES:]
    if fields[1] not in keys.private:
        return False
    if fields != credential_of(holder, holder.issue, fields[1]).pack(keys.ring.event_id):
        return False
    return open_name(signature, sealed) == msgspec.json.encode(_holder_name(holder))


def unchanged_badges(db: Connection, changed: Collection[int]) -> list[int]:
    """Return the serials that `changed_badges` compared and found up to date."""
    rows = db.execute(f"SELECT serial {_PERHAPS_CHANGED}")
    return [serial for (serial,) in rows if serial not in changed]


def forget_unchanged(db: Connection, event: Event, serials: Sequence[int]) -> None:
    """Leave these holders out of later comparisons if their badges are up to date."""
    keys = badge_keys.keys_of(db, event)
    for serial in serials:
        holder = attendees.attendee(db, serial)
        if not holder.issue or _says_what_is_so(db, keys, holder):
            db.execute("DELETE FROM changed_holder WHERE serial = ?", (serial,))


def current_badge(db: Connection, serial: int) -> Badge:
    """Raises UnknownAttendeeError or NoBadgeError."""
    row = db.execute(
        f"{_SELECT} WHERE serial = ? ORDER BY issue DESC LIMIT 1", (serial,)
    ).fetchone()
    if row is None:
        attendees.attendee(db, serial)
        raise NoBadgeError(N_("This attendee has no badge yet: issue one first."))
    return Badge(**dict(row))


def badges_of(db: Connection, serial: int) -> list[Badge]:
    rows = db.execute(f"{_SELECT} WHERE serial = ? ORDER BY issue", (serial,))
    return [Badge(**dict(row)) for row in rows]


def current_badges(db: Connection, serials: Sequence[int] | None = None) -> list[Badge]:
    """Return the newest badges of attendees who are not revoked, sorted by name.

    With `serials`, return theirs in that order, and raise like `current_badge`.
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
    """`after` is a row number."""
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
_PERHAPS_CHANGED = "FROM changed_holder JOIN attendee USING (serial) WHERE revoked_at IS NULL"
_WITHOUT_BADGE = (
    "a.revoked_at IS NULL AND NOT EXISTS (SELECT 1 FROM badge b WHERE b.serial = a.serial)"
)


def _make(
    keys: BadgeKeys, holder: Attendee, issue: int, names_row: int, now: int
) -> dict[str, Any]:
    credential = credential_of(holder, issue, keys.issuing)
    return signed_row(keys, holder, credential, names_row, now)


def signed_row(
    keys: BadgeKeys, holder: Attendee, credential: Credential, names_row: int, now: int
) -> dict[str, Any]:
    """Return the database columns common to all credentials: the signed text and the
    sealed name.
    """
    text = issue_credential(keys.private[credential.key_id], keys.ring.event_id, credential)
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
    newest = [
        db.execute(f"SELECT COALESCE(MAX(names_row), 0) FROM {table}").fetchone()[0]
        for table in ("badge", "day_credential", "withdrawn_badge")
    ]
    return int(max(newest))


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
    muster.judge_again(db, [serial])


def _publish_holder(db: Connection, serial: int) -> None:
    changes.publish(db, wire.HolderChanged(copies.holder_facts(db, serial)))


def _check_reason(reason: str) -> None:
    """Require a single word as the reason. The entry log is kept longer than personal data."""
    if not _REASON.fullmatch(reason):
        raise IssuingError(
            N_(
                "The reason must be one word in small letters, such as lost: the entry "
                "log holds no notes about people."
            )
        )
