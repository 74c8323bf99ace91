"""Names of acts in the entry log: a subject, then a verb in the past tense.

Leaves keep these names for ever.
"""

from enum import StrEnum


class Act(StrEnum):
    """An act of staff or of the server. `Act(name)` accepts former names too."""

    SIGNED_IN = "signed_in"
    SIGNED_OUT = "signed_out"
    PASSWORD_TAKEN = "password_taken"
    FACTOR_ADDED = "factor_added"
    FACTOR_REMOVED = "factor_removed"
    FACTOR_REFUSED = "factor_refused"
    USER_INVITED = "user_invited"
    INVITATION_ENDED = "invitation_ended"
    SIGN_ON_REFUSED = "sign_on_refused"
    SIGN_IN_REFUSED = "sign_in_refused"
    SIGN_IN_SLOWED = "sign_in_slowed"
    CLOCK_SET = "clock_set"
    COPY_DENIED = "copy_denied"
    PASSWORD_CHANGED = "password_changed"
    PASSWORD_SET = "password_set"
    SESSIONS_ENDED = "sessions_ended"
    USER_ADDED = "user_added"
    USER_DISABLED = "user_disabled"
    USER_ENABLED = "user_enabled"
    USER_UNLOCKED = "user_unlocked"
    ROLE_SET = "role_set"
    PIN_SET = "pin_set"
    PIN_REMOVED = "pin_removed"
    ATTENDEE_ADDED = "attendee_added"
    ATTENDEE_CHANGED = "attendee_changed"
    PEOPLE_LOOKED_UP = "people_looked_up"
    PEOPLE_SEARCHED = "people_searched"
    ROSTER_IMPORTED = "roster_imported"
    VENUE_IMPORTED = "venue_imported"
    VENUE_EDITED = "venue_edited"
    SESSION_REMOVED = "session_removed"
    DOOR_REMOVED = "door_removed"
    HALL_REMOVED = "hall_removed"
    CATEGORY_REMOVED = "category_removed"
    PROGRAMME_REMOVED = "programme_removed"
    ORGANISATIONS_MERGED = "organisations_merged"
    GUEST_SET = "guest_set"
    EDIT_UNDONE = "edit_undone"
    ATTENDEES_MERGED = "attendees_merged"
    PROTOCOL_GUEST_SET = "protocol_guest_set"
    PROTOCOL_GUEST_CLEARED = "protocol_guest_cleared"
    BADGES_ISSUED = "badges_issued"
    BADGE_REISSUED = "badge_reissued"
    BADGE_WITHDRAWN = "badge_withdrawn"
    BADGE_REVOKED = "badge_revoked"
    BADGE_REINSTATED = "badge_reinstated"
    DAY_CREDENTIAL_ISSUED = "day_credential_issued"
    DAY_CREDENTIAL_PRINTED = "day_credential_printed"
    BADGES_PRINTED = "badges_printed"
    PHONE_LINK_REVOKED = "phone_link_revoked"
    PHONE_LINK_RENEWED = "phone_link_renewed"
    PRINTER_ADDED = "printer_added"
    PRINTER_CHANGED = "printer_changed"
    PRINTER_REMOVED = "printer_removed"
    LABELS_LOADED = "labels_loaded"
    CARDS_SET = "cards_set"
    BADGE_COLLECTED = "badge_collected"
    BADGE_COLLECTION_UNDONE = "badge_collection_undone"
    CARD_BOX_SET = "card_box_set"
    ID_CHECKED = "id_checked"
    ID_CHECK_UNDONE = "id_check_undone"
    PHONE_LINK_SHOWN = "phone_link_shown"
    PHOTO_TAKEN = "photo_taken"
    PHOTO_REMOVED = "photo_removed"
    HALL_CLOSED = "hall_closed"
    HALL_OPENED = "hall_opened"
    CAPACITY_SET = "capacity_set"
    HALL_CLEARED = "hall_cleared"
    KEPT_PLACES_SET = "kept_places_set"
    KIOSK_ADDED = "kiosk_added"
    KIOSK_CONFIRMED = "kiosk_confirmed"
    KIOSK_RETIRED = "kiosk_retired"
    KIOSK_FENCED = "kiosk_fenced"
    KIOSK_MOVED = "kiosk_moved"
    KIOSK_ATTESTED = "kiosk_attested"
    INSIDE_LISTED = "inside_listed"
    ATTENTION_MARKED = "attention_marked"
    ENTRIES_EXPORTED = "entries_exported"
    ACTS_EXPORTED = "acts_exported"
    LOG_EXPORTED = "log_exported"
    LOG_ERASED = "log_erased"
    PERSON_EXPORTED = "person_exported"
    PERSON_ERASED = "person_erased"
    BACKUPS_DELETED = "backups_deleted"
    RETENTION_SET = "retention_set"
    RETENTION_RUN = "retention_run"
    SERVER_RESTORED = "server_restored"
    CERTIFICATE_SET = "certificate_set"
    SERVERS_SET = "servers_set"
    MAILING_BEGUN = "mailing_begun"
    MAILING_ENDED = "mailing_ended"
    MAIL_BOUNCES_READ = "mail_bounces_read"
    LINKS_EXPORTED = "links_exported"
    WALLET_INSTALLED = "wallet_installed"
    API_TOKEN_MADE = "api_token_made"
    API_TOKEN_REVOKED = "api_token_revoked"
    WEBHOOK_ADDED = "webhook_added"
    WEBHOOK_REMOVED = "webhook_removed"
    WEBHOOK_DISABLED = "webhook_disabled"
    WEBHOOK_ENABLED = "webhook_enabled"
    MUSTER_BEGUN = "muster_begun"
    MUSTER_ENDED = "muster_ended"
    MUSTER_PERSON_SEEN = "muster_person_seen"
    MUSTER_PERSON_UNSEEN = "muster_person_unseen"
    MUSTER_PRINTED = "muster_printed"
    TROUBLE_TAKEN = "trouble_taken"

    @classmethod
    def _missing_(cls, value: object) -> "Act | None":
        return _EARLIER.get(value) if isinstance(value, str) else None

    @property
    def written_as(self) -> tuple[str, ...]:
        """Return every name that this act has in leaves, the current one first."""
        return (self.value, *(name for name, act in _EARLIER.items() if act is self))


# names in leaves from before December 2026
_EARLIER = {
    "kiosk.add": Act.KIOSK_ADDED,
    "kiosk.confirm": Act.KIOSK_CONFIRMED,
    "kiosk.retire": Act.KIOSK_RETIRED,
    "kiosk.fence": Act.KIOSK_FENCED,
    "time_epoch": Act.CLOCK_SET,
    "badge_no_copy": Act.COPY_DENIED,
    "restored": Act.SERVER_RESTORED,
}
