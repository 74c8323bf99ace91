"""Reads delivery reports (RFC 3464) from a mailbox to find bounced mails.

A report matches by the returned mail's Message-ID. Replies and out-of-office notices quote it too,
but are no reports.
"""

import io
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from email import policy
from email.message import Message
from email.parser import BytesParser
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from badges.i18n import N_, Phrase
from server.core.edits import last_edit
from server.core.edits.things import Thing
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.people import attendees
from server.core.people.attendees import AttendeeError
from server.core.programme.guests import settle_person
from server.features.mail import outbox
from server.features.mail.addresses import AddressError, plain_address
from server.features.mail.settings import MailError
from server.storage.connection import Connection

MESSAGE_BYTES_MAX = 5_000_000
LINE_BYTES_MAX = 100_000
_OWN = re.compile(r"<?(hk-[0-9a-f]{32})@[^\s<>]+>?")
_RETURNED = ("message/rfc822", "text/rfc822-headers", "message/rfc822-headers")


@dataclass(frozen=True)
class Report:
    own_id: str
    answer: str


@dataclass(frozen=True)
class Found:
    bounced: int  # Mails newly marked as bounced
    earlier: int  # Reports of mails already marked, or of other events
    others: int  # Messages that report no failure


def reports_in(path: Path) -> Iterator[Report | None]:
    """Yield one item per message of an mbox file, or a single message: None without a failure.
    Raises MailError.
    """
    try:
        with path.open("rb") as file:
            yield from map(report_of, _messages(file))
    except OSError as error:
        raise MailError(f"{path} can't be read: {error.strerror}.") from None


def reports_of(files: Sequence[bytes]) -> list[Report | None]:
    """Return the items of `reports_in` for the contents of several files."""
    return [report_of(data) for file in files for data in _messages(io.BytesIO(file))]


def _messages(file: BinaryIO) -> Iterator[bytes]:
    """Yield the messages of an mbox file, or the whole content of another file."""
    message = bytearray(file.readline(LINE_BYTES_MAX))
    is_mbox = message.startswith(b"From ")
    for line in iter(lambda: file.readline(LINE_BYTES_MAX), b""):
        if is_mbox and line.startswith(b"From "):
            yield bytes(message)
            message.clear()
        if len(message) < MESSAGE_BYTES_MAX:
            message += line
    yield bytes(message)


def report_of(data: bytes) -> Report | None:
    """Return a message's report of our failed mail, or None."""
    try:
        message = BytesParser(policy=policy.compat32).parsebytes(data)
        parts = list(message.walk())
        failed = next(filter(None, map(_failure, parts)), None)
        own_id = next(filter(None, map(_returned_id, parts)), None)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError):
        # A malformed message must not hide the other reports.
        return None
    return Report(own_id, failed) if failed is not None and own_id is not None else None


def note_bounces(db: Connection, reports: list[Report | None], *, by: str, now: int) -> Found:
    ours = [report for report in reports if report is not None]
    bounced = sum(outbox.note_bounce(db, report.own_id, report.answer, now) for report in ours)
    if bounced:
        entry_log.act(db, by, Act.MAIL_BOUNCES_READ, {"count": bounced}, now)
    return Found(bounced, len(ours) - bounced, len(reports) - len(ours))


def note_addresses(db: Connection, addresses: Sequence[str], *, by: str, now: int) -> list[str]:
    """Mark the mails to these addresses as bounced. Return the addresses without such a mail."""
    unknown = [
        address
        for address in addresses
        if not sum(
            outbox.note_bounce(db, mail_id, "", now) for mail_id in outbox.sent_to(db, address)
        )
    ]
    if len(unknown) < len(addresses):
        count = len(addresses) - len(unknown)
        entry_log.act(db, by, Act.MAIL_BOUNCES_READ, {"count": count}, now)
    return unknown


def correct(
    db: Connection, zone: ZoneInfo, serial: int, email: str, *, seen: str, by: str, now: int
) -> None:
    """Give a person another address, with undo. Raises UnknownAttendeeError, or AttendeeError if
    the address is wrong, or no longer `seen`.
    """
    person = attendees.attendee(db, serial)
    try:
        plain_address(email)
    except AddressError:
        raise AttendeeError(N_("Type an address such as forum@example.org.")) from None
    if person.email != seen:
        raise AttendeeError(N_("Another user has changed this address since. Look again."))
    if email == person.email:
        raise AttendeeError(N_("This is the address as before. Type the right one."))
    with last_edit.kept(db, zone, [Thing("attendee", str(serial))], by=by, now=now) as note:
        attendees.change_attendee(db, serial, {"email": email}, by=by, now=now)
        note.what = Phrase("%(name)s: another e-mail address", name=person.name)
    settle_person(db, serial, by=by, now=now)


def _failure(part: "Message[Any, Any]") -> str | None:
    """Return why a delivery failed for good, if this part states it."""
    if part.get_content_type() != "message/delivery-status":
        return None
    blocks = part.get_payload()
    for block in blocks if isinstance(blocks, list) else []:
        if not isinstance(block, Message):
            continue
        if str(block.get("Action", "")).strip().lower() == "failed":
            status = str(block.get("Status", "")).strip()
            diagnosis = str(block.get("Diagnostic-Code", "")).partition(";")[2] or "no reason given"
            text = " ".join(f"{status} {diagnosis}".split())
            # Addresses that servers quote are not stored.
            plain = re.sub(r"\S+@\S+", "…", text)
            return "".join(char for char in plain if char.isprintable())
    return None


def _returned_id(part: "Message[Any, Any]") -> str | None:
    """Return the id of our mail in this part of a report."""
    if part.get_content_type() not in _RETURNED:
        return None
    inner: Any = part.get_payload()
    if isinstance(inner, list):
        returned: Any = inner[0] if inner else None
    else:
        raw = part.get_payload(decode=True)
        returned = BytesParser().parsebytes(raw) if isinstance(raw, bytes) else None
    if returned is None:
        return None
    own_id = _OWN.fullmatch(str(returned.get("Message-ID", "")).strip())
    return own_id[1] if own_id else None
