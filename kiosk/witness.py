"""The kiosk as a witness of the entry log: what it has seen once must stay.

Each answer brings the newest checkpoint, and a proof that the log which this kiosk knew is its
beginning. A log that shrank or differs is told loudly, and both signed notes are kept.
"""

from collections.abc import Sequence

from badges.keys import PublicKey
from badges.transparency import Checkpoint, ProofError, open_checkpoint, verify_consistency
from kiosk.journal_witness import Evidence, Witness, Witnessed

SAVED_MS = 30_000  # how often a new checkpoint is put on disk


class Watch:
    """One log, watched by one thread."""

    def __init__(self, witness: Witness) -> None:
        self._witness = witness
        self._newest = self._saved = witness.newest()
        self._saved_at: int | None = None
        self._restored = False

    @property
    def size(self) -> int:
        """Of the log as last verified: the next proof begins there. 0: nothing verified yet."""
        return self._newest.size if self._newest else 0

    def restored(self) -> None:
        """The server says that it was restored: the next checkpoint may lack entries.

        That is told and kept as evidence all the same, and watching goes on from there.
        """
        self._restored = True

    def check(self, note: str, proof: Sequence[bytes], *, name: str, key: bytes, now: int) -> str:
        """Take the newest checkpoint; what is wrong with it, "" where it is consistent."""
        before = self._newest
        try:
            checkpoint = open_checkpoint(PublicKey(key), name, note)
            self._compare(before, checkpoint, proof, name, key)
        except ValueError as error:
            problem = f"The server's entry log is not the one that this kiosk knew: {error}."
            old_note = before.note if before else ""
            self._witness.accuse(Evidence(now, problem, old_note, note))
            if not self._restored:
                return problem
            self._restored = False
            self._adopt(name, key, note, now)
            return problem
        self._restored = False
        self._keep(Witnessed(name, key, checkpoint.size, checkpoint.root, note), now)
        return ""

    def _compare(
        self,
        before: Witnessed | None,
        now: Checkpoint,
        proof: Sequence[bytes],
        name: str,
        key: bytes,
    ) -> None:
        if now.origin != name:
            raise ProofError("it is another log's checkpoint")
        if before is None:
            return
        if (before.log_name, before.log_key) != (name, key):
            raise ProofError("its name or key has changed")
        if now.size < before.size:
            raise ProofError(f"it had {before.size} entries and has {now.size}")
        if before.size:
            verify_consistency(before.size, before.root, now.size, now.root, proof)

    def _adopt(self, name: str, key: bytes, note: str, now: int) -> None:
        """Watch on from a restored server's log, if it is signed at all."""
        try:
            checkpoint = open_checkpoint(PublicKey(key), name, note)
        except ValueError:
            return
        self._keep(Witnessed(name, key, checkpoint.size, checkpoint.root, note), now)

    def _keep(self, newest: Witnessed, now: int) -> None:
        self._newest = newest
        if self._saved_at is None or abs(now - self._saved_at) >= SAVED_MS:
            self._saved_at = now
            self.save()

    def save(self) -> None:
        """Put the newest checkpoint on disk."""
        if self._newest is not None and self._newest != self._saved:
            self._witness.keep(self._newest)
            self._saved = self._newest
