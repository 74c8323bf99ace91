"""Page languages, with gettext by Flask-Babel.

A page uses the language chosen by the visitor (`?lang=`, kept in a cookie), else the one proposed
by the page (such as an attendee's), else the browser's, else English.
"""

from collections.abc import Callable, Mapping
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlencode

from babel import support
from babel.dates import format_date, format_skeleton
from babel.numbers import format_decimal
from flask import Flask, Response, current_app, g, has_request_context, request, url_for
from flask_babel import (  # type: ignore[import-untyped]  # it ships no types
    Babel,
    Domain,
    refresh,
)
from jinja2 import Environment, pass_context
from jinja2.runtime import Context
from markupsafe import Markup

from badges.i18n import ENGLISH, locale_of, say
from server.core.translations import DOMAIN, Words, told_of
from server.storage.localized import text_in

PARAMETER = "lang"  # query parameter, as in ?lang=fr
COOKIE = "__Host-hallkeeper-language"
COOKIE_S = 365 * 24 * 3600
_KEY = "hallkeeper-words"


class _PoDomain(Domain):  # type: ignore[misc]
    """Makes Flask-Babel read .po files."""

    def __init__(self, words: Words) -> None:
        super().__init__(domain=DOMAIN)
        self.words = words

    def get_translations(self) -> support.Translations:
        # Flask-Babel's own method resolves the locale anew for each text.
        return self.words.get(language())


def register(app: Flask, words: Words) -> None:
    babel = Babel(app, default_domain=DOMAIN, locale_selector=_own_locale)
    babel.domain_instance = _PoDomain(words)
    app.extensions[_KEY] = words
    app.jinja_env.globals.update(
        page_language=page_language,
        page_languages=page_languages,
        in_language=in_language,
        ngettext=_counting(app.jinja_env),
        gettext=_in_template,
        _=_in_template,
    )
    app.jinja_env.filters.update(said=said, sentence=sentence)
    app.context_processor(_texts_of_a_page)
    app.after_request(_keep_choice)


def words() -> Words:
    texts: Words = current_app.extensions[_KEY]
    return texts


def gettext(text: str, **fields: object) -> str:
    """Translate into the page's language, with `fields` filled in. Views import it as `_`."""
    text_in_language: str = words().get(language()).gettext(text)
    return text_in_language % fields if fields else text_in_language


def said(value: object) -> str:
    """Translate a phrase or error into the page's language."""
    return say(value, words().get(language()), decimal, day, _in_page_language)


def _in_page_language(texts: Mapping[str, str]) -> str:
    return text_in(texts, language())


def sentence(value: object) -> str:
    text = said(value)
    return text[:1].upper() + text[1:]


def ngettext(singular: str, many: str, number: int, **fields: object) -> str:
    """Translate in singular or plural. `%(num)s` becomes the number."""
    text: str = words().get(language()).ngettext(singular, many, number)
    return text % {"num": decimal(number), **fields}


def decimal(number: float) -> str:
    return _decimal(number, language())


@lru_cache(maxsize=4096, typed=True)
def _decimal(number: float, spoken: str) -> str:
    """Format a number. Cached: most numbers on pages are small and recur."""
    return format_decimal(number, locale=locale_of(spoken))


def day(at: date) -> str:
    return _day(at, language())


@lru_cache(maxsize=1024)
def _day(at: date, spoken: str) -> str:
    """Format a date. Cached: the rows of a list share few days."""
    if spoken == ENGLISH:
        return format_date(at, "EEE dd MMM", locale=ENGLISH)
    return format_skeleton("MMMEd", at, locale=locale_of(spoken))


def propose(language: str) -> None:
    """Propose a BCP 47 language. The visitor's choice has precedence."""
    g.proposed_language = language
    g.pop("language_of_page", None)
    refresh()


def language() -> str:
    """Return the page's language, or English outside a request."""
    if not has_request_context():
        return ENGLISH
    if "language_of_page" not in g:
        g.language_of_page = _language()
    spoken: str = g.language_of_page
    return spoken


def _language() -> str:
    available = words()
    chosen = request.args.get(PARAMETER, ""), request.cookies.get(COOKIE, "")
    for candidate in chosen:
        if candidate in available.languages:
            return candidate
    proposed = available.nearest([g.get("proposed_language", "")])
    return proposed or available.nearest(request.accept_languages.values()) or ENGLISH


def page_language() -> dict[str, str]:
    return told_of(language())


def page_languages() -> list[dict[str, Any]]:
    own = language()
    return [{**told_of(code), "here": code == own} for code in words().languages]


def in_language(language: str) -> str:
    """Return this page's URL in another language. For forms and errors it is the first page, since
    errors never reveal the request.
    """
    if request.method not in ("GET", "HEAD") or "shows_error" in g:
        return url_for("admin.home", lang=language)
    values = {key: request.args.getlist(key) for key in request.args if key != PARAMETER}
    return f"{request.path}?{urlencode({**values, PARAMETER: language}, doseq=True)}"


def _in_template(text: str, **fields: object) -> Markup:
    """Translate a text for a template, with its fields escaped.

    Tables use the same texts thousands of times, and Flask-Babel takes ten times as long for each.
    """
    return _put_in(_marked(words(), language(), text), fields)


def _texts_of_a_page() -> dict[str, Callable[..., Markup]]:
    """Return template functions bound to the page's language, for macros, which have no page."""
    texts, spoken = words(), language()

    def marked(text: str, **fields: object) -> Markup:
        return _put_in(_marked(texts, spoken, text), fields)

    return {"_": marked, "gettext": marked}


def _put_in(markup: Markup, fields: dict[str, object]) -> Markup:
    return markup % fields if fields or "%" in markup else markup


@lru_cache(maxsize=16_384)
def _marked(texts: Words, spoken: str, text: str) -> Markup:
    return Markup(texts.get(spoken).gettext(text))  # noqa: S704


def _counting(env: Environment) -> Callable[..., str]:
    plain: Any = env.globals["ngettext"]

    @pass_context
    def ngettext(context: Context, singular: str, many: str, number: int, **fields: Any) -> str:
        text: str = plain(context, singular, many, number, **{"num": decimal(number), **fields})
        return text

    return ngettext


def _own_locale() -> str:
    return locale_of(language())


def _keep_choice(response: Response) -> Response:
    chosen = request.args.get(PARAMETER, "")
    if chosen in words().languages and request.cookies.get(COOKIE) != chosen:
        response.set_cookie(
            COOKIE, chosen, max_age=COOKIE_S, secure=True, httponly=True, samesite="Lax", path="/"
        )
    return response
