"""Answers a supervisor's requests at a kiosk: to find a person, and to move the kiosk.

The kiosk checks the PIN and signs the request. The server checks that the supervisor has a PIN,
limits the kiosk's requests, and logs each.
"""

from flask import Response, request

from badges.limits import Window
from badges.places.pool import KioskKey
from badges.whole_text import whole_text
from badges.wire import supervisor, wire
from badges.wire.wire import ErrorCode
from server.core.event.limits import StoredLimit
from server.core.kiosks import relocation
from server.core.people import lookup
from server.core.staff import pins
from server.doors.errors import ApiError, answer_json
from server.doors.signatures import Caller, read_signature, signed_caller, signed_write
from server.storage.connection import Connection
from server.web.services import services

LOOKUPS = StoredLimit("lookups", Window(lookup.LOOKUPS_MAX, lookup.WINDOW_MS))
MOVES = StoredLimit("moves", Window(relocation.MOVES_MAX, relocation.WINDOW_MS))


def people() -> Response:
    """The search text is neither logged nor stored."""
    here = services()
    body = request.get_data()
    asked, signed = wire.decode(body, supervisor.LookUp), read_signature(body)

    def allow(db: Connection, caller: Caller, now: int) -> tuple[KioskKey, int]:
        kiosk = _supervised(db, caller, asked.by)
        return kiosk, LOOKUPS.take(db, _text(kiosk), now)

    kiosk, allowed = signed_write(signed, allow, at_work=True)
    if not allowed:
        raise ApiError(
            429, ErrorCode.TOO_MANY, "This kiosk has asked too often; wait some minutes."
        )
    matches = lookup.look_up(here.database.reader, whole_text(asked.words))
    answers = len(matches.people)
    here.database.write(lambda db: lookup.note(db, kiosk, answers, by=asked.by, now=here.now()))
    return answer_json(matches)


def doors() -> Response:
    signed_caller(read_signature(), at_work=True)
    return answer_json(supervisor.DoorChoices(relocation.choices(services().database.reader)))


def door() -> Response:
    body = request.get_data()
    asked, signed = wire.decode(body, supervisor.MoveDoor), read_signature(body)

    def move(db: Connection, caller: Caller, now: int) -> bool:
        kiosk = _supervised(db, caller, asked.by)
        if not MOVES.take(db, _text(kiosk), now):
            return False
        relocation.move(db, kiosk, asked.door, by=asked.by, now=now)
        return True

    try:
        if not signed_write(signed, move, at_work=True):
            raise ApiError(
                429, ErrorCode.MOVED_OFTEN, "This kiosk was moved too often; wait an hour."
            )
    except relocation.NoSuchDoorError:
        raise ApiError(
            404, ErrorCode.NO_SUCH_DOOR, "There is no such door in this event."
        ) from None
    return answer_json(supervisor.Moved(asked.door))


def _text(kiosk: KioskKey) -> str:
    return "/".join(str(part) for part in kiosk)


def _supervised(db: Connection, caller: Caller, by: str) -> KioskKey:
    """Return the kiosk if `by` is a supervisor. Raises ApiError."""
    if by not in {f"user:{supervisor.user}" for supervisor in pins.supervisors(db)}:
        raise ApiError(403, ErrorCode.NOT_A_SUPERVISOR, "There is no such supervisor with a PIN.")
    return caller.sender.key
