"""Authenticates kiosks' requests. A signature, or a session's keyed hash, covers method, path, body
and a counter that only rises, so requests can't be replayed.
"""

import base64
import binascii
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import TypeVar

from flask import g, request

from badges.credential.keys import BadSignatureError, public_key
from badges.wire import wire
from badges.wire.enrolment import RequestStamp, request_message
from badges.wire.version import HEADER, OWN, WireVersion, read_version
from badges.wire.wire import ErrorCode
from server.core.kiosks import contact
from server.doors.errors import ApiError
from server.storage.connection import Connection
from server.web.lanes import Lanes, Proof, read_stamp
from server.web.services import Services, address, services

Result = TypeVar("Result")
KIOSK_TOO_OLD = (
    "This kiosk's Hallkeeper is too old for the server: it speaks version {own} of the protocol, "
    "and the server needs version {needed} or later. Tell an admin to install the server's version "
    "of Hallkeeper here. The door continues with its present data, and keeps its scans. "
    "本机的 Hallkeeper 版本过旧：使用协议版本 {own}，服务器需要版本 {needed} 或更高。"
    "请通知管理员在本机安装与服务器相同的版本。"
    "本入口继续按现有数据工作，并保留扫描记录。"
)
SERVER_TOO_OLD = (
    "The server's Hallkeeper is too old for this kiosk. Tell an admin to update the server. The "
    "door continues with its present data, and keeps its scans."
)


@dataclass(frozen=True)
class Signed:
    """A kiosk's request with its signature, which is verified on the writer's thread."""

    stamp: RequestStamp
    message: bytes
    signature: bytes | None  # None in a session
    proven_by: bytes | None  # the kiosk's public key, if it has already verified the request
    address: str
    lanes: Lanes  # notified once it is verified
    version: WireVersion | None  # as stated by the request

    @property
    def owner(self) -> Hashable:
        """Return the key by which the writer lets senders take turns. An unverified request can't
        use a kiosk's name.
        """
        return self.address if self.proven_by is None else self.stamp.key

    @classmethod
    def proven(
        cls, proof: Proof, address: str, lanes: Lanes, version: WireVersion | None
    ) -> "Signed":
        """Return a request that is verified (`proof`) and whose body has the signed hash."""
        return cls(proof.stamp, proof.message, proof.signature, proof.key, address, lanes, version)


class VersionError(Exception):
    def __init__(self, version: WireVersion) -> None:
        super().__init__()
        self.version = version


@dataclass(frozen=True)
class Caller:
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
    """Verify the request and run `step`, in one transaction. Raises ApiError.

    `step` gets the database, the kiosk, and the time (Unix ms). `at_work` refuses retired kiosks.
    `counted` means that the request was verified already, and `long` takes turns with other
    writes. The kiosk's state reported in `batch` is stored too.
    """
    here = services()
    whole = verified_step(signed, step, here.now, at_work=at_work, counted=counted, batch=batch)
    try:
        return here.database.write(whole, long=long, owner=signed.owner)
    except VersionError as error:
        raise _refused(here, signed, error.version) from None


def _refused(here: Services, signed: Signed, version: WireVersion) -> ApiError:
    """Record the kiosk's version for staff, and return the error.

    Kiosks of early versions show the text unchanged.
    """
    key, counter = signed.stamp.key, signed.stamp.counter
    here.database.write(lambda db: contact.note_version(db, key, counter, here.now(), version))
    message = SERVER_TOO_OLD if OWN.is_too_old_for(version) else KIOSK_TOO_OLD
    return ApiError(426, ErrorCode.VERSION, message.format(own=version.newest, needed=OWN.oldest))


def verified_step(
    signed: Signed,
    step: Callable[[Connection, Caller, int], Result],
    now: Callable[[], int],
    *,
    at_work: bool = False,
    counted: bool = False,
    batch: wire.ScanBatch | None = None,
) -> Callable[[Connection], Result]:
    def verify_and_write(db: Connection) -> Result:
        at = now()
        if counted:
            caller = _known(db, signed)
            if batch is not None:
                contact.keep_health(db, caller.sender.key, batch, at, signed.version)
        else:
            caller = _verified(db, signed, at, at_work=at_work, batch=batch)
        return step(db, caller, at)

    return verify_and_write


