"""Declares the routes of the interface for integrations.

A route names its scope, query, body and answer as msgspec structs, which make the checks and
/openapi.json.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import msgspec
from flask import Response, g, request

from badges.whole_text import whole_json
from server.features.integrations import tokens
from server.features.integrations.interface.rates import Rates, SharedRates
from server.features.integrations.tokens import Token
from server.web.problems import ProblemError
from server.web.services import address, services

PREFIX = "/api/v1"
BODY_BYTES_MAX = 64 * 1024


class Nothing(msgspec.Struct, forbid_unknown_fields=True):
    """The query of a route without parameters."""


@dataclass(frozen=True)
class Route:
    """A route. `path` is below PREFIX, with `<number>` for variables."""

    method: str
    path: str
    scope: str
    summary: str
    view: Callable[..., Any]
    answer: type
    query: type = Nothing
    body: type | None = None
    status: int = 200
    problems: tuple[int, ...] = ()  # Besides those of every route

    @property
    def name(self) -> str:
        """Return the operation's id in the description."""
        return self.view.__name__


def run(route: Route, **where: str) -> Response:
    """Check a request's token, query and body, then call the view."""
    _authorize(route)
    arguments: list[Any] = [_query(route.query)]
    if route.body is not None:
        arguments.append(_body(route.body))
    result = route.view(*arguments, **where)
    return Response(msgspec.json.encode(result), route.status, mimetype="application/json")


def bearer() -> Token | None:
    kind, _, secret = request.headers.get("Authorization", "").partition(" ")
    if kind.lower() != "bearer" or not secret.startswith(tokens.PREFIX):
        return None
    here = services()
    now = here.now()
    token = tokens.find(here.database.reader, secret.strip())
    if token is None or not token.stands(now):
        return None
    here.lanes.remember(address())
    if token.used_at is None or now - token.used_at >= tokens.USED_EVERY_MS:
        here.database.write(lambda db: tokens.note_use(db, token.token_id, now))
    return token


def actor() -> str:
    """Return the integration's name in the entry log."""
    asker: Token = g.token
    return asker.by


def has_scope(scope: str) -> bool:
    asker: Token = g.token
    return scope in asker.scopes


def limits() -> Rates | SharedRates:
    here = services()
    if here.several:
        return here.own(SharedRates, lambda: SharedRates(here.database, here.now))
    return here.own(Rates)


def _authorize(route: Route) -> None:
    token = bearer()
    if token is None:
        raise ProblemError(401, headers={"WWW-Authenticate": "Bearer"})
    wait_s = limits().wait_s(token.token_id)
    if wait_s:
        raise ProblemError(429, headers={"Retry-After": str(math.ceil(wait_s))})
    if route.scope not in token.scopes:
        raise ProblemError(
            403, f"The token has not the scope {route.scope}.",
            {"WWW-Authenticate": f'Bearer error="insufficient_scope", scope="{route.scope}"'},
        )  # fmt: skip
    g.token = token


def _query(wanted: type) -> Any:
    given = request.args.to_dict(flat=False)
    twice = next((name for name, values in given.items() if len(values) > 1), None)
    if twice is not None:
        raise ProblemError(400, "The address names a parameter more than once.")
    try:
        flat = {name: values[0] for name, values in given.items()}
        return msgspec.convert(flat, wanted, strict=False)
    except msgspec.ValidationError as error:
        raise ProblemError(400, f"The address's parameters can't be read: {_said(error)}") from None


def _body(wanted: type) -> Any:
    if request.mimetype != "application/json":
        raise ProblemError(415)
    raw = whole_json(request.get_data())
    if len(raw) > BODY_BYTES_MAX:
        raise ProblemError(413)
    try:
        return msgspec.json.decode(raw, type=wanted)
    except msgspec.ValidationError as error:
        raise ProblemError(422, f"The body's values can't be taken: {_said(error)}") from None
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise ProblemError(400, "The body is not JSON.") from None


def _said(error: Exception) -> str:
    """Return msgspec's message: fields and types, without unknown keys, which may be personal."""
    text = str(error)
    return "a name that is not known." if "unknown field" in text else f"{text}."
