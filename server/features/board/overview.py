"""Shows the board: alerts, then halls by state of their session, then people on site."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import Blueprint, make_response, render_template, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from badges.i18n import N_
from badges.roster.countries import country_name
from server.core.alerts import kiosks as kiosk_alerts
from server.core.event.processes import own_version
from server.core.kiosks import registry
from server.core.ledger import entries
from server.core.occupancy import minutes
from server.core.programme.counts import ForumCounts, forum_counts
from server.core.second_disk import set_back
from server.core.venue import store
from server.core.venue.session_states import Phase
from server.features.board import look
from server.features.board.look import HallRow, Look
from server.web import alerts as words
from server.web import auth, i18n
from server.web.feature import board_notices
from server.web.i18n import gettext as _
from server.web.i18n import ngettext
from server.web.rendered import Pieces, Rendered
from server.web.services import services

blueprint = Blueprint("overview", __name__, url_prefix="/admin")

LATEST_ROWS = 5
DISCREPANCY_ROWS = 8
TOTALS_FRESH_S = 15.0
COUNTRIES_SHOWN = 8
ROLES = ("steward", "supervisor", "auditor")
COOKIE = "__Host-hallkeeper-board"
COOKIE_S = 30 * 24 * 3600


class Totals(Rendered):
    """Caches the forum's totals, which are slow to count."""


VIEWS = {"tiles": N_("Tiles"), "table": N_("Table")}
SORTS: dict[str, tuple[str, Callable[[HallRow], object]]] = {
    "state": (N_("By state"), lambda hall: (list(Phase).index(hall.phase.phase), -hall.share)),
    "alert": (N_("Most alerts first"), lambda hall: -hall.alerts),
    "fill": (N_("Fullest first"), lambda hall: -hall.share),
    "trend": (N_("Filling fastest first"), lambda hall: -hall.trend.change),
    "denied": (N_("Most denials first"), lambda hall: -hall.trend.denied),
    "name": (N_("By name"), lambda hall: hall.name),
}
# Orders by which the open page re-sorts its halls.
LIVE_SORTS = ("alert", "fill", "trend", "denied")
SHOWN: dict[str, tuple[str, Callable[[HallRow], bool]]] = {
    "all": (N_("All halls"), lambda hall: True),
    "admitting": (N_("Admitting now"), lambda hall: hall.admits),
    "soon": (N_("Open later today"), lambda hall: hall.phase.phase is Phase.OPENS),
    "full": (N_("Nearly full or full"), lambda hall: hall.share >= look.NEARLY_FULL),
}
PHASES = {
    Phase.ADMITTING: ("good", "●", N_("Admitting until %(when)s")),
    Phase.OPEN: ("good", "●", N_("Open")),
    Phase.OPENS: ("quiet", "◔", N_("Opens %(when)s")),
    Phase.RUNNING: ("quiet", "▶", N_("Admission over, session until %(when)s")),
    Phase.OVER: ("quiet", "✓", N_("Over for today")),
    Phase.NONE: ("quiet", "·", N_("Nothing today")),
    Phase.CLOSED: ("quiet", "—", N_("Closed by staff")),
}
# In place of "open": no door admits anybody, or only when somebody has left.
WITHOUT_KIOSK = ("quiet", "·", N_("No kiosk at its doors"))
WHEN_FULL = {
    Phase.ADMITTING: ("quiet", "◔", N_("Until %(when)s, as places come free")),
    Phase.OPEN: ("quiet", "◔", N_("Admits as places come free")),
}


@dataclass(frozen=True)
class Choice:
    """The user's view of the halls. Unknown values mean the default."""

    view: str = "tiles"
    sort: str = "state"
    show: str = "all"
    q: str = ""

    @classmethod
    def of_request(cls) -> "Choice":
        kept = dict(
            part.split(":", 1) for part in request.cookies.get(COOKIE, "").split("/") if ":" in part
        )

        def chosen(name: str, allowed: object, default: str) -> str:
            for value in (request.args.get(name, ""), kept.get(name, "")):
                if value in allowed:  # type: ignore[operator]
                    return str(value)
            return default

        return cls(
            chosen("view", VIEWS, cls.view),
            chosen("sort", SORTS, cls.sort),
            chosen("show", SHOWN, cls.show),
            request.args.get("q", "").strip()[:60],
        )

    def cookie(self) -> str:
        return f"view:{self.view}/sort:{self.sort}/show:{self.show}"

    def halls(self, halls: list[HallRow]) -> list[HallRow]:
        wanted = SHOWN[self.show][1]
        text = self.q.casefold()
        matching = [hall for hall in halls if wanted(hall) and text in hall.name.casefold()]
        return in_order(matching, self.sort)


def in_order(halls: list[HallRow], sort: str) -> list[HallRow]:
    order = SORTS[sort][1]
    return sorted(halls, key=lambda hall: (order(hall), hall.name))


def order_part(sort: str) -> str:
    return f"order-{sort}"


@blueprint.get("/")
@auth.allow(*ROLES)
def show() -> Response:
    here = services()
    db = here.database.reader
    choice = Choice.of_request()
    now = look.look()
    chosen = choice.halls(now.halls)
    # A search shows all that it finds.
    folded = [] if choice.q else [hall for hall in chosen if hall.idle]
    shown = {part: Markup(html) for part, html in parts(choice.view, now).items()}  # noqa: S704
    response = make_response(
        render_template(
            "overview.html",
            halls=[hall for hall in chosen if hall not in folded],
            folded=folded,
            order=order_part(choice.sort) if choice.sort in LIVE_SORTS else "",
            known=",".join(str(hall.hall_id) for hall in now.halls),
            choice=choice,
            views=VIEWS,
            sorts={name: words for name, (words, _order) in SORTS.items()},
            shows={name: words for name, (words, _wanted) in SHOWN.items()},
            parts=shown,
            set_back=set_back.notice(db),
            counts=_forum(),
            version=own_version(),
        )
    )
    if request.cookies.get(COOKIE) != choice.cookie():
        response.set_cookie(
            COOKIE, choice.cookie(), max_age=COOKIE_S, secure=True, httponly=True, samesite="Lax",
            path="/",
        )  # fmt: skip
    return response


