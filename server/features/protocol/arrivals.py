"""Shows users, live, the arrivals of protocol guests that they watch."""

from flask import (
    Blueprint,
    Response,
    copy_current_request_context,
    render_template,
    request,
    url_for,
)
from werkzeug.wrappers import Response as AnyResponse

from server.core.people import protocol_guests
from server.core.people.protocol_guests import Arrival
from server.core.staff import users
from server.features.protocol import badge
from server.web import auth, forms, i18n, live
from server.web.i18n import gettext as _
from server.web.rendered import Parts
from server.web.services import services

blueprint = Blueprint("arrivals", __name__, url_prefix="/admin/arrivals")

ROWS = 100
ROLES = ("steward", "supervisor", "badge_desk", "auditor", "protocol")


@blueprint.get("/")
@auth.allow(*ROLES)
def show() -> str:
    db = services().database.reader
    admin = auth.may_open("admin.protocol.put")
    return render_template(
        "arrivals.html",
        arrivals=_arrivals(),
        guests=protocol_guests.protocol_guests(db) if admin else None,
        user_names={user.user_id: user.name for user in users.users(db)} if admin else {},
    )


@blueprint.get("/live")
@auth.allow(*ROLES)
def stream() -> Response:
    """Stream the header's counter, and with `list` the page's list."""
    listed = "list" in request.args

    @copy_current_request_context
    def look() -> Parts | None:
        if auth.user() is None:
            return None
        shown = badge.parts()
        if listed:
            shown["arrival-list"] = render_template("parts/arrivals.html", arrivals=_arrivals())
        return shown

    return live.feed(look)


@blueprint.post("/seen")
@auth.allow(*ROLES)
def seen() -> AnyResponse:
    user_id = auth.signed_in().user_id
    newest = request.form.get("newest", 0, type=forms.whole)
    back = url_for("admin.arrivals.show")
    return forms.perform(
        lambda db, by, now: protocol_guests.mark_seen(db, user_id, newest, now),
        lambda count: _("Marked as seen: %(count)s.", count=i18n.decimal(count)),
        back=back,
        refused=(),
    )


def _arrivals() -> list[Arrival]:
    user_id = auth.signed_in().user_id
    return protocol_guests.arrivals(services().database.reader, user_id, limit=ROWS)
