"""Error responses as problem details (RFC 9457)."""

from http import HTTPStatus
from typing import Annotated

import msgspec
from flask import Response

MEDIA_TYPE = "application/problem+json"
# Problem and remedy by status. They repeat nothing of the request.
WORDS = {
    400: "The request can't be read. See the interface's description at /openapi.json.",
    401: "Send a token as `Authorization: Bearer …`. An admin makes one on the page Integrations.",
    403: "The token stands, but it has not the scope that this needs.",
    404: "There is nothing at this address.",
    405: "This address does not take that method.",
    409: "This can't be done as things are now.",
    413: "The body is larger than this interface takes.",
    415: "Send the body as application/json.",
    422: "The values can't be taken.",
    429: "Too many requests. Wait for the time in the Retry-After header.",
    500: "Something went wrong on the server's side. Nothing was changed.",
    503: "The server is too busy. Nothing was changed. Try again in a moment.",
    507: "The server's disk can't be written. Nothing was changed. Tell an admin.",
}


class Problem(msgspec.Struct, omit_defaults=True):
    title: Annotated[str, msgspec.Meta(description="the status in words")]
    status: Annotated[int, msgspec.Meta(ge=400, le=599)]
    detail: Annotated[str, msgspec.Meta(description="the problem and its remedy")]
    type: str = "about:blank"


class ProblemError(Exception):
    def __init__(self, status: int, detail: str = "", headers: dict[str, str] | None = None):
        super().__init__(detail)
        self.status = status
        self.detail = detail or WORDS[status]
        self.headers = headers or {}


def answer(status: int, detail: str = "", headers: dict[str, str] | None = None) -> Response:
    problem = Problem(HTTPStatus(status).phrase, status, detail or WORDS.get(status, WORDS[500]))
    return Response(msgspec.json.encode(problem), status, headers, mimetype=MEDIA_TYPE)


def of_error(error: ProblemError) -> Response:
    return answer(error.status, error.detail, error.headers)
