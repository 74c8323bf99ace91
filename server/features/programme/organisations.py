from flask import abort, render_template, request

from badges.categories import CategoryPlan
from server.core.programme import activities, exhibition, organisations
from server.core.programme.organisations import OrganisationFilter
from server.core.venue import store
from server.storage.connection import Connection
from server.web import auth, display
from server.web.forms import CHOOSE, Field, one_of, read_filter
from server.web.lists import ORGANISATION_KINDS, PAGE_ROWS, ROLES, page_asked
from server.web.services import services


@auth.allow(*ROLES)
def search() -> str:
    db = services().database.reader
    countries = organisations.countries_of_organisations(db)
    asked = read_filter(
        request.args,
        {
            "kind": Field("kind", one_of(ORGANISATION_KINDS), CHOOSE),
            "country": Field("country", one_of(countries), CHOOSE),
            "q": Field("text", str, ""),
        },
        OrganisationFilter,
    )
    page = page_asked()
    # An invalid field matches nothing.
    wanted = OrganisationFilter(kind="") if asked.problems else asked.wanted
    results, total = organisations.find_organisations(db, wanted, PAGE_ROWS, page.offset)
    return render_template(
        "programme/organisations.html",
        found=results,
        total=total,
        page=page,
        asked=asked,
        kinds=ORGANISATION_KINDS,
        countries=sorted((display.country(code), code) for code in countries),
        country_name=display.country,
    )


@auth.allow(*ROLES)
def show(code: str) -> str:
    db = services().database.reader
    try:
        organisation = organisations.organisation(db, code)
    except organisations.UnknownOrganisationError:
        abort(404)
    page = page_asked()
    hosted, hosted_count = activities.hosted_by(db, organisation.organisation_id, PAGE_ROWS)
    people = []
    # Only users who may search attendees see people.
    if auth.may_open("admin.people.search"):
        people = organisations.people_of(db, organisation.organisation_id, PAGE_ROWS, page.offset)
    return render_template(
        "programme/organisation.html",
        organisation=organisation,
        kind=ORGANISATION_KINDS[organisation.kind],
        country=display.country(organisation.country),
        people=people,
        page=page,
        hosted=hosted,
        hosted_count=hosted_count,
        exhibitors=exhibition.exhibitors_of(db, organisation.organisation_id),
        stands=exhibition.stands_of_organisation(db, organisation.organisation_id),
        categories=_categories(db),
    )


def _categories(db: Connection) -> dict[int, CategoryPlan]:
    return {plan.code: plan for plan in store.categories(db)}
