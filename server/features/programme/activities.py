from collections.abc import Callable, Container
from dataclasses import dataclass

from flask import abort, render_template, request

from server.core.event.calendar import day_starts
from server.core.programme import activities, speakers
from server.core.programme.activities import ActivityFilter
from server.core.venue import store
from server.web import auth, forms
from server.web.forms import CHOOSE, Field, one_of, read_filter, whole
from server.web.lists import PAGE_ROWS, ROLES, SPEAKER_ROLES, page_asked
from server.web.services import services


@dataclass(frozen=True)
class _Asked:
    """The filter. `day` counts from 1."""

    kind: str | None = None
    day: int | None = None
    hall: int | None = None
    parallel: str | None = None  # "yes", or "official" for official parallel activities only


@auth.allow(*ROLES)
def search() -> str:
    here = services()
    db = here.database.reader
    halls = {hall.hall_id: hall.names for hall in store.halls(db)}
    kinds = activities.kinds(db)
    midnights = day_starts(here.event.settings)
    asked = read_filter(
        request.args,
        {
            "kind": Field("kind", one_of(kinds), CHOOSE),
            "day": Field("day", _number_of(range(1, len(midnights))), CHOOSE),
            "hall": Field("hall", _number_of(halls), CHOOSE),
            "parallel": Field("parallel", one_of(("yes", "official")), CHOOSE),
        },
        _Asked,
    )
    page = page_asked()
    results, total = activities.find_activities(
        db, _filter(asked, midnights), PAGE_ROWS, page.offset
    )
    return render_template(
        "programme/activities.html",
        found=results,
        total=total,
        times=activities.times_of(db, [result.activity_id for result in results]),
        page=page,
        asked=asked,
        kinds=kinds,
        halls=halls,
        days=list(enumerate(midnights[:-1], 1)),
    )


@auth.allow(*ROLES)
def show(code: str) -> str:
    db = services().database.reader
    try:
        activity = activities.activity(db, code)
    except activities.UnknownActivityError:
        abort(404)
    times = activities.times_of(db, [activity.activity_id]).get(activity.activity_id, ())
    return render_template(
        "programme/activity.html",
        activity=activity,
        kind=activities.kinds(db)[activity.kind],
        times=times,
        speakers=speakers.speakers_of(db, [time.session_id for time in times]),
        roles=SPEAKER_ROLES,
    )


def _filter(asked: forms.Asked[_Asked], midnights: tuple[int, ...]) -> ActivityFilter:
    """Return the store's filter. An invalid field matches nothing."""
    wanted = asked.wanted
    since = until = None
    if asked.problems:
        since = until = 0
    elif wanted.day is not None:
        since, until = midnights[wanted.day - 1 : wanted.day + 1]
    return ActivityFilter(
        kind=wanted.kind,
        hall_id=wanted.hall,
        since=since,
        until=until,
        parallel=wanted.parallel is not None,
        official=wanted.parallel == "official",
    )


def _number_of(allowed: Container[int]) -> Callable[[str], int]:
    """Return a parser of numbers in `allowed`."""

    def read(text: str) -> int:
        number = whole(text)
        if number not in allowed:
            raise ValueError("not on the list")
        return number

    return read
