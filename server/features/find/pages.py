from collections.abc import Sequence

from flask import Blueprint, render_template, request, url_for

from badges.i18n import N_
from server.core.event.settings import ROLES
from server.web import auth, i18n
from server.web.feature import Hit, Menu, features
from server.web.i18n import gettext as _
from server.web.matching import matching

blueprint = Blueprint("find", __name__, url_prefix="/admin/find")

TEXT_CHARS_MAX = 200
_PAGES = N_("Pages")


@blueprint.get("")
@auth.allow(*ROLES)
def show() -> str:
    text = request.args.get("q", "").strip()[:TEXT_CHARS_MAX]
    results = [(_PAGES, _pages(text))] if text else []
    if text:
        results += [
            (finder.words, finder.find(text))
            for feature in features()
            for finder in feature.finders
            if auth.may_open(finder.endpoint)
        ]
    return render_template(
        "find.html", text=text, results=[(words, hits) for words, hits in results if hits]
    )


def _pages(text: str) -> Sequence[Hit]:
    entries = [
        entry
        for feature in features()
        for entry in feature.menu
        if auth.may_open(entry.endpoint)
    ]  # fmt: skip
    return [
        Hit(_(entry.words), _(entry.contents), url_for(entry.endpoint))
        for entry in matching(text, entries, _texts)
    ]


def _texts(entry: Menu) -> Sequence[str]:
    """Return the page's title and contents in all languages."""
    words = i18n.words()
    return [
        words.get(language).gettext(text)
        for language in words.languages
        for text in (entry.words, entry.contents)
    ]
