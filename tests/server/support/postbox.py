"""A real SMTP server on loopback, which keeps its mails and fails on request."""

import email
import ssl
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from email import policy
from email.message import EmailMessage
from functools import partial

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult, Envelope, LoginPassword, Session


@dataclass(frozen=True)
class Taken:
    """A received mail. `sender` and `to` are from the envelope."""

    sender: str
    to: str
    data: bytes
    options: tuple[str, ...]

    @property
    def message(self) -> EmailMessage:
        parsed = email.message_from_bytes(self.data, policy=policy.default)
        assert isinstance(parsed, EmailMessage)
        return parsed


@dataclass
class Postbox:
    """The server's behaviour. A hook gets the recipient, and its result replaces the answer."""

    taken: list[Taken] = field(default_factory=list)
    on_mail: Callable[[str], str | None] = lambda sender: None
    on_recipient: Callable[[str], str | None] = lambda to: None
    # Before the text comes. True: read one line of it, and end the connection.
    drops: Callable[[str], bool] = lambda to: False
    # After the text was received, before the answer.
    on_text: Callable[[str], str | None] = lambda to: None
    greetings: int = 0
    signed_in: list[str] = field(default_factory=list)

    def times(self) -> Counter[str]:
        """The number of mails to this address."""
        return Counter(mail.to for mail in self.taken)

    async def handle_MAIL(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refused = self.on_mail(address)
        if refused is None:
            envelope.mail_from = address
            envelope.mail_options.extend(options)
        return refused or "250 OK"

    async def handle_RCPT(
        self, server: SMTP, session: Session, envelope: Envelope, address: str, options: list[str]
    ) -> str:
        refused = self.on_recipient(address)
        if refused is None:
            envelope.rcpt_tos.append(address)
        return refused or "250 OK"

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        (to,) = envelope.rcpt_tos
        assert isinstance(envelope.content, bytes)
        assert envelope.mail_from is not None
        options = tuple(envelope.mail_options)
        self.taken.append(Taken(envelope.mail_from, to, envelope.content, options))
        answer = self.on_text(to)
        if answer == "drop":
            server.transport.abort()  # type: ignore[attr-defined]
            return ""
        if answer is not None and not answer.startswith("2"):
            self.taken.pop()
        return answer or "250 taken"


class _Server(SMTP):
    """Ends the connection within a text on request."""

    async def smtp_EHLO(self, hostname: str) -> None:
        self.event_handler.greetings += 1
        await super().smtp_EHLO(hostname)

    async def smtp_DATA(self, arg: str) -> None:
        if self.envelope.rcpt_tos and self.event_handler.drops(self.envelope.rcpt_tos[0]):
            await self.push("354 go on")
            await self._reader.readline()
            self.transport.abort()  # type: ignore[attr-defined]
            return
        await super().smtp_DATA(arg)

    async def push(self, status: str) -> None:
        if not self.transport.is_closing():
            await super().push(status)


class Office(Controller):
    """Runs the server on a free port, in its own thread."""

    def __init__(
        self,
        box: Postbox,
        *,
        tls: ssl.SSLContext | None = None,
        password: str = "",
        smtputf8: bool = True,
        without: tuple[str, ...] = (),
    ) -> None:
        """`without` are mechanisms of signing in that it does not offer."""

        def check(server, session, envelope, mechanism, data) -> AuthResult:
            assert isinstance(data, LoginPassword)
            good = data.password == password.encode()
            if good:
                box.signed_in.append(data.login.decode())
            return AuthResult(success=good, handled=good)

        options = {"enable_SMTPUTF8": smtputf8}
        if password:
            options |= {"authenticator": check, "auth_required": True}
            options |= {"auth_exclude_mechanism": without}
        if tls is not None:
            options |= {"tls_context": tls, "require_starttls": True}
        else:
            options |= {"auth_require_tls": False}
        self._make = partial(_Server, box, hostname="mail.example.org", **options)
        super().__init__(box, hostname="127.0.0.1", port=0)

    def factory(self) -> SMTP:
        return self._make()

    def _trigger_server(self) -> None:
        """A port of 0 is a free one, known only now."""
        self.port = self.server.sockets[0].getsockname()[1]  # type: ignore[attr-defined]
        super()._trigger_server()
