"""The kiosks' HTTP interface: enrolment, replica, names, feed, scans. Every call but enrolment is
signed by the kiosk.

A signature covers method, path, body and a counter that only rises, so that nothing overheard or
logged can be used again. Messages are badges.wire; errors have its one shape.
"""

import base64
import binascii
from dataclasses import dataclass

from flask import Blueprint, Response, current_app, g, request
from msgspec import UNSET, Struct, UnsetType

from badges.credential.keys import BadSignatureError, PublicKey
from badges.record import WireError
from badges.wire import wire
from badges.wire.enrolment import RequestStamp, request_message
from server.backup import set_back
from server.entry_log import entry_log
from server.feed import hub
from server.feed.subscription import CursorGoneError
from server.kiosks import contact, registry, snapshot
from server.ledger import ingest
from server.people import issuing
from server.storage.connection import Connection
from server.venue import nesting, store
from server.web.app import BACKUPS
from server.web.lanes import Lanes, Proof, read_stamp
from server.web.services import Services, address, renewed, services

KEEP_ALIVE_S = 15.0
LONG_BATCH = ingest.IN_ORDER  # scans; more are a backlog, and take turns with what others send
NAMES_MAX = 5_000

blueprint = Blueprint("api", __name__, url_prefix="/api")


class ApiError(Exception):
    """An answer other than the one asked for. `retry`: the same may work later."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        *,
        retry: bool = False,
        counter: int | UnsetType = UNSET,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.body = wire.ErrorBody(code, message, retry, counter)


@dataclass(frozen=True)
class Signed:
    """A request as a kiosk claims to have signed it: taken here, verified on the writer's
    thread.
    """

    stamp: RequestStamp
    message: bytes
    signature: bytes
    proven_by: bytes | None  # the kiosk's public key that has verified it already
    address: str
    lanes: Lanes  # which are told once it is verified


@dataclass(frozen=True)
class Caller:
    """The kiosk that signed the request."""

    sender: contact.Sender
    door_id: int


@blueprint.errorhandler(ApiError)
def refused(error: ApiError) -> Response:
    return answer_json(wire.ErrorAnswer(error.body), error.status)


@blueprint.errorhandler(WireError)
def malformed(error: WireError) -> Response:
    return answer_json(wire.ErrorAnswer(wire.ErrorBody("malformed", str(error))), 400)


@blueprint.post("/enrol")
def enrol() -> Response:
    """A kiosk shows its one-time code and its key."""
    asked = wire.decode(request.get_data(), wire.EnrolRequest)
    here = services()
    try:
        answer = here.database.write(lambda db: registry.enrol(db, here.event, asked, here.now()))
    except registry.EnrolError as error:
        raise ApiError(401, error.code, str(error)) from None
    return answer_json(answer)


@blueprint.get("/replica")
def replica() -> Response:
    """All that the kiosk's door needs to know."""
    here = services()
    signed = read_signature()

    def step(db: Connection) -> wire.Snapshot:
        now = here.now()
        caller = verified(db, signed, now, at_work=True)
        return snapshot.snapshot(
            db, here.event, caller.sender.key, caller.door_id, now, here.voucher
        )

    return answer_json(here.database.write(step))


@blueprint.get("/names")
def names() -> Response:
    """Sealed names of badges issued after row `after`."""
    here = services()
    signed = read_signature()
    here.database.write(lambda db: verified(db, signed, here.now(), at_work=True))
    after = _number("after")
    return answer_json(issuing.names_after(here.database.reader, after, NAMES_MAX))


@blueprint.get("/feed")
def changes() -> Response:
    """Changes after a cursor, as they happen, as Server-Sent Events."""
    here = services()
    signed = read_signature()
    caller = here.database.write(lambda db: verified(db, signed, here.now(), at_work=True))
    with here.database.reading() as db:
        hall_id = store.door_hall(db, caller.door_id)
        outer = nesting.outer_of(db, caller.door_id)
    try:
        subscription = here.hub.subscribe(
            _number("after"),
            hall_id=hall_id,
            kiosk=caller.sender.kiosk,
            generation=caller.sender.generation,
            outer=outer,
        )
    except CursorGoneError:
        raise ApiError(409, "cursor_gone", "Take a new replica first.") from None
    if not _as_before(here.database.reader, caller):  # whose word went out just before
        subscription.end()
    return Response(
        hub.Stream(here.hub, subscription, KEEP_ALIVE_S),
        mimetype="text/event-stream",
        headers={"Cache-Control": "no-store"},
        direct_passthrough=True,  # as it is: each layer around it would run at each delivery
    )


