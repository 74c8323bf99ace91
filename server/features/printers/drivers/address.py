"""Checks the addresses of printers, and connects to them.

Admins set them, so private addresses are allowed. Refused: other schemes, users and passwords,
multicast, unspecified, reserved and cloud metadata addresses. The resolved address is checked at
each connection.
"""

import ipaddress
import socket
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from urllib.parse import urlsplit

from badges.i18n import N_, Phrase, joined, phrase_of
from server.core.outgoing.addresses import is_cloud_service, plain_ip
from server.features.printers.drivers.driver import GarbledError
from server.features.printers.states import PrinterState, PrintingError, Status

ADDRESS_CHARS_MAX = 200
CONNECT_S = 4.0


class AddressError(PrintingError):
    """The address is invalid for this kind. The text has an example."""


@dataclass(frozen=True)
class Address:
    scheme: str
    host: str
    port: int
    path: str
    usual_port: int  # The scheme's default, omitted in the text

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == self.usual_port else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def parse(
    text: str, ports: Mapping[str, int], examples: Sequence[str], *, has_path: bool
) -> Address:
    """Parse a printer's address; `ports` lists the schemes. Raises AddressError."""
    either = Phrase(" or ")
    example = Phrase("Write it as %(examples)s.", examples=joined(either, examples))
    if len(text) > ADDRESS_CHARS_MAX or not text.isascii() or not text.isprintable():
        raise AddressError(N_("This is not a printer address. %(example)s"), example=example)
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise AddressError(
            N_("%(text)s is not an address. %(example)s"), text=repr(text), example=example
        ) from None
    if parts.scheme not in ports:
        raise AddressError(
            N_(
                "%(text)s does not begin with %(schemes)s, as this kind of printer "
                "needs. %(example)s"
            ),
            text=repr(text),
            schemes=joined(either, [f"{scheme}://" for scheme in ports]),
            example=example,
        )
    if parts.username is not None or parts.password is not None:
        raise AddressError(
            N_("An address has no user and no password here. %(example)s"), example=example
        )
    if not parts.hostname or parts.query or parts.fragment or " " in text.strip():
        raise AddressError(
            N_("%(text)s is not a printer address. %(example)s"), text=repr(text), example=example
        )
    if not has_path and parts.path not in ("", "/"):
        raise AddressError(
            N_("%(text)s has a path; %(scheme)s:// addresses cannot have one. %(example)s"),
            text=repr(text),
            scheme=parts.scheme,
            example=example,
        )
    with suppress(ValueError):  # A host name
        _check_ip(ipaddress.ip_address(parts.hostname))
    usual_port = ports[parts.scheme]
    path = (parts.path or "/") if has_path else ""
    return Address(parts.scheme, parts.hostname, port or usual_port, path, usual_port)


def connect(address: Address, timeout_s: float = CONNECT_S) -> socket.socket:
    """Connect to a printer. Raises OSError, or AddressError for a refused resolved address."""
    try:
        resolved = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except UnicodeError:  # Raised for names that can't exist
        raise socket.gaierror(Phrase("no such name")) from None
    error: OSError = OSError(Phrase("the name has no address"))
    for family, kind, protocol, _, where in resolved[:4]:
        _check_ip(ipaddress.ip_address(str(where[0]).partition("%")[0]))
        connection = socket.socket(family, kind, protocol)
        try:
            connection.settimeout(timeout_s)
            connection.connect(where)
            return connection
        except OSError as failure:
            connection.close()
            error = failure
    raise error


def _check_ip(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    plain = plain_ip(ip)
    no_host = plain.is_multicast or plain.is_unspecified or plain.is_reserved
    if no_host or is_cloud_service(plain):
        raise AddressError(N_("%(ip)s is not a printer address."), ip=ip)


FAILURES = (OSError, GarbledError, AddressError)  # Raised without a valid answer


def state_after(error: Exception) -> Status:
    """Return the state of a printer that answers wrongly, or can't be reached."""
    if isinstance(error, GarbledError):
        return Status(PrinterState.ERROR, phrase_of(error))
    return Status(PrinterState.OFFLINE, why(error))


def why(error: Exception) -> str:
    if isinstance(error, AddressError):
        return phrase_of(error)
    if isinstance(error, socket.gaierror):
        return N_("The printer's name has no address in this network.")
    if isinstance(error, TimeoutError):
        return N_("The printer does not answer. Is it switched on and connected to the network?")
    if isinstance(error, ConnectionRefusedError):
        return N_("The printer answers, but refuses this port.")
    if isinstance(error, ConnectionError | EOFError):
        return N_("The printer closed the connection.")
    return N_("The printer can't be reached: is it switched on and in the network?")
