"""Gives pages their language, with gettext by Flask-Babel.

A page is in the language that the visitor chose (`?lang=`, kept in a cookie), else in the one that
the page proposes, such as an attendee's own, else in the browser's, else in English.
"""

from typing import Any

from babel import support
from flask import Flask, Response, current_app, g, request
from flask_babel import (  # type: ignore[import-untyped]  # it ships no types
    Babel,
    Domain,
    get_locale,
    refresh,
)
from flask_babel import gettext as _gettext

from badges.i18n import ENGLISH, language_of, locale_of
from server.words import DOMAIN, Words, told_of

PARAMETER = "lang"  # Part of a page's address, as in ?lang=fr.
COOKIE = "__Host-hallkeeper-language"
COOKIE_S = 365 * 24 * 3600
_KEY = "hallkeeper-words"


class _PoDomain(Domain):  # type: ignore[misc]
    """Gives Flask-Babel the words of .po files."""

    def __init__(self, words: Words) -> None:
        super().__init__(domain=DOMAIN)
        self.words = words

    def get_translations(self) -> support.Translations:
        return self.words.get(language_of(str(get_locale() or ENGLISH)))


def register(app: Flask, words: Words) -> None:
    """Let the app's pages speak. Templates and views may then use `_` and `ngettext`."""
    babel = Babel(app, default_domain=DOMAIN, locale_selector=_own_locale)
    babel.domain_instance = _PoDomain(words)
    app.extensions[_KEY] = words
    app.jinja_env.globals.update(page_language=page_language, page_languages=page_languages)
    app.after_request(_keep_choice)


def words() -> Words:
    """Return the words of the running app."""
    found: Words = current_app.extensions[_KEY]
    return found


def gettext(text: str, **fields: object) -> str:
    """Return a marked text in the page's language, with its fields. Views import it as `_`."""
    return str(_gettext(text, **fields))


def propose(language: str) -> None:
    """Let the page be in this BCP 47 language, if there are words in it and the visitor chose no
    other.
    """
    g.proposed_language = language
    refresh()


def language() -> str:
    """Return the language of this request's page."""
    known = words()
    chosen = request.args.get(PARAMETER, ""), request.cookies.get(COOKIE, "")
    for one in chosen:
        if one in known.languages:
            return one
    proposed = known.nearest([g.get("proposed_language", "")])
    return proposed or known.nearest(request.accept_languages.values()) or ENGLISH


def page_language() -> dict[str, str]:
    """Return the tag, the direction and the name of this page's language, for `<html>`."""
    return told_of(language())


def page_languages() -> list[dict[str, Any]]:
    """Return every language that pages have, for a switch, and which one this page is in."""
    own = language()
    return [{**told_of(one), "here": one == own} for one in words().languages]


def _own_locale() -> str:
    return locale_of(language())


def _keep_choice(response: Response) -> Response:
    chosen = request.args.get(PARAMETER, "")
    if chosen in words().languages and request.cookies.get(COOKIE) != chosen:
        response.set_cookie(
            COOKIE, chosen, max_age=COOKIE_S, secure=True, httponly=True, samesite="Lax", path="/"
        )
    return response
