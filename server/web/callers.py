"""Identifies a client's address."""

import hmac
import ipaddress
from contextlib import suppress

from server.web import security
from server.web.services import address, services

_IPV6_NET = 64


def caller() -> str:
    """Return a keyed hash of the client's address, since the entry log is kept longer than
    personal data.
    """
    text = address()
    with suppress(ValueError):
        parsed = ipaddress.IPv6Address(text)
        # A dual-stack socket shows IPv4 addresses as IPv6 ones, which all share one /64.
        net = ipaddress.ip_network((parsed, _IPV6_NET), strict=False)
        text = str(parsed.ipv4_mapped or net)
    key = security.derived_key(services().event.phone_secret, b"hallkeeper/addresses/v1")
    return hmac.digest(key, text.encode(), "sha256").hex()
