"""Begins a kiosk's session (badges.wire.session). Sessions are only in this server's memory."""

from flask import Response, request

from badges.wire import session, wire
from server.doors.errors import answer_json
from server.doors.signatures import read_signature, signed_caller, unknown_session
from server.web.services import services


def begin() -> Response:
    """The request must be signed: a session begins no other one."""
    body = request.get_data()
    asked, signed = wire.decode(body, session.SessionRequest), read_signature(body)
    if signed.signature is None:
        raise unknown_session()
    sender = signed_caller(signed, at_work=True).sender
    here = services()
    key, answer = session.agree(here.event.root_key, sender.key, asked)
    here.lanes.begin_session(sender.key, sender.public_key, key, signed.stamp.counter)
    return answer_json(answer)
