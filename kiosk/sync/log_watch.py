"""The kiosk as a witness of the entry log: entries that it has seen must stay.

Each answer has the newest checkpoint, and a proof that it extends the log known here. If the log
shrank or differs, staff are alerted and both signed checkpoints are kept. A server restored from
a backup lost entries, and states this by a new name of its log, with its incarnation at the end.
The kiosk keeps the old log's last checkpoint and the new log's first as evidence, and watches
on. Under one name no entry may ever disappear.
"""

import logging
from collections.abc import Sequence

from badges.credential.keys import PublicKey
from badges.transparency.checkpoint import Checkpoint, open_checkpoint
from badges.transparency.merkle import verify_consistency
from badges.transparency.signed_note import ProofError
from kiosk.journal.checkpoints import Evidence, Witness, Witnessed
from kiosk.texts.messages import Code, Message, as_message

log = logging.getLogger(__name__)

SAVED_MS = 30_000  # interval between new checkpoints on disk
RENAMED_MS = 60_000  # how long a log may have a name that no snapshot has


class ShrankError(ProofError):
    def __init__(self, before: int, size: int) -> None:
        self.message = Message(Code.LOG_SHRANK, before=before, n=size)
        super().__init__(str(self.message))


def line_of(name: str) -> tuple[str, int]:
    """Split a log's name into the part before its incarnation, and the incarnation (1 if it has
    none).
    """
    stem, _, number = name.rpartition("/")
    if stem and number.isascii() and number.isdigit() and len(number) <= 15:
        return stem, int(number)
    return name, 1


def succeeds(name: str, earlier: str) -> bool:
    """Whether `name` continues the log `earlier` after a restore from a backup."""
    (stem, number), (earlier_stem, earlier_number) = line_of(name), line_of(earlier)
    return stem == earlier_stem and number > earlier_number


class Watch:
    """Watches one log, in one thread."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._newest = self._saved = witness.newest()
        self._cosigned: Witnessed | None = None
        self._saved_at: int | None = None
        self._renamed_at: int | None = None
        self.contradicted = ""  # this kiosk's checkpoint that the server's newest one contradicts

    @property
    def size(self) -> int:
        """The verified size, where the next proof begins; 0 if none."""
        return self._newest.size if self._newest else 0

    @property
    def uncosigned(self) -> Witnessed | None:
        """The newest verified checkpoint on disk that is not cosigned yet. A witness cosigns only
        what is on disk.
        """
        saved = self._saved
        return saved if saved is not None and saved.size and saved != self._cosigned else None

    def cosign(self, seen: Witnessed, now: int) -> str:
        return self._witness.cosign(seen, now // 1000)

    def delivered(self, seen: Witnessed) -> None:
        self._cosigned = seen

    def check(
        self, note: str, proof: Sequence[bytes], *, name: str, key: bytes, now: int
    ) -> Message | None:
        """Verify the newest checkpoint. Returns its fault, or None if it is consistent.

        `name` and `key` are the log's in the snapshot. Right after a restore the checkpoint may
        be ahead of the snapshot. Then it is checked once the names agree, at the latest after
        RENAMED_MS.
        """
        if succeeds(note.partition("\n")[0], name):
            self._renamed_at = self._renamed_at or now
            if abs(now - self._renamed_at) < RENAMED_MS:
                return None
        else:
            self._renamed_at = None
        before = self._newest
        try:
            checkpoint = open_checkpoint(PublicKey(key), name, note)
            newest = Witnessed(name, key, checkpoint.size, checkpoint.root, note)
            lost = _compare(before, checkpoint, proof, newest)
        except ValueError as error:
            why = error.message if isinstance(error, ShrankError) else as_message(str(error))
            problem = Message(Code.OTHER_LOG, why=why)
            self.contradicted = before.note if before else ""
            self._witness.accuse(Evidence(now, str(problem), self.contradicted, note))
            return problem
        self.contradicted = ""
        if lost and before is not None:
            log.warning("%s", lost)
            self._witness.accuse(Evidence(now, lost, before.note, note))
        if before is None or before.log_name != name:
            # the first checkpoint of a log is stored at once
            self._saved_at = None
        self._keep(newest, now)
        return None

    def _keep(self, newest: Witnessed, now: int) -> None:
        self._newest = newest
        if self._saved_at is None or abs(now - self._saved_at) >= SAVED_MS:
            self._saved_at = now
            self.save()

    def save(self) -> None:
        if self._newest is not None and self._newest != self._saved:
            self._witness.keep(self._newest)
            self._saved = self._newest


def _compare(
    before: Witnessed | None, checkpoint: Checkpoint, proof: Sequence[bytes], newest: Witnessed
) -> str:
    """The loss that a restored server admits by its log's new name, or "". Raises ProofError."""
    if checkpoint.origin != newest.log_name:
        raise ProofError("it is another log's checkpoint")
    if before is None:
        return ""
    same = before.log_name == newest.log_name
    if before.log_key != newest.log_key or not (same or succeeds(newest.log_name, before.log_name)):
        raise ProofError("its name or key has changed")
    try:
        _check_grown(before, checkpoint, proof)
    except ProofError as error:
        if same:
            raise
        return (
            f"The server was restored from a backup, and its entry log lacks some of the "
            f"{before.size} entries that this kiosk had seen ({error}). The last note of that log "
            "is kept."
        )
    return ""


def _check_grown(before: Witnessed, now: Checkpoint, proof: Sequence[bytes]) -> None:
    if now.size < before.size:
        raise ShrankError(before.size, now.size)
    if before.size:
        verify_consistency(before.size, before.root, now.size, now.root, proof)
