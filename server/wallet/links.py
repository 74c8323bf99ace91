"""Names the addresses under which an attendee finds what belongs to one badge."""

from dataclasses import dataclass

from server.event.directory import Event
from server.people.phone_token import phone_token


@dataclass(frozen=True)
class Links:
    """Holds the addresses of one badge. Whoever has one of them has the badge."""

    badge: str
    calendar: str
    subscription: str  # The calendar again, as programs subscribe to it.


def links_of(event: Event, serial: int, issue: int) -> Links:
    """Return the addresses of one issue of somebody's badge."""
    badge = f"{event.settings.public_address}/b/{phone_token(event, serial, issue)}"
    calendar = f"{badge}/programme.ics"
    return Links(badge, calendar, f"webcal{calendar.removeprefix('https')}")
