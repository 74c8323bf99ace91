"""Shows a hall's free places and programme to the public, on a monitor at its door.

Its secret link needs no sign-in. It shows no personal data and changes nothing.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from flask import Blueprint, Response, abort, render_template

from badges.i18n import CHINESE, ENGLISH, N_, locale_of
from server.core.alerts.sources import AlertContext
from server.core.occupancy.figures import hall_figures
from server.core.occupancy.free_places import entered_with, free_places
from server.core.venue import store
from server.core.venue.session_states import Phase
from server.features.halls import screen_links
from server.storage.connection import Connection
from server.web import auth, i18n
from server.web.display import both_names
from server.web.rendered import Rendered
from server.web.security import limiter
from server.web.services import services

blueprint = Blueprint("hall_screen", __name__)

FRESH_S = 2.0  # Screens of a hall share its data this long
# For all screens behind one address, each asking every five seconds.
REQUESTS_MAX = "3000 per minute"
HEADERS = {"Cache-Control": "no-store", "Referrer-Policy": "no-referrer"}
Both = list[tuple[str, str]]  # (language tag, text) in one or two languages

OLD = N_("No contact since %(time)s: these figures are old")
AS_OF = N_("As of %(time)s")
FULL = N_("Full")
CLOSED = N_("Closed")
STATES = {
    Phase.OPENS: N_("Opens %(when)s"),
    Phase.RUNNING: N_("Admission is over"),
    Phase.OVER: N_("Over for today"),
    Phase.NONE: N_("Nothing today"),
}


class HallScreens(Rendered):
    """Caches the halls' parts for all screens."""


@dataclass(frozen=True)
class State:
    """`free` is a number of places, None while no one is admitted."""

    kind: str  # "good", "warn", "bad" or "quiet", with a sign beside the colour
    sign: str
    words: Both
    free: int | None = None


@dataclass(frozen=True)
class ShownSession:
    when: Both
    titles: Both
    time: str


@blueprint.get("/screen/<token>")
@limiter.limit(REQUESTS_MAX)
@auth.allow_everybody
def show(token: str) -> Response:
    db = services().database.reader
    hall_id = _hall(db, token)
    page = render_template(
        "halls/screen.html",
        token=token,
        hall=store.hall(db, hall_id),
        part=_part(db, hall_id),
        old=_both(OLD, time="{time}"),
    )
    return Response(page, headers=HEADERS)


@blueprint.get("/screen/<token>/now")
@limiter.limit(REQUESTS_MAX)
@auth.allow_everybody
def now(token: str) -> Response:
    """Return the page's changing part. The link is checked each time."""
    db = services().database.reader
    return Response(_part(db, _hall(db, token)), headers=HEADERS)


def _hall(db: Connection, token: str) -> int:
    try:
        return screen_links.hall_of(db, token)
    except screen_links.NoScreenError:
        abort(404)


def _part(db: Connection, hall_id: int) -> str:
    def render() -> dict[str, str]:
        return {"now": _render(db, hall_id)}

    return services().own(HallScreens).parts(str(hall_id), render, fresh_s=FRESH_S)["now"]


def _render(db: Connection, hall_id: int) -> str:
    here = services()
    at, clock = here.now(), here.venue_clock
    hall = store.hall(db, hall_id)
    current, coming = _programme(db, hall_id, at)
    return render_template(
        "halls/screen_now.html",
        names=_named(hall.names),
        state=_state(db, hall_id, at),
        sessions=[
            *([_shown(current, N_("Now"), at)] if current else ()),
            *([_shown(coming, N_("Next"), at)] if coming else ()),
        ],
        time=clock.time(at),
        as_of=_both(AS_OF, time=clock.time(at)),
    )


def _state(db: Connection, hall_id: int, at: int) -> State:
    here = services()
    context = AlertContext(db, here.event, at, here)
    phase = context.phases[hall_id]
    closed = {hall.hall_id for hall in hall_figures(db) if hall.closed}
    if closed & {hall_id, *entered_with(db, hall_id)}:
        return State("quiet", "—", _both(CLOSED))
    if phase.phase not in (Phase.ADMITTING, Phase.OPEN):
        time = "" if phase.at is None else here.venue_clock.minute(phase.at)
        return State("quiet", "◔", _both(STATES[phase.phase], when=time))
    free = free_places(db, hall_id, at)
    if free == 0:
        return State("bad", "■", _both(FULL), 0)
    few = free * 10 <= store.hall(db, hall_id).capacity
    words = [
        (tag, i18n.words().get(language).ngettext("place free", "places free", free))
        for language, tag in _tags()
    ]
    return State("warn" if few else "good", "◆" if few else "●", words, free)


def _programme(
    db: Connection, hall_id: int, at: int
) -> tuple[store.SessionRow | None, store.SessionRow | None]:
    """Return the session in progress, the last to begin, and the next."""
    ends = services().calendar.day_starts[-1]
    sessions = store.sessions_of_day(db, hall_id, at, max(ends, at + 1))
    current = [session for session in sessions if session.starts_at <= at]
    coming = [session for session in sessions if session.starts_at > at]
    return current[-1] if current else None, coming[0] if coming else None


def _shown(session: store.SessionRow, when: str, at: int) -> ShownSession:
    clock = services().venue_clock
    time = f"{clock.minute(session.starts_at)}–{clock.minute(session.ends_at)}"
    day = clock.local(session.starts_at).date()
    if day > clock.local(at).date():
        time = f"{day.isoformat()} {time}"  # the same in both languages
    return ShownSession(_both(when), _named(session.titles), time)


def _named(names: str | Mapping[str, str]) -> Both:
    """Return a name in up to two languages, once if equal."""
    by_language = both_names(names)
    tags = dict(_tags())
    order = [*(tag for tag in tags if tag in by_language), *by_language]
    texts: dict[str, str] = {}  # language by text
    for language in order:
        texts.setdefault(by_language[language], language)
    return [(tags.get(language, language), text) for text, language in texts.items()][:2]


def _both(text: str, **fields: object) -> Both:
    """Translate a text into both languages of the page."""
    return [(tag, i18n.words().get(language).gettext(text) % fields) for language, tag in _tags()]


def _languages() -> tuple[str, str]:
    return (CHINESE, ENGLISH) if i18n.language() == CHINESE else (ENGLISH, CHINESE)


def _tags() -> list[tuple[str, str]]:
    return [(language, locale_of(language).replace("_", "-")) for language in _languages()]
