from server.features.wallet.pages import pages, passkit
from server.web.feature import Feature

FEATURE = Feature(
    others=(pages.blueprint, passkit.blueprint),
    # Phones authenticate with the pass's token.
    exempt=(passkit.blueprint,),
)
