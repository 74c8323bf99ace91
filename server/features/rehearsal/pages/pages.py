from dataclasses import dataclass, field
from datetime import date
from functools import partial

from flask import Blueprint, render_template, request

from server.core.entry_log import entry_log
from server.core.event.calendar import Clock
from server.core.people.attendees import UnknownAttendeeError, more_people_than
from server.core.venue import store
from server.features.rehearsal import answer_text, report
from server.features.rehearsal.places import AskedError
from server.features.rehearsal.would_enter import WouldEnter, would_enter
from server.web import auth, display, i18n
from server.web.apart import ApartError, WorkedOut, read_apart
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("rehearsal", __name__, url_prefix="/admin/rehearsal")

FIELD_CHARS_MAX = 200
FINDINGS_MAX = 500  # On the page
# With more people a worker process simulates; with fewer, starting one takes longer.
PEOPLE_HERE_MAX = 2_000


@dataclass(frozen=True)
class Asked:
    person: str = ""
    place: str = ""
    at: str = ""
    as_now: bool = False
    problems: dict[str, str] = field(default_factory=dict)


@blueprint.get("/")
@auth.allow("badge_desk", "auditor")
def show() -> tuple[str, int]:
    here = services()
    db, clock = here.database.reader, display.PageClock(here.venue_clock.zone)
    asked, forecast = _asked()
    shown = render_template(
        "rehearsal.html",
        asked=asked,
        found=forecast,
        facts=answer_text.facts(db, forecast, clock, _, i18n.language()) if forecast else [],
        assumed=answer_text.assumptions(forecast, _) if forecast else [],
        notes=answer_text.notes(forecast, _) if forecast else [],
        halls=store.halls(db),
        doors=[door for door in store.doors(db) if door.mode != "exit"],
        days=report.dates(here.event.settings),
    )
    return shown, 400 if asked.problems else 200


@blueprint.get("/day")
@auth.allow("auditor")
def day() -> tuple[str, int]:
    days = report.dates(services().event.settings)
    problem, status, rehearsal = "", 400, None
    try:
        rehearsal = _played(date.fromisoformat(request.args.get("day", "")))
    except report.NoSuchDayError as error:
        problem = i18n.said(error)
    except ApartError as error:
        problem, status = i18n.said(error), 503
    except ValueError:
        problem = _(
            "Choose a day of the event, %(first)s to %(last)s.", first=days[0], last=days[-1]
        )
    shown = render_template(
        "rehearsal_day.html",
        found=rehearsal,
        problem=problem,
        days=days,
        assumed=report.ASSUMED,
        most=FINDINGS_MAX,
    )
    return shown, status if problem else 200


def _played(wanted: date) -> report.Rehearsal | None:
    """Return the simulated day, None while a worker process computes it."""
    here = services()
    # A worker's findings are in English; the page translates them.
    db, clock = here.database.reader, Clock(here.venue_clock.zone)
    if not more_people_than(db, PEOPLE_HERE_MAX):
        return report.rehearse(db, here.event, wanted, clock)
    report.number_of(here.event.settings, wanted)
    state = entry_log.newest(db)  # Every change by staff is an entry there.
    read = partial(report.rehearse_of, path=here.event.path, wanted=wanted, clock=clock)
    path = here.database.path
    return here.own(WorkedOut).get(f"day {wanted}", state, lambda: read_apart(path, read))


def _asked() -> tuple[Asked, WouldEnter | None]:
    """Read the form and decide. Problems are by field."""
    given = {
        key: request.args.get(key, "").strip()[:FIELD_CHARS_MAX] for key in ("person", "place")
    }
    at, as_now = request.args.get("at", "").strip()[:40], request.args.get("as_now") == "yes"
    here = services()
    if "place" not in request.args:
        begins = here.venue_clock.local(here.now()).strftime("%Y-%m-%dT%H:%M")
        return Asked(person=given["person"], at=begins), None
    problems = {}
    for key, wanted in (("person", _("Enter a person.")), ("place", _("Enter a hall or door."))):
        if not given[key]:
            problems[key] = wanted
    try:
        instant = here.venue_clock.parse(at)
    except ValueError:
        problems["at"] = _("A date and time, such as 2026-05-04 13:45.")
    forecast = None
    if not problems:
        try:
            forecast = would_enter(
                here.database.reader, here.event, given["person"], given["place"], instant,
                as_now=as_now,
            )  # fmt: skip
        except UnknownAttendeeError as error:
            problems["person"] = i18n.said(error)
        except AskedError as error:
            problems[error.about] = i18n.said(error)
    return Asked(**given, at=at, as_now=as_now, problems=problems), forecast
