"""Checks the addresses of other machines that this server may send something to."""

import ipaddress
from urllib.parse import urlsplit

URL_CHARS_MAX = 500


class AddressError(ValueError):
    """Is raised for an address that nothing is sent to. `kind` is `form`, `secret`, `plain` or
    `nearby`.
    """

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def check_url(url: str, *, http_allowed: bool = False) -> None:
    """Check an address to send to. Raises AddressError.

    It has no name or password. Without TLS it is this machine's alone, or with `http_allowed`
    anybody's.
    """
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        raise AddressError("form") from None
    if (
        not host or parts.scheme not in ("https", "http") or len(url) > URL_CHARS_MAX
        or not url.isascii() or not url.isprintable() or " " in url or port == 0
    ):  # fmt: skip
        raise AddressError("form")
    if parts.username is not None or parts.password is not None or parts.fragment:
        raise AddressError("secret")
    if parts.scheme == "http" and not http_allowed and not _is_loopback(host):
        raise AddressError("plain")
    if is_nearby(host):
        raise AddressError("nearby")


def is_nearby(host: str) -> bool:
    """Tell whether an address is that of a machine's own surroundings, where no receiver is.

    Cloud machines find their own secrets at such addresses. A name is no address.
    """
    try:
        found = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    mapped = getattr(found, "ipv4_mapped", None) or found
    return mapped.is_link_local or mapped.is_multicast or mapped.is_unspecified


def is_url(url: str) -> bool:
    """Tell whether something that holds no secret, and whose answer proves itself, may go there.

    It may go without TLS.
    """
    try:
        check_url(url, http_allowed=True)
    except AddressError:
        return False
    return True


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
