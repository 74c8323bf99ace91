import ipaddress
from urllib.parse import urlsplit

URL_CHARS_MAX = 500
# Addresses of metadata services, which hold settings and secrets of a cloud: Amazon, Google,
# Azure, Oracle, Alibaba, Tencent, Scaleway and OpenStack. All of 169.254/16 is reserved for them.
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
    """Raised for a refused address. `kind` is `form`, `secret`, `plain` or `nearby`."""

    def __init__(self, kind: str) -> None:
        super().__init__(kind)
        self.kind = kind


def check_url(url: str, *, http_allowed: bool = False) -> None:
    """Raises AddressError.

    `url` must not contain a user name or password. Plain http is allowed to this computer only,
    unless `http_allowed`.
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
    """Return whether `host` is an IP address near the computer, such as a metadata service. False
    for names.
    """
    try:
        parsed = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    plain = plain_ip(parsed)
    return (
        plain.is_link_local or plain.is_multicast or plain.is_unspecified
        or is_cloud_service(plain)
    )  # fmt: skip


def is_cloud_service(ip: IpAddress) -> bool:
    return any(plain_ip(ip) in network for network in CLOUD_SERVICES)


def plain_ip(ip: IpAddress) -> IpAddress:
    """Return the IPv4 address embedded in an IPv6 address, else the address itself."""
    if isinstance(ip, ipaddress.IPv4Address):
        return ip
    if ip in _NAT64:
        return ipaddress.IPv4Address(int(ip) & 0xFFFFFFFF)
    return ip.ipv4_mapped or ip.sixtofour or ip


def is_url(url: str) -> bool:
    """Return whether the URL is valid for requests without secrets and with verifiable answers.
    TLS is not required.
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
