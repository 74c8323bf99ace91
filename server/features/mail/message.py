import hmac
from dataclasses import dataclass
from datetime import UTC, datetime
from email import policy
from email.headerregistry import Address
from email.message import EmailMessage
from email.utils import format_datetime
from hashlib import blake2b

from badges.categories import CategoryPlan
from badges.printing.qr import symbol_png
from server.core.event.directory import Event
from server.core.people.attendees import Attendee
from server.core.people.card_design import dates_texts
from server.core.people.issuing import Badge
from server.features.mail.addresses import MailAddress, plain_address
from server.features.mail.settings import MailSettings
from server.features.mail.templates import Filled, fill, find_template
from server.features.wallet.links import links_of
from server.storage.localized import text_in

CODE_PX = 8  # Of one module of the code
_CONTEXT = b"hallkeeper/mail/v1\x00"
_NAME_CHARS_MAX = 100


@dataclass(frozen=True)
class Mail:
    to: MailAddress
    message: EmailMessage
    language: str

    def data(self) -> bytes:
        """Return the mail's bytes for SMTP, with CRLF line ends."""
        # Every server accepts this: no body needs eight bits.
        rules = (policy.SMTPUTF8 if self.to.needs_utf8 else policy.SMTP).clone(cte_type="7bit")
        return self.message.as_bytes(policy=rules)


def message_id(event: Event, template: str, badge: Badge, token: str, email: str) -> str:
    """Return the Message-ID's local part, the same for each mail about a badge and link to an
    address, so that duplicates are recognised, and reports about an earlier address.
    """
    subject = f"{template}/{badge.serial}/{badge.issue}/{token}/{email.casefold()}".encode()
    return f"hk-{hmac.digest(event.phone_secret, _CONTEXT + subject, 'sha256')[:16].hex()}"


def address_hash(email: str, link_number: int) -> bytes:
    """Return a hash that changes with the address and with the link."""
    subject = f"{link_number}/{email.casefold()}".encode()
    return blake2b(subject, digest_size=12).digest()


def make_mail(
    event: Event,
    settings: MailSettings,
    template: str,
    holder: Attendee,
    badge: Badge,
    token: str,
    category: CategoryPlan,
    now: int,
) -> Mail:
    """Build the mail with the link of secret `token`.

    Raises AddressError, or MailError for a template that can't be filled.
    """
    to = plain_address(holder.email)
    source = find_template(event.path, template, holder.language)
    filled = fill(source, values_of(event, holder, token, category, source.language))
    message = EmailMessage(policy.SMTPUTF8)
    sender = plain_address(settings.sender)
    name = settings.sender_name or text_in(event.settings.name, source.language)
    message["From"] = _header_address(name, sender)
    message["To"] = _header_address(holder.name, to)
    if settings.reply_to:
        message["Reply-To"] = _header_address("", plain_address(settings.reply_to))
    message["Subject"] = filled.subject
    message["Date"] = format_datetime(datetime.fromtimestamp(now // 1000, UTC))
    own = message_id(event, template, badge, token, holder.email)
    message["Message-ID"] = f"<{own}@{sender.domain}>"
    # Suppresses automatic replies (RFC 3834).
    message["Auto-Submitted"] = "auto-generated"
    _set_body(message, filled, badge)
    # Setting the body drops this header, so it comes last.
    message["Content-Language"] = source.language
    return Mail(to, message, source.language)


def _set_body(message: EmailMessage, filled: Filled, badge: Badge) -> None:
    code = symbol_png(badge.credential, module_px=CODE_PX)
    message.set_content(filled.text)
    if not filled.html:
        message.add_attachment(code, "image", "png", filename="badge.png")
        return
    message.add_alternative(filled.html, subtype="html")
    _, html = message.iter_parts()
    assert isinstance(html, EmailMessage)
    html.add_related(
        code, "image", "png", cid="<badge>", filename="badge.png", disposition="inline"
    )


def values_of(
    event: Event, holder: Attendee, token: str, category: CategoryPlan, language: str
) -> dict[str, str]:
    links = links_of(event, token)
    chinese, others = dates_texts(event.settings)
    return {
        "event": text_in(event.settings.name, language),
        "dates": chinese if language.startswith("zh") else others,
        "name": holder.name,
        "given_name": holder.given_name,
        "family_name": holder.family_name,
        "organisation": holder.organisation,
        "job_title": holder.job_title,
        "category": text_in(category.names, language),
        "number": holder.number,
        "link": links.badge,
        "calendar": links.calendar,
        "subscription": links.subscription,
        "language": language,
    }


def _header_address(name: str, address: MailAddress) -> Address:
    return Address(_shown(name), username=address.local, domain=address.domain)


def _shown(name: str) -> str:
    """Return a name as one printable line for a header."""
    printable = "".join(char if char.isprintable() else " " for char in name)
    return " ".join(printable.split())[:_NAME_CHARS_MAX]
