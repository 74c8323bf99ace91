from urllib.parse import urlencode

from flask import Blueprint, flash, redirect, request, url_for
from werkzeug.wrappers import Response

from server.core.staff import saved_filters
from server.core.staff.saved_filters import SavedFilter, SavedFilterError
from server.web import auth, i18n
from server.web.forms import Asked, Filter, turn_back, whole
from server.web.i18n import gettext as _
from server.web.services import services

blueprint = Blueprint("saved_filters", __name__, url_prefix="/admin/filters")
SHOWN_BY = {"entries": "admin.entries.show", "acts": "admin.acts.show"}


def filters(page: str) -> list[SavedFilter]:
    """Return the page's filters that the user may use."""
    return saved_filters.visible(services().database.reader, page, auth.signed_in().user_id)


def user_of(text: str) -> str:
    """Parse a user's log name, such as "user:3". Raises ValueError."""
    kind, _colon, number = text.partition(":")
    if kind != "user":
        raise ValueError("not on the list")
    return f"user:{whole(number)}"


def save(page: str, asked: Asked[Filter]) -> Response:
    here, user, name = services(), auth.signed_in(), request.form.get("filter_name", "")
    is_shared = "filter_shared" in request.form
    back = asked.address(SHOWN_BY[page])
    if asked.problems:
        return turn_back(_("Nothing was saved: correct the fields in red first."), back)
    query = urlencode(asked.fields)
    try:
        here.database.write(
            lambda db: saved_filters.save(
                db, page, user.user_id, name, query, shared=is_shared, now=here.now()
            )
        )
    except SavedFilterError as error:
        return turn_back(i18n.said(error), back)
    flash(_("The filter is saved."), "good")
    return redirect(back, 303)


@blueprint.post("/<int:filter_id>/remove")
@auth.allow("auditor")
def remove(filter_id: int) -> Response:
    """Remove the user's filter, or, for admins, a shared one."""
    here, user = services(), auth.signed_in()
    try:
        page = here.database.write(
            lambda db: saved_filters.remove(
                db, filter_id, user.user_id, any_owner=user.role == "admin"
            )
        )
    except SavedFilterError as error:
        return turn_back(i18n.said(error), url_for("admin.entries.show"))
    flash(_("The filter is removed."), "good")
    return redirect(url_for(SHOWN_BY[page]), 303)
