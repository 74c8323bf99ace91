"""Names the address that asks, in a form that the entry log may keep."""

import hmac
import ipaddress

from server.web import security
from server.web.services import address, services

_IPV6_NET = 64


def caller() -> str:
    """Return the address that asks, as a keyed hash. The entry log is kept longer than what may be
    kept of people.
    """
    text = address()
    try:
        found = ipaddress.ip_address(text)
    except ValueError:
        pass
    else:
        if isinstance(found, ipaddress.IPv6Address):
            # A socket for both kinds shows IPv4 addresses in this form. All of them are in one such
            # network, so that would count them as one.
            mapped = found.ipv4_mapped
            text = str(mapped or ipaddress.ip_network((found, _IPV6_NET), strict=False))
    key = security.derived_key(services().event.phone_secret, b"hallkeeper/addresses/v1")
    return hmac.digest(key, text.encode(), "sha256").hex()
