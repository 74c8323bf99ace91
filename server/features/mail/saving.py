"""Saves the mail settings of the page in `mail/mail.toml`, and sends a test mail.

Comments and hidden settings stay. The password is in its own file, which only the server's user may
read, and is never shown.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from email import policy
from email.message import EmailMessage
from email.utils import format_datetime, make_msgid
from pathlib import Path

import tomlkit
from tomlkit.exceptions import TOMLKitError

from badges.i18n import N_
from server.core.edits import last_edit
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.event.directory import MAIL_FOLDER, Event
from server.features.mail.addresses import AddressError, plain_address
from server.features.mail.message import Mail
from server.features.mail.settings import (
    LOOPBACK,
    MailError,
    MailSettings,
    parse_mail_settings,
    read_text,
    settings_path,
)
from server.features.mail.smtp import Fate, Line, LostError
from server.storage import durable_files
from server.storage.connection import Connection
from server.storage.database import Database

PASSWORD_FILE = "password"
PASSWORD_CHARS_MAX = 500
# A new server gets no password that was typed for another one.
_BOUND_TO_PASSWORD = ("host", "port", "security", "user")


def mark_of(event: Event) -> str:
    """Return a text that changes with the file, or "" for a file that can't be read."""
    path = settings_path(event.path)
    try:
        text = read_text(path) if path.exists() else ""
    except MailError:
        return ""
    return last_edit.mark_of({"text": text})


def save(
    event: Event,
    database: Database,
    values: Mapping[str, str | int],
    password: str,
    *,
    seen: str,
    by: str,
    now: int,
) -> MailSettings:
    """Write these settings, and the password unless "". Raises OSError, or MailError, also if the
    file is not as `seen`. Nothing is changed then.
    """
    path = settings_path(event.path)
    text = _changed(path, values, password)
    settings = parse_mail_settings(text, path)

    def step(db: Connection) -> None:
        if mark_of(event) != seen:
            raise MailError(
                N_("%(file)s has changed since you opened this page. Load the page again."),
                file=path.name,
            )
        entry_log.act(db, by, Act.MAIL_SET, {"host": settings.host}, now)
        if password and settings.user:
            durable_files.replace_after_commit(db, folder / PASSWORD_FILE, f"{password}\n".encode())
        durable_files.replace_after_commit(db, path, text.encode())

    folder = event.path / MAIL_FOLDER
    folder.mkdir(mode=0o700, exist_ok=True)
    # Another server may save too, and the file changes only after the commit.
    with durable_files.directory_locked(event.path):
        database.write(step)
    return settings


def _changed(path: Path, values: Mapping[str, str | int], password: str) -> str:
    """Return the file's text with these settings. Raises MailError."""
    try:
        document = tomlkit.parse(read_text(path)) if path.exists() else tomlkit.document()
    except TOMLKitError:
        raise MailError(
            N_("%(path)s is no TOML. Correct it on the server, or delete it there."), path=path
        ) from None
    before = dict(document.unwrap())
    for key, value in values.items():
        if value != "":
            document[key] = value
        elif key in document:
            document.remove(key)
    if not values["user"]:
        for key in ("password_file", "password_env"):
            document.pop(key, None)
    elif password:
        document.pop("password_env", None)
        document["password_file"] = PASSWORD_FILE
    elif any(before.get(key) != document.get(key) for key in _BOUND_TO_PASSWORD):
        raise MailError(N_("Type the password too: server or user are others than before."))
    if values["user"] and values["security"] == "none" and values["host"] not in LOOPBACK:
        raise MailError(
            N_(
                "Without encryption the password would be readable on the way. Choose STARTTLS "
                "or TLS, or leave the user name empty."
            )
        )
    return document.as_string()


def send_test(event: Event, settings: MailSettings, to: str, subject: str, now: int) -> str:
    """Send a mail without a badge to `to`, and return the mail server's answer. Raises MailError
    with the reason after a refusal.
    """
    try:
        address = plain_address(to)
    except AddressError:
        raise MailError(N_("Type an address such as forum@example.org.")) from None
    message = EmailMessage(policy.SMTPUTF8)
    message["From"] = settings.sender
    message["To"] = to
    message["Subject"] = subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now // 1000, UTC))
    message["Message-ID"] = make_msgid(domain=plain_address(settings.sender).domain)
    message.set_content(f"{subject}\n")
    try:
        line = Line(settings, event.path)
        try:
            outcome = line.deliver(Mail(address, message, "en"), lambda: True)
        finally:
            line.close()
    except LostError as error:
        raise MailError(error.args[0]) from None
    if outcome.fate is not Fate.SENT:
        raise MailError(
            N_("The mail server did not take the mail: %(answer)s"), answer=outcome.answer
        )
    return outcome.answer
