"""What a supervisor at a door asks through the kiosk: who somebody is, and to move the kiosk.

The kiosk signs, and says whose PIN it has checked; the server checks that there is such a
supervisor, keeps to a budget, and writes each into the entry log.
"""

from flask import Response, current_app, request

from badges.places.pool import KioskKey
from badges.wire import supervisor, wire
from server.kiosks import relocation
from server.people import lookup
from server.staff import pins
from server.storage.connection import Connection
from server.web.api.budget import Budget
from server.web.api.scans import ApiError, Signed, answer_json, blueprint, read_signature, verified
from server.web.services import services

__all__ = ["blueprint"]  # the kiosks' own, with these calls added

_LOOKUPS, _MOVES = "hallkeeper_lookups", "hallkeeper_moves"


@blueprint.post("/people")
def people() -> Response:
    """People by name or organisation. What was asked for is neither logged nor kept."""
    here = services()
    body = request.get_data()
    asked, signed = wire.decode(body, supervisor.LookUp), read_signature(body)
    budget = _budget(_LOOKUPS, lookup.LOOKUPS_MAX, lookup.WINDOW_MS)

    def allow(db: Connection) -> tuple[KioskKey, bool]:
        kiosk = _supervised(db, signed, asked.by, here.now())
        return kiosk, budget.take(kiosk, here.now())

    kiosk, allowed = here.database.write(allow)
    if not allowed:
        raise ApiError(429, "too_many", "This kiosk has asked too often; wait some minutes.")
    found = lookup.look_up(here.database.reader, asked.words)
    answers = len(found.people)
    here.database.write(lambda db: lookup.note(db, kiosk, answers, by=asked.by, now=here.now()))
    return answer_json(found)


@blueprint.get("/doors")
def doors() -> Response:
    """Every door of the event."""
    here = services()
    signed = read_signature()
    here.database.write(lambda db: verified(db, signed, here.now(), at_work=True))
    return answer_json(supervisor.DoorChoices(relocation.choices(here.database.reader)))


@blueprint.post("/door")
def door() -> Response:
    """The kiosk now stands at another door."""
    here = services()
    body = request.get_data()
    asked, signed = wire.decode(body, supervisor.MoveDoor), read_signature(body)
    budget = _budget(_MOVES, relocation.MOVES_MAX, relocation.WINDOW_MS)

    def step(db: Connection) -> None:
        kiosk = _supervised(db, signed, asked.by, here.now())
        if not budget.take(kiosk, here.now()):
            raise ApiError(429, "moved_often", "This kiosk was moved too often; wait an hour.")
        relocation.move(db, kiosk, asked.door, by=asked.by, now=here.now())

    try:
        here.database.write(step)
    except relocation.NoSuchDoorError:
        raise ApiError(404, "no_such_door", "There is no such door in this event.") from None
    return answer_json(supervisor.Moved(asked.door))


def _supervised(db: Connection, signed: Signed, by: str, now: int) -> KioskKey:
    """The kiosk that signed, at work, for a supervisor with a PIN. Raises ApiError."""
    caller = verified(db, signed, now, at_work=True)
    if by not in {f"user:{one.user}" for one in pins.supervisors(db)}:
        raise ApiError(403, "not_a_supervisor", "There is no such supervisor with a PIN.")
    return caller.sender.key


def _budget(name: str, most: int, window_ms: int) -> Budget:
    budget = current_app.extensions.setdefault(name, Budget(most, window_ms))
    assert isinstance(budget, Budget)
    return budget
