"""Gives the event's word on the key of the server's certificate to kiosks that pinned another.

Anybody may ask. Whoever has connected knows the key already.
"""

from flask import Response

from badges.wire.server_key import ServerKeyAnswer
from server.core.event import served
from server.doors.errors import answer_json
from server.web.services import services


def server_key() -> Response:
    return answer_json(ServerKeyAnswer(served.signed_word(services().event)))
