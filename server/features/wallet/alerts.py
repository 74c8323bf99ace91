"""Alerts about wallet certificates that expire soon, have expired, or are damaged."""

from server.core.alerts.alerts import Alert
from server.core.alerts.certificates import APPLE, GOOGLE, Certificates, Ends
from server.core.alerts.sources import AlertContext
from server.core.event.directory import Event
from server.features.wallet import certificates
from server.features.wallet.certificates import WalletError


class WalletCertificates(Certificates):
    """Apple's certificate and Google's key."""

    def __init__(self) -> None:
        super().__init__(_look)


def of_certificates(context: AlertContext) -> list[Alert]:
    return context.own(WalletCertificates).alerts(context.event, context.now)


def _look(event: Event) -> Ends:
    ends = Ends()
    try:
        apple = certificates.apple_signer(event)
        if apple is not None:
            ends.at[APPLE] = apple.ends_at
    except WalletError as error:
        ends.damaged[APPLE] = error.phrase
    try:
        # Google's key does not expire, but can be damaged.
        certificates.google_signer(event)
    except WalletError as error:
        ends.damaged[GOOGLE] = error.phrase
    return ends
