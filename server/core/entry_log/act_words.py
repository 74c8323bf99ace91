"""Describes acts of the entry log in plain words.

Leaves have only ids. Names are looked up on display, so they can be erased.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass

from badges.credential.badge_number import SERIAL_MAX, badge_number
from badges.i18n import N_, Count, Phrase, joined
from server.core.entry_log.act_names import Act
from server.core.entry_log.entry_log import Subject
from server.storage.connection import Connection
from server.storage.localized import names_of, text_in

COMMAND_LINE = "command-line"
NOBODY = "nobody"
SIGN_ON = "sign-on"
WHO = {
    COMMAND_LINE: N_("The server's command line"),
    NOBODY: N_("Not signed in"),
    SIGN_ON: N_("The identity provider"),
}

_FIELD = re.compile(r"%\((\w+)\)s")


@dataclass(frozen=True)
class Words:
    """An act's English label, and texts that describe its subject. A piece is shown only if the act
    has all its fields.
    """

    label: str
    about: tuple[str, ...] = ()


_OF_PROGRAMME = (
    N_("Organisation %(organisation)s"),
    N_("Kind %(activity_kind)s"),
    N_("Activity %(activity)s"),
    N_("Area %(area)s"),
    N_("Exhibitor %(exhibitor)s"),
    N_("Stand %(stand)s"),
)
_OF_USER = ("%(user)s",)
_OF_KIOSK = (N_("%(kiosk)s, enrolment %(generation)s"),)
_OF_PRINTER = (N_("Printer %(printer)s"),)
_OF_BADGE = (N_("Badge %(serial)s"), "(%(reason)s)")
_OF_ISSUE = (N_("Badge %(serial)s, issue %(issue)s"),)
_CALLER, _UNLISTED = N_("by address %(caller)s"), N_("(%(unlisted)s more not listed)")

WORDS: Mapping[Act, Words] = {
    Act.SIGNED_IN: Words(
        N_("Signed in"),
        (_CALLER, N_("after %(refused_before)s refused tries"), N_("with %(factor)s")),
    ),
    Act.SIGNED_OUT: Words(N_("Signed out")),
    Act.PASSWORD_TAKEN: Words(
        N_("Entered the password; second factor pending"),
        (_CALLER, N_("after %(refused_before)s refused tries")),
    ),
    Act.FACTOR_ADDED: Words(N_("Set up a second factor"), ("%(user)s:", "%(factor)s")),
    Act.FACTOR_REMOVED: Words(N_("Removed a second factor"), ("%(user)s:", "%(factor)s")),
    Act.FACTOR_REFUSED: Words(
        N_("Second factor refused"), ("%(user)s", _CALLER, N_("after %(tries)s tries"), _UNLISTED)
    ),
    Act.USER_INVITED: Words(N_("Invited a user"), (N_("as %(role)s"),)),
    Act.INVITATION_ENDED: Words(N_("Withdrew an invitation"), (N_("as %(role)s"),)),
    Act.SIGN_ON_REFUSED: Words(
        N_("Sign-on by the identity provider refused"), ("%(user)s", _CALLER, _UNLISTED)
    ),
    Act.SIGN_IN_REFUSED: Words(N_("Sign-in refused"), ("%(user)s", _CALLER, _UNLISTED)),
    Act.SIGN_IN_SLOWED: Words(
        N_("Guesses at a password slowed down"),
        ("%(user)s", _CALLER, N_("after %(tries)s tries"), _UNLISTED),
    ),
    Act.CLOCK_SET: Words(N_("The server's clock was set"), (N_("by %(by_ms)s ms"),)),
    Act.COPY_DENIED: Words(
        N_("Confirmed that a badge is not a copy"), (N_("Badge %(serial)s, issue %(issue)s"),)
    ),
    Act.PASSWORD_CHANGED: Words(N_("Changed their own password")),
    Act.PASSWORD_SET: Words(N_("Set a user's password"), _OF_USER),
    Act.SESSIONS_ENDED: Words(N_("Ended sessions"), ("%(user)s:", "%(count)s")),
    Act.USER_ADDED: Words(N_("Added a user"), ("%(user)s", N_("as %(role)s"))),
    Act.USER_DISABLED: Words(N_("Disabled a user"), _OF_USER),
    Act.USER_ENABLED: Words(N_("Enabled a user"), _OF_USER),
    Act.USER_UNLOCKED: Words(N_("Unlocked a user"), _OF_USER),
    Act.ROLE_SET: Words(N_("Set a role"), ("%(user)s:", "%(role)s")),
    Act.PIN_SET: Words(N_("Set a PIN for the doors"), _OF_USER),
    Act.PIN_REMOVED: Words(N_("Removed a PIN"), _OF_USER),
    Act.ATTENDEE_ADDED: Words(N_("Registered an attendee"), (N_("Badge %(serial)s"),)),
    Act.ATTENDEE_CHANGED: Words(
        N_("Changed an attendee"), (N_("Badge %(serial)s:"), "%(columns)s")
    ),
    Act.PEOPLE_LOOKED_UP: Words(
        N_("Looked people up at a door"),
        (N_("%(kiosk)s, enrolment %(generation)s:"), N_("%(answers)s found")),
    ),
    Act.PEOPLE_SEARCHED: Words(N_("Searched the attendees"), (N_("%(answers)s found"),)),
    Act.ROSTER_IMPORTED: Words(
        N_("Imported attendees"),
        (
            N_("%(added)s added,"),
            N_("%(updated)s changed,"),
            N_("%(skipped)s skipped,"),
            N_("%(invited)s invited"),
        ),
    ),
    Act.VENUE_IMPORTED: Words(
        N_("Imported the venue"),
        (N_("%(halls)s halls,"), N_("%(doors)s doors,"), N_("%(sessions)s sessions")),
    ),
    Act.VENUE_EDITED: Words(
        N_("Edited the venue"),
        (
            "%(hall)s",
            "%(door)s",
            "%(session)s",
            N_("Category %(category)s"),
            *_OF_PROGRAMME,
            "(%(columns)s)",
        ),
    ),
    Act.DOOR_REMOVED: Words(N_("Removed a door"), ("%(door)s",)),
    Act.HALL_REMOVED: Words(N_("Removed a hall"), ("%(hall)s",)),
    Act.CATEGORY_REMOVED: Words(N_("Removed a category"), (N_("Category %(category)s"),)),
    Act.PROGRAMME_REMOVED: Words(N_("Removed from the programme"), _OF_PROGRAMME),
    Act.ORGANISATIONS_MERGED: Words(
        N_("Merged two organisations"), (N_("%(organisation)s stays,"), N_("%(merged)s is removed"))
    ),
    Act.GUEST_SET: Words(
        N_("Invited a person to a session, or refused one"),
        (N_("Badge %(serial)s,"), "%(session)s:", "%(answer)s"),
    ),
    Act.EDIT_UNDONE: Words(N_("Undid their last change")),
    Act.ATTENDEES_MERGED: Words(
        N_("Merged two attendees"),
        (N_("Badge %(serial)s stays,"), N_("badge %(merged)s is revoked")),
    ),
    Act.SESSION_REMOVED: Words(N_("Removed a session"), ("%(session)s",)),
    Act.PROTOCOL_GUEST_SET: Words(
        N_("Set the users to notify of a guest's arrival"),
        (N_("Badge %(serial)s:"), N_("users %(users)s")),
    ),
    Act.PROTOCOL_GUEST_CLEARED: Words(
        N_("Ended the notices of a guest's arrival"), (N_("Badge %(serial)s"),)
    ),
    Act.BADGES_ISSUED: Words(N_("Issued badges"), ("%(count)s",)),
    Act.BADGE_REISSUED: Words(
        N_("Replaced a badge"), (N_("Badge %(serial)s, issue %(issue)s"), "(%(reason)s)")
    ),
    Act.BADGE_WITHDRAWN: Words(
        N_("Took a new badge back: the one before is valid again"), _OF_ISSUE
    ),
    Act.BADGE_REVOKED: Words(N_("Revoked a badge"), _OF_BADGE),
    Act.BADGE_REINSTATED: Words(N_("Reinstated a badge"), _OF_BADGE),
    Act.DAY_CREDENTIAL_ISSUED: Words(
        N_("Issued a day credential"),
        (N_("Badge %(serial)s, issue %(issue)s,"), N_("for %(day)s")),
    ),
    Act.DAY_CREDENTIAL_PRINTED: Words(
        N_("Printed a day credential"), (N_("Badge %(serial)s,"), N_("for %(day)s"))
    ),
    Act.BADGES_PRINTED: Words(
        N_("Printed badges"), ("%(count)s", N_("Badge %(serial)s"), N_("(%(again)s again)"))
    ),
    Act.BADGE_COLLECTED: Words(N_("Handed over a printed card"), _OF_ISSUE),
    Act.BADGE_COLLECTION_UNDONE: Words(N_("Undid the hand-over of a card"), _OF_ISSUE),
    Act.CARD_BOX_SET: Words(
        N_("Noted the box of cards"), (N_("Badge %(serial)s"), N_("people: %(count)s"))
    ),
    Act.ID_CHECKED: Words(N_("Checked an ID document"), (N_("Badge %(serial)s"),)),
    Act.ID_CHECK_UNDONE: Words(N_("Undid the note of an ID check"), (N_("Badge %(serial)s"),)),
    Act.PHONE_LINK_SHOWN: Words(
        N_("Showed the link of a phone page"), (N_("Badge %(serial)s, issue %(issue)s"),)
    ),
    Act.PHOTO_TAKEN: Words(N_("Took a photo for the card"), (N_("Badge %(serial)s"),)),
    Act.PHOTO_REMOVED: Words(N_("Removed a photo"), (N_("Badge %(serial)s"),)),
    Act.PHONE_LINK_REVOKED: Words(
        N_("Revoked the link of a phone page"), (N_("Badge %(serial)s"),)
    ),
    Act.PHONE_LINK_RENEWED: Words(
        N_("Renewed the link of a phone page"), (N_("Badge %(serial)s"),)
    ),
    Act.PRINTER_ADDED: Words(N_("Added a printer"), _OF_PRINTER),
    Act.PRINTER_CHANGED: Words(N_("Changed a printer"), _OF_PRINTER),
    Act.PRINTER_REMOVED: Words(N_("Removed a printer"), _OF_PRINTER),
    Act.LABELS_LOADED: Words(
        N_("Loaded labels in a printer"), (*_OF_PRINTER, N_("(%(count)s labels)"))
    ),
    Act.CARDS_SET: Words(
        N_("Set how cards look"), ("%(columns)s", N_("(the last change undone: %(undone)s)"))
    ),
    Act.MAIL_SET: Words(N_("Set the mail server"), ("%(host)s",)),
    Act.SECOND_DISK_SET: Words(N_("Set the second disk"), ("%(directory)s",)),
    Act.BACKUP_MADE: Words(
        N_("Made a backup"), ("%(directory)s", N_("download (%(megabytes)s MB)"))
    ),
    Act.HALL_CLOSED: Words(N_("Closed a hall"), ("%(hall)s",)),
    Act.HALL_OPENED: Words(N_("Opened a hall again"), ("%(hall)s",)),
    Act.CAPACITY_SET: Words(
        N_("Set a capacity"), ("%(hall)s: %(capacity)s", N_("(before: %(before)s)"))
    ),
    Act.HALL_CLEARED: Words(
        N_("Counted a hall as empty"), ("%(hall)s:", N_("%(stays)s stays ended"))
    ),
    Act.HALL_SCREEN_ADDED: Words(
        N_("Made a link for a hall's screen"), ("%(hall)s", N_("(number %(screen)s)"))
    ),
    Act.HALL_SCREEN_REVOKED: Words(
        N_("Revoked the link of a hall's screen"), ("%(hall)s", N_("(number %(screen)s)"))
    ),
    Act.KEPT_PLACES_SET: Words(N_("Changed who places are kept for"), (N_("people: %(people)s"),)),
    Act.KIOSK_ADDED: Words(N_("Added a kiosk"), (*_OF_KIOSK, N_("at %(door)s"), "(%(device)s)")),
    Act.KIOSK_CONFIRMED: Words(
        N_("Confirmed a kiosk"), (*_OF_KIOSK, N_("at %(door)s"), "(%(device)s)")
    ),
    Act.KIOSK_RETIRED: Words(N_("Retired a kiosk"), _OF_KIOSK),
    Act.KIOSK_FENCED: Words(N_("Fenced a kiosk"), _OF_KIOSK),
    Act.KIOSK_MOVED: Words(
        N_("Moved a kiosk"), (*_OF_KIOSK, N_("to %(door)s"), N_("(before: %(from)s)"))
    ),
    Act.BADGE_KEY_ADDED: Words(N_("Added a badge key"), (N_("key %(badge_key)s"),)),
    Act.BADGE_KEY_CHOSEN: Words(
        N_("Chose the key that signs new badges"),
        (N_("key %(badge_key)s"), N_("together with %(with)s")),
    ),
    Act.BADGE_KEY_DROPPED: Words(
        N_("Dropped a badge key"),
        (N_("key %(badge_key)s"), N_("badges void: %(count)s"), N_("together with %(with)s")),
    ),
    Act.KIOSK_ATTESTED: Words(
        N_("Attested a lost kiosk's places"),
        ("%(hall)s:", *_OF_KIOSK, N_("together with %(with)s")),
    ),
    Act.PHONE_CODE_MADE: Words(N_("Made a code for phones"), (N_("phones: %(phones)s"),)),
    Act.PHONE_CODES_ENDED: Words(N_("Ended all unused codes for phones"), ("%(count)s",)),
    Act.PHONE_REFUSED: Words(N_("Refused a phone"), _OF_KIOSK),
    Act.PHONE_PLACES_SET: Words(
        N_("Set the places that each phone may hold"),
        ("%(places)s", N_("(before: %(before)s)")),
    ),
    Act.PHONES_UPDATE_ASKED: Words(N_("Asked phones to update"), (N_("phones: %(phones)s"),)),
    Act.INSIDE_LISTED: Words(N_("Listed the people inside, by name"), ("%(hall)s:", "%(count)s")),
    Act.ATTENTION_MARKED: Words(
        N_("Commented on an item in Attention"),
        (
            N_("Discrepancy %(discrepancy)s:"),
            N_("Override, entry %(entry)s:"),
            N_("Denials of badge %(serial)s:"),
            N_("Denials at %(door)s:"),
            "%(state)s",
            "(%(note)s)",
        ),
    ),
    Act.ENTRIES_EXPORTED: Words(
        N_("Exported entries"),
        (N_("of %(hall)s"), N_("at %(door)s"), N_("as %(format)s"), N_("with names: %(names)s")),
    ),
    Act.LOG_EXPORTED: Words(
        N_("Exported the entry log as evidence"),
        ("(%(selection)s)", "%(hall)s", N_("Badge %(serial)s")),
    ),
    Act.LOG_ERASED: Words(N_("Erased records of a person from the entry log"), ("(%(count)s)",)),
    Act.ACTS_EXPORTED: Words(
        N_("Exported the staff actions"), (N_("as %(format)s"), N_("with names: %(names)s"))
    ),
    Act.CERTIFICATE_SET: Words(
        N_("Set the server's certificate"), (N_("SHA-256 %(fingerprint)s"),)
    ),
    Act.SERVERS_SET: Words(N_("Set where the servers are"), ("%(servers)s",)),
    Act.API_TOKEN_MADE: Words(
        N_("Made a token for an integration"), ("%(api_token)s", "(%(scopes)s)")
    ),
    Act.API_TOKEN_REVOKED: Words(N_("Revoked an integration's token"), ("%(api_token)s",)),
    Act.WEBHOOK_ADDED: Words(N_("Added a webhook"), (N_("Webhook %(webhook)s"), "(%(topics)s)")),
    Act.WEBHOOK_REMOVED: Words(N_("Removed a webhook"), (N_("Webhook %(webhook)s"),)),
    Act.WEBHOOK_DISABLED: Words(N_("Paused a webhook"), (N_("Webhook %(webhook)s"),)),
    Act.WEBHOOK_ENABLED: Words(N_("Resumed a webhook"), (N_("Webhook %(webhook)s"),)),
    Act.SERVER_RESTORED: Words(
        N_("Restored the server from a backup"), (N_("server number %(incarnation)s"),)
    ),
    Act.MAILING_BEGUN: Words(N_("Began to send mails"), (N_("%(count)s to send"),)),
    Act.MAILING_ENDED: Words(
        N_("Ended sending mails"),
        (
            N_("%(sent)s sent,"),
            N_("%(delayed)s delayed,"),
            N_("%(refused)s refused,"),
            N_("%(uncertain)s perhaps sent,"),
        ),
    ),
    Act.MAIL_BOUNCES_READ: Words(N_("Read returned mails"), (N_("%(count)s bounced"),)),
    Act.LINKS_EXPORTED: Words(N_("Exported the links of badges as CSV"), ("%(count)s",)),
    Act.WALLET_INSTALLED: Words(N_("Installed a wallet's certificate or key"), ("%(wallet)s",)),
    Act.WALLET_SET: Words(N_("Set the look of wallet passes")),
    Act.MUSTER_BEGUN: Words(
        N_("Began a muster"), (N_("%(muster)s: %(people)s inside,"), "%(reason)s")
    ),
    Act.MUSTER_ENDED: Words(
        N_("Ended a muster"), (N_("%(muster)s: %(people)s not seen,"), "%(reason)s")
    ),
    Act.MUSTER_PERSON_SEEN: Words(
        N_("Marked a person as seen in a muster"), (N_("Badge %(serial)s"),)
    ),
    Act.MUSTER_PERSON_UNSEEN: Words(
        N_("Put a person back on a muster's list"), (N_("Badge %(serial)s"),)
    ),
    Act.MUSTER_PRINTED: Words(
        N_("Printed a muster's list"), (N_("%(muster)s: %(people)s people"),)
    ),
    Act.TROUBLE_TAKEN: Words(N_("Began to handle an alert"), ("%(trouble)s:", "“%(note)s”")),
    Act.PEOPLE_EXPORTED: Words(
        N_("Downloaded a list of attendees"), ("%(format)s", N_("people: %(count)s"))
    ),
    Act.PERSON_EXPORTED: Words(N_("Exported one person's data"), (N_("Badge %(serial)s"),)),
    Act.PERSON_ERASED: Words(N_("Erased a person")),
    Act.BACKUPS_DELETED: Words(N_("Deleted backups"), ("%(count)s",)),
    Act.RETENTION_SET: Words(N_("Set a retention period"), ("%(clock)s:", N_("%(days)s days"))),
    Act.RETENTION_RUN: Words(N_("Erased expired records"), ("%(clock)s:", "%(count)s")),
}


def _words(act: str) -> Words | None:
    try:
        return WORDS[Act(act)]
    except ValueError:
        return None


def label(act: str) -> str:
    words = _words(act)
    return words.label if words else act.replace("_", " ").replace(".", " ").capitalize()


class Names:
    """The current names of halls, users and other ids in acts."""

    def __init__(self, db: Connection, language: str = "en") -> None:
        users = db.execute("SELECT user_id, name FROM staff_user")
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
        return Phrase(WHO[by]) if by in WHO else self._account(by) or by

    def about(self, act: str, subject: Subject) -> str:
        return " ".join(self.pieces(act, subject)).rstrip(" ,:")

    def pieces(
        self, act: str, subject: Subject, values: Mapping[str, Mapping[str, str]] | None = None
    ) -> list[str]:
        """`values` maps a field's values to translatable words."""
        words = _words(act)
        given = {key: value for key, value in subject.items() if value is not None}
        texts = {
            key: self._value(key, value, (values or {}).get(key, {}))
            for key, value in given.items()
        }
        if words is None:
            pieces = [f"{key.replace('_', ' ')} {value}" for key, value in texts.items()]
            return [", ".join(pieces)] if pieces else []
        return [
            Phrase(piece, **{key: texts[key] for key in _fields(piece)})
            for piece in words.about
            if _fields(piece) <= texts.keys()
        ]

    def _account(self, by: str) -> str | None:
        kind, _, number = by.partition(":")
        if not (number.isascii() and number.isdigit() and number == str(int(number))):
            return None
        if kind == "token":
            token = self._tokens.get(int(number))
            return token and Phrase("%(name)s (an integration)", name=token)
        return self._users.get(int(number)) if kind == "user" else None

    def _value(self, field: str, value: str | int, words: Mapping[str, str]) -> object:
        if isinstance(value, str) and words:
            parts = [part.strip() for part in value.split(",")]
            return joined(
                ", ",
                [
                    Phrase(words[part]) if part in words else part.replace("_", " ")
                    for part in parts
                ],
            )
        if field == "user":
            name = self._users.get(value) if isinstance(value, int) else None
            return name or Phrase("account %(number)s", number=value)
        if field == "api_token":
            return (self._tokens.get(value) if isinstance(value, int) else None) or f"{value}"
        if field == "with":
            return self.who(str(value))
        if field in ("serial", "merged") and isinstance(value, int) and 0 <= value <= SERIAL_MAX:
            return badge_number(value)
        if field in self._by_field and isinstance(value, int):
            return self._by_field[field].get(value) or f"{field} {value}"
        return Count(value) if isinstance(value, int) else value.replace("_", " ")


def _names(db: Connection, query: str, language: str) -> dict[int, str]:
    return {number: text_in(names_of(names), language) for number, names in db.execute(query)}


def _fields(piece: str) -> set[str]:
    return set(_FIELD.findall(piece))
