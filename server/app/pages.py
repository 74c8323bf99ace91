"""Assembles staff's pages: one blueprint, the menu, and the redirect from the home address."""

from collections.abc import Sequence

from flask import Blueprint, Flask, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from server.web import auth
from server.web.feature import EXTENSION, Feature


def register(app: Flask, features: Sequence[Feature]) -> None:
    app.extensions[EXTENSION] = features
    staff = Blueprint("admin", __name__)
    for feature in features:
        for page in feature.pages:
            staff.register_blueprint(page)
        for other in feature.others:
            app.register_blueprint(other)
    menu = sorted(entry for feature in features for entry in feature.menu)
    pages = [(entry.endpoint, entry.words) for entry in menu]
    sections = {page: entry for feature in features for page, entry in feature.sections.items()}
    undoable = frozenset(name for feature in features for name in feature.undoable)

    def context() -> dict[str, object]:
        values: dict[str, object] = {
            "pages": pages,
            "section": sections.get(request.blueprint or "", request.blueprint),
            "with_last_edit": undoable,
            "header": lambda: Markup("").join(
                extension.header() for extension in features if extension.header
            ),
        }
        for feature in features:
            if feature.context is not None:
                values |= feature.context()
        return values

    @auth.allow_everybody
    def home() -> Response:
        """Redirect to the first page that the user may open, or to the sign-in."""
        user = auth.user()
        if user is not None and user.waits:
            return redirect(url_for("admin.factors.ask"))
        if user is not None and auth.must_set_up(user):
            return redirect(url_for("admin.factors.show"))
        for endpoint, _ in pages:
            if auth.may_open(endpoint):
                return redirect(url_for(endpoint))
        return redirect(url_for("admin.sign_in.form"))

    app.context_processor(context)
    staff.add_url_rule("/", view_func=home)
    app.register_blueprint(staff)
