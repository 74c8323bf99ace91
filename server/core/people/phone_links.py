"""Stores which link of an attendee's phone page is valid. A link can be revoked or renewed without
a new badge.

Attendees without a row have their first link. Doors know no links, so a code seen by others is
voided only by a new badge.
"""

from dataclasses import dataclass

from badges.i18n import N_, Phrase, Spoken
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import Event
from server.core.people.attendees import UnknownAttendeeError, attendee
from server.core.people.issuing import Badge, NoBadgeError, current_badge
from server.core.people.phone_token import (
    PhoneTokenError,
    open_phone_token,
    phone_token,
    token_subject,
)
from server.storage.connection import Connection

NUMBER_MAX = 255


class LinkError(Spoken, ValueError):
    pass


class GoneLinkError(Exception):
    """Raised for a revoked or replaced link of the attendee `serial`."""

    def __init__(self, serial: int) -> None:
        super().__init__("the link was revoked or renewed")
        self.serial = serial


@dataclass(frozen=True)
class Link:
    """An attendee's current link to their phone page. `number` counts renewals."""

    number: int = 0
    revoked_at: int | None = None

    @property
    def as_shown(self) -> str:
        """The key of what a form about it names."""
        return f"{self.number} {self.revoked_at or ''}".strip()


def link_words(as_shown: str) -> str:
    """How people call a link, by its key from a form."""
    return Phrase("link %(number)s", number=as_shown.partition(" ")[0])


def link(db: Connection, serial: int) -> Link:
    row = db.execute(
        "SELECT number, revoked_at FROM phone_link WHERE serial = ?", (serial,)
    ).fetchone()
    return Link() if row is None else Link(row["number"], row["revoked_at"])


def token(db: Connection, event: Event, badge: Badge) -> str | None:
    """Return the secret of the badge's link, or None if revoked."""
    newest = link(db, badge.serial)
    if newest.revoked_at is not None:
        return None
    return phone_token(event, badge.serial, badge.issue, newest.number)


def open_link(db: Connection, event: Event, text: str) -> tuple[int, int]:
    """Return the badge's (serial, issue).

    Raises PhoneTokenError for an invalid secret, and GoneLinkError for a revoked or renewed link.
    """
    serial, _ = token_subject(text)
    newest = link(db, serial)
    for number in range(newest.number, -1, -1):
        try:
            subject = open_phone_token(event, text, number)
        except PhoneTokenError:
            continue
        if number < newest.number or newest.revoked_at is not None:
            raise GoneLinkError(serial)
        return subject
    raise PhoneTokenError


def open_badge(db: Connection, event: Event, text: str) -> Badge:
    """Raises PhoneTokenError for an invalid secret, and GoneLinkError for a revoked or replaced
    link or badge.
    """
    serial, issue = open_link(db, event, text)
    try:
        badge, holder = current_badge(db, serial), attendee(db, serial)
    except (NoBadgeError, UnknownAttendeeError):
        raise PhoneTokenError from None
    if badge.issue != issue or holder.revoked_at is not None:
        raise GoneLinkError(serial)
    return badge


def revoke(db: Connection, serial: int, *, by: str, now: int) -> None:
    """Void the attendee's link without a new one. Raises LinkError if it is void already."""
    newest = link(db, serial)
    if newest.revoked_at is not None:
        raise LinkError(N_("The link is revoked already."))
    _put(db, serial, Link(newest.number, now))
    entry_log.act(db, by, Act.PHONE_LINK_REVOKED, {"serial": serial}, now)


def renew(db: Connection, serial: int, *, by: str, now: int) -> None:
    """Replace the attendee's link by the next one. Raises LinkError at the limit."""
    number = link(db, serial).number + 1
    if number > NUMBER_MAX:
        raise LinkError(
            N_(
                "This link was renewed %(most)s times, and can't be again. Issue a new "
                "badge, which has a new link."
            ),
            most=NUMBER_MAX,
        )
    _put(db, serial, Link(number))
    entry_log.act(db, by, Act.PHONE_LINK_RENEWED, {"serial": serial}, now)


def _put(db: Connection, serial: int, newest: Link) -> None:
    db.execute(
        "INSERT INTO phone_link (serial, number, revoked_at) VALUES (?, ?, ?) ON CONFLICT (serial)"
        " DO UPDATE SET number = excluded.number, revoked_at = excluded.revoked_at",
        (serial, newest.number, newest.revoked_at),
    )
