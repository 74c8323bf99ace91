"""Lists the routes for integrations, and serves them with their description."""

from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Blueprint, Response

from server.features.integrations.interface import people, reading
from server.features.integrations.interface.openapi import description
from server.features.integrations.interface.routes import Route, run
from server.web import auth, problems

ROUTES = (
    Route(
        "GET", "/halls", "read:halls", "How many are inside each hall, and whether more may come.",
        reading.list_halls, reading.Halls,
    ),
    Route(
        "GET", "/entries", "read:entries", "Entries and denials in the order of the entry log.",
        reading.list_entries, reading.Entries, reading.EntriesAsked, problems=(404,),
    ),
    Route(
        "GET", "/entries/<number>/receipt", "read:receipts",
        "The proof that a scan is in the entry log.",
        reading.get_receipt, reading.Receipt, problems=(404,),
    ),
    Route(
        "GET", "/programme", "read:programme", "Sessions, the soonest first.",
        reading.list_sessions, reading.Programme, reading.ProgrammeAsked, problems=(404,),
    ),
    Route(
        "GET", "/people", "read:people", "Find people. Each search is recorded in the entry log.",
        people.find_people, people.People, people.PeopleAsked,
    ),
    Route(
        "POST", "/people", "write:people", "Register a person.",
        people.register_person, people.Person, body=people.NewPerson, status=201,
        problems=(409, 422),
    ),
    Route(
        "GET", "/people/<badge>", "read:people", "One person, by badge number.",
        people.get_person, people.Person, problems=(404,),
    ),
    Route(
        "PATCH", "/people/<badge>", "write:people", (
            "Change a person. Omitted fields stay unchanged."
            ),
        people.change_person, people.Changed, body=people.PersonChange, problems=(404, 422),
    ),
    Route(
        "POST", "/people/<badge>/reissue", "write:people",
        "Issue the next badge, which voids the earlier ones.",
        people.reissue_badge, people.Person, body=people.Reissue, problems=(404, 409, 422),
    ),
    Route(
        "POST", "/people/<badge>/revoke", "write:people", "Revoke all badges of a person.",
        people.revoke_badges, people.Person, body=people.Revoke, problems=(404, 409, 422),
    ),
)  # fmt: skip

blueprint = Blueprint("interface", __name__, url_prefix="/api/v1")
blueprint.register_error_handler(problems.ProblemError, problems.of_error)


def _view(route: Route) -> Callable[..., Response]:
    def view(**where: str) -> Response:
        return run(route, **where)

    view.__name__ = route.name
    return view


for route in ROUTES:
    blueprint.add_url_rule(
        route.path,
        endpoint=route.name,
        view_func=_view(route),
        methods=[route.method],
        provide_automatic_options=False,
    )

openapi = Blueprint("openapi", __name__)


@openapi.get("/openapi.json")
@auth.allow_everybody
def show() -> Any:
    """Describe the interface; contains nothing of the event."""
    return Response(_description(), mimetype="application/json")


@cache
def _description() -> bytes:
    return description(ROUTES)
