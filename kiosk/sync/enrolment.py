"""A kiosk's enrolment between the requests: its proof, and the check of the server's answer."""

from typing import Literal

from msgspec import UNSET, UnsetType

from badges.credential.keys import BadSignatureError, PrivateKey
from badges.wire import server_key, wire
from badges.wire.enrolment import EnrolmentCode, proof
from kiosk.config.identity import KioskIdentity, make_identity
from kiosk.sync.known_server import with_key
from kiosk.sync.protocol import Request, Steps, TransportError

Failure = Literal["bad_code", "no_server", "unconfirmed", "failed"]


class EnrolError(Exception):
    """The kiosk is not enrolled, and nothing was changed. The text has the reason and the
    remedy.
    """

    def __init__(self, text: str, failure: Failure = "failed") -> None:
        super().__init__(text)
        self.failure = failure


def enrol_request(
    code: EnrolmentCode, key: PrivateKey, device: Literal["phone"] | UnsetType = UNSET
) -> Request:
    """The request to repeat until an admin has confirmed the kiosk."""
    message = wire.EnrolRequest(code.token, key.public.raw, proof(key, code.token), device=device)
    return Request("/api/enrol", wire.EnrolAnswer, message)


def identity_of(code: EnrolmentCode, key: PrivateKey, answer: wire.EnrolAnswer) -> KioskIdentity:
    """The identity in a confirmed answer. Raises EnrolError."""
    try:
        identity = make_identity(
            code.host, code.port, code.spki_sha256, answer.root_key, answer.identity
        )
    except ValueError:
        raise EnrolError("The server's answer is not signed by its event. Tell an admin.") from None
    stated = identity.identity
    if stated.public_key != key.public.raw or stated.event_id != answer.event_id:
        raise EnrolError("The server's answer is meant for another kiosk. Ask for a new code.")
    return identity


def with_number(identity: KioskIdentity) -> Steps[KioskIdentity]:
    """Record the number of the server key's changes, so that earlier statements do not count.

    A server without a statement has never changed its key.
    """
    try:
        answer = yield Request(server_key.TARGET, server_key.ServerKeyAnswer)
        statement = server_key.open_server_key(identity.root, answer.signed)
    except (TransportError, BadSignatureError):
        return identity
    own = (identity.identity.event_id, identity.spki_sha256)
    return (
        with_key(identity, statement)
        if (statement.event_id, statement.spki_sha256) == own
        else identity
    )