def _forum() -> ForumCounts | None:
    here = services()
    counts = forum_counts(here.database.reader, here.event.settings)
    return counts if counts.activities or counts.areas else None


def parts(view: str = "tiles", now: Look | None = None) -> dict[str, str]:
    """Return the page's changing parts by id, as HTML for the current user."""
    here, now = services(), now or look.look()
    db = here.database.reader
    shown = {f"hall-{hall.hall_id}": _hall(hall, view) for hall in now.halls}
    idle = [hall for hall in now.halls if hall.idle]
    shown["notices"] = board_notices()
    shown["clock"] = here.venue_clock.minute(here.now())
    shown["idle"] = ",".join(str(hall.hall_id) for hall in idle)
    shown["idle-words"] = _idle_words(idle)
    shown["latest"] = render_template(
        "parts/latest.html",
        entries=entries.latest(db, LATEST_ROWS),
        named=words.in_page_language,
    )
    shown["discrepancies"] = render_template(
        "parts/discrepancies.html",
        discrepancies=entries.discrepancies(db, DISCREPANCY_ROWS),
        count=entries.discrepancy_count(db),
    )
    shown["alerts"] = _alerts(now)
    shown["alerts-count"] = ngettext("%(num)s alert", "%(num)s alerts", len(now.new))
    shown["taken-count"] = str(len(now.taken))
    shown["taken"] = render_template(
        "parts/taken.html",
        taken=[(alert, words.told(alert, now.places), by) for alert, by in now.taken],
    )
    shown |= here.own(Totals).parts(i18n.language(), _totals, fresh_s=TOTALS_FRESH_S)
    shown["kiosks"] = _kiosks(now, here.now())
    for sort in LIVE_SORTS:
        ordered = in_order(now.halls, sort)
        shown[order_part(sort)] = ",".join(str(hall.hall_id) for hall in ordered)
    return shown


def _idle_words(idle: list[HallRow]) -> str:
    words = ngettext(
        "%(num)s hall has nothing today", "%(num)s halls have nothing today", len(idle)
    )
    if people := sum(hall.inside for hall in idle):
        inside = ngettext("%(num)s person inside", "%(num)s people inside", people)
        words = _("%(halls)s; %(people)s", halls=words, people=inside)
    return str(words)


def _alerts(now: Look) -> str:
    return render_template(
        "parts/alerts.html",
        alerts=[(alert, words.told(alert, now.places)) for alert in now.new],
        may_take=auth.may_open("admin.taking.show"),
    )


def phase_shown(hall: HallRow) -> tuple[str, str, str]:
    """Return the tone, the sign and the words of a hall's state."""
    phase = hall.phase.phase
    if phase in WHEN_FULL and not hall.has_kiosk:
        return WITHOUT_KIOSK
    if phase in WHEN_FULL and hall.share >= 1:
        return WHEN_FULL[phase]
    return PHASES[phase]


def _hall(hall: HallRow, view: str) -> str:
    # Users without the hall's page see its day.
    page = "admin.halls.show" if auth.may_open("admin.halls.show") else "admin.plots.show"
    name = f"{hall.hall_id}/{view}/{i18n.language()}/{page}"
    value = (
        hall.name,
        hall.figures,
        hall.silent,
        hall.has_kiosk,
        hall.phase,
        hall.when,
        hall.trend,
        hall.full_at,
    )
    return (
        services()
        .own(Pieces)
        .piece(
            name,
            value,
            lambda: render_template(
                f"parts/hall_{'row' if view == 'table' else 'tile'}.html",
                hall=hall,
                phase=phase_shown(hall),
                session=words.in_page_language(hall.phase.titles),
                hall_link=url_for(page, hall_id=hall.hall_id),
            ),
        )
    )


def _totals() -> dict[str, str]:
    """Return the people on site by category and country. Slow."""
    db, language = services().database.reader, i18n.language()
    by_category, by_country = minutes.on_site(db)
    plans = {plan.code: plan for plan in store.categories(db)}
    most = sorted(by_country.items(), key=lambda item: (-item[1], item[0]))
    html = render_template(
        "parts/totals.html",
        people=sum(by_category.values()),
        categories=[
            (plans[code], people)
            for code, people in sorted(by_category.items(), key=lambda item: -item[1])
            if code in plans
        ],
        countries=[
            (country_name(code, language) if code else _("country unknown"), people)
            for code, people in most[:COUNTRIES_SHOWN]
        ],
        more=len(most[COUNTRIES_SHOWN:]),
    )
    return {"totals": html}


def _kiosks(now: Look, at: int) -> str:
    active = [row for row in now.kiosks if row.state == "active"]
    tally = {
        "all": len(now.kiosks),
        "active": len(active),
        "live": sum(kiosk_alerts.heard_lately(row.seen_at, at) for row in active),
        "waiting": sum(row.state == "proven" for row in now.kiosks),
        "others": len(registry.of_other_versions(now.kiosks)),
    }
    return render_template(
        "parts/kiosks.html",
        tally=tally,
        kiosks_link=auth.may_open("admin.kiosks.show") and url_for("admin.kiosks.show"),
    )
