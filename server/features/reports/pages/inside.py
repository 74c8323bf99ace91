from collections.abc import Iterator, Sequence

from flask import Blueprint, abort, render_template, request
from markupsafe import Markup, escape

from badges.categories import CategoryPlan
from badges.credential.badge_number import badge_number
from server.core.entry_log import entry_log
from server.core.entry_log.act_names import Act
from server.core.venue import store
from server.core.venue.store import UnknownHallError
from server.features.reports import inside
from server.features.reports.inside import Inside
from server.web import auth
from server.web.display import Minutes, main_name
from server.web.forms import whole
from server.web.services import services

blueprint = Blueprint("inside", __name__, url_prefix="/admin/halls/<int:hall_id>/inside")

PAGE_ROWS = 100
PAGES_MAX = 10_000
ROLES = ("supervisor", "auditor")


@blueprint.get("/")
@auth.allow(*ROLES)
def show(hall_id: int) -> str:
    here = services()
    db, named = here.database.reader, _named()
    hall = _hall(hall_id)
    total = inside.count(db, hall_id)
    pages = max(1, -(-total // PAGE_ROWS))
    page = min(max(1, request.args.get("page", 1, type=whole)), pages, PAGES_MAX)
    offset = (page - 1) * PAGE_ROWS
    people = inside.page(db, hall_id, named=named, limit=PAGE_ROWS, offset=offset)
    _note(hall_id, len(people))
    return render_template(
        "reports/inside.html",
        hall=hall,
        people=people,
        total=total,
        page=page,
        pages_of_people=pages,
        first=offset + 1,
        named=named,
        categories=_categories(),
        now=here.now(),
    )


@blueprint.get("/print")
@auth.allow(*ROLES)
def whole_list(hall_id: int) -> str:
    here, named = services(), _named()
    hall = _hall(hall_id)
    people = inside.everybody(here.database.reader, hall_id, named=named)
    _note(hall_id, len(people))
    return render_template(
        "reports/inside_print.html",
        hall=hall,
        how_many=len(people),
        lines=Markup("".join(_lines(people, named))),  # noqa: S704
        named=named,
        now=here.now(),
    )


def _lines(people: Sequence[Inside], named: bool) -> Iterator[str]:
    """Format the list's rows. For tens of thousands a template takes three times as long."""
    minutes = Minutes(services().venue_clock)
    categories = {code: escape(main_name(person.names)) for code, person in _categories().items()}
    doors: dict[int, Markup] = {}  # Rows share their doors' names
    for number, person in enumerate(people, 1):
        door = doors.get(id(person.door_names))
        if door is None:
            door = doors[id(person.door_names)] = escape(main_name(person.door_names))
        name_cells = ""
        if named:
            name_cells = (
                f"<td><bdi>{escape(person.name)}</bdi></td>"
                f"<td><bdi>{escape(person.organisation)}</bdi></td>"
            )
        category = categories.get(person.category, "") if person.category is not None else ""
        yield (
            f'<tr><td class="number">{number}</td>'
            f'<td class="code">{badge_number(person.serial)}</td>{name_cells}'
            f"<td>{category}</td><td>{minutes(person.opened_at)}</td><td>{door}</td></tr>\n"
        )


def _named() -> bool:
    return auth.may_open("admin.people.person")


def _note(hall_id: int, count: int) -> None:
    """Log that the user saw these people's names."""
    if not (_named() and count):
        return
    here, by = services(), auth.actor()
    subject: dict[str, str | int | None] = {"hall": hall_id, "count": count}
    here.database.write(lambda db: entry_log.act(db, by, Act.INSIDE_LISTED, subject, here.now()))


def _categories() -> dict[int, CategoryPlan]:
    return {category.code: category for category in store.categories(services().database.reader)}


def _hall(hall_id: int) -> store.HallRow:
    try:
        return store.hall(services().database.reader, hall_id)
    except UnknownHallError:
        abort(404)
