"""Classifies every column by what it reveals about an attendee.

A test fails for a missing column.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum

PERSON = "serial"  # The column that links rows to a person


class Erasure(StrEnum):
    DELETED = "deleted"
    # Kept for totals, under a number that belongs to no person
    NUMBERED = "numbered"
    OWN = "own"  # Handled by code of its own


@dataclass(frozen=True)
class Table:
    """A table's columns by kind, as names separated by spaces."""

    personal: str = ""  # Text of or about a person, or possibly so
    pseudonymous: str = ""  # Identifies a person together with other data
    none: str = ""  # No information about an attendee by itself
    # Words of staff about something else, which may name anybody. Emptied where they do.
    notes: str = ""
    because: str = ""  # why columns with words are in `none`
    erasure: Erasure | None = None  # None: no row belongs to one person
    # Rows with the same value here get the same number per person, also across tables.
    together: str = ""


# Reasons
_CODES = "codes, states and numbers of this program, keys and hashes"
_USERS = "users of the staff by number or name, and codes"
_VENUE = "the organiser's words: halls, sessions, organisations. They stay, whomever they name"
_COMPUTERS = "computers, printers and authorities, and their answers about themselves"

_DELETED, _NUMBERED, _OWN = Erasure.DELETED, Erasure.NUMBERED, Erasure.OWN

