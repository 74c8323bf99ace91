"""Reads the mail settings, `mail/mail.toml` in the event's directory."""

import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from badges.i18n import N_, Count, Phrase
from badges.settings_check import SettingsError, read_settings, rule
from server.core.event.directory import MAIL_FOLDER
from server.core.event.files import read_small
from server.core.event.settings import EventError
from server.features.mail.addresses import AddressError, plain_address

FILE = "mail.toml"
FILE_BYTES_MAX = 100_000
SECRET_BYTES_MAX = 10_000
RATE_MAX = 6_000
SECURITY = ("starttls", "tls", "none")
LOOPBACK = ("localhost", "127.0.0.1", "::1")
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,100}")


class MailError(EventError):
    """Mails can't be sent. The text gives the remedy. Earlier mails stay marked as sent."""


def _is_address(text: str) -> bool:
    try:
        plain_address(text)
    except AddressError:
        return not text
    return True


_Text = Annotated[
    str,
    rule(
        Phrase("a text of up to 200 characters"),
        holds=lambda text: len(text) <= 200 and (not text or text.isprintable()),
    ),
]
_Address = Annotated[str, rule(Phrase("an address such as forum@example.org"), holds=_is_address)]


@dataclass(frozen=True)
class MailSettings:
    """The settings in `mail.toml`."""

    host: Annotated[
        str,
        Meta(pattern=r"\A[A-Za-z0-9.:-]{1,253}\Z"),
        rule(Phrase("the name or address of a mail server")),
    ]
    sender: Annotated[
        str,
        rule(
            Phrase("the address that mails come from, such as forum@example.org"),
            holds=lambda text: bool(text) and _is_address(text),
        ),
    ]
    sender_name: _Text = ""
    reply_to: _Address = ""
    bounce_to: _Address = ""
    port: Annotated[int, Meta(ge=1, le=65_535), rule(Phrase("a port from 1 to 65535"))] = 587
    security: Annotated[
        str,
        rule(
            Phrase("one of %(security)s", security=", ".join(SECURITY)),
            holds=lambda word: word in SECURITY,
        ),
    ] = "starttls"
    user: _Text = ""
    password_file: _Text = ""
    password_env: Annotated[
        str,
        rule(
            Phrase("the name of a variable"),
            holds=lambda text: not text or _VARIABLE.fullmatch(text) is not None,
        ),
    ] = ""
    # Trusted certificates instead of the system's, for an organiser's own server.
    ca_file: _Text = ""
    rate_per_min: Annotated[
        int,
        Meta(ge=1, le=RATE_MAX),
        rule(Phrase("how many mails a minute, 1 to %(most)s", most=Count(RATE_MAX))),
    ] = 60


def password_of(settings: MailSettings, event_dir: Path) -> str:
    """Return the password, or "" without a user. Raises MailError."""
    if not settings.user:
        return ""
    if settings.password_env:
        password = os.environ.get(settings.password_env, "")
        if not password:
            raise MailError(
                N_("The variable %(password_env)s that password_env names is not set."),
                password_env=settings.password_env,
            )
        return password
    path = named_file(event_dir, settings.password_file)
    if os.name == "posix" and path.exists() and path.stat().st_mode & 0o077:
        raise MailError(N_("%(path)s can be read by others: run `chmod 600` on it."), path=path)
    return _read(path, SECRET_BYTES_MAX).strip("\r\n")


def named_file(event_dir: Path, name: str) -> Path:
    """Return the path of a file in the settings; relative names start in the folder `mail`."""
    return event_dir / MAIL_FOLDER / name


def settings_path(event_dir: Path) -> Path:
    return event_dir / MAIL_FOLDER / FILE


def read_mail_settings(event_dir: Path) -> MailSettings:
    """Read an event's settings. Raises MailError."""
    path = settings_path(event_dir)
    if not path.exists():
        raise MailError(
            N_("Mails can't be sent yet: set the mail server on its page (Mails › Mail server)."),
        )
    return parse_mail_settings(_read(path, FILE_BYTES_MAX), path)


def parse_mail_settings(text: str, path: Path) -> MailSettings:
    """Read the text of the file at `path`. Raises MailError."""
    try:
        settings = read_settings(MailSettings, text, str(path))
    except SettingsError as error:
        raise MailError(error.phrase) from None
    _check(settings, path)
    return settings


def _check(settings: MailSettings, path: Path) -> None:
    """Raise MailError where the settings contradict each other."""
    if settings.user and bool(settings.password_file) == bool(settings.password_env):
        raise MailError(
            N_("%(path)s: user needs password_file or password_env, one of them."), path=path
        )
    if settings.user and settings.security == "none" and settings.host not in LOOPBACK:
        raise MailError(
            N_(
                '%(path)s: with security = "none" the password would be readable on the '
                "way. Take starttls or tls, or leave user out."
            ),
            path=path,
        )


def _read(path: Path, most: int) -> str:
    data = read_small(path, most, MailError)
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise MailError(N_("%(path)s is not text in UTF-8."), path=path) from None


def read_text(path: Path) -> str:
    """Read a file of the folder `mail`. Raises MailError."""
    return _read(path, FILE_BYTES_MAX)