def signed_caller(signed: Signed, *, at_work: bool = False) -> Caller:
    """Verify a request without other writes than its counter. Raises ApiError."""
    return signed_write(signed, lambda db, caller, now: caller, at_work=at_work)


def read_signature(body: bytes = b"") -> Signed:
    """The unverified signature. Raises ApiError if there is none."""
    here = services().lanes
    proof: Proof | None = g.get("kiosk_proof")
    stated = read_version(request.headers.get(HEADER))
    if proof is not None:
        return Signed.proven(proof, address(), here, stated)
    if request.headers.get(RequestStamp.MAC_HEADER):
        raise unknown_session()
    stamp = read_stamp(request.headers)
    try:
        signature = base64.b64decode(request.headers[RequestStamp.SIGNATURE_HEADER], validate=True)
    except (KeyError, ValueError, binascii.Error):
        stamp = None
    if stamp is None:
        raise ApiError(401, ErrorCode.BAD_SIGNATURE, "The request is not signed by a kiosk.")
    target = request.full_path if request.query_string else request.path
    message = request_message(stamp, request.method, target, body)
    return Signed(stamp, message, signature, None, address(), here, stated)


def unknown_session() -> ApiError:
    message = "The server does not know this session. Sign the request."
    return ApiError(401, ErrorCode.SESSION, message, retry=True)


def _verified(
    db: Connection,
    signed: Signed,
    now: int,
    *,
    at_work: bool = False,
    batch: wire.ScanBatch | None = None,
) -> Caller:
    """Verify the signature, and store the request's counter and the state reported in its batch.

    Raises ApiError; the caller must then roll back.
    """
    stamp = signed.stamp
    counted = contact.counted_sender(db, stamp.key, stamp.counter, now, batch, signed.version)
    caller = _known(db, signed) if counted is None else Caller(*counted)
    sender = caller.sender
    if signed.signature is None:
        # A session ends with the kiosk's right to work here.
        if sender.state != "active" or signed.proven_by != sender.public_key:
            signed.lanes.end_session(sender.key)
            raise unknown_session()
    elif signed.proven_by != sender.public_key:
        try:
            public_key(sender.public_key).verify(signed.message, signed.signature)
        except BadSignatureError:
            raise ApiError(
                401, ErrorCode.BAD_SIGNATURE, "The request's signature is wrong."
            ) from None
    signed.lanes.remember_kiosk(sender.key, sender.public_key, signed.address)
    answered = signed.lanes.last_answered(sender.key)
    if counted is None or stamp.counter <= answered:
        seen = max(contact.last_request(db, sender.key), answered)
        raise ApiError(
            409, ErrorCode.REPLAYED, "This request was made before.", retry=True, counter=seen
        )
    version = signed.version or sender.version
    if version is not None and not OWN.understands(version):
        raise VersionError(version)
    if batch is None:
        contact.keep_version(db, sender, signed.version)
    elif contact.is_of_an_earlier_run(sender, batch):
        raise contact.ForkError
    if at_work and sender.state != "active":
        raise ApiError(
            403, ErrorCode.RETIRED, "This kiosk has been retired. Enrol it again to use it."
        )
    return caller


def _known(db: Connection, signed: Signed) -> Caller:
    """Raises ApiError."""
    identified = contact.sender(db, signed.stamp.kiosk, signed.stamp.generation)
    if identified is None:
        raise ApiError(
            401, ErrorCode.UNKNOWN_KIOSK, "This kiosk is not enrolled here. Enrol it again."
        )
    return Caller(*identified)


def still_as(db: Connection, caller: Caller) -> bool:
    now = contact.sender(db, *caller.sender.key)
    return now is not None and now[0].state == "active" and now[1] == caller.door_id
