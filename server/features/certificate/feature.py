from badges.i18n import N_
from server.features.certificate import pages
from server.web.feature import RECORDS, Feature, Menu

FEATURE = Feature(
    pages=(pages.blueprint,),
    menu=(
        Menu(
            230,
            "admin.certificate.show",
            N_("Certificate"),
            RECORDS,
            N_("TLS certificate of this server: state, replace"),
        ),
    ),
)
