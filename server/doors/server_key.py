"""Sends the signed statement of the server's certificate key, for kiosks that pinned another. It is
public.
"""

from flask import Response

from badges.wire.server_key import ServerKeyAnswer
from server.core.event import served
from server.doors.errors import answer_json
from server.web.services import services


def server_key() -> Response:
    return answer_json(ServerKeyAnswer(served.signed_word(services().event)))
