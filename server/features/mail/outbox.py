"""Keeps the mails to attendees, who is to get one, and what became of each.

A mail is about one issue of a badge. Its state goes from nothing to `sending`, which is on disk
before the text goes out, and then to what the server said of it. So a mail that is found as
`sending` when nobody sends any was perhaps delivered. It is not sent again by itself.
"""

from collections.abc import Collection
from dataclasses import dataclass
from enum import StrEnum

from badges.i18n import restored
from server.core.people import attendees, phone_links
from server.features.mail.message import address_hash
from server.storage import dialect
from server.storage.connection import Connection

ANSWER_CHARS_MAX = 300


class State(StrEnum):
    """Says what became of a mail."""

    SENDING = "sending"  # Or perhaps sent, where nobody sends any.
    SENT = "sent"
    DELAYED = "delayed"  # The server said to try again later.
    REFUSED = "refused"
    BOUNCED = "bounced"  # It was taken, and came back.


_OVER = (State.SENT, State.REFUSED, State.BOUNCED)


@dataclass(frozen=True)
class Choice:
    """Holds whom mails are for. What is empty leaves nobody out."""

    template: str
    categories: Collection[int] = ()
    organisations: Collection[str] = ()
    serials: Collection[int] = ()
    not_mailed: bool = False  # Only those who were never sent one.
    changed: bool = False  # Only those with another badge, link or address than when they were.
    resend_uncertain: bool = False  # Also those to whom one was perhaps sent.
    again: bool = False  # Whatever was sent before. It needs `serials`.

    def __post_init__(self) -> None:
        if self.again and not self.serials:
            raise ValueError("only people who are named get a mail once more")


@dataclass(frozen=True)
class Plan:
    """Holds who is to get a mail now, and how many are left out, and why."""

    due: tuple[int, ...]  # Serials, in the order of their names.
    no_address: int
    no_badge: int
    no_link: int  # The link of their page is revoked.
    done: int  # They have got it, or were refused.
    uncertain: int  # It was perhaps sent to them.


@dataclass(frozen=True)
class Sent:
    """Holds one mail as it stands."""

    serial: int
    issue: int
    state: State
    tries: int
    at: int
    answer: str


def plan(db: Connection, choice: Choice) -> Plan:
    """Return who is to get a mail now."""
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
    """Return why somebody gets no mail now, "" where they were not asked for, or None where they
    get one.
    """
    if choice.again:
        return None
    state, sent_to = mails.get(issue, ("", b""))
    if state == State.SENDING and not choice.resend_uncertain:
        return "uncertain"
    ever = any(one == State.SENT for one, _ in mails.values())
    changed = ever and (state not in _OVER or sent_to != address)
    if state in _OVER and sent_to == address:
        return "done"
    if choice.not_mailed and ever:
        return "done"
    return "" if choice.changed and not changed else None


def claim(
    db: Connection, choice: Choice, serial: int, issue: int, own_id: str, email: str, now: int
) -> bool:
    """Write that a mail goes out now. Return False where it must not, because it was sent
    meanwhile, or the badge or the address has changed.
    """
    holder = attendees.attendee(db, serial)
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
    """Write what became of a mail. `tried` says that `claim` was before."""
    kept = answer.replace(email, "…")[:ANSWER_CHARS_MAX]
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
    """Return how many mails stand in each state."""
    found = dict.fromkeys(State, 0)
    rows = db.execute(
        "SELECT state, COUNT(*) AS count FROM mail WHERE template = ? GROUP BY state", (template,)
    )
    for row in rows:
        found[State(row["state"])] = row["count"]
    return found


def failed_since(db: Connection, since: int, most: int) -> dict[State, int]:
    """Return how many of the newest mails since then (Unix ms) were put off, were refused or came
    back. No more than `most` are counted.
    """
    found = dict.fromkeys(State, 0)
    rows = db.execute(
        # The index `mail_failed` serves the query as long as both have the same condition.
        "SELECT state, COUNT(*) AS count FROM (SELECT state FROM mail"
        " WHERE state IN ('delayed', 'refused', 'bounced') AND at >= ? ORDER BY at DESC LIMIT ?)"
        " AS newest GROUP BY state",
        (since, most),
    )
    for row in rows:
        found[State(row["state"])] = row["count"]
    return found


def mails_in(db: Connection, template: str, states: Collection[State], limit: int) -> list[Sent]:
    """Return the newest mails in these states."""
    marks = ", ".join("?" * len(states))
    rows = db.execute(
        "SELECT serial, issue, state, tries, at, answer FROM mail"
        f" WHERE template = ? AND state IN ({marks}) ORDER BY at DESC, serial LIMIT ?",
        (template, *states, limit),
    )
    return [
        Sent(
            row["serial"],
            row["issue"],
            State(row["state"]),
            row["tries"],
            row["at"],
            restored(row["answer"]),
        )
        for row in rows
    ]


def note_bounce(db: Connection, own_id: str, answer: str, now: int) -> bool:
    """Write that a mail came back, and return whether it was one of ours that counted as sent."""
    done = db.execute(
        "UPDATE mail SET state = ?, answer = ?, at = ? WHERE message_id = ? AND state IN (?, ?)",
        (State.BOUNCED, answer[:ANSWER_CHARS_MAX], now, own_id, State.SENT, State.SENDING),
    )
    return done.rowcount == 1


def serials_of(db: Connection, labels: Collection[str]) -> list[int]:
    """Return the serials of people by external id or badge number. Raises
    UnknownAttendeeError.
    """
    return [attendees.find_by_label(db, label) for label in labels]


def emails(db: Connection, serials: Collection[int]) -> dict[int, str]:
    """Return the addresses of these people."""
    rows = db.execute(
        f"SELECT serial, email FROM attendee WHERE {dialect.one_of('serial')}",
        (dialect.many(serials),),
    )
    return {row["serial"]: row["email"] for row in rows}


def _mails(db: Connection, template: str) -> dict[int, dict[int, tuple[str, bytes]]]:
    """Return state and address of each mail, by serial and issue."""
    found: dict[int, dict[int, tuple[str, bytes]]] = {}
    rows = db.execute(
        "SELECT serial, issue, state, sent_to FROM mail WHERE template = ?", (template,)
    )
    for serial, issue, state, sent_to in rows.fetchall():
        found.setdefault(serial, {})[issue] = (state, sent_to)
    return found


def _folded(text: str) -> str:
    return " ".join(text.casefold().split())
