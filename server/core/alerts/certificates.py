"""Alerts on certificates that end soon, have ended, or are damaged."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from zoneinfo import ZoneInfo

from badges.i18n import Phrase
from server.core.alerts.alerts import Alert, Kind, lasting, steps
from server.core.alerts.sources import AlertContext
from server.core.event import served
from server.core.event.calendar import Clock
from server.core.event.directory import Event

DAY_MS = 24 * 3_600_000
WEEK_DAYS = 7
FRESH_MS = 60_000
SERVER, APPLE, GOOGLE = "server", "apple", "google"


_PLACES = {SERVER: Phrase("Certificate"), APPLE: "Apple Wallet", GOOGLE: "Google Wallet"}
_PAGES = {
    SERVER: "admin.certificate.show",
    APPLE: "admin.wallet_keys.show",
    GOOGLE: "admin.wallet_keys.show",
}
_REMEDIES = {
    SERVER: Phrase(
        "Install a new one on Certificate. Browsers and phones refuse an expired one. Doors "
        "are not affected, since they check the server's key."
    ),
    APPLE: Phrase(
        "Create a new certificate on Apple's developer site, and install it on Wallets. "
        "Without it no passes can be made. Passes on phones are not affected."
    ),
}


@dataclass
class Ends:
    """The ends of certificates (Unix ms) by name, and error texts for damaged ones."""

    at: dict[str, int] = field(default_factory=dict)
    damaged: dict[str, str] = field(default_factory=dict)


class Certificates:
    """Caches the ends of certificates for a minute. Thread-safe."""

    def __init__(self, look: Callable[[Event], Ends]) -> None:
        self._look = look
        # guards the values
        self._lock = threading.Lock()
        self._looked_at: int | None = None
        self._ends = Ends()

    def alerts(self, event: Event, now: int) -> list[Alert]:
        with self._lock:
            if self._looked_at is None or abs(now - self._looked_at) >= FRESH_MS:
                self._ends = self._look(event)
                self._looked_at = now
            ends = self._ends
        listed = []
        for about, words in ends.damaged.items():
            problem = Phrase("Certificate or key damaged: %(words)s", words=words)
            todo = Phrase("Install it again.")
            listed.append(Alert(Kind.CERTIFICATE, about, about == SERVER, what=problem, todo=todo))
        clock = Clock(ZoneInfo(event.settings.time_zone))
        for about, at in ends.at.items():
            left = at - now
            if left < event.settings.alert_certificate_days * DAY_MS:
                level = steps(-left, -WEEK_DAYS * DAY_MS, -DAY_MS, 0)
                # Doors pin the server's key; only phones check the certificate.
                grave = left < DAY_MS and about == SERVER
                day = clock.local(at).date().isoformat()
                problem = Phrase("Certificate has ended (%(at)s)", at=day)
                if left > 0:
                    time = lasting(left)
                    problem = Phrase("Certificate ends in %(time)s (%(at)s)", time=time, at=day)
                todo = _REMEDIES[about]
                listed.append(Alert(Kind.CERTIFICATE, about, grave, level, at, problem, todo))
        return [
            replace(
                alert,
                where=_PLACES[alert.about],
                page=(_PAGES[alert.about], {}),
                remedy_at=_PAGES[alert.about],
            )
            for alert in listed
        ]


class ServerCertificate(Certificates):
    def __init__(self) -> None:
        super().__init__(_served)


def of_server(context: AlertContext) -> list[Alert]:
    return context.own(ServerCertificate).alerts(context.event, context.now)


def _served(event: Event) -> Ends:
    try:
        end = served.served(event).not_valid_after_utc
    except (OSError, ValueError):
        words = Phrase("%(path)s is missing or damaged.", path=event.certificate_path)
        return Ends(damaged={SERVER: words})
    return Ends({SERVER: int(end.timestamp() * 1000)})
