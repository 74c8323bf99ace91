"""What a missing second disk means for each act of staff and each column that a capacity needs.

A new act or column belongs into one of these sets, with a case in `test_held_back.py` if it is held
back or done at once. The rule is in server/core/second_disk/critical_tables.py.
"""

from server.core.entry_log.act_names import Act

# Refused where it would change a held row: not every edit or import does.
HELD_BACK = {
    *(Act.KIOSK_CONFIRMED, Act.KIOSK_MOVED),
    *(Act.CAPACITY_SET, Act.VENUE_EDITED, Act.VENUE_IMPORTED, Act.EDIT_UNDONE),
    *(Act.BADGE_KEY_ADDED, Act.BADGE_KEY_CHOSEN, Act.BADGE_KEY_DROPPED),
}
AT_ONCE = {
    *(Act.HALL_CLOSED, Act.KIOSK_FENCED, Act.KIOSK_RETIRED),
    *(Act.BADGE_REVOKED, Act.BADGE_REINSTATED, Act.BADGE_REISSUED, Act.BADGE_WITHDRAWN),
    *(Act.DAY_CREDENTIAL_ISSUED, Act.PHONE_LINK_REVOKED, Act.PHONE_LINK_RENEWED),
    *(Act.USER_ADDED, Act.USER_DISABLED, Act.USER_ENABLED, Act.ROLE_SET),
    *(Act.PIN_SET, Act.PIN_REMOVED, Act.PASSWORD_SET, Act.PASSWORD_CHANGED, Act.PASSWORD_TAKEN),
    *(Act.FACTOR_ADDED, Act.FACTOR_REMOVED, Act.USER_UNLOCKED),
    *(Act.HALL_SCREEN_ADDED, Act.HALL_SCREEN_REVOKED),
    *(Act.API_TOKEN_MADE, Act.API_TOKEN_REVOKED, Act.WEBHOOK_REMOVED),
}
# A restored server that has forgotten it errs on the safe side: more places count as used.
SAFE = {
    *(Act.HALL_OPENED, Act.HALL_CLEARED, Act.KIOSK_ATTESTED),
    *(Act.KIOSK_ADDED, Act.PHONE_CODE_MADE, Act.PHONE_CODES_ENDED, Act.PHONE_REFUSED),
    *(Act.PHONE_PLACES_SET, Act.PHONES_UPDATE_ASKED, Act.KEPT_PLACES_SET),
    *(Act.DOOR_REMOVED, Act.HALL_REMOVED),  # only without kiosks and scans
}
# The roster, the programme, files and notes: docs/backup.md says that the last ones may be lost.
NO_PROMISE = {
    *(Act.SIGNED_IN, Act.SIGNED_OUT, Act.FACTOR_REFUSED, Act.USER_INVITED, Act.INVITATION_ENDED),
    *(Act.SIGN_ON_REFUSED, Act.SIGN_IN_REFUSED, Act.SIGN_IN_SLOWED, Act.SESSIONS_ENDED),
    *(Act.CLOCK_SET, Act.COPY_DENIED, Act.SERVER_RESTORED, Act.CERTIFICATE_SET, Act.SERVERS_SET),
    *(Act.ATTENDEE_ADDED, Act.ATTENDEE_CHANGED, Act.ATTENDEES_MERGED, Act.GUEST_SET),
    *(Act.PEOPLE_LOOKED_UP, Act.PEOPLE_SEARCHED, Act.ROSTER_IMPORTED, Act.ORGANISATIONS_MERGED),
    *(Act.SESSION_REMOVED, Act.CATEGORY_REMOVED, Act.PROGRAMME_REMOVED),
    *(Act.PROTOCOL_GUEST_SET, Act.PROTOCOL_GUEST_CLEARED),
    *(Act.BADGES_ISSUED, Act.BADGES_PRINTED, Act.DAY_CREDENTIAL_PRINTED, Act.BADGE_COLLECTED),
    *(Act.BADGE_COLLECTION_UNDONE, Act.CARD_BOX_SET, Act.ID_CHECKED, Act.ID_CHECK_UNDONE),
    *(Act.PRINTER_ADDED, Act.PRINTER_CHANGED, Act.PRINTER_REMOVED, Act.LABELS_LOADED),
    *(Act.CARDS_SET, Act.MAIL_SET, Act.MAILING_BEGUN, Act.MAILING_ENDED, Act.MAIL_BOUNCES_READ),
    *(Act.SECOND_DISK_SET, Act.BACKUP_MADE, Act.BACKUPS_DELETED),
    *(Act.PHONE_LINK_SHOWN, Act.LINKS_EXPORTED, Act.PHOTO_TAKEN, Act.PHOTO_REMOVED),
    *(Act.INSIDE_LISTED, Act.ATTENTION_MARKED, Act.TROUBLE_TAKEN),
    *(Act.ENTRIES_EXPORTED, Act.ACTS_EXPORTED, Act.LOG_EXPORTED, Act.PEOPLE_EXPORTED),
    *(Act.PERSON_EXPORTED, Act.PERSON_ERASED, Act.LOG_ERASED),
    *(Act.RETENTION_SET, Act.RETENTION_RUN, Act.WALLET_INSTALLED, Act.WALLET_SET),
    *(Act.WEBHOOK_ADDED, Act.WEBHOOK_DISABLED, Act.WEBHOOK_ENABLED),
    *(Act.MUSTER_BEGUN, Act.MUSTER_ENDED, Act.MUSTER_PRINTED),
    *(Act.MUSTER_PERSON_SEEN, Act.MUSTER_PERSON_UNSEEN),
}
DECIDED = (HELD_BACK, AT_ONCE, SAFE, NO_PROMISE)

# Columns whose change is not held back, by table. All others are named in `critical_tables`.
FREE_COLUMNS = {
    "hall": {
        *("hall_id", "code", "names", "zones", "sessions_only", "anti_passback"),  # who may enter
        *("facts_age_max_ms", "walk_s", "accessible_places", "accessible_until_min"),
        "closed_at",  # closing is done at once
        *("open_stays", "open_overrides", "open_accessible", "moved_on", "unconfirmed_moves"),
        *("change_cursor", "shared_until", "capacity_by", "capacity_at"),
        *("floor_m2", "m2_per_person", "seats", "exit_width_m", "exit_steps_width_m"),
        *("entry_lanes", "fill_min", "clear_min", "emergency_min"),
    },
    "door": {"door_id", "code", "names", "mode"},
    "kiosk": {
        *("kiosk", "generation", "token_hash", "token_expires_at", "words", "identity"),
        *("counter", "acked_seq", "head", "log_size", "cursor", "resting", "seen_at", "health"),
        *("created_at", "last_seq", "reported_at", "run", "wire"),
        *("device", "old_files", "phone_code"),
    },
}