# Staff are not attendees. Rows are deleted in order: referring tables first.
TABLES: Mapping[str, Table] = {
    "arrival_notice": Table(pseudonymous="arrival_id", none="user_id seen_at", erasure=_OWN),
    "arrival": Table(pseudonymous="serial", none="arrival_id day number", erasure=_DELETED),
    "protocol_watcher": Table(pseudonymous="serial", none="user_id", erasure=_DELETED),
    "protocol_guest": Table(pseudonymous="serial", none="set_at", erasure=_DELETED),
    "accessible_guest": Table(personal="kind", pseudonymous="serial", erasure=_DELETED),
    "session_guest": Table(pseudonymous="serial", none="session_id invited", erasure=_DELETED),
    "session_speaker": Table(
        personal="label name",
        pseudonymous="serial",
        none="session_id position role starts_at",
        erasure=_OWN,
        because=_CODES,
    ),
    "awaited_guest": Table(
        personal="label", none="session_code invited", erasure=_OWN, because=_CODES
    ),
    "wallet_device": Table(
        personal="device push_token",
        pseudonymous="serial",
        none="issue registered_at",
        erasure=_DELETED,
    ),
    "wallet_pass": Table(
        personal="content", pseudonymous="serial", none="issue changed_at", erasure=_DELETED
    ),
    "calendar_person": Table(personal="shown", pseudonymous="serial", erasure=_DELETED),
    "mail": Table(
        personal="answer sent_to",
        pseudonymous="serial message_id",
        none="issue template state tries at",
        erasure=_DELETED,
        because=_CODES,
    ),
    "desk_submission": Table(
        personal="kept",
        pseudonymous="serial",
        none="submission_id nonce desk made_by made_at kind issue begun_at job_id by_browser"
        " done_at undone_at",
        erasure=_DELETED,
        because=_USERS,
    ),
    "print_job": Table(
        personal="words",
        pseudonymous="serial",
        none="job_id issue desk made_by made_at printer_id fixed state problem sent_at remote"
        " done_at",
        erasure=_DELETED,
        because=_CODES,
    ),
    "id_check": Table(
        pseudonymous="serial", none="checked_by checked_at", erasure=_DELETED, because=_USERS
    ),
    "phone_link": Table(pseudonymous="serial", none="number revoked_at", erasure=_DELETED),
    "likely_copy": Table(
        pseudonymous="serial", none="issue number noticed_at cleared_at", erasure=_DELETED
    ),
    "unnamed_exit": Table(pseudonymous="serial", none="number hall_id at epoch", erasure=_DELETED),
    "stay": Table(
        pseudonymous="serial",
        none="kiosk generation seq hall_id door_id opened_at closed_at closed_by override gone"
        " clock_known after_move issue epoch around",
        erasure=_NUMBERED,
        because=_CODES,
    ),
    "scan": Table(
        personal="note",
        pseudonymous="serial issue",
        none="number kiosk generation seq act direction door_id hall_id category session_id"
        " decision reason flags scanned_at received_at skew_ms facts_age_ms override_place"
        " supervisor quarantined",
        erasure=_OWN,
        because=_CODES,
    ),
    "leaf": Table(
        personal="body",
        pseudonymous="salt",
        none="number kind at hash",
        erasure=_OWN,
        because=_CODES,
    ),
    "discrepancy": Table(
        pseudonymous="number other_number",
        none="discrepancy_id reason noticed_at",
        erasure=_OWN,
        because=_CODES,
    ),
    "erased_scan": Table(none="number record_hash signature", because=_CODES),
    "day_credential": Table(
        personal="sealed",
        pseudonymous="serial credential lookup",
        none="issue day issued_at names_row printed printed_at",
        erasure=_DELETED,
    ),
    "withdrawn_badge": Table(
        pseudonymous="serial credential lookup",
        none="issue names_row withdrawn_at",
        erasure=_DELETED,
    ),
    "badge": Table(
        personal="sealed printed_as",
        pseudonymous="serial credential lookup",
        none="issue issued_at names_row printed printed_at collected_at collected_by",
        erasure=_DELETED,
        because=_USERS,
    ),
    "card_box": Table(personal="box", pseudonymous="serial", erasure=_DELETED),
    "job_person": Table(pseudonymous="serial", none="kind", erasure=_DELETED, because=_CODES),
    "changed_holder": Table(pseudonymous="serial", erasure=_DELETED),
    "search_due": Table(pseudonymous="serial", erasure=_DELETED),
    "attendee_search": Table(
        personal="whole name organisation contact pieces",
        pseudonymous="serial",
        erasure=_DELETED,
    ),
    "search_word": Table(personal="whole name organisation contact pieces", erasure=_OWN),
    "search_inside": Table(personal="whole name organisation contact", erasure=_OWN),
    "attendee": Table(
        personal="external_id given_name family_name latin_name organisation country email phone"
        " order_number language job_title",
        pseudonymous="serial",
        none="category valid_days zones flags created_at revoked_at organisation_id",
        erasure=_DELETED,
    ),
    # Kept for the muster's figures, which count unlisted people too.
    "muster_person": Table(
        pseudonymous="serial",
        none="muster_id hall_id kiosk generation seq door_id since sureness away_since also_in"
        " seen_at seen_by left_at is_unproven",
        erasure=_NUMBERED,
        together="muster_id",
        because=_USERS,
        notes="seen_point",
    ),
    "muster_seen": Table(
        pseudonymous="serial",
        none="seen_id muster_id number at by not_before clock_known epoch shown_entry"
        " void_badge withdrawn",
        erasure=_NUMBERED,
        together="muster_id",
        because=_USERS,
        notes="point",
    ),
    # Notes on a person's denials have their number as subject.
    "attention": Table(
        pseudonymous="subject",
        none="kind period state count set_by set_at",
        erasure=_OWN,
        because=_USERS,
        notes="note",
    ),
    "act_change": Table(
        personal="before after",
        pseudonymous="key",
        none="number place kind",
        erasure=_OWN,
        because=_CODES,
    ),
    "saved_filter": Table(
        personal="name query",
        none="filter_id user_id page shared made_at",
        erasure=_OWN,
        because=_CODES,
    ),
    # A block's badge numbers. A trigger deletes the row when one changes.
    "entry_block": Table(
        pseudonymous="serials", none="block marked oldest_at newest_at", erasure=_OWN
    ),
    # Bodies contain badge numbers until they are delivered.
    "webhook_message": Table(
        pseudonymous="body",
        none="message_id endpoint_id position kind made_at tries tried_at next_at delivered_at"
        " answer",
        erasure=_OWN,
        because=_CODES,
    ),
    # Only the number of the badge is kept, so that doors refuse it.
    "unknown_holder": Table(pseudonymous="serial", none="highest_issue revoked_at", erasure=_OWN),
    "page_edit": Table(
        personal="what things",
        none="edit_id made_by made_at cursor hall_id dismissed",
        erasure=_OWN,
        because=_USERS,
    ),
    # Contains badge numbers for the doors. New rows displace the oldest.
    "change": Table(pseudonymous="body", none="cursor hall_id kiosk", erasure=_OWN, because=_CODES),
    "outage": Table(
        none="outage_id kiosk generation since back_at first_seq last_seq", because=_CODES
    ),
    "activity": Table(
        none="activity_id code kind titles official parallel theme language", because=_VENUE
    ),
    "activity_host": Table(none="activity_id organisation_id role", because=_CODES),
    "activity_kind": Table(none="code names", because=_VENUE),
    "area": Table(none="area_id code hall_id names m2", because=_VENUE),
    "calendar_entry": Table(none="calendar_id code content sequence modified_at", because=_VENUE),
    "category": Table(none="category code names letter colour", because=_VENUE),
    "api_token": Table(
        none="token_id name token_hash scopes made_by made_at ends_at revoked_at used_at",
        because=_USERS,
    ),
    "cosignature": Table(none="kiosk generation size note at", because=_COMPUTERS),
    "given_checkpoint": Table(none="log size note at", because=_COMPUTERS),
    "outside_failure": Table(none="who code words since", because=_COMPUTERS),
    "time_stamp": Table(
        none="stamp_id log size note authority answer stamped_at at", because=_COMPUTERS
    ),
    "witness_cosignature": Table(
        none="log witness size note cosigned_at at set_back_at", because=_COMPUTERS
    ),
    "door": Table(none="door_id code hall_id names mode", because=_VENUE),
    "door_minute": Table(none="minute door_id hall_id entered gone denied soon"),
    "door_quarter": Table(none="quarter door_id admitted denied"),
    "entry_mark": Table(none="block facet value bits", because=_CODES),
    "door_from": Table(none="door_id said from_id"),
    "early_exit": Table(none="kiosk generation seq closed_at closed_by hall_id", because=_CODES),
    "exhibitor": Table(none="exhibitor_id code organisation_id", because=_CODES),
    "hall": Table(
        none="hall_id code names parent_id fire_limit capacity zones sessions_only anti_passback"
        " exits facts_age_max_ms closed_at open_stays open_overrides change_cursor shared_until"
        " leaving walk_s moved_on unconfirmed_moves accessible_places accessible_until_min"
        " open_accessible floor_m2 m2_per_person seats exit_width_m exit_steps_width_m"
        " entry_lanes fill_min clear_min emergency_min capacity_by capacity_at",
        because=_VENUE,
    ),
    "hall_screen": Table(
        none="screen_id hall_id token_hash made_by made_at revoked_at", because=_USERS
    ),
    "hall_minute": Table(none="hall_id minute came went"),
    "invitation": Table(none="token_hash name role made_by expires_at", because=_USERS),
    "kiosk_minute": Table(none="kiosk slot minute heard queue", because=_CODES),
    "muster": Table(
        none="muster_id begun_at begun_by ended_at ended_by epoch",
        because=_USERS,
        notes="reason note",
    ),
    "muster_hall": Table(
        none="muster_id hall_id sureness away_since away_doors unseen", because=_CODES
    ),
    "passkey": Table(
        none="credential_id user_id rp_id public_key sign_count name created_at used_at",
        because=_USERS,
    ),
    "recovery_code": Table(none="user_id code_hash", because=_CODES),
    "sign_on_account": Table(none="issuer subject user_id", because=_USERS),
    "taken_alert": Table(none="alert level since taken_by taken_at", because=_USERS, notes="note"),
    "webhook_endpoint": Table(
        none="endpoint_id url topics secret_of made_by made_at next_leaf last_notice failing_since"
        " disabled_at removed_at",
        because=_USERS,
    ),
    "webhook_hall": Table(none="hall_id state", because=_CODES),
    "webhook_notice": Table(none="notice_id at_leaf topic kind at data", because=_CODES),
    "webhook_alert": Table(none="kind subject began_at", because=_CODES),
    "hall_category": Table(none="hall_id category"),
    "kiosk": Table(
        none="kiosk generation door_id state token_hash token_expires_at public_key words identity"
        " counter acked_seq head log_size cursor resting seen_at health created_at last_seq"
        " reported_at run wire device phone_code old_files",
        because=_COMPUTERS,
    ),
    "known_device": Table(none="user_id mark seen_at", because=_CODES),
    "organisation": Table(
        none="organisation_id code names country kind other_names", because=_VENUE
    ),
    "phone_code": Table(
        none="code_id token_hash prefix doors phones used refused created_at expires_at",
        because=_CODES,
    ),
    "place_account": Table(
        none="hall_id override kiosk generation granted returned handed_over reclaimed fenced"
        " awaited trusted attested free wanted_at rate rate_at",
        because=_CODES,
    ),
    "printer": Table(
        none="printer_id name address kind format layer_only dpi trusts_sending certificate place"
        " labels_left state state_words state_at removed_at",
        because=_COMPUTERS,
    ),
    "printer_desk": Table(none="printer_id desk", because=_COMPUTERS),
    "retention_clock": Table(none="kind days set_by set_at", because=_USERS),
    "retention_run": Table(none="run_id at kind made_by count left_over", because=_USERS),
    "file_to_delete": Table(none="directory version", because=_CODES),
    "upload_part": Table(personal="sealed", none="token number", erasure=_OWN, because=_CODES),
    "upload": Table(
        personal="about", none="token kind sent_by until", erasure=_OWN, because=_USERS
    ),
    "limited": Table(none="what key state used_at", because=_CODES),
    "pending": Table(none="session purpose sealed until", because=_CODES),
    "server_process": Table(
        none="name address version knows started_at seen_at run log_size stopped_at failed cause",
        because=_COMPUTERS,
    ),
    "server_run": Table(
        none="run since_cursor since_entries started_at server history", because=_COMPUTERS
    ),
    "session": Table(
        none="session_id code hall_id titles starts_at ends_at opens_at closes_at activity_id",
        because=_VENUE,
    ),
    "session_category": Table(none="session_id category"),
    "roster_mapping": Table(
        personal="name answers",  # the file's words, and the name that a user gave
        none="kept_at",
        erasure=_OWN,
    ),
    "setting": Table(none="key value", because=_CODES),
    "stand": Table(none="stand_id code area_id exhibitor_id m2", because=_CODES),
    "staff_user": Table(
        none="user_id name password_hash role created_at disabled_at pin_hash must_change"
        " unlocked_at totp_sealed totp_step signed_on",
        because=_USERS,
    ),
    "web_session": Table(
        none="token_hash user_id created_at seen_at confirmed_at factor_at waits", because=_CODES
    ),
    "zone": Table(none="bit code", because=_CODES),
}
