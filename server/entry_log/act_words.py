"""Says in plain English what acts of the entry log mean. It tells what was done, and what it was
about.

A leaf has ids alone. Their names are looked up when they are read, so that a name can be erased.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from badges.credential.badge_number import SERIAL_MAX, badge_number
from badges.i18n import N_
from server.entry_log.act_names import Act
from server.storage.connection import Connection
from server.storage.localized import names_of, text_in

COMMAND_LINE = "command-line"
NOBODY = "nobody"
SIGN_ON = "sign-on"
WHO = {
    COMMAND_LINE: N_("The server's command line"),
    NOBODY: N_("Nobody signed in"),
    SIGN_ON: N_("The identity provider"),
}

Subject = Mapping[str, str | int | None]


@dataclass(frozen=True)
class Words:
    """Holds the words for what was done, and pieces that tell what it was about. A piece is said
    only where the act has all its fields.
    """

    label: str
    about: tuple[str, ...] = ()


_OF_PROGRAMME = (
    "Organisation {organisation}", "Kind {activity_kind}", "Activity {activity}", "Area {area}",
    "Exhibitor {exhibitor}", "Stand {stand}",
)  # fmt: skip
_OF_USER = ("{user}",)
_OF_KIOSK = ("{kiosk}, generation {generation}",)
_OF_PRINTER = ("Printer {printer}",)
_OF_BADGE = ("Badge {serial}", "({reason})")
_CALLER, _UNLISTED = "by address {caller}", "({unlisted} more not listed)"

WORDS: Mapping[Act, Words] = {
    Act.SIGNED_IN: Words(
        N_("Signed in"), (_CALLER, "after {refused_before} refused tries", "with {factor}")
    ),
    Act.SIGNED_OUT: Words(N_("Signed out")),
    Act.PASSWORD_TAKEN: Words(
        N_("Typed the password, and was asked for the second factor"),
        (_CALLER, "after {refused_before} refused tries"),
    ),
    Act.FACTOR_ADDED: Words(N_("Set up a second factor"), ("{user}:", "{factor}")),
    Act.FACTOR_REMOVED: Words(N_("Removed a second factor"), ("{user}:", "{factor}")),
    Act.FACTOR_REFUSED: Words(
        N_("Second factor refused"), ("{user}", _CALLER, "after {tries} tries", _UNLISTED)
    ),
    Act.USER_INVITED: Words(N_("Invited a user"), ("as {role}",)),
    Act.INVITATION_ENDED: Words(N_("Took an invitation back"), ("as {role}",)),
    Act.SIGN_ON_REFUSED: Words(
        N_("Sign-on by the identity provider refused"), ("{user}", _CALLER, _UNLISTED)
    ),
    Act.SIGN_IN_REFUSED: Words(N_("Sign-in refused"), ("{user}", _CALLER, _UNLISTED)),
    Act.SIGN_IN_SLOWED: Words(
        N_("Guesses at a password slowed down"),
        ("{user}", _CALLER, "after {tries} tries", _UNLISTED),
    ),
    Act.CLOCK_SET: Words(N_("The server's clock was set"), ("by {by_ms} ms",)),
    Act.COPY_DENIED: Words(N_("Said that a badge is no copy"), ("Badge {serial}, issue {issue}",)),
    Act.PASSWORD_CHANGED: Words(N_("Changed their own password")),
    Act.PASSWORD_SET: Words(N_("Gave a new password"), _OF_USER),
    Act.SESSIONS_ENDED: Words(N_("Ended sessions"), ("{user}:", "{count}")),
    Act.USER_ADDED: Words(N_("Added a user"), ("{user}", "as {role}")),
    Act.USER_DISABLED: Words(N_("Shut a user out"), _OF_USER),
    Act.USER_ENABLED: Words(N_("Let a user in again"), _OF_USER),
    Act.USER_UNLOCKED: Words(N_("Unlocked a user"), _OF_USER),
    Act.ROLE_SET: Words(N_("Set a role"), ("{user}:", "{role}")),
    Act.PIN_SET: Words(N_("Set a PIN for the doors"), _OF_USER),
    Act.PIN_REMOVED: Words(N_("Removed a PIN"), _OF_USER),
    Act.ATTENDEE_ADDED: Words(N_("Registered an attendee"), ("Badge {serial}",)),
    Act.ATTENDEE_CHANGED: Words(N_("Changed an attendee"), ("Badge {serial}:", "{columns}")),
    Act.PEOPLE_LOOKED_UP: Words(
        N_("Looked people up at a door"), ("{kiosk}, generation {generation}:", "{answers} found")
    ),
    Act.PEOPLE_SEARCHED: Words(N_("Searched the attendees"), ("{answers} found",)),
    Act.ROSTER_IMPORTED: Words(
        N_("Imported attendees"),
        ("{added} added,", "{updated} changed,", "{skipped} skipped,", "{invited} invited"),
    ),
    Act.VENUE_IMPORTED: Words(
        N_("Imported the venue"), ("{halls} halls,", "{doors} doors,", "{sessions} sessions")
    ),
    Act.VENUE_EDITED: Words(
        N_("Edited the venue"),
        ("{hall}", "{door}", "{session}", "Category {category}", *_OF_PROGRAMME, "({columns})"),
    ),
    Act.DOOR_REMOVED: Words(N_("Removed a door"), ("{door}",)),
    Act.HALL_REMOVED: Words(N_("Removed a hall"), ("{hall}",)),
    Act.CATEGORY_REMOVED: Words(N_("Removed a category"), ("Category {category}",)),
    Act.PROGRAMME_REMOVED: Words(N_("Removed from the programme"), _OF_PROGRAMME),
    Act.ORGANISATIONS_MERGED: Words(
        N_("Merged two organisations"), ("{organisation} stays,", "{merged} is removed")
    ),
    Act.GUEST_SET: Words(
        N_("Invited or refused somebody at a session"),
        ("Badge {serial},", "{session}:", "{answer}"),
    ),
    Act.EDIT_UNDONE: Words(N_("Undid their last change")),
    Act.ATTENDEES_MERGED: Words(
        N_("Merged two attendees"), ("Badge {serial} stays,", "badge {merged} is revoked")
    ),
    Act.SESSION_REMOVED: Words(N_("Removed a session"), ("{session}",)),
    Act.PROTOCOL_GUEST_SET: Words(
        N_("Named who is told of a guest's arrival"), ("Badge {serial}:", "users {users}")
    ),
    Act.PROTOCOL_GUEST_CLEARED: Words(
        N_("Ended the notices of a guest's arrival"), ("Badge {serial}",)
    ),
    Act.BADGES_ISSUED: Words(N_("Issued badges"), ("{count}",)),
    Act.BADGE_REISSUED: Words(
        N_("Replaced a badge"), ("Badge {serial}, issue {issue}", "({reason})")
    ),
    Act.BADGE_REVOKED: Words(N_("Revoked a badge"), _OF_BADGE),
    Act.BADGE_REINSTATED: Words(N_("Reinstated a badge"), _OF_BADGE),
    Act.DAY_CREDENTIAL_ISSUED: Words(
        N_("Gave out a day credential"), ("Badge {serial}, issue {issue},", "for {day}")
    ),
    Act.DAY_CREDENTIAL_PRINTED: Words(
        N_("Printed a day credential"), ("Badge {serial},", "for {day}")
    ),
    Act.BADGES_PRINTED: Words(
        N_("Printed badges"), ("{count}", "Badge {serial}", "({again} again)")
    ),
    Act.ID_CHECKED: Words(N_("Checked an ID document"), ("Badge {serial}",)),
    Act.ID_CHECK_UNDONE: Words(N_("Undid the note of an ID check"), ("Badge {serial}",)),
    Act.PHONE_LINK_SHOWN: Words(
        N_("Showed the link of a phone page"), ("Badge {serial}, issue {issue}",)
    ),
    Act.PHOTO_TAKEN: Words(N_("Took a photo for the card"), ("Badge {serial}",)),
    Act.PHOTO_REMOVED: Words(N_("Removed a photo"), ("Badge {serial}",)),
    Act.PHONE_LINK_REVOKED: Words(N_("Revoked the link of a phone page"), ("Badge {serial}",)),
    Act.PHONE_LINK_RENEWED: Words(N_("Renewed the link of a phone page"), ("Badge {serial}",)),
    Act.PRINTER_ADDED: Words(N_("Added a printer"), _OF_PRINTER),
    Act.PRINTER_CHANGED: Words(N_("Changed a printer"), _OF_PRINTER),
    Act.PRINTER_REMOVED: Words(N_("Removed a printer"), _OF_PRINTER),
    Act.LABELS_LOADED: Words(N_("Loaded labels in a printer"), (*_OF_PRINTER, "({count} labels)")),
    Act.CARDS_SET: Words(
        N_("Set how cards look"), ("{columns}", "(the last change undone: {undone})")
    ),
    Act.HALL_CLOSED: Words(N_("Closed a hall"), ("{hall}",)),
    Act.HALL_OPENED: Words(N_("Opened a hall again"), ("{hall}",)),
    Act.CAPACITY_SET: Words(N_("Set a capacity"), ("{hall}: {capacity}", "(before: {before})")),
    Act.HALL_CLEARED: Words(N_("Counted a hall as empty"), ("{hall}:", "{stays} stays ended")),
    Act.KEPT_PLACES_SET: Words(N_("Set for whom places are kept"), ("people: {people}",)),
    Act.KIOSK_ADDED: Words(N_("Added a kiosk"), (*_OF_KIOSK, "at {door}")),
    Act.KIOSK_CONFIRMED: Words(N_("Confirmed a kiosk"), _OF_KIOSK),
    Act.KIOSK_RETIRED: Words(N_("Retired a kiosk"), _OF_KIOSK),
    Act.KIOSK_FENCED: Words(N_("Fenced a kiosk"), _OF_KIOSK),
    Act.KIOSK_MOVED: Words(N_("Moved a kiosk"), (*_OF_KIOSK, "to {door}", "(before: {from})")),
    Act.KIOSK_ATTESTED: Words(
        N_("Attested a lost kiosk's places"), ("{hall}:", *_OF_KIOSK, "together with {with}")
    ),
    Act.INSIDE_LISTED: Words(N_("Listed who is inside, by name"), ("{hall}:", "{count}")),
    Act.ATTENTION_MARKED: Words(
        N_("Said of something that needs a look"),
        (
            "Discrepancy {discrepancy}:",
            "Override, entry {entry}:",
            "Denials of badge {serial}:",
            "Denials at {door}:",
            "{state}",
            "({note})",
        ),
    ),
    Act.ENTRIES_EXPORTED: Words(
        N_("Exported entries"), ("of {hall}", "at {door}", "as {format}", "with names: {names}")
    ),
    Act.LOG_EXPORTED: Words(
        N_("Exported the entry log as evidence"), ("({selection})", "{hall}", "Badge {serial}")
    ),
    Act.LOG_ERASED: Words(N_("Erased records of a person from the entry log"), ("({count})",)),
    Act.ACTS_EXPORTED: Words(N_("Exported acts"), ("as {format}", "with names: {names}")),
    Act.CERTIFICATE_SET: Words(N_("Set the server's certificate"), ("SHA-256 {fingerprint}",)),
    Act.SERVERS_SET: Words(N_("Set where the servers are"), ("{servers}",)),
    Act.API_TOKEN_MADE: Words(N_("Made a token for a machine"), ("{api_token}", "({scopes})")),
    Act.API_TOKEN_REVOKED: Words(N_("Revoked a machine's token"), ("{api_token}",)),
    Act.WEBHOOK_ADDED: Words(N_("Added a webhook"), ("Webhook {webhook}", "({topics})")),
    Act.WEBHOOK_REMOVED: Words(N_("Removed a webhook"), ("Webhook {webhook}",)),
    Act.WEBHOOK_DISABLED: Words(N_("Paused a webhook"), ("Webhook {webhook}",)),
    Act.WEBHOOK_ENABLED: Words(N_("Let a webhook go on"), ("Webhook {webhook}",)),
    Act.SERVER_RESTORED: Words(
        N_("Restored the server from a backup"), ("server number {incarnation}",)
    ),
    Act.MAILING_BEGUN: Words(N_("Began to send mails"), ("{count} to send",)),
    Act.MAILING_ENDED: Words(
        N_("Ended sending mails"),
        ("{sent} sent,", "{delayed} delayed,", "{refused} refused,", "{uncertain} perhaps sent,"),
    ),
    Act.MAIL_BOUNCES_READ: Words(N_("Read what mails came back"), ("{count} bounced",)),
    Act.LINKS_EXPORTED: Words(N_("Exported the links of badges as CSV"), ("{count}",)),
    Act.WALLET_INSTALLED: Words(N_("Installed a wallet's certificate or key"), ("{wallet}",)),
    Act.MUSTER_BEGUN: Words(N_("Began a muster"), ("{muster}: {people} inside,", "{reason}")),
    Act.MUSTER_ENDED: Words(N_("Ended a muster"), ("{muster}: {people} not seen,", "{reason}")),
    Act.MUSTER_PERSON_SEEN: Words(N_("Saw somebody in a muster"), ("Badge {serial}",)),
    Act.MUSTER_PERSON_UNSEEN: Words(
        N_("Put somebody back on a muster's list"), ("Badge {serial}",)
    ),
    Act.MUSTER_PRINTED: Words(N_("Printed a muster's list"), ("{muster}: {people} people",)),
    Act.TROUBLE_TAKEN: Words(N_("Took a trouble on"), ("{trouble}:", "“{note}”")),
    Act.PERSON_EXPORTED: Words(N_("Exported one person's data"), ("Badge {serial}",)),
    Act.PERSON_ERASED: Words(N_("Erased a person")),
    Act.BACKUPS_DELETED: Words(N_("Deleted backups"), ("{count}",)),
    Act.RETENTION_SET: Words(N_("Set a clock of retention"), ("{clock}:", "{days} days")),
    Act.RETENTION_RUN: Words(N_("Erased what was kept long enough"), ("{clock}:", "{count}")),
}


def _words(act: str) -> Words | None:
    try:
        return WORDS[Act(act)]
    except ValueError:
        return None


def label(act: str) -> str:
    """Return what was done. An act that has no words of its own is told by its name."""
    known = _words(act)
    return known.label if known else act.replace("_", " ").replace(".", " ").capitalize()


class Names:
    """Knows what the ids of acts are called now."""

    def __init__(self, db: Connection, language: str = "en") -> None:
        users = db.execute("SELECT user_id, name FROM user")
        self._users = {row["user_id"]: row["name"] for row in users}
        tokens = db.execute("SELECT token_id, name FROM api_token")
        self._tokens = {row["token_id"]: row["name"] for row in tokens}
        self._by_field = {
            "hall": _names(db, "SELECT hall_id, names FROM hall", language),
            "door": _names(db, "SELECT door_id, names FROM door", language),
            "session": _names(db, "SELECT session_id, titles FROM session", language),
        }
        self._by_field["from"] = self._by_field["door"]

    def who(self, by: str) -> str:
        """Return the name of whoever acted. `by` is the actor as the entry log has it."""
        return WHO.get(by) or self._account(by) or by

    def about(self, act: str, subject: Subject) -> str:
        """Return what the act was about, in one line."""
        known = _words(act)
        given = {key: value for key, value in subject.items() if value is not None}
        values = {key: self._value(key, value) for key, value in given.items()}
        if known is None:
            return ", ".join(f"{key.replace('_', ' ')} {value}" for key, value in values.items())
        pieces = (piece for piece in known.about if _fields(piece) <= values.keys())
        return " ".join(piece.format_map(values) for piece in pieces).rstrip(" ,:")

    def _account(self, by: str) -> str | None:
        kind, _, number = by.partition(":")
        if not (number.isascii() and number.isdigit() and number == str(int(number))):
            return None
        if kind == "token":
            found = self._tokens.get(int(number))
            return found and f"{found} (a machine)"
        return self._users.get(int(number)) if kind == "user" else None

    def _value(self, field: str, value: str | int) -> str:
        if field == "user":
            name = self._users.get(value) if isinstance(value, int) else None
            return name or f"account {value}"
        if field == "api_token":
            return (self._tokens.get(value) if isinstance(value, int) else None) or f"{value}"
        if field == "with":
            return self.who(str(value))
        if field in ("serial", "merged") and isinstance(value, int) and 0 <= value <= SERIAL_MAX:
            return badge_number(value)
        if field in self._by_field and isinstance(value, int):
            return self._by_field[field].get(value) or f"{field} {value}"
        return f"{value:,}" if isinstance(value, int) else value.replace("_", " ")


def _names(db: Connection, query: str, language: str) -> dict[int, str]:
    return {number: text_in(names_of(names), language) for number, names in db.execute(query)}


def _fields(piece: str) -> set[str]:
    return set(_names_in(piece))


def _names_in(piece: str) -> Iterator[str]:
    for part in piece.split("{")[1:]:
        yield part.partition("}")[0]


def subject_text(subject: Subject) -> str:
    """Return the ids themselves as JSON, for machines."""
    return json.dumps(dict(subject), sort_keys=True, ensure_ascii=False)
