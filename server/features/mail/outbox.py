"""Stores the mails to attendees and their delivery states, and plans who gets one.

A mail belongs to one issue of a badge. Its state is `sending` on disk before the text goes out.
After a crash such a mail was perhaps delivered, and is not sent again automatically.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from enum import StrEnum

from badges.i18n import Phrase, restored, stored
from server.core.people import attendees, phone_links
from server.core.people.attendees import UnknownAttendeeError
from server.core.staff import confirmations
from server.features.mail.message import address_hash
from server.storage import dialect
from server.storage.connection import Connection

ANSWER_CHARS_MAX = 300


class State(StrEnum):
    SENDING = "sending"  # Perhaps sent, if no sender is running
    SENT = "sent"
    DELAYED = "delayed"  # The server asked to try again later
    REFUSED = "refused"
    BOUNCED = "bounced"  # Accepted, and returned later


_OVER = (State.SENT, State.REFUSED, State.BOUNCED)


@dataclass(frozen=True)
class Choice:
    """The recipients. An empty field excludes no one."""

    template: str
    categories: Collection[int] = ()
    organisations: Collection[str] = ()
    serials: Collection[int] = ()
    not_mailed: bool = False  # Only people who never got one
    changed: bool = False  # Only people whose badge, link or address changed since
    resend_uncertain: bool = False  # Also people who perhaps got one
    again: bool = False  # Regardless of earlier mails; needs `serials`

    def __post_init__(self) -> None:
        if self.again and not self.serials:
            raise ValueError("only people who are named get a mail once more")


@dataclass(frozen=True)
class Plan:
    due: tuple[int, ...]
    no_address: int
    no_badge: int
    no_link: int  # Their link is revoked
    done: int
    uncertain: int  # Perhaps sent before

    @property
    def as_shown(self) -> str:
        """The digest of whom a preview names."""
        return confirmations.digest(map(str, self.due))


@dataclass(frozen=True)
class Sent:
    serial: int
    issue: int
    state: State
    tries: int
    at: int
    answer: str


@dataclass(frozen=True)
class Undelivered:
    """A refused or bounced mail about a person's newest badge. `corrected`: the address or link is
    another now, and no mail went there yet.
    """

    serial: int
    state: State
    at: int
    answer: str
    name: str
    email: str
    corrected: bool


def only(planned: Plan, confirmed: Collection[int]) -> Plan:
    """Return the plan for those who are due still, without others who became so."""
    return replace(planned, due=tuple(serial for serial in planned.due if serial in confirmed))


def plan(db: Connection, choice: Choice) -> Plan:
    organisations = {_folded(text) for text in choice.organisations}
    mails = _mails(db, choice.template)
    due: list[int] = []
    counts = {"no_address": 0, "no_badge": 0, "no_link": 0, "done": 0, "uncertain": 0}
    rows = db.execute(
        "SELECT a.serial, a.email, a.category, a.organisation, COALESCE(MAX(b.issue), 0) AS issue,"
        " COALESCE(p.number, 0) AS link, p.revoked_at AS link_revoked_at"
        " FROM attendee a LEFT JOIN badge b ON b.serial = a.serial"
        " LEFT JOIN phone_link p ON p.serial = a.serial WHERE a.revoked_at IS NULL"
        " GROUP BY a.serial, a.email, a.category, a.organisation, a.family_name, a.given_name,"
        " p.number, p.revoked_at"
        " ORDER BY a.family_name, a.given_name, a.serial"
    )
    for row in rows.fetchall():
        if (
            (choice.categories and row["category"] not in choice.categories)
            or (organisations and _folded(row["organisation"]) not in organisations)
            or (choice.serials and row["serial"] not in choice.serials)
        ):
            continue
        if not row["email"]:
            counts["no_address"] += 1
        elif not row["issue"]:
            counts["no_badge"] += 1
        elif row["link_revoked_at"] is not None:
            counts["no_link"] += 1
        else:
            mine = mails.get(row["serial"], {})
            address = address_hash(row["email"], row["link"])
            why = _why_not(choice, mine, row["issue"], address)
            if why is None:
                due.append(row["serial"])
            elif why:
                counts[why] += 1
    return Plan(tuple(due), **counts)


def _why_not(
    choice: Choice, mails: "dict[int, tuple[str, bytes]]", issue: int, address: bytes
) -> str | None:
    """Return why a person gets no mail now: a key of the counts, "" if not selected, else None."""
    if choice.again:
        return None
    state, sent_to = mails.get(issue, ("", b""))
    if state == State.SENDING and not choice.resend_uncertain:
        return "uncertain"
    ever = any(earlier == State.SENT for earlier, _ in mails.values())
    changed = ever and (state not in _OVER or sent_to != address)
    if state in _OVER and sent_to == address:
        return "done"
    if choice.not_mailed and ever:
        return "done"
    return "" if choice.changed and not changed else None


def claim(
    db: Connection, choice: Choice, serial: int, issue: int, own_id: str, email: str, now: int
) -> bool:
    """Mark a mail as being sent. Return False if it was sent meanwhile, badge or address changed,
    or the person was erased.
    """
    try:
        holder = attendees.attendee(db, serial)
    except UnknownAttendeeError:
        return False
    if holder.issue != issue or holder.revoked_at is not None or holder.email != email:
        return False
    link = phone_links.link(db, serial)
    if link.revoked_at is not None:
        return False
    address = address_hash(email, link.number)
    row = db.execute(
        "SELECT state, sent_to FROM mail WHERE serial = ? AND issue = ? AND template = ?",
        (serial, issue, choice.template),
    ).fetchone()
    if row is not None and not choice.again:
        if row["state"] == State.SENDING and not choice.resend_uncertain:
            return False
        if row["state"] in _OVER and row["sent_to"] == address:
            return False
    _put(db, serial, issue, choice.template, own_id, address, State.SENDING, "", now, tries=1)
    return True


def settle(
    db: Connection, serial: int, issue: int, template: str, own_id: str, email: str, state: State,
    answer: str, now: int, *, tried: bool,
) -> None:  # fmt: skip
    """Store a mail's result, unless the person was erased meanwhile. `tried`: `claim` was called
    before.
    """
    if db.execute("SELECT 1 FROM attendee WHERE serial = ?", (serial,)).fetchone() is None:
        return
    kept = answer.replace(email, "…")
    is_ours = isinstance(answer, Phrase) and kept == answer  # It stays translatable.
    kept = stored(answer) if is_ours else kept[:ANSWER_CHARS_MAX]
    address = address_hash(email, phone_links.link(db, serial).number)
    _put(db, serial, issue, template, own_id, address, state, kept, now, tries=0 if tried else 1)


def _put(
    db: Connection, serial: int, issue: int, template: str, own_id: str, address: bytes,
    state: State, answer: str, now: int, *, tries: int,
) -> None:  # fmt: skip
    db.execute(
        "INSERT INTO mail (serial, issue, template, message_id, sent_to, state, tries, at, answer)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (serial, issue, template) DO UPDATE SET"
        " message_id = excluded.message_id, sent_to = excluded.sent_to, state = excluded.state,"
        " tries = mail.tries + excluded.tries,"
        " at = excluded.at, answer = excluded.answer",
        (serial, issue, template, own_id, address, state, tries, now, answer),
    )


def counts(db: Connection, template: str) -> dict[State, int]:
    return _counts(db, "mail WHERE template = ?", template)


def failed_since(db: Connection, since: int, most: int) -> dict[State, int]:
    """Return how many of the newest `most` mails failed since a time (Unix ms), by state."""
    # SQLite needs these conditions to use the partial index `mail_failed`.
    newest = (
        "(SELECT state FROM mail WHERE state IN ('delayed', 'refused', 'bounced') AND at >= ?"
        " ORDER BY at DESC LIMIT ?) AS newest"
    )
    return _counts(db, newest, since, most)


def _counts(db: Connection, source: str, *values: str | int) -> dict[State, int]:
    rows = db.execute(f"SELECT state, COUNT(*) FROM {source} GROUP BY state", values)
    return dict.fromkeys(State, 0) | {State(state): number for state, number in rows}


def mails_in(db: Connection, template: str, states: Collection[State], limit: int) -> list[Sent]:
    """Return the newest mails in these states."""
    marks = ", ".join("?" * len(states))
    rows = db.execute(
        "SELECT serial, issue, state, tries, at, answer FROM mail"
        f" WHERE template = ? AND state IN ({marks}) ORDER BY at DESC, serial LIMIT ?",
        (template, *states, limit),
    )
    return [
        Sent(serial, issue, State(state), tries, at, restored(answer))
        for serial, issue, state, tries, at, answer in rows
    ]


def undelivered(db: Connection, template: str) -> list[Undelivered]:
    """Return refused and bounced mails of people who are not revoked, the newest first."""
    rows = db.execute(
        "SELECT m.serial, m.state, m.at, m.answer, m.sent_to, a.given_name, a.family_name, a.email,"
        " COALESCE(p.number, 0) AS link"
        " FROM mail m JOIN attendee a ON a.serial = m.serial"
        " LEFT JOIN phone_link p ON p.serial = m.serial"
        " WHERE m.template = ? AND m.state IN (?, ?) AND a.revoked_at IS NULL AND a.email <> ''"
        " AND m.issue = (SELECT MAX(b.issue) FROM badge b WHERE b.serial = m.serial)"
        " ORDER BY m.at DESC, m.serial",
        (template, State.REFUSED, State.BOUNCED),
    )
    return [
        Undelivered(
            row["serial"], State(row["state"]), row["at"], restored(row["answer"]),
            attendees.whole_name(row["given_name"], row["family_name"]), row["email"],
            address_hash(row["email"], row["link"]) != row["sent_to"],
        )
        for row in rows
    ]  # fmt: skip


def sent_to(db: Connection, email: str) -> list[str]:
    """Return the Message-IDs' local parts of the mails that were sent to this address."""
    rows = db.execute(
        "SELECT m.message_id, m.sent_to, a.email, COALESCE(p.number, 0) AS link"
        " FROM attendee a JOIN mail m ON m.serial = a.serial"
        f" LEFT JOIN phone_link p ON p.serial = a.serial WHERE {dialect.same_letters('a.email')}"
        " AND m.state IN (?, ?)",
        (email, State.SENT, State.SENDING),
    )
    return [
        row["message_id"]
        for row in rows
        if row["sent_to"] == address_hash(row["email"], row["link"])
    ]


def note_bounce(db: Connection, own_id: str, answer: str, now: int) -> bool:
    """Mark a mail as bounced. Return whether it was ours and counted as sent."""
    done = db.execute(
        "UPDATE mail SET state = ?, answer = ?, at = ? WHERE message_id = ? AND state IN (?, ?)",
        (State.BOUNCED, answer[:ANSWER_CHARS_MAX], now, own_id, State.SENT, State.SENDING),
    )
    return done.rowcount == 1


def _mails(db: Connection, template: str) -> dict[int, dict[int, tuple[str, bytes]]]:
    by_serial: dict[int, dict[int, tuple[str, bytes]]] = {}
    rows = db.execute(
        "SELECT serial, issue, state, sent_to FROM mail WHERE template = ?", (template,)
    )
    for serial, issue, state, sent_to in rows.fetchall():
        by_serial.setdefault(serial, {})[issue] = (state, sent_to)
    return by_serial


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
