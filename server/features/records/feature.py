from badges.i18n import N_
from server.features.records import acts, entries, saved
from server.web.feature import DOORS, RECORDS, Feature, Menu

FEATURE = Feature(
    pages=(entries.blueprint, acts.blueprint, entries.outage_pages, saved.blueprint),
    menu=(
        Menu(70, "admin.entries.show", N_("Entries"), DOORS, N_("scans, CSV, Excel")),
        Menu(80, "admin.acts.show", N_("Staff actions"), RECORDS, N_("who changed what")),
        Menu(120, "admin.outages.show", N_("Outages"), DOORS, N_("kiosks without contact")),
    ),
)
