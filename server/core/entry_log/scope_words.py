"""Labels of API token scopes and webhook topics."""

from badges.i18n import N_

SCOPE_WORDS = {
    "read:halls": N_("Read halls: how many are inside"),
    "read:entries": N_("Read entries and denials, by badge number"),
    "read:receipts": N_("Read receipts, each with one whole record"),
    "read:people": N_("Read people, with names and addresses"),
    "write:people": N_("Register and change people, replace and revoke badges"),
    "read:programme": N_("Read the programme"),
    "read:metrics": N_("Read the server's figures"),
}
TOPIC_WORDS = {
    "entries": N_("Entries and denials"),
    "badges": N_("Badges issued, replaced, revoked, reinstated"),
    "halls": N_("Halls that become full, open or closed"),
    "troubles": N_("Troubles that begin and end"),
}
