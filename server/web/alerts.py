"""The texts of core's alerts: the problem and the remedy."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import g, url_for
from flask_babel import gettext as _  # type: ignore[import-untyped]  # it ships no types
from flask_babel import ngettext

from badges.credential.badge_number import badge_number
from badges.i18n import N_
from server.core.alerts import alerts, certificates
from server.core.alerts.alerts import Alert, Kind, Value
from server.storage.localized import names_of, text_in
from server.web import auth, i18n
from server.web.services import services


@dataclass(frozen=True)
class Told:
    """An alert's texts in the page's language. `link` is "" if the user may not open it."""

    what: str
    todo: str
    where: str
    link: str


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
    if alert.what:
        link = _link(alert.page[0], **alert.page[1]) if alert.page else ""
        text, todo, where = map(i18n.said, (alert.what, alert.todo, alert.where))
        return Told(text, todo, where, link)
    text, todo = _WORDS[Kind(alert.kind)](alert)
    return Told(text, todo, *_place(alert, places))


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
    if alert.kind in _FIXED:
        return _FIXED[Kind(alert.kind)](alert)
    door = in_page_language(places.doors_of_kiosks.get(about))
    link = _link("admin.kiosks.show", _anchor=f"kiosk-{about}")
    return f"{about} · {door}" if door else about, link


def _at_server(_alert: Alert) -> tuple[str, str]:
    return _("Server"), ""


def _at_certificate(alert: Alert) -> tuple[str, str]:
    if alert.about == certificates.SERVER:
        return _("Server"), ""
    return {"apple": "Apple Wallet", "google": "Google Wallet"}[alert.about], ""


def _at_users(_alert: Alert) -> tuple[str, str]:
    return _("Users"), _link("admin.users.show")


_FIXED: Mapping[Kind, Callable[[Alert], tuple[str, str]]] = {
    Kind.SERVER: _at_server,
    Kind.CERTIFICATE: _at_certificate,
    Kind.NO_FACTOR: _at_users,
}


def _link(endpoint: str, **values: object) -> str:
    return url_for(endpoint, **values) if auth.may_open(endpoint) else ""  # type: ignore[arg-type]


def _silent(alert: Alert) -> tuple[str, str]:
    problem = _("Silent for %(time)s", time=lasting(int(alert.values["ms"])))
    return problem, _(
        "Check its power and network. As long as its screen works, it keeps admitting with the "
        "places that it holds. If it is lost or stolen, fence it (Kiosks › Fence)."
    )


def _never_heard(_alert: Alert) -> tuple[str, str]:
    return _("Never connected"), _("Start it at its door, or retire it.")


def _camera(alert: Alert) -> tuple[str, str]:
    problem = _("Camera: %(words)s", words=alert.values["camera"])
    return problem, _("Plug the camera in again, or scan with a hand scanner meanwhile.")


def _version(alert: Alert) -> tuple[str, str]:
    own, needed = alert.values["own"], alert.values["needed"]
    if alert.values["side"] == "kiosk":
        problem = _(
            "Its Hallkeeper is too old: protocol version %(own)s, and %(needed)s is needed",
            own=own,
            needed=needed,
        )
        return problem, _("Install the server's version of Hallkeeper on it. It keeps its scans.")
    problem = _(
        "The server is too old for it: protocol version %(own)s, and %(needed)s is needed",
        own=own,
        needed=needed,
    )
    return problem, _("Update the server. The kiosk keeps its scans.")


def _slow_camera(alert: Alert) -> tuple[str, str]:
    pictures = int(alert.values["pictures"])
    problem = ngettext(
        "Camera gives %(num)s picture a second", "Camera gives %(num)s pictures a second", pictures
    )
    return problem, _("Close other programs on it, and give it more light.")


def _few_read(alert: Alert) -> tuple[str, str]:
    problem = _("%(percent)s %% of the codes in view were read", percent=alert.values["percent"])
    return problem, _("Wipe the lens, and look for glare on badges or too little light.")


def _skew(alert: Alert) -> tuple[str, str]:
    by = int(alert.values["ms"])
    problem = (
        _("Its clock is %(time)s ahead", time=lasting(by))
        if by > 0
        else _("Its clock is %(time)s behind", time=lasting(by))
    )
    return problem, _("Set its clock. Entries are recorded with the difference, and stay right.")


def _old_facts(alert: Alert) -> tuple[str, str]:
    problem = _("Its data is %(time)s old", time=lasting(int(alert.values["ms"])))
    return problem, _("Check its network: it does not receive revocations and closed halls.")


def _queue(alert: Alert) -> tuple[str, str]:
    scans = int(alert.values["scans"])
    problem = ngettext("%(num)s scan to send", "%(num)s scans to send", scans)
    return problem, _("Check its network. No scan is lost; they arrive once it is back online.")


def _disk(alert: Alert) -> tuple[str, str]:
    problem = _("%(mb)s MB of disk left", mb=alert.values["mb"])
    return problem, _("Free some disk space: with a full disk it admits nobody.")


def _battery(alert: Alert) -> tuple[str, str]:
    problem = _("Battery at %(percent)s %%", percent=alert.values["percent"])
    return problem, _("Plug it in.")


def _fill(alert: Alert) -> tuple[str, str]:
    inside, capacity = int(alert.values["inside"]), int(alert.values["capacity"])
    if "by_supervisor" in alert.values:
        return _beyond_capacity(capacity, int(alert.values["by_supervisor"]), alert.values["left"])
    if inside > capacity:
        problem = _("Over capacity by %(people)s", people=i18n.decimal(inside - capacity))
        return problem, _("Stop admitting and open the exits until the number is below capacity.")
    if inside == capacity:
        problem = _("Full with %(people)s", people=i18n.decimal(inside))
        return problem, _("Send people to another hall, and inform the queue. Exits free places.")
    problem = _("%(percent)s %% full", percent=inside * 100 // capacity)
    return problem, _(
        "Tell the stewards where to direct people, and make sure that exits are scanned."
    )


def _beyond_capacity(capacity: int, people: int, left: Value) -> tuple[str, str]:
    problem = _(
        "Full with %(capacity)s + %(people)s by supervisor",
        capacity=i18n.decimal(capacity),
        people=i18n.decimal(people),
    )
    if not left:
        return problem, _("The legal limit is reached: admit no one, and open the exits.")
    remedy = _(
        "Within the legal limit: supervisors may admit %(left)s more. Doors admit again by"
        " themselves once fewer people than the capacity are inside.",
        left=i18n.decimal(int(left)),
    )
    return problem, remedy


def _filling(alert: Alert) -> tuple[str, str]:
    at = services().venue_clock.minute(int(alert.values["at"]))
    people = i18n.decimal(int(alert.values["in_15_min"]))
    problem = _("Full at %(time)s at this rate, %(people)s more in 15 min", time=at, people=people)
    return problem, _("Prepare another hall or a stop at the queue before then.")


def _forged(alert: Alert) -> tuple[str, str]:
    times = int(alert.values["times"])
    problem = ngettext("%(num)s forged badge in an hour", "%(num)s forged badges in an hour", times)
    return problem, _("Send security to the door: these badges are forged.")


def _copied(alert: Alert) -> tuple[str, str]:
    times = int(alert.values["times"])
    problem = ngettext(
        "Likely a copied badge, seen %(num)s time", "Likely a copied badge, seen %(num)s times",
        times,
    )  # fmt: skip
    return problem, _(
        "Look at both entries, ask for an ID, and reissue the badge if it was copied."
    )


# Titles of the server's alerts. The alert's own text has the details.
_OF_SERVER = {
    "disk": N_("The disk fills up"),
    "no_second_disk": N_("No second disk"),
    "backup": N_("No backup is made"),
    "backup_acts": N_("Critical acts are not copied"),
    "backup_disk": N_("The second disk fills up"),
    "superseded": N_("Another server serves this event"),
    "set_back": N_("The database was set back"),
    "clock": N_("The clock was set"),
}


def _server(alert: Alert) -> tuple[str, str]:
    details = i18n.said(alert.values["words"])
    short = _OF_SERVER.get(alert.about.partition("-")[0])
    return (details, "") if short is None else (_(short), details)


def _certificate(alert: Alert) -> tuple[str, str]:
    if "words" in alert.values:
        words = i18n.said(alert.values["words"])
        problem = _("Certificate or key damaged: %(words)s", words=words)
        return problem, _("Install it again (hallkeeper certificate, hallkeeper wallet).")
    left = int(alert.values["ms"])
    at = services().venue_clock.local(int(alert.values["at"])).date().isoformat()
    if left > 0:
        problem = _("Certificate ends in %(time)s (%(at)s)", time=lasting(left), at=at)
    else:
        problem = _("Certificate has ended (%(at)s)", at=at)
    if alert.about == certificates.APPLE:
        return problem, _(
            "Create a new certificate on Apple's developer site, and run hallkeeper wallet "
            "install apple. Without it no passes can be made. Passes on phones are not "
            "affected."
        )
    return problem, _(
        "Run hallkeeper certificate install with a new certificate. Browsers and phones "
        "refuse an expired one. Doors are not affected, since they check the server's key."
    )


def _no_factor(alert: Alert) -> tuple[str, str]:
    lacking, admins = int(alert.values["lacking"]), int(alert.values["admins"])
    problem = ngettext(
        "%(num)s of %(admins)s admins has no second factor",
        "%(num)s of %(admins)s admins have no second factor",
        lacking,
        admins=admins,
    )
    return problem, _(
        "Anyone who gets this password has full control. Set one up on Your account, or require "
        "it (second_factor_roles in event.toml)."
    )


_WORDS: Mapping[Kind, Callable[[Alert], tuple[str, str]]] = {
    Kind.SILENT: _silent,
    Kind.NEVER_HEARD: _never_heard,
    Kind.VERSION: _version,
    Kind.CAMERA: _camera,
    Kind.SLOW_CAMERA: _slow_camera,
    Kind.FEW_READ: _few_read,
    Kind.SKEW: _skew,
    Kind.OLD_FACTS: _old_facts,
    Kind.QUEUE: _queue,
    Kind.KIOSK_DISK: _disk,
    Kind.BATTERY: _battery,
    Kind.FILL: _fill,
    Kind.FILLING: _filling,
    Kind.FORGED: _forged,
    Kind.COPIED: _copied,
    Kind.SERVER: _server,
    Kind.CERTIFICATE: _certificate,
    Kind.NO_FACTOR: _no_factor,
}
