"""Enrols a new kiosk. The server does not know its key yet, so this request is not signed."""

from flask import Response, request

from badges.wire import wire
from badges.wire.wire import ErrorCode
from server.core.kiosks import phones, registry
from server.doors.errors import ApiError, answer_json
from server.storage.connection import Connection
from server.web.services import services


def enrol() -> Response:
    asked = wire.decode(request.get_data(), wire.EnrolRequest)
    here = services()

    def step(db: Connection) -> wire.EnrolAnswer:
        phones.claim(db, asked, here.now())
        return registry.enrol(db, here.event, asked, here.now())

    try:
        answer = here.database.write(step)
    except registry.EnrolError as error:
        if error.code == ErrorCode.CODE_USED_UP:
            here.database.write(lambda db: phones.note_refused(db, asked.token))
        raise ApiError(401, error.code, str(error)) from None
    return answer_json(answer)