@blueprint.post("/scans")
def scans() -> Response:
    """A batch of scans, or an empty one as a heartbeat; also from kiosks that are at work
    no more.
    """
    here = services()
    body = request.get_data()
    batch = wire.decode(body, wire.ScanBatch)
    received_at = here.now()
    epoch = (
        here.clock.epoch()
    )  # after that reading: an answer that spans two is too slow to measure
    signed = read_signature(body)
    long = len(batch.records) > LONG_BATCH
    if long:  # counted in its turn: the kiosk's next request may overtake it
        here.database.write(lambda db: verified(db, signed, here.now()))

    def step(db: Connection) -> tuple[contact.Sender, ingest.Ingested, tuple[int, int]]:
        now = here.now()
        caller = _known(db, signed) if long else verified(db, signed, now)
        set_back.judge(db, here.event, here.log, caller.sender, batch)
        # First: a door that rests gets nothing.
        contact.keep_health(db, caller.sender.key, batch, now)
        taken = ingest.ingest(db, caller.sender, batch, calendar=here.calendar, now=now)
        return caller.sender, taken, (hub.cursor(db), entry_log.size(db))

    try:
        try:
            sender, taken, came = here.database.write(step, long=long)
        except set_back.SetBackError:
            here = _become_the_next(here, signed, batch)
            sender, taken, came = here.database.write(step, long=long)
    except ingest.GapError as error:
        raise ApiError(409, "gap", str(error), retry=True) from None
    except contact.ForkError:
        here.database.write(lambda db: registry.fence_forked(db, signed.stamp.key, here.now()))
        raise ApiError(
            409,
            "fork",
            "This kiosk's journal is not the one that it sent before (a copied or restored disk?). "
            "Keep its directory, and enrol it again.",
        ) from None
    checkpoint, consistency = here.log.checkpoint(batch.log_size)
    return answer_json(
        wire.ScanAnswer(
            acked_seq=taken.acked_seq,
            incarnation=taken.incarnation,
            fenced=sender.state != "active",
            orders=here.voucher.orders(sender.key, taken.orders),
            received_at=received_at,
            answered_at=here.now(),
            epoch=epoch,
            cursor=came[0],
            checkpoint=checkpoint,
            consistency=consistency,
            full=list(taken.full),
            mark=here.voucher.mark(taken.incarnation, *came),
        )
    )


def _become_the_next(here: Services, signed: Signed, batch: wire.ScanBatch) -> Services:
    """The batch shows that the database was put back. The kiosk's signature was verified."""
    backups = current_app.extensions.get(BACKUPS)
    kept = [] if backups is None else backups.kept_acts()

    def step(db: Connection) -> int | None:
        sender = _known(db, signed).sender
        return set_back.renew(db, here.event, here.log, sender, batch, kept, here.now())

    incarnation = here.database.write(step)
    return services() if incarnation is None else renewed(incarnation)


def read_signature(body: bytes = b"") -> Signed:
    """What the request says of its sender, unverified. Raises ApiError where it says nothing."""
    here = services().lanes
    proof: Proof | None = g.get("kiosk_proof")
    stamp = read_stamp(request.headers) if proof is None else proof.stamp
    try:
        signature = base64.b64decode(request.headers[RequestStamp.SIGNATURE_HEADER], validate=True)
    except (KeyError, ValueError, binascii.Error):
        stamp = None
    if stamp is None:
        raise ApiError(401, "bad_signature", "The request is not signed by a kiosk.")
    if proof is not None:
        return Signed(stamp, proof.message, signature, proof.key, address(), here)
    target = request.full_path if request.query_string else request.path
    message = request_message(stamp, request.method, target, body)
    return Signed(stamp, message, signature, None, address(), here)


def verified(db: Connection, signed: Signed, now: int, *, at_work: bool = False) -> Caller:
    """The kiosk whose signature the request bears; its counter is kept. Raises ApiError."""
    caller = _known(db, signed)
    sender = caller.sender
    if signed.proven_by != sender.public_key:
        try:
            PublicKey(sender.public_key).verify(signed.message, signed.signature)
        except BadSignatureError:
            raise ApiError(401, "bad_signature", "The request's signature is wrong.") from None
    signed.lanes.remember_kiosk(sender.key, sender.public_key, signed.address)
    if not contact.count_request(db, sender.key, signed.stamp.counter, now):
        seen = contact.last_request(db, sender.key)
        raise ApiError(409, "replayed", "This request was made before.", retry=True, counter=seen)
    if at_work and sender.state != "active":
        raise ApiError(403, "retired", "This kiosk has been retired. Enrol it again to use it.")
    return caller


def _known(db: Connection, signed: Signed) -> Caller:
    """The kiosk that the request names. Raises ApiError."""
    known = contact.sender(db, signed.stamp.kiosk, signed.stamp.generation)
    if known is None:
        raise ApiError(401, "unknown_kiosk", "This kiosk is not enrolled here. Enrol it again.")
    return Caller(*known)


def _as_before(db: Connection, caller: Caller) -> bool:
    """Whether the kiosk still is at work, at the same door."""
    now = contact.sender(db, *caller.sender.key)
    return now is not None and now[0].state == "active" and now[1] == caller.door_id


def _number(name: str) -> int:
    text = request.args.get(name, "")
    if not text.isascii() or not text.isdigit() or len(text) > 15:
        raise ApiError(400, "malformed", f"{name}: a whole number, please")
    return int(text)


def answer_json(message: Struct, status: int = 200) -> Response:
    return Response(wire.encode(message), status, mimetype="application/json")
