"""Finds out who sent a request. Every call but enrolment is signed by a kiosk.

A signature covers method, path, body and a counter that only rises, so that nothing overheard or
logged can be used again.
"""

import base64
import binascii
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import g, request

from badges.credential.keys import BadSignatureError, public_key
from badges.wire import wire
from badges.wire.enrolment import RequestStamp, request_message
from server.kiosks import contact
from server.storage.connection import Connection
from server.web.api.errors import ApiError
from server.web.lanes import Lanes, Proof, read_stamp
from server.web.services import address, services

Result = TypeVar("Result")


@dataclass(frozen=True)
class Signed:
    """Holds a request as a kiosk claims to have signed it. It is taken here, and verified on the
    writer's thread.
    """

    stamp: RequestStamp
    message: bytes
    signature: bytes
    proven_by: bytes | None  # The kiosk's public key, where it has verified this already.
    address: str
    lanes: Lanes  # They are told once it is verified.

    @classmethod
    def proven(cls, proof: Proof, address: str, lanes: Lanes) -> "Signed":
        """Return a request that a kiosk has proven by its headers, and whose body fits."""
        return cls(proof.stamp, proof.message, proof.signature, proof.key, address, lanes)


@dataclass(frozen=True)
class Caller:
    """Represents the kiosk that signed the request."""

    sender: contact.Sender
    door_id: int


def signed_write(
    signed: Signed,
    step: Callable[[Connection, Caller, int], Result],
    *,
    at_work: bool = False,
    counted: bool = False,
    long: bool = False,
    batch: wire.ScanBatch | None = None,
) -> Result:
    """Verify the request and do what it asks for, in one transaction.

    `step` gets the database, the kiosk that signed, and the time (Unix ms). `at_work` refuses
    kiosks that were retired. A request that is `counted` was verified before, and `long` has it
    take turns with others. What the kiosk says of itself in a `batch` is kept as well. Raises
    ApiError.
    """
    here = services()
    whole = verified_step(signed, step, here.now, at_work=at_work, counted=counted, batch=batch)
    return here.database.write(whole, long=long)


def verified_step(
    signed: Signed,
    step: Callable[[Connection, Caller, int], Result],
    now: Callable[[], int],
    *,
    at_work: bool = False,
    counted: bool = False,
    batch: wire.ScanBatch | None = None,
) -> Callable[[Connection], Result]:
    """Return the step of the database that verifies the request first (see `signed_write`)."""

    def verify_and_write(db: Connection) -> Result:
        at = now()
        if counted:
            caller = _known(db, signed)
            if batch is not None:
                contact.keep_health(db, caller.sender.key, batch, at)
        else:
            caller = _verified(db, signed, at, at_work=at_work, batch=batch)
        return step(db, caller, at)

    return verify_and_write


def signed_caller(signed: Signed, *, at_work: bool = False) -> Caller:
    """Verify a request that writes nothing but its counter. Raises ApiError."""
    return signed_write(signed, lambda db, caller, now: caller, at_work=at_work)


def read_signature(body: bytes = b"") -> Signed:
    """Read what the request says of its sender, unverified. Raises ApiError where it says
    nothing.
    """
    here = services().lanes
    proof: Proof | None = g.get("kiosk_proof")
    if proof is not None:
        return Signed.proven(proof, address(), here)
    stamp = read_stamp(request.headers)
    try:
        signature = base64.b64decode(request.headers[RequestStamp.SIGNATURE_HEADER], validate=True)
    except (KeyError, ValueError, binascii.Error):
        stamp = None
    if stamp is None:
        raise ApiError(401, "bad_signature", "The request is not signed by a kiosk.")
    target = request.full_path if request.query_string else request.path
    message = request_message(stamp, request.method, target, body)
    return Signed(stamp, message, signature, None, address(), here)


def _verified(
    db: Connection,
    signed: Signed,
    now: int,
    *,
    at_work: bool = False,
    batch: wire.ScanBatch | None = None,
) -> Caller:
    """Return the kiosk whose signature the request bears, and keep its counter, with what it says
    of itself in its batch. Raises ApiError, and then the caller's step undoes all.
    """
    counted = contact.counted_sender(db, signed.stamp.key, signed.stamp.counter, now, batch)
    caller = _known(db, signed) if counted is None else Caller(*counted)
    sender = caller.sender
    if signed.proven_by != sender.public_key:
        try:
            public_key(sender.public_key).verify(signed.message, signed.signature)
        except BadSignatureError:
            raise ApiError(401, "bad_signature", "The request's signature is wrong.") from None
    signed.lanes.remember_kiosk(sender.key, sender.public_key, signed.address)
    if counted is None:
        seen = contact.last_request(db, sender.key)
        raise ApiError(409, "replayed", "This request was made before.", retry=True, counter=seen)
    if at_work and sender.state != "active":
        raise ApiError(403, "retired", "This kiosk has been retired. Enrol it again to use it.")
    return caller


def _known(db: Connection, signed: Signed) -> Caller:
    """Return the kiosk that the request names. Raises ApiError."""
    known = contact.sender(db, signed.stamp.kiosk, signed.stamp.generation)
    if known is None:
        raise ApiError(401, "unknown_kiosk", "This kiosk is not enrolled here. Enrol it again.")
    return Caller(*known)


def still_as(db: Connection, caller: Caller) -> bool:
    """Tell whether the kiosk still is at work, at the same door."""
    now = contact.sender(db, *caller.sender.key)
    return now is not None and now[0].state == "active" and now[1] == caller.door_id
