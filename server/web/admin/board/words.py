"""Says a trouble in words: what is wrong, and what to do about it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import g, url_for
from flask_babel import gettext as _  # type: ignore[import-untyped]  # it ships no types
from flask_babel import ngettext

from badges.credential.badge_number import badge_number
from server.storage.localized import names_of, text_in
from server.troubles.troubles import Kind, Trouble
from server.web import auth, i18n
from server.web.services import services


@dataclass(frozen=True)
class Told:
    """Holds a trouble in the words of the page's language. `where` names the place, and `link` is
    empty where the user may not go there.
    """

    what: str
    todo: str
    where: str
    link: str


@dataclass(frozen=True)
class Places:
    """Knows the names, as JSON by language, of the places that troubles are about."""

    doors_of_kiosks: Mapping[str, str]
    halls: Mapping[int, str]
    doors: Mapping[int, str]


def in_page_language(names: str | Mapping[str, str] | None) -> str:
    """Return a name, by language or as JSON of that, in the page's language, else in any other."""
    if not names:
        return ""
    if "board_language" not in g:
        # What the browser asks for is not weighed again for each of some hundred names.
        g.board_language = i18n.language()
    return text_in(names_of(names) if isinstance(names, str) else names, g.board_language)


def lasting(length_ms: int) -> str:
    """Say a duration in the largest unit that fits, in the page's language."""
    seconds = abs(length_ms) // 1000
    if seconds >= 86_400:
        return ngettext("%(num)s day", "%(num)s days", seconds // 86_400)  # type: ignore[no-any-return]
    if seconds >= 3_600:
        return _("%(number)s h", number=seconds // 3_600)  # type: ignore[no-any-return]
    if seconds >= 60:
        return _("%(number)s min", number=seconds // 60)  # type: ignore[no-any-return]
    return _("%(number)s s", number=seconds)  # type: ignore[no-any-return]


def told(trouble: Trouble, places: Places) -> Told:
    """Return the trouble's words."""
    what, todo = _WORDS[trouble.kind](trouble)
    return Told(what, todo, *_place(trouble, places))


def _place(trouble: Trouble, places: Places) -> tuple[str, str]:
    about = trouble.about
    if trouble.kind in (Kind.FILL, Kind.FILLING):
        name, link = places.halls.get(int(about)), _link("admin.halls.show", hall_id=int(about))
        return in_page_language(name), link
    if trouble.kind is Kind.FORGED:
        link = _link("admin.entries.show", door=int(about), reason="forged")
        return in_page_language(places.doors.get(int(about))), link
    if trouble.kind is Kind.COPIED:
        number = badge_number(int(about))
        return number, _link("admin.people.person", number=number)
    if trouble.kind is Kind.SERVER:
        return _("Server"), ""
    door = in_page_language(places.doors_of_kiosks.get(about))
    link = _link("admin.kiosks.show", _anchor=f"kiosk-{about}")
    return f"{about} · {door}" if door else about, link


def _link(endpoint: str, **values: object) -> str:
    return url_for(endpoint, **values) if auth.may_open(endpoint) else ""  # type: ignore[arg-type]


def _silent(trouble: Trouble) -> tuple[str, str]:
    what = _("Not heard for %(time)s", time=lasting(int(trouble.values["ms"])))
    return what, _(
        "Look whether it has power and network. As long as its screen answers, it goes on admitting"
        " with the places that it holds. If it is lost, fence it."
    )


def _never_heard(_trouble: Trouble) -> tuple[str, str]:
    return _("Never heard"), _("Start it at its door, or retire it.")


def _camera(trouble: Trouble) -> tuple[str, str]:
    what = _("Camera: %(words)s", words=trouble.values["camera"])
    return what, _("Plug the camera in again, or scan with a hand scanner meanwhile.")


def _slow_camera(trouble: Trouble) -> tuple[str, str]:
    pictures = int(trouble.values["pictures"])
    what = ngettext(
        "Camera gives %(num)s picture a second", "Camera gives %(num)s pictures a second", pictures
    )
    return what, _("Close other programs on it, and give it more light.")


def _few_read(trouble: Trouble) -> tuple[str, str]:
    what = _("%(percent)s %% of the codes in view were read", percent=trouble.values["percent"])
    return what, _("Wipe the lens, and look for glare on badges or too little light.")


def _skew(trouble: Trouble) -> tuple[str, str]:
    by = int(trouble.values["ms"])
    what = (
        _("Its clock is %(time)s ahead", time=lasting(by))
        if by > 0
        else _("Its clock is %(time)s behind", time=lasting(by))
    )
    return what, _("Set its clock. Entries are recorded with the difference, and stay right.")


def _old_facts(trouble: Trouble) -> tuple[str, str]:
    what = _("Decides on what was known %(time)s ago", time=lasting(int(trouble.values["ms"])))
    return what, _("Look at its network: it does not hear of revocations and closed halls.")


def _queue(trouble: Trouble) -> tuple[str, str]:
    scans = int(trouble.values["scans"])
    what = ngettext("%(num)s scan to send", "%(num)s scans to send", scans)
    return what, _("Look at its network. Nothing is lost; they come when it is back.")


def _disk(trouble: Trouble) -> tuple[str, str]:
    what = _("%(mb)s MB of disk left", mb=trouble.values["mb"])
    return what, _("Make room on it: with a full disk it admits nobody.")


def _battery(trouble: Trouble) -> tuple[str, str]:
    what = _("Battery at %(percent)s %%", percent=trouble.values["percent"])
    return what, _("Plug it in.")


def _fill(trouble: Trouble) -> tuple[str, str]:
    inside, capacity = int(trouble.values["inside"]), int(trouble.values["capacity"])
    if inside > capacity:
        what = _("Over capacity by %(people)s", people=i18n.decimal(inside - capacity))
        return what, _("Let nobody more in, and open the exits' doors until it is below.")
    if inside == capacity:
        what = _("Full with %(people)s", people=i18n.decimal(inside))
        return what, _("Send people to another hall, and tell the queue. Exits free places.")
    what = _("%(percent)s %% full", percent=inside * 100 // capacity)
    return what, _("Tell the stewards where to send people, and see that exits are scanned.")


def _filling(trouble: Trouble) -> tuple[str, str]:
    at = services().venue_clock.minute(int(trouble.values["at"]))
    people = i18n.decimal(int(trouble.values["in_15_min"]))
    what = _("Full at %(time)s at this rate, %(people)s more in 15 min", time=at, people=people)
    return what, _("Prepare another hall or a stop at the queue before then.")


def _forged(trouble: Trouble) -> tuple[str, str]:
    times = int(trouble.values["times"])
    what = ngettext("%(num)s forged badge in an hour", "%(num)s forged badges in an hour", times)
    return what, _("Ask security to the door: somebody made these badges.")


def _copied(trouble: Trouble) -> tuple[str, str]:
    times = int(trouble.values["times"])
    what = ngettext(
        "Likely a copied badge, seen %(num)s time", "Likely a copied badge, seen %(num)s times",
        times,
    )  # fmt: skip
    return what, _("Look at both entries, ask for an ID, and reissue the badge if it was copied.")


def _server(trouble: Trouble) -> tuple[str, str]:
    return i18n.said(trouble.values["words"]), ""


_WORDS: Mapping[Kind, Callable[[Trouble], tuple[str, str]]] = {
    Kind.SILENT: _silent,
    Kind.NEVER_HEARD: _never_heard,
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
}
