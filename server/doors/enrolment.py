"""Enrols a new kiosk. The server does not know its key yet, so this request is not signed."""

from flask import Response, request

from badges.wire import wire
from server.core.kiosks import registry
from server.doors.errors import ApiError, answer_json
from server.web.services import services


def enrol() -> Response:
    asked = wire.decode(request.get_data(), wire.EnrolRequest)
    here = services()
    try:
        answer = here.database.write(lambda db: registry.enrol(db, here.event, asked, here.now()))
    except registry.EnrolError as error:
        raise ApiError(401, error.code, str(error)) from None
    return answer_json(answer)
