"""Shows the badge's page, also offline.

Its service worker (static/phone-worker.js) caches only answers with our header.
"""

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

from flask import Blueprint, Response, abort, jsonify, render_template, url_for
from markupsafe import Markup

from badges.printing.qr import symbol_svg
from server.core.people import attendees, day_credentials, issuing, phone_links
from server.core.people.phone_token import PhoneTokenError
from server.core.venue import store
from server.features.phone import programme
from server.storage.connection import Connection
from server.storage.localized import text_in
from server.web import auth, i18n
from server.web.display import both_names
from server.web.i18n import gettext as _
from server.web.services import services
from server.web.static_files import static_path

blueprint = Blueprint("phone", __name__)

# Online, a newer page or worker replaces the cached one at once.
CACHE = "private, no-cache, stale-if-error=604800"
MARK = "Hallkeeper-Page"  # Marks answers for the worker's cache, as "badge" or "gone"
HEADERS = {"Cache-Control": CACHE, "Referrer-Policy": "no-referrer"}
NAME_CHARS_SHORT = 12  # A phone's home screen shows no more


class GoneError(Exception):
    """The link was valid once. `language` is the attendee's."""

    def __init__(self, language: str) -> None:
        super().__init__("the link is no longer valid")
        self.language = language


@blueprint.get("/b/<token>")
@auth.allow_everybody
def badge(token: str) -> Response:
    here = services()
    db = here.database.reader
    current = open_badge(db, token)
    person = attendees.attendee(db, current.serial)
    i18n.propose(person.language)
    now = here.now()
    of_day = day_credentials.standing(db, here.event, current.serial, now)
    page = render_template(
        "phone/badge.html",
        person=person,
        badge=current,
        token=token,
        now=now,
        symbol=Markup(symbol_svg((of_day or current).credential)),  # noqa: S704
        good_on=programme.day_words(here.venue_clock, now) if of_day else "",
        category={plan.code: plan for plan in store.categories(db)}.get(person.category),
        static=static,
        in_both_languages=in_both_languages,
        words=_words(),
        **programme.shown(db, person.serial, now, here.venue_clock),
    )
    return Response(page, headers={**HEADERS, MARK: "badge"})


@blueprint.get("/b/<token>/halls")
@auth.allow_everybody
def halls(token: str) -> Response:
    here = services()
    db = here.database.reader
    current = open_badge(db, token)
    answer = jsonify(programme.halls_now(db, current.serial, here.now()))
    answer.headers["Cache-Control"] = "no-store"
    return answer


@blueprint.get("/b/<token>/manifest.webmanifest")
@auth.allow_everybody
def manifest(token: str) -> Response:
    """Return the home screen's manifest. It contains no name."""
    open_badge(services().database.reader, token)
    address = url_for("phone.badge", token=token)
    name = text_in(both_names(services().event.settings.name), i18n.language())
    icons = [
        {"src": static("icon.svg"), "sizes": "any", "type": "image/svg+xml"},
        *(
            {"src": static(f"icon-{side}.png"), "sizes": f"{side}x{side}", "type": "image/png"}
            for side in (192, 512)
        ),
    ]
    answer = jsonify(
        id=address,
        name=name,
        short_name=name if len(name) <= NAME_CHARS_SHORT else _("Badge"),
        lang=i18n.page_language()["tag"],
        dir=i18n.page_language()["dir"],
        start_url=address,
        scope=address,
        display="standalone",
        background_color="#eef0f3",
        theme_color="#eef0f3",
        icons=icons,
    )
    answer.mimetype = "application/manifest+json"
    answer.headers.extend(HEADERS)
    return answer


@blueprint.get("/b/worker.js")
@auth.allow_everybody
def worker() -> Response:
    script = static_path("phone-worker.js").read_text("utf-8")
    return Response(script, mimetype="text/javascript", headers={"Cache-Control": "no-cache"})


@blueprint.errorhandler(GoneError)
def gone(error: GoneError) -> Response:
    """Show that the link is invalid, and the remedy. It contains no name."""
    i18n.propose(error.language)
    page = render_template("phone/gone.html", static=static, in_both_languages=in_both_languages)
    return Response(page, 410, headers={**HEADERS, MARK: "gone"})


def open_badge(db: Connection, token: str) -> issuing.Badge:
    """Return the link's badge. Aborts with 404 for other texts.

    Raises GoneError for a replaced or revoked link or badge.
    """
    try:
        return phone_links.open_badge(db, services().event, token)
    except phone_links.GoneLinkError as error:
        raise GoneError(attendees.attendee(db, error.serial).language) from None
    except PhoneTokenError:
        abort(404)


def in_both_languages(names: str | dict[str, str]) -> list[tuple[str, str]]:
    """Return (language, text) of a name in the page's and one other language."""
    by_language = both_names(names)
    own = i18n.language()
    main = text_in(by_language, own) or "?"
    # A name that is the same in both appears once.
    main_text = [(language, text) for language, text in by_language.items() if text == main][:1]
    order = ["en" if own != "en" else "zh", *by_language]
    others = [
        (language_code, by_language[language_code])
        for language_code in order
        if by_language.get(language_code, main) != main
    ]
    return [*(main_text or [(own, main)]), *others[:1]]


def _words() -> dict[str, Any]:
    return {
        "open": _("Places free"),
        "nearly": _("Nearly full"),
        "full": _("Full"),
        "closed": _("Closed"),
        "live": _("Halls as of now"),
        "age": _("Halls as of {time}"),
        "offline": _("No network: halls as of {time}"),
        "kept": _("Kept on this phone. It works without a network."),
        "awake": _("The screen stays on."),
        "home": _("To keep it at hand: Share, then “Add to Home Screen”."),
    }


def static(name: str) -> str:
    """Return a static file's URL, with a hash of its content."""
    return url_for("static", filename=name, v=_digest(static_path(name)))


@cache
def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()[:12]
