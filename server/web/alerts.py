"""Shows alerts in the page's language, with their places and links."""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import g, url_for

from badges.credential.badge_number import badge_number
from server.core.alerts import alerts
from server.core.alerts.alerts import Alert, Kind
from server.storage.localized import names_of, text_in
from server.web import auth, i18n
from server.web.i18n import gettext as _


@dataclass(frozen=True)
class Told:
    """An alert's texts in the page's language. `link` is "" if the user may not open it."""

    what: str
    todo: str
    where: str
    link: str
    entries_link: str = ""  # to the badge's entries, for an alert that asks to look at them


@dataclass(frozen=True)
class Places:
    doors_of_kiosks: Mapping[str, str]
    halls: Mapping[int, str]
    doors: Mapping[int, str]


def in_page_language(names: str | Mapping[str, str] | None) -> str:
    """Return a name in the page's language, else in any other. `names` may be JSON."""
    if not names:
        return ""
    if "board_language" not in g:
        # Cached: language negotiation is slow for several hundred names.
        g.board_language = i18n.language()
    return text_in(names_of(names) if isinstance(names, str) else names, g.board_language)


def lasting(length_ms: int) -> str:
    return i18n.said(alerts.lasting(length_ms))


def told(alert: Alert, places: Places) -> Told:
    may_act = not alert.remedy_at or auth.may_open(alert.remedy_at)
    problem, todo = (
        i18n.said(alert.what),
        i18n.said(alert.todo if may_act else alert.todo_of_others),
    )
    if alert.where:
        link = _link(alert.page[0], **alert.page[1]) if alert.page else ""
        return Told(problem, todo, i18n.said(alert.where), link)
    return Told(problem, todo, *_place(alert, places), _entries_link(alert))


def _place(alert: Alert, places: Places) -> tuple[str, str]:
    about = alert.about
    if alert.kind in (Kind.FILL, Kind.FILLING):
        name, link = places.halls.get(int(about)), _link("admin.halls.show", hall_id=int(about))
        return in_page_language(name), link
    if alert.kind is Kind.FORGED:
        link = _link("admin.entries.show", door=int(about), reason="forged")
        return in_page_language(places.doors.get(int(about))), link
    if alert.kind is Kind.COPIED:
        number = badge_number(int(about))
        return number, _link("admin.people.person", number=number)
    if alert.kind is Kind.NO_FACTOR:
        return _("Users"), _link("admin.users.show")
    door = in_page_language(places.doors_of_kiosks.get(about))
    link = _link("admin.kiosks.show", _anchor=f"kiosk-{about}")
    return f"{about} · {door}" if door else about, link


def _entries_link(alert: Alert) -> str:
    if alert.kind is not Kind.COPIED:
        return ""
    return _link("admin.entries.show", badge=badge_number(int(alert.about)))


def _link(endpoint: str, **values: object) -> str:
    return url_for(endpoint, **values) if auth.may_open(endpoint) else ""  # type: ignore[arg-type]
