"""Delivers mails to an SMTP server, one at a time.

Commands are not pipelined: a connection lost before the text delivers nothing; lost between text
and answer, the result is unknown.
"""

import base64
import contextlib
import re
import smtplib
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from badges.i18n import N_, Phrase
from badges.system_reasons import reason_of
from server.features.mail.addresses import plain_address
from server.features.mail.message import Mail
from server.features.mail.settings import MailError, MailSettings, named_file, password_of

TIMEOUT_S = 60.0
ANSWER_TIMEOUT_S = 600.0  # For the answer to a text (RFC 5321 §4.5.3.2.6)
_DOTS = re.compile(rb"(?m)^\.")
_CLOSING = 421
_GO_ON = 354
_SIGNED_IN = 235


class Fate(Enum):
    SENT = "sent"
    DELAYED = "delayed"
    REFUSED = "refused"
    UNCERTAIN = "uncertain"
    NOT_WANTED = "not wanted"  # `before_text` returned False


@dataclass(frozen=True)
class Outcome:
    fate: Fate
    answer: str
    tried: bool  # `before_text` returned True


class LostError(Exception):
    """The connection was lost before a text; retry is safe."""


class Line:
    """A connection to the mail server. Close it after use."""

    def __init__(self, settings: MailSettings, event_dir: Path) -> None:
        """Connect, encrypt and log in. Raises LostError, or MailError if retrying is pointless."""
        self._settings = settings
        self._envelope = plain_address(settings.bounce_to or settings.sender)
        context = _context(settings, event_dir)
        password = password_of(settings, event_dir)
        where = Phrase("%(host)s port %(port)s", host=settings.host, port=settings.port)
        try:
            if settings.security == "tls":
                self._smtp: smtplib.SMTP = smtplib.SMTP_SSL(
                    settings.host, settings.port, timeout=TIMEOUT_S, context=context
                )
            else:
                self._smtp = smtplib.SMTP(settings.host, settings.port, timeout=TIMEOUT_S)
        except (OSError, smtplib.SMTPException) as error:
            raise _failure(error, N_("%(where)s can't be reached: %(why)s"), where) from None
        try:
            self._begin(context, password, where)
        except BaseException:
            self._smtp.close()
            raise

    def _begin(self, context: ssl.SSLContext | None, password: str, where: str) -> None:
        settings = self._settings
        try:
            self._smtp.ehlo_or_helo_if_needed()
            if settings.security == "starttls":
                self._smtp.starttls(context=context)
                self._smtp.ehlo()
            if settings.user:
                self._sign_in(settings.user, password)
        except smtplib.SMTPAuthenticationError as error:
            raise MailError(
                N_("%(where)s rejects the user name and password: %(said)s"),
                where=where,
                said=_text(error.smtp_error),
            ) from None
        except smtplib.SMTPNotSupportedError as error:
            raise MailError(
                N_("%(where)s: %(said)s Set encryption and user name as the server wants them."),
                where=where,
                said=_text(str(error)),
            ) from None
        except (OSError, smtplib.SMTPException) as error:
            raise _failure(error, N_("%(where)s ended the connection: %(why)s"), where) from None

    def _sign_in(self, user: str, password: str) -> None:
        """Raises MailError or SMTPException."""
        if (user + password).isascii() or not self._smtp.has_extn("auth"):
            self._smtp.login(user, password)
            return
        if "PLAIN" not in self._smtp.esmtp_features["auth"].split():
            raise MailError(
                N_(
                    "The mail server takes user names and passwords in ASCII letters, digits and"
                    " signs alone. Set such a password there, and type it here."
                )
            )
        # smtplib encodes in ASCII alone. PLAIN is in UTF-8 (RFC 4616).
        secret = base64.b64encode(f"\0{user}\0{password}".encode()).decode()
        code, answer = self._smtp.docmd("AUTH", f"PLAIN {secret}")
        if code != _SIGNED_IN:
            raise smtplib.SMTPAuthenticationError(code, answer)

    def close(self) -> None:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._smtp.quit()
        self._smtp.close()

    def deliver(self, mail: Mail, before_text: Callable[[], bool]) -> Outcome:
        """Deliver one mail. `before_text`, called just before the text is sent, returns whether to
        send it.

        Raises LostError, or MailError if the server accepts no mail of ours.
        """
        # Mails that can't be encoded fail here, before the server is contacted.
        data = mail.data()
        try:
            refused = self._envelope_taken(mail)
        except (OSError, smtplib.SMTPException) as error:
            raise LostError(_words(error)) from None
        if refused is not None:
            return refused
        if not before_text():
            self._reset()
            return Outcome(Fate.NOT_WANTED, "", False)
        try:
            code, answer = self._smtp.docmd("DATA")
        except (OSError, smtplib.SMTPException):
            # The text was not sent.
            self._smtp.close()
            return Outcome(Fate.DELAYED, Phrase("the connection was lost before the text"), True)
        if code != _GO_ON:
            return self._failed(code, answer, tried=True)
        return self._text_sent(data)

    def _envelope_taken(self, mail: Mail) -> Outcome | None:
        """Send MAIL FROM and RCPT TO. Return an outcome if delivery ends here."""
        utf8 = mail.to.needs_utf8 or self._envelope.needs_utf8
        if utf8 and not self._smtp.has_extn("smtputf8"):
            return Outcome(
                Fate.REFUSED, Phrase("the mail server takes no addresses with such letters"), False
            )
        options = ["SMTPUTF8"] if utf8 else []
        self._smtp.command_encoding = "utf-8" if utf8 else "ascii"
        notify = []
        if self._smtp.has_extn("dsn"):
            # Bounces then include headers, which identify the mail.
            options.append("RET=HDRS")
            notify = ["NOTIFY=FAILURE,DELAY"]
        code, answer = self._smtp.mail(self._envelope.text, options)
        self._check_open(code, answer)
        if code // 100 == 5:
            raise MailError(
                N_("The mail server takes no mail from %(text)s: %(code)s %(answer)s"),
                text=self._envelope.text,
                code=code,
                answer=_text(answer),
            )
        if code != 250:
            return self._failed(code, answer, tried=False)
        code, answer = self._smtp.rcpt(mail.to.text, notify)
        self._check_open(code, answer)
        return None if code in (250, 251) else self._failed(code, answer, tried=False)

    def _text_sent(self, data: bytes) -> Outcome:
        try:
            if self._smtp.sock is not None:
                self._smtp.sock.settimeout(ANSWER_TIMEOUT_S)
            self._smtp.send(_DOTS.sub(b"..", data) + b".\r\n")
            code, answer = self._smtp.getreply()
        except (OSError, smtplib.SMTPException) as error:
            self._smtp.close()
            return Outcome(Fate.UNCERTAIN, _words(error), True)
        if self._smtp.sock is not None:
            self._smtp.sock.settimeout(TIMEOUT_S)
        if code == 250:
            return Outcome(Fate.SENT, _text(answer), True)
        return self._failed(code, answer, tried=True)

    def _failed(self, code: int, answer: bytes, *, tried: bool) -> Outcome:
        """Return an error code's outcome, and reset for the next mail."""
        if code == _CLOSING:
            self._smtp.close()
        else:
            self._reset()
        fate = Fate.REFUSED if code // 100 == 5 else Fate.DELAYED
        return Outcome(fate, f"{code} {_text(answer)}", tried)

    def _check_open(self, code: int, answer: bytes) -> None:
        """Raise LostError if the server is closing the connection."""
        if code == _CLOSING:
            self._smtp.close()
            raise LostError(f"{code} {_text(answer)}")

    def _reset(self) -> None:
        """Reset for the next mail. A lost connection is noticed then."""
        with contextlib.suppress(OSError, smtplib.SMTPException):
            self._smtp.rset()

    @property
    def is_open(self) -> bool:
        return self._smtp.sock is not None


