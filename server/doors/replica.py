"""Sends kiosks their facts: the snapshot, the sealed names, and later changes."""

from dataclasses import replace

from flask import Response, request

from badges.wire import wire
from badges.wire.version import EDITS_SINCE, FIRST, UNSTATED
from badges.wire.wire import ErrorCode
from server.core.feed import sse
from server.core.feed.subscription import CursorGoneError
from server.core.kiosks import snapshot
from server.core.people import issuing
from server.core.venue import nesting, store
from server.doors.errors import HEADERS, ApiError, answer_json
from server.doors.signatures import Caller, read_signature, signed_caller, signed_write, still_as
from server.storage.connection import Connection
from server.web.services import services

KEEP_ALIVE_S = 15.0
NAMES_MAX = 5_000


def replica() -> Response:
    """The query names optional parts."""
    here, signed = services(), read_signature()
    asked = request.query_string.decode("latin-1").split("&")
    if signed.version is None:
        # Kiosks from before the version header are distinguished by what they request.
        signed = replace(signed, version=UNSTATED if wire.SERVERS_ASKED in asked else FIRST)

    def step(db: Connection, caller: Caller, now: int) -> wire.Snapshot:
        return snapshot.snapshot(
            db,
            here.event,
            caller.sender.key,
            caller.door_id,
            now,
            here.voucher,
            programme=wire.PROGRAMME_ASKED in asked,
            days=wire.DAYS_ASKED in asked,
            salted=wire.SALTED_ASKED in asked,
            servers=wire.SERVERS_ASKED in asked,
        )

    return answer_json(signed_write(signed, step, at_work=True))


def names() -> Response:
    signed_caller(read_signature(), at_work=True)
    after = _number("after")
    return answer_json(issuing.names_after(services().database.reader, after, NAMES_MAX))


def changes() -> Response:
    here, signed = services(), read_signature()
    caller = signed_caller(signed, at_work=True)
    applies_edits = signed.version is not None and signed.version.newest >= EDITS_SINCE
    with here.database.reading() as db:
        hall_id = store.door(db, caller.door_id).hall_id
        outer = nesting.outer_of(db, caller.door_id)
    try:
        subscription = here.hub.subscribe(
            _number("after"),
            hall_id=hall_id,
            kiosk=caller.sender.kiosk,
            generation=caller.sender.generation,
            outer=outer,
            door_id=caller.door_id if applies_edits else None,
        )
    except CursorGoneError:
        raise ApiError(409, ErrorCode.CURSOR_GONE, "Take a new replica first.") from None
    # The kiosk may have been retired or moved just before the subscription.
    if not still_as(here.database.reader, caller):
        subscription.end()
    return Response(
        sse.Stream(here.hub, subscription, KEEP_ALIVE_S),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store", **HEADERS},
        direct_passthrough=True,  # Each layer around the stream would run at every delivery.
    )


def _number(name: str) -> int:
    text = request.args.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ApiError(400, ErrorCode.MALFORMED, f"{name}: a whole number, please")
    return int(text)
