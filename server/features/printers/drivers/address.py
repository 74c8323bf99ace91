"""Checks the addresses of printers, and connects to them.

Only admins set them. A printer stands in the event's own network, so private addresses are meant.
What no printer has is refused: other schemes, users and passwords in the address, and addresses
that mean everybody, nobody, or a cloud's own service. That is checked again at each connection, on
the address that a name leads to then.
"""

import ipaddress
import socket
from dataclasses import dataclass
from urllib.parse import urlsplit

from badges.i18n import N_, Phrase, joined, phrase_of
from server.core.outgoing.addresses import is_cloud_service, plain_ip
from server.features.printers.states import PrintingError

KINDS = {
    "ipp": "IPP or CUPS (office printers and most label printers)",
    "zpl": "ZPL over TCP (Zebra label printers and those that speak as they do)",
    "brother": "Brother QL raster over TCP (62 mm rolls)",
}
ADDRESS_CHARS_MAX = 200
CONNECT_S = 4.0
_PORTS = {"ipp": 631, "ipps": 631, "tcp": 9100}
_SCHEMES = {"ipp": ("ipp", "ipps"), "zpl": ("tcp",), "brother": ("tcp",)}
_EXAMPLES = {
    "ipp": "ipp://192.168.1.40/ipp/print or ipps://printer.local/ipp/print",
    "zpl": "tcp://192.168.1.41:9100",
    "brother": "tcp://192.168.1.42:9100",
}


class AddressError(PrintingError):
    """Is raised where an address can't be a printer's. The text says how one is written."""


@dataclass(frozen=True)
class Address:
    """Represents where a printer listens."""

    scheme: str  # "ipp", "ipps" or "tcp".
    host: str
    port: int
    path: str  # Of `ipp` and `ipps` alone.

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{host}{port}{self.path}"


def parse(text: str, kind: str) -> Address:
    """Return the address of a printer of a kind. Raises AddressError."""
    if kind not in KINDS:
        raise AddressError(
            Phrase(
                "%(kind)s is no kind of printer: use one of %(kinds)s.",
                kind=repr(kind),
                kinds=", ".join(KINDS),
            )
        )
    example = Phrase("Write it as %(examples)s.", examples=_EXAMPLES[kind])
    if len(text) > ADDRESS_CHARS_MAX or not text.isascii() or not text.isprintable():
        raise AddressError(Phrase("This is no printer's address. %(example)s", example=example))
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError:
        raise AddressError(
            Phrase("%(text)s is no address. %(example)s", text=repr(text), example=example)
        ) from None
    if parts.scheme not in _SCHEMES[kind]:
        raise AddressError(
            Phrase(
                "%(text)s does not begin with %(schemes)s, as this kind of printer "
                "needs. %(example)s",
                text=repr(text),
                schemes=joined(Phrase(" or "), [f"{one}://" for one in _SCHEMES[kind]]),
                example=example,
            )
        )
    if parts.username is not None or parts.password is not None:
        raise AddressError(
            Phrase("An address has no user and no password here. %(example)s", example=example)
        )
    if not parts.hostname or parts.query or parts.fragment or " " in text.strip():
        raise AddressError(
            Phrase(
                "%(text)s is no printer's address. %(example)s", text=repr(text), example=example
            )
        )
    if parts.scheme == "tcp" and parts.path not in ("", "/"):
        raise AddressError(
            Phrase(
                "%(text)s has a path, which tcp:// does not. %(example)s",
                text=repr(text),
                example=example,
            )
        )
    path = "" if parts.scheme == "tcp" else parts.path or "/"
    found = Address(parts.scheme, parts.hostname, port or _PORTS[parts.scheme], path)
    try:
        _check_ip(ipaddress.ip_address(found.host))
    except AddressError:
        raise
    except ValueError:
        pass  # It is a name.
    return found


def connect(address: Address, timeout_s: float = CONNECT_S) -> socket.socket:
    """Connect to a printer. Raises OSError, or AddressError where its name leads elsewhere."""
    try:
        found = socket.getaddrinfo(address.host, address.port, type=socket.SOCK_STREAM)
    except UnicodeError:  # Python raises this for a name that no name server could have.
        raise socket.gaierror(Phrase("no such name")) from None
    error: OSError = OSError(Phrase("the name has no address"))
    for family, kind, protocol, _, where in found[:4]:
        _check_ip(ipaddress.ip_address(str(where[0]).partition("%")[0]))
        made = socket.socket(family, kind, protocol)
        try:
            made.settimeout(timeout_s)
            made.connect(where)
            return made
        except OSError as failed:
            made.close()
            error = failed
    raise error


def _check_ip(ip: ipaddress.IPv4Address | ipaddress.IPv6Address) -> None:
    plain = plain_ip(ip)
    nowhere = plain.is_multicast or plain.is_unspecified or plain.is_reserved
    if nowhere or is_cloud_service(plain):
        raise AddressError(Phrase("%(ip)s is no printer's address.", ip=ip))


def why(error: Exception) -> str:
    """Say in plain words why a printer can't be reached."""
    if isinstance(error, AddressError):
        return phrase_of(error)
    if isinstance(error, socket.gaierror):
        return N_("The printer's name has no address in this network.")
    if isinstance(error, TimeoutError):
        return N_("The printer does not answer: is it switched on and in the network?")
    if isinstance(error, ConnectionRefusedError):
        return N_("The printer's machine answers, but refuses this port.")
    if isinstance(error, ConnectionError | EOFError):
        return N_("The printer closed the connection.")
    return N_("The printer can't be reached: is it switched on and in the network?")
