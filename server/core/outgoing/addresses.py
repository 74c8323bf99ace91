"""Checks the addresses of other machines that this server may send something to."""

import ipaddress
from urllib.parse import urlsplit

URL_CHARS_MAX = 500
# Where machines in a cloud find their own settings and secrets: those of Amazon, Google, Azure,
# Oracle, Alibaba, Tencent, Scaleway and OpenStack. A cloud has all of 169.254/16 for such.
CLOUD_SERVICES = tuple(
    map(
        ipaddress.ip_network,
        ("169.254.0.0/16", "100.100.100.200", "168.63.129.16", "192.0.0.192", "fd00:ec2::/32",
         "fd20:ce::254", "fd00:42::42", "fe80::a9fe:a9fe"),
    )
)  # fmt: skip
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")

IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address


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
    plain = plain_ip(found)
    return (
        plain.is_link_local or plain.is_multicast or plain.is_unspecified
        or is_cloud_service(plain)
    )  # fmt: skip


def is_cloud_service(ip: IpAddress) -> bool:
    """Tell whether a machine in a cloud finds its own settings or secrets at an address."""
    return any(plain_ip(ip) in network for network in CLOUD_SERVICES)


def plain_ip(ip: IpAddress) -> IpAddress:
    """Return the IPv4 address to which an IPv6 address leads, or else the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


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
