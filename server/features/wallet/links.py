from dataclasses import dataclass

from server.core.event.directory import Event


@dataclass(frozen=True)
class Links:
    """One badge's addresses. Each is a secret: it opens the badge."""

    badge: str
    calendar: str
    subscription: str


def links_of(event: Event, token: str) -> Links:
    badge = f"{event.settings.public_address}/b/{token}"
    calendar = f"{badge}/programme.ics"
    return Links(badge, calendar, f"webcal{calendar.removeprefix('https')}")
