"""Shows values to people. Instants are in the venue's zone, names in two languages, and other
values in words.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Flask

from badges.credential.badge_number import badge_number
from badges.i18n import N_
from server.event.calendar import Clock, ago, span
from server.event.directory import Event
from server.ledger.entries import Entry
from server.ledger.remarks import LATE_MS, SKEW_MS
from server.occupancy.figures import HallFigures
from server.storage.localized import names_of, text_in
from server.web import auth, security

Names = Mapping[str, str]

DECISIONS = {"admitted": "Admitted", "denied": "Denied"}
ACTS = {"scan": "Scan", "override": "Override", "annul": "Annulment"}
REASONS = {
    "not_a_badge": "Not a badge",
    "forged": "Forged",
    "other_event": "Another event's badge",
    "revoked": "Revoked",
    "superseded": "Replaced by a newer badge",
    "likely_copy": "Likely a copied badge",
    "not_valid_today": "Not valid today",
    "day_credential": "A day credential was given out",
    "expired": "Expired",
    "not_entitled": "Not entitled",
    "hall_closed": "Hall closed",
    "already_inside": "Already inside",
    "hall_full": "Hall full",
    "kiosk_retired": "Kiosk retired",
    "door_resting": "Door closed: shift ended",
    "facts_too_old": "Door's facts too old",
    "roll_call": "Seen at a roll call",
    # Only discrepancies have the following.
    "admitted": "Would have been admitted",
    "passback": "Entered twice",
    "fast_move": "Faster than people walk",
    "unknown_serial": "On no roster here",
}
FLAGS = {
    "likely_copy": "likely a copied badge",
    "passback": "entered again without an exit",
    "no_entry": "exit without an entry",
    "unverified": "exit, badge not verified",
    "attention": "needs attention",
    "escort": "escort",
    "repeated": "repeated",
    "looked_up": "found by name, without a badge",
    "day_credential": "day credential",
    "check_day": "ID to be checked",
}
ROLES = {
    "steward": N_("Steward"),
    "supervisor": N_("Supervisor"),
    "badge_desk": N_("Badge desk"),
    "admin": N_("Admin"),
    "auditor": N_("Auditor"),
    "protocol": N_("Protocol"),
}


def both_names(names: str | Names) -> dict[str, str]:
    """Names by language, from the database's JSON or as they are."""
    found = names_of(names) if isinstance(names, str) else names
    return {language: text for language, text in found.items() if text}


def main_name(names: str | Names) -> str:
    """Return the English name if there is one, else any name that there is."""
    return text_in(both_names(names), "en") or "?"


def other_name(names: str | Names) -> tuple[str, str] | None:
    """Return (language, text) of the name to set beside the main one, where it differs."""
    main = main_name(names)
    for language, text in both_names(names).items():
        if text != main:
            return language, text
    return None


def reason_words(reason: str | None) -> str:
    return "" if reason is None else REASONS.get(reason, reason.replace("_", " ").capitalize())


@dataclass(frozen=True)
class State:
    """Describes a state in a word, with a sign, so that it is never told by colour (`kind`)
    alone.
    """

    kind: str
    sign: str
    words: str


def hall_state(hall: HallFigures) -> State:
    """Say how full a hall is, by who is inside. Unspent places are shown beside it."""
    if hall.inside > hall.capacity:
        return State("bad", "▲", "Over capacity")
    if hall.closed:
        return State("quiet", "—", "Closed")
    if hall.inside == hall.capacity:
        return State("bad", "■", "Full")
    if hall.inside * 10 >= hall.capacity * 9:
        return State("warn", "◆", "Nearly full")
    return State("good", "●", "Open")


def remarks(entry: Entry) -> str:
    """Say what is unusual about a scan."""
    found = [FLAGS.get(flag, flag.replace("_", " ")) for flag in entry.flags.split()]
    if entry.quarantined:
        found.append("from a fenced kiosk")
    late_ms = entry.received_at - (entry.scanned_at - (entry.skew_ms or 0))
    if late_ms >= LATE_MS:
        found.append(f"arrived {span(late_ms)} later")
    if entry.facts_age_ms is not None and entry.facts_age_ms >= LATE_MS:
        found.append(f"decided on what was known {span(entry.facts_age_ms)} before")
    if entry.skew_ms is not None and abs(entry.skew_ms) >= SKEW_MS:
        found.append(
            f"door's clock {span(entry.skew_ms)} {'ahead' if entry.skew_ms > 0 else 'behind'}"
        )
    if entry.session_titles:
        found.insert(0, main_name(entry.session_titles))
    return "; ".join(found)


def ink_on(colour: str) -> str:
    """Return white, or near-black where white would be hard to read on `colour` (#rrggbb, WCAG
    2.2).
    """
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) >= 4.5 else "#111111"


def register(app: Flask, event: Event, clock: Clock) -> None:
    """Make this module's functions known to templates, which show instants by `clock`."""
    env = app.jinja_env
    env.trim_blocks = env.lstrip_blocks = True
    env.filters.update(
        main_name=main_name,
        other_name=other_name,
        reason=reason_words,
        span=span,
        badge_number=badge_number,
        hall_state=hall_state,
        remarks=remarks,
        ink_on=ink_on,
        thousands=lambda number: f"{number:,}",
    )
    env.globals.update(
        clock=clock,
        ago=ago,
        event_name=both_names(event.settings.name),
        decisions=DECISIONS,
        acts=ACTS,
        role_words=ROLES,
        user=auth.user,
        may_open=auth.may_open,
        style_nonce=security.style_nonce,
    )
    # The macros need only globals, so that one module serves every page and part.
    env.globals["show"] = env.get_template("show.html").module
