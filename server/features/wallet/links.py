"""Names the addresses under which an attendee finds what belongs to one badge."""

from dataclasses import dataclass

from server.core.event.directory import Event


@dataclass(frozen=True)
class Links:
    """Holds the addresses of one badge. Whoever has one of them has the badge."""

    badge: str
    calendar: str
    subscription: str  # The calendar again, as programs subscribe to it.


def links_of(event: Event, token: str) -> Links:
    """Return the addresses behind the secret of a phone page's link."""
    badge = f"{event.settings.public_address}/b/{token}"
    calendar = f"{badge}/programme.ics"
    return Links(badge, calendar, f"webcal{calendar.removeprefix('https')}")
