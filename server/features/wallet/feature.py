from badges.i18n import N_
from server.features.wallet.pages import keys, pages, passkit
from server.web.feature import PEOPLE, Feature, Menu

FEATURE = Feature(
    pages=(keys.blueprint,),
    menu=(
        Menu(
            185,
            "admin.wallet_keys.show",
            N_("Wallets"),
            PEOPLE,
            N_("Apple Wallet, Google Wallet, certificates, look of passes"),
        ),
    ),
    others=(pages.blueprint, passkit.blueprint),
    # Phones authenticate with the pass's token.
    exempt=(passkit.blueprint,),
)
