"""Formats values for people: instants in the venue's zone, names in two languages, codes as
words.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

from flask import Flask, g, request, url_for

from badges.admission.sentences import REFUSALS
from badges.credential.badge_number import badge_number
from badges.i18n import N_
from badges.roster.countries import country_name
from server.core.event.calendar import Clock
from server.core.kiosks import registry
from server.core.ledger.entries import Entry
from server.core.ledger.remarks import LATE_MS, SKEW_MS
from server.core.occupancy.figures import HallFigures
from server.storage.localized import names_of, text_in
from server.web import auth, i18n, security
from server.web.i18n import gettext as _
from server.web.services import services

Names = Mapping[str, str]

DECISIONS = {"admitted": N_("Admitted"), "denied": N_("Denied")}
ACTS = {"scan": N_("Scan"), "override": N_("Override"), "annul": N_("Annulment")}
REASONS = {
    **{reason.value: words.label for reason, words in REFUSALS.items()},
    # only in discrepancies
    "admitted": N_("Would have been admitted"),
    "passback": N_("Entered twice"),
    "fast_move": N_("Faster than people walk"),
    "unknown_serial": N_("On no roster here"),
}
FLAGS = {
    "likely_copy": N_("likely a copied badge"),
    "passback": N_("entered again without an exit"),
    "no_entry": N_("exit without an entry"),
    "unverified": N_("exit, badge not verified"),
    "attention": N_("needs attention"),
    "escort": N_("escort"),
    "repeated": N_("exit scanned again after a restart"),
    "looked_up": N_("found by name, without a badge"),
    "day_credential": N_("day credential"),
    "check_day": N_("ID to be checked"),
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
    by_language = names_of(names) if isinstance(names, str) else names
    return {language: text for language, text in by_language.items() if text}


def main_name(names: str | Names) -> str:
    """In the page's language, else in English, else in any."""
    return text_in(both_names(names), i18n.language()) or "?"


def other_name(names: str | Names) -> tuple[str, str] | None:
    """(language, text) in another language, or None."""
    main = main_name(names)
    for language, text in both_names(names).items():
        if text != main:
            return language, text
    return None


def country(code: str) -> str:
    return country_name(code, i18n.language())


def reason_words(reason: str | None) -> str:
    if reason is None:
        return ""
    words = REASONS.get(reason)
    return _(words) if words else reason.replace("_", " ").capitalize()


# Units of durations in seconds, largest first.
_UNITS = (
    (86_400, N_("%(number)s d")),
    (3_600, N_("%(number)s h")),
    (60, N_("%(number)s min")),
    (1, N_("%(number)s s")),
)


def span(length_ms: int) -> str:
    """Format a duration in its largest unit, such as "3 h"."""
    seconds = abs(length_ms) // 1000
    unit_s, words = next((unit for unit in _UNITS if seconds >= unit[0]), _UNITS[-1])
    return _(words, number=i18n.decimal(seconds // unit_s))


def ago(then: int | None, now: int) -> str:
    """Return roughly how long ago `then` was, such as "5 min ago"."""
    return _("never") if then is None else _("%(span)s ago", span=span(max(0, now - then)))


@dataclass(frozen=True)
class PageClock(Clock):
    def day(self, at: int) -> str:
        return i18n.day(self.local(at).date())

    def date(self, day: date) -> str:
        return i18n.day(day)

    def moment(self, at: int) -> str:
        return f"{self.day(at)} {self.time(at)}"


class Minutes:
    """Caches times of day, for lists of tens of thousands of lines."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._known: dict[int, str] = {}

    def __call__(self, at: int) -> str:
        minute = at // 60_000
        if minute not in self._known:
            self._known[minute] = self._clock.minute(at)
        return self._known[minute]


@dataclass(frozen=True)
class State:
    """A state as word and symbol, so that colour (`kind`) is never the only cue."""

    kind: str
    sign: str
    words: str
    key: str  # the state itself, in any language


def hall_state(hall: HallFigures) -> State:
    """How full a hall is by the people inside."""
    if hall.over:
        return State("bad", "▲", _("Over capacity"), "full")
    if hall.closed:
        return State("quiet", "—", _("Closed"), "closed")
    if hall.by_supervisor:
        words = _("Full, and %(number)s by supervisor", number=i18n.decimal(hall.by_supervisor))
        return State("warn", "■", words, "full")
    if hall.inside >= hall.capacity:
        return State("bad", "■", _("Full"), "full")
    if hall.inside * 10 >= hall.capacity * 9:
        return State("warn", "◆", _("Nearly full"), "nearly")
    return State("good", "●", _("Open"), "open")


def remarks(entry: Entry) -> str:
    parts = [
        _(FLAGS[flag]) if flag in FLAGS else flag.replace("_", " ") for flag in entry.flags.split()
    ]
    if entry.quarantined:
        parts.append(_("from a fenced or retired kiosk"))
    late_ms = entry.received_at - (entry.scanned_at - (entry.skew_ms or 0))
    if late_ms >= LATE_MS:
        parts.append(_("reported %(span)s later", span=span(late_ms)))
    if entry.facts_age_ms is not None and entry.facts_age_ms >= LATE_MS:
        age = span(entry.facts_age_ms)
        parts.append(_("decided on data %(span)s old", span=age))
    if entry.skew_ms is not None and abs(entry.skew_ms) >= SKEW_MS:
        skew = span(entry.skew_ms)
        parts.append(
            _("door's clock %(span)s ahead", span=skew)
            if entry.skew_ms > 0
            else _("door's clock %(span)s behind", span=skew)
        )
    if entry.session_titles:
        parts.insert(0, main_name(entry.session_titles))
    return _("; ").join(parts)


def is_phone(kiosk: str, generation: int) -> bool:
    if "phones" not in g:
        g.phones = registry.phones(services().database.reader)
    return (kiosk, generation) in g.phones


def ink_on(colour: str) -> str:
    """Return white, or near-black if white would be hard to read on `colour` (#rrggbb, by WCAG
    2.2).
    """
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    return "#ffffff" if 1.05 / (luminance + 0.05) >= 4.5 else "#111111"


def _url_for(cached: dict[tuple[str, str], str], endpoint: str, **values: Any) -> str:
    """Like Flask's, but faster. `cached` has the addresses without parameters."""
    if values or endpoint.startswith("."):
        return url_for(endpoint, **values)
    key = request.script_root, endpoint
    target = cached.get(key)
    if target is None:
        target = cached[key] = url_for(endpoint)
    return target


def register(app: Flask, event_names: Names, zone: ZoneInfo) -> None:
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
        thousands=i18n.decimal,
    )
    env.globals.update(
        clock=PageClock(zone),
        ago=ago,
        event_name=both_names(event_names),
        decisions=DECISIONS,
        acts=ACTS,
        role_words=ROLES,
        user=auth.user,
        may_open=auth.may_open,
        confirm_first=auth.confirm_first,
        is_phone=is_phone,
        style_nonce=security.style_nonce,
    )
    env.globals["url_for"] = partial(_url_for, {})
    # The macros need only globals, so one module serves all pages.
    env.globals["show"] = env.get_template("show.html").module
