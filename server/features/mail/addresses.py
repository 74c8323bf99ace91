"""Parses mail addresses, also with letters beyond ASCII.

A domain is sent in ASCII (IDNA 2008, RFC 5891). Other local parts need SMTPUTF8 (RFC 6531).
email-validator refuses .local and .test, counts characters instead of SMTP's bytes, has only
English messages, and needs dnspython.
"""

import re
from dataclasses import dataclass

import idna

LOCAL_BYTES_MAX = 64  # RFC 5321 §4.5.3.1
ADDRESS_BYTES_MAX = 254
_LOCAL = re.compile(r"[A-Za-z0-9!#$%&'*+/=?^_`{|}~\u0080-\U0010ffff.-]+")


class AddressError(ValueError):
    pass


@dataclass(frozen=True)
class MailAddress:
    """An address as sent. `needs_utf8`: needs a server with SMTPUTF8."""

    text: str
    needs_utf8: bool

    @property
    def local(self) -> str:
        return self.text.rpartition("@")[0]

    @property
    def domain(self) -> str:
        return self.text.rpartition("@")[2]


def plain_address(text: str) -> MailAddress:
    """Parse an address without a display name. Raises AddressError."""
    local, at, domain = text.rpartition("@")
    good = at and _LOCAL.fullmatch(local) and local.isprintable()
    if not good or ".." in local or local.startswith(".") or local.endswith("."):
        raise AddressError("is not a mail address")
    try:
        ascii_domain = idna.encode(domain, uts46=True).decode("ascii")
    except (idna.IDNAError, UnicodeError):
        raise AddressError("has no domain that can exist") from None
    address = f"{local}@{ascii_domain}"
    if "." not in ascii_domain or len(local.encode()) > LOCAL_BYTES_MAX:
        raise AddressError("is not a mail address")
    if len(address.encode()) > ADDRESS_BYTES_MAX:
        raise AddressError("is too long")
    return MailAddress(address, not local.isascii())
