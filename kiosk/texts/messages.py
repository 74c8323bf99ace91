"""A door's messages for staff, besides its answers: codes with fields, translated for display.

Fields in braces: camera (webcam, file, folder or address), target, problem, remedy, which, name,
host, why, directory and n (a number).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Union

from badges.admission.phrases import Language
from badges.i18n import N_
from kiosk.texts import catalogue


class Code(StrEnum):
    """The messages. The value is the English text."""

    AS_IS = "{text}"  # a text from outside, which no catalogue has

    # The camera
    NO_PICTURE = N_("no picture from the camera")
    NO_PICTURE_FOR = N_("no picture for {n} s")
    FROZEN = N_("picture frozen")
    BLACK = N_("picture black: is the lens covered?")
    CANT_OPEN = N_("{camera} can't be opened")
    CANT_OPEN_WHY = N_("{camera} can't be opened ({why})")
    CAMERA_FAILED = N_("{camera} failed ({why})")
    GIVES_NO_PICTURE = N_("{camera} gives no picture")
    NOT_PLUGGED_IN = N_("{camera} isn't plugged in")
    SEVERAL_WEBCAMS = N_("{n} webcams are called {name}")
    WEBCAM = N_("webcam {target}")
    FILE = N_("file {target}")
    FOLDER = N_("folder {target}")
    REMEDY = N_("{problem}; {remedy}")
    CHECK_CABLE = N_("check the cable")
    CHECK_CABLE_AND_PROGRAMS = N_("check the cable, and that no other program uses it")
    CHECK_ADDRESS = N_("check its address, user and password, and the network")
    IS_IT_A_VIDEO = N_("is it a video?")
    USE_MORE_OF_THE_NAME = N_("use more of the name, or a device: {which}")

    # What is in view
    TWO_BADGES = N_("Two badges in view: the nearer one was read")
    UNREADABLE = N_("A code is in view but cannot be read: hold it still, nearer, without glare")
    DARK = N_("Too dark for the camera: add light")
    TOO_NEAR = N_("Too near the camera: hold the badge farther away")
    TURNED_AWAY = N_("The badge is turned away: face it to the camera")
    GLARE = N_("A lamp reflects on the badge: tilt it, or cover the lamp")

    # The relay
    RELAY_TOO_SLOW = N_("The relay is too slow: a pulse was left out.")
    RELAY_SILENT = N_("The relay at {host} does not answer.")
    RELAY_STATUS = N_("The relay at {host} answered with status {n}.")
    RELAY_AT_FAILED = N_("The relay at {host} failed ({why}).")
    RELAY_DEVICE_FAILED = N_("The relay {name} failed ({why}).")
    RELAY_FAILED = N_("The relay failed ({why}).")
    PORT = N_("port")
    TAKES_NOTHING = N_("accepts no data")

    # The machine, its journal, a code without an answer
    DISK_NEARLY_FULL = N_("The disk is nearly full: {n} MB left. Free some space.")
    DISK_FULL = N_(
        "The disk is full: nothing can be recorded, and no one is admitted. Delete "
        "files that are not Hallkeeper's from the disk of {directory}."
    )
    DISK_READ_ONLY = N_(
        "The disk of {directory} is read-only. No one is admitted until it is "
        "repaired. Systems often make a failing disk read-only."
    )
    NOT_READY = N_(
        "This kiosk has no data from the server yet, and admits no one until it has. "
        "Check the network."
    )
    UNANSWERED = N_("A code could not be processed ({why}).")
    JOURNAL_UNWRITABLE = N_("The journal can't be written: {why}.")
    JOURNAL_DAMAGED = N_(
        "{file} is damaged: nothing can be recorded, and no one is admitted. Use another door, and "
        "tell an admin to enrol this kiosk again."
    )
    FACTS_DAMAGED = N_(
        "This kiosk's copy of the server's data is damaged, and no one is admitted. Use another "
        "door. Restart this kiosk where it reaches the server: it then gets the data again."
    )
    JOURNAL_GONE = N_(
        "Another program deleted or replaced {file} while this kiosk runs: nothing can be "
        "recorded, and no one is admitted. Use another door, and tell an admin. Leave this kiosk "
        "on until no scans wait to be sent, then restart it."
    )
    FORKED = N_(
        "The server has {acked} scans of this kiosk, but this disk sent only "
        "{offered}: it was restored or copied. Its scans are kept. Enrol the kiosk "
        "again ({command})."
    )

    # A phone in place of a kiosk
    ONLINE_ONLY = N_(
        "No network. This browser does not keep scans, so this phone admits no one without the "
        "server. Use another door."
    )
    NOT_CONFIRMED = N_(
        "The server did not confirm that scan, so it does not count. Admit no one by it. Scan "
        "again once this phone is online."
    )
    TOO_MANY_CODES = N_("Too many codes at once: the last one was not checked. Scan it again.")
    PHONE_FULL = N_(
        "The phone's storage is full: nothing can be recorded, and no one is admitted. Delete "
        "photos, videos or apps."
    )
    KEY_MISSING = N_(
        "This phone's key is missing: the browser deleted it, or its files were copied. Ask an "
        "admin for a new code."
    )
    PHONE_JOURNAL = N_(
        "This phone's scans can't be read: its storage is damaged or incomplete. Ask an admin for "
        "a new code, and fence the old door. Scans that were not sent are lost."
    )
    NEW_CODE_REFUSED = N_(
        "The new code was not accepted: it is used up or too old, or belongs to another server. "
        "This phone is the same door as before. Ask an admin for another code."
    )

    # The server
    OLD_SERVER = N_(
        "This server is number {incarnation} in succession, and number {known} has "
        "already answered. If this persists, two servers run for this event: stop the "
        "older one."
    )
    WRONG_SERVER = N_(
        "The server at {host} is not this kiosk's server: its certificate has another "
        "key. Nothing was sent to it."
    )
    NOT_ITS_JOURNAL = N_(
        "This kiosk's journal differs from the scans that it has sent (a copied or restored disk?)."
        " Keep its directory, and enrol it again."
    )
    RETIRED = N_("This kiosk has been retired. Enrol it again to use it.")
    UNKNOWN_KIOSK = N_("This kiosk is not enrolled here. Enrol it again.")
    BAD_SIGNATURE = N_("The server rejects this kiosk's signature. Enrol it again.")
    SERVER_DISK_FULL = N_(
        "The server's disk is full. It accepts no scans; this kiosk keeps them. Tell an admin."
    )
    SERVER_DISK = N_(
        "The server's disk can't be written. It accepts no scans; this kiosk keeps "
        "them. Tell an admin."
    )
    SERVER_SUPERSEDED = N_(
        "Another server has replaced this one. It accepts no scans; this kiosk keeps "
        "them. Tell an admin."
    )
    SERVER_DATABASE_AWAY = N_(
        "The server can't reach its database. It accepts no scans; this kiosk keeps "
        "them. Tell an admin if this persists."
    )
    KIOSK_TOO_OLD = N_(
        "This kiosk's Hallkeeper is too old for the server: it speaks version {own} "
        "of the protocol, and the server needs version {needed} or later. Tell an "
        "admin to install the server's version of Hallkeeper here. The door continues "
        "with its present data, and keeps its scans."
    )
    SERVER_TOO_OLD = N_(
        "The server's Hallkeeper is too old for this kiosk: it speaks version {own} "
        "of the protocol, and this kiosk needs version {needed} or later. Tell an "
        "admin to update the server. The door continues with its present data, and "
        "keeps its scans."
    )
    FACTS_UNUSABLE = N_(
        "This kiosk can't use the server's data ({why}). Their versions of Hallkeeper "
        "probably differ. Tell an admin. The door continues with its earlier data."
    )
    OTHER_LOG = N_("The server's entry log contradicts the one that this kiosk saw: {why}.")
    LOG_SHRANK = N_("it had {before} entries and has {n}")


class System(StrEnum):
    NO_FILE = N_("No such file or directory")
    NO_DEVICE = N_("No such device")
    NO_ADDRESS = N_("No such device or address")
    NOT_ALLOWED = N_("Permission denied")
    IO_ERROR = N_("Input/output error")
    BUSY = N_("Device or resource busy")
    REFUSED = N_("Connection refused")
    RESET = N_("Connection reset by peer")
    NO_ROUTE = N_("No route to host")
    NO_NETWORK = N_("Network is unreachable")
    NO_NAME = N_("Name or service not known")
    FULL = N_("database or disk is full")
    DISK_ERROR = N_("disk I/O error")
    READ_ONLY = N_("attempt to write a readonly database")
    LOCKED = N_("database is locked")
    MALFORMED = N_("database disk image is malformed")
    CANT_OPEN = N_("unable to open database file")
    NOTE_MALFORMED = N_("malformed")
    NOTE_SIGNATURE = N_("signature")
    NOT_SIGNED = N_("not signed by this key")
    ANOTHER_LOG = N_("it is another log's checkpoint")
    ANOTHER_NAME = N_("its name or key has changed")
    ANOTHER_TREE = N_("the same size, another tree")
    ANOTHER_ROOT = N_("another root")
    TOO_SHORT = N_("too short")
    TOO_LONG = N_("too long")
    ANOTHER_LENGTH = N_("a hash of another length")


Field = Union[str, int, "Message"]


@dataclass(frozen=True, init=False)
class Message:
    """One message. As a str it is English, for logs and the command line."""

    code: Code | System
    fields: Mapping[str, Field]

    def __init__(self, code: Code | System, **fields: Field) -> None:
        object.__setattr__(self, "code", code)
        object.__setattr__(self, "fields", fields)

    def put(self, say: Callable[[str], str]) -> str:
        """Fill in the message. `say` translates an English text."""
        values = {
            name: value.put(say) if isinstance(value, Message) else value
            for name, value in self.fields.items()
        }
        return say(self.code.value).format(**values)

    def __str__(self) -> str:
        return self.put(str)


def as_message(text: str | Message) -> Message:
    """Convert a text to a message, translatable if the catalogues have it."""
    if isinstance(text, Message):
        return text
    try:
        return Message(System(text))
    except ValueError:
        return Message(Code.AS_IS, text=text)


def why_of(error: Exception) -> Message:
    """The system's text for an error. Other errors become their type's name, because their texts
    may contain secrets.
    """
    reason = error.strerror if isinstance(error, OSError) else None
    return as_message(reason or type(error).__name__)


def in_language(language: Language, *messages: Message) -> str:
    words = catalogue.CATALOGUES.get(language)
    return " ".join(message.put(words.gettext) for message in messages)
