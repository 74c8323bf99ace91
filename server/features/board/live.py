"""Streams the board's parts as they change."""

from flask import Blueprint, Response, copy_current_request_context, request

from server.features.board import overview
from server.web import auth, i18n, live
from server.web.feature import header_parts
from server.web.rendered import Parts, Rendered
from server.web.services import services

blueprint = Blueprint("live", __name__, url_prefix="/admin")


class Shown(Rendered):
    pass


@blueprint.get("/live")
@auth.allow(*overview.ROLES)
def stream() -> Response:
    here = services()
    asked = request.args.get("view", "")
    view = asked if asked in overview.VIEWS else "tiles"
    # The page uses only the order it asked for.
    sort = request.args.get("sort", "")
    others = {overview.order_part(other) for other in overview.LIVE_SORTS if other != sort}

    @copy_current_request_context
    def look() -> Parts | None:
        # Checked each time: an ended session ends its streams.
        user = auth.user()
        if user is None or user.role not in auth.allowed_here():
            return None
        cache_key = f"{user.role}/{i18n.language()}/{view}"
        shared = here.own(Shown).parts(
            cache_key, lambda: overview.parts(view), fresh_s=live.PACE_S * 0.9
        )
        mine = {part: html for part, html in shared.items() if part not in others}
        return {**mine, **header_parts()}

    return live.feed(look)
