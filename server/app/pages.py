"""Assembles staff's pages: one blueprint, the menu, and the redirect from the home address."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from flask import Blueprint, Flask, redirect, request, url_for
from markupsafe import Markup
from werkzeug.wrappers import Response

from server.web import auth
from server.web.feature import EXTENSION, GROUPS, Feature, Menu


@dataclass(frozen=True)
class _Group:
    """A group of the menu, with the entries that the user may open. `current` is the endpoint of
    the shown page's entry, or "".
    """

    words: str
    entries: Sequence[Menu]
    current: str


def register(app: Flask, features: Sequence[Feature]) -> None:
    app.extensions[EXTENSION] = features
    staff = Blueprint("admin", __name__)
    for feature in features:
        for page in feature.pages:
            staff.register_blueprint(page)
        for other in feature.others:
            app.register_blueprint(other)
    menu = sorted(entry for feature in features for entry in feature.menu)
    sections = {page: entry for feature in features for page, entry in feature.sections.items()}
    undoable = frozenset(name for feature in features for name in feature.undoable)

    def context() -> dict[str, object]:
        values: dict[str, object] = {
            "menu": lambda: _groups(menu, sections.get(request.blueprint or "", request.blueprint)),
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
        for feature in features:
            if user is not None and feature.landing is not None and (page := feature.landing()):
                return redirect(url_for(page))
        for entry in menu:
            if auth.may_open(entry.endpoint):
                return redirect(url_for(entry.endpoint))
        return redirect(url_for("admin.sign_in.form"))

    app.context_processor(context)
    staff.add_url_rule("/", view_func=home)
    app.register_blueprint(staff)


def _groups(menu: Iterable[Menu], section: str | None) -> list[_Group]:
    by_group: dict[str, list[Menu]] = {group: [] for group in GROUPS}
    current = dict.fromkeys(GROUPS, "")
    for entry in menu:
        if auth.may_open(entry.endpoint):
            by_group[entry.group].append(entry)
            if entry.endpoint.rpartition(".")[0] == section:
                current[entry.group] = entry.endpoint
    return [
        _Group(words, entries, current[words]) for words, entries in by_group.items() if entries
    ]
