"""Responses of the kiosks' interface, with errors in one shape."""

from flask import Response
from msgspec import UNSET, Struct, UnsetType

from badges.record import WireError
from badges.wire import version, wire

# Every response states the server's protocol version.
HEADERS = {version.HEADER: version.OWN.text}


class ApiError(Exception):
    """An error response to a kiosk. With `retry`, the same request may succeed later."""

    def __init__(
        self,
        status: int,
        code: wire.ErrorCode,
        message: str,
        *,
        retry: bool = False,
        counter: int | UnsetType = UNSET,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = wire.ErrorBody(code, message, retry, counter)


def refused(error: ApiError) -> Response:
    return answer_json(wire.ErrorAnswer(error.body), error.status)


def malformed(error: WireError) -> Response:
    return answer_json(wire.ErrorAnswer(wire.ErrorBody(wire.ErrorCode.MALFORMED, str(error))), 400)


def answer_json(message: Struct, status: int = 200) -> Response:
    return Response(wire.encode(message), status, mimetype="application/json", headers=HEADERS)