def _failure(error: Exception, words: str, where: str) -> MailError | LostError:
    """Return a failed connection's error; a retry can't make a server trusted."""
    if isinstance(error, ssl.SSLError):
        text = N_("The mail server %(where)s can't be trusted: %(why)s.")
        return MailError(text, where=where, why=error.reason)
    return LostError(Phrase(words, where=where, why=_words(error)))


def _context(settings: MailSettings, event_dir: Path) -> ssl.SSLContext | None:
    if not settings.ca_file:
        # Loading the system's authorities takes 10 ms.
        if settings.security == "none":
            return None
        return ssl.create_default_context()
    path = named_file(event_dir, settings.ca_file)
    try:
        return ssl.create_default_context(cafile=str(path))
    except (OSError, ssl.SSLError):
        raise MailError(
            N_("%(path)s has no certificates in PEM that could be read."), path=path
        ) from None


def _text(answer: bytes | str) -> str:
    text = answer.decode("utf-8", "replace") if isinstance(answer, bytes) else answer
    return "".join(char if char.isprintable() else " " for char in text)[:300]


def _words(error: Exception) -> str:
    if isinstance(error, smtplib.SMTPResponseException):
        return f"{error.smtp_code} {_text(error.smtp_error)}"
    if isinstance(error, smtplib.SMTPServerDisconnected):
        return reason_of(error)
    if isinstance(error, OSError) and not isinstance(error, smtplib.SMTPException):
        return reason_of(error)
    return _text(str(error)) or type(error).__name__
