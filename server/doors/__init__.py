"""The kiosks' HTTP interface. Kiosks sign every request except enrolment and the one for the
server's key, or the first of a session. Messages are in `badges.wire`.
"""

from flask import Blueprint

from badges.record import WireError
from server.doors import enrolment, replica, scans, server_key, sessions, supervisor
from server.doors.errors import ApiError, malformed, refused

blueprint = Blueprint("api", __name__, url_prefix="/api")
blueprint.register_error_handler(ApiError, refused)
blueprint.register_error_handler(WireError, malformed)
for method, path, view in (
    ("POST", "/enrol", enrolment.enrol),
    ("GET", "/server-key", server_key.server_key),
    ("POST", "/session", sessions.begin),
    ("GET", "/replica", replica.replica),
    ("GET", "/names", replica.names),
    ("GET", "/feed", replica.changes),
    ("POST", "/scans", scans.scans),
    ("POST", "/people", supervisor.people),
    ("GET", "/doors", supervisor.doors),
    ("POST", "/door", supervisor.door),
):
    blueprint.add_url_rule(path, view_func=view, methods=[method])
