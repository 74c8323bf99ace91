"""Asks a witness to cosign a checkpoint of the entry log (C2SP tlog-witness).

The witness sees only hashes, and a proof that the checkpoint extends the last one.
"""

import base64
from dataclasses import dataclass, replace

from badges.credential.keys import PublicKey
from badges.transparency.signed_note import NoteError
from badges.transparency.witnessing import Submission, read_cosignature, read_size, read_witness_key
from server.core.entry_log.checkpoints import Cosigned, Given
from server.core.entry_log.entry_log import Log
from server.core.entry_log.outside import Code, OutsideError
from server.core.event.settings import EventSettings
from server.core.outgoing.posting import Reply, Send

ANSWER_BYTES_MAX = 16 * 1024
# A cosignature's time may differ from our clock by this much.
CLOCK_MS = 3_600_000
_AHEAD = "it cosigned {} entries of this log, and there are {}"
_HEADERS = {"Content-Type": "text/plain; charset=utf-8"}


@dataclass(frozen=True)
class Witness:
    """A witness in the event's settings. `key` is its verifier key."""

    name: str
    url: str
    key: str
    public: PublicKey

    @property
    def mark(self) -> str:
        """Return the key's id, eight hex digits."""
        return self.key.split("+", 2)[1]

    @property
    def call(self) -> str:
        return f"{self.url.rstrip('/')}/add-checkpoint"


def witnesses(settings: EventSettings) -> list[Witness]:
    asked = []
    for url, key in settings.witnesses.items():
        name, public = read_witness_key(key)
        asked.append(Witness(name, url, key.strip(), public))
    return asked


def check_kept(log: Log, kept: Cosigned) -> None:
    """Raise OutsideError if this witness cosigned a different log. Sends nothing."""
    try:
        root = base64.b64decode(kept.note.split("\n")[2])
    except (ValueError, IndexError):
        root = b""  # The database was altered and the note is malformed.
    if kept.size <= log.size() and not log.has(kept.size, root):
        raise OutsideError(
            Code.FORK, f"it cosigned another log of {kept.size} entries than this one"
        )


def ask(
    send: Send, witness: Witness, log: Log, given: Given, kept: Cosigned | None, now: int
) -> Cosigned:
    """Return the witness's cosignature of the checkpoint. `kept` is its last one.

    If it cosigned a newer one than `given`, it gets the newest. Raises OutsideError.
    """
    cosigned_size = 0 if kept is None else kept.size
    if cosigned_size > log.size():
        raise OutsideError(Code.AHEAD, _AHEAD.format(cosigned_size, log.size()))
    if cosigned_size > given.size:
        given = replace(given, size=log.size(), note=log.note(log.size()))
    set_back_at = None if kept is None else kept.set_back_at
    reply = _send(send, witness, log, cosigned_size, given)
    if reply.status == 409:
        stated_size = _told_size(reply, cosigned_size, given, log)
        if stated_size < cosigned_size:
            set_back_at = now
        if stated_size > given.size:
            given = replace(given, size=log.size(), note=log.note(log.size()))
        cosigned_size = stated_size
        reply = _send(send, witness, log, cosigned_size, given)
    if reply.status == 409:
        _told_size(reply, cosigned_size, given, log)
        raise OutsideError(Code.WRONG, "it names another size each time")
    _check_status(reply)
    try:
        line, time_s = read_cosignature(reply.body, witness.name, witness.public, given.note)
    except NoteError as error:
        raise OutsideError(Code.WRONG, f"its cosignature is wrong: {error}") from None
    if abs(time_s * 1000 - now) > CLOCK_MS:
        raise OutsideError(Code.WRONG, "by its clock, or by this one, it cosigned at another time")
    note = given.note + line
    return Cosigned(witness.name, given.size, note, time_s * 1000, now, set_back_at)


def _send(send: Send, witness: Witness, log: Log, cosigned_size: int, given: Given) -> Reply:
    proof = tuple(log.consistency(cosigned_size, given.size)) if cosigned_size < given.size else ()
    body = Submission(cosigned_size, proof, given.note).encoded()
    reply = send(witness.call, body, _HEADERS, ANSWER_BYTES_MAX)
    if reply.too_long:
        raise OutsideError(Code.WRONG, "its answer is too long")
    return reply


def _told_size(reply: Reply, cosigned_size: int, given: Given, log: Log) -> int:
    """Return how many entries the witness has cosigned. Raises OutsideError if asking again makes
    no sense.
    """
    try:
        stated_size = read_size(reply.body)
    except NoteError:
        # The witness has another checkpoint of the same size.
        if cosigned_size == given.size:
            stated_size = cosigned_size
        else:
            raise OutsideError(Code.WRONG, "it names no size") from None
    if stated_size == cosigned_size:
        if cosigned_size == given.size:
            raise OutsideError(
                Code.FORK, f"it cosigned another log of {cosigned_size} entries under this name"
            )
        raise OutsideError(Code.WRONG, f"it refuses {cosigned_size} entries, and names the same")
    if stated_size > log.size():
        raise OutsideError(Code.AHEAD, _AHEAD.format(stated_size, log.size()))
    return stated_size


def _check_status(reply: Reply) -> None:
    if reply.status == 200:
        return
    if reply.status in (403, 404):
        raise OutsideError(
            Code.UNKNOWN, f"it does not know this log and its key (status {reply.status})"
        )
    if reply.status == 422:
        raise OutsideError(Code.FORK, "it claims to have cosigned a log with a different beginning")
    raise OutsideError(Code.AWAY, reply.words)
