"""Registers the feature with the app."""

from server.core.alerts.alerts import Trouble
from server.features.wallet.alerts import WalletCertificates
from server.features.wallet.pages import pages, passkit
from server.web.feature import Feature
from server.web.services import Services


def _alerts(here: Services, now: int) -> list[Trouble]:
    return here.own(WalletCertificates).troubles(here.event, now)


FEATURE = Feature(
    others=(pages.blueprint, passkit.blueprint),
    # Phones prove themselves with the token of the pass that they name.
    exempt=(passkit.blueprint,),
    alerts=_alerts,
)
