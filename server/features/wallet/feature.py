"""Registers the feature with the app."""

from server.features.wallet.pages import pages, passkit
from server.web.feature import Feature

FEATURE = Feature(
    others=(pages.blueprint, passkit.blueprint),
    # Phones prove themselves with the token of the pass that they name.
    exempt=(passkit.blueprint,),
)
