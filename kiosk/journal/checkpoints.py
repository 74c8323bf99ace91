"""The newest checkpoint of the server's entry log, and evidence of deceit, in the journal."""

from dataclasses import astuple, dataclass, field

from badges.credential.keys import PrivateKey
from badges.places.pool import KioskKey
from badges.transparency.checkpoint import cosign, witness_name
from kiosk.journal.file import JournalFile
from kiosk.journal.seal import put_sealed

EVIDENCE_MAX = 20


@dataclass(frozen=True)
class Witnessed:
    log_name: str
    log_key: bytes = field(repr=False)
    size: int
    root: bytes
    note: str


@dataclass(frozen=True)
class Evidence:
    noticed_at: int
    problem: str
    old_note: str
    new_note: str


class Witness:
    def __init__(self, file: JournalFile, key: PrivateKey, kiosk: KioskKey) -> None:
        self._file = file
        self._key = key
        self._kiosk = kiosk

    def newest(self) -> Witnessed | None:
        with self._file.transaction() as connection:
            row = connection.execute(
                "SELECT log_name, log_key, size, root, note FROM witnessed"
            ).fetchone()
        return Witnessed(**row) if row else None

    def keep(self, newest: Witnessed) -> None:
        with self._file.transaction() as connection:
            put_sealed(connection, self._file.seal, "witnessed", 1, *astuple(newest))

    def cosign(self, seen: Witnessed, time_s: int) -> str:
        """This kiosk's signature line for a checkpoint (C2SP tlog-cosignature). The checkpoint is
        verified and is stored first.
        """
        name = witness_name(seen.log_name, *self._kiosk)
        return cosign(self._key, name, seen.note, time_s)

    def accuse(self, evidence: Evidence) -> None:
        """Store `evidence` against the log for good. Duplicates, and more than EVIDENCE_MAX, are
        ignored.
        """
        with self._file.transaction() as connection:
            stored, count = connection.execute(
                "SELECT coalesce(max(old_note = ? AND new_note = ?), 0), count(*) FROM evidence",
                (evidence.old_note, evidence.new_note),
            ).fetchone()
            if not stored and count < EVIDENCE_MAX:
                values = (count + 1, *astuple(evidence))
                put_sealed(connection, self._file.seal, "evidence", *values)

    def evidence(self) -> list[Evidence]:
        with self._file.transaction() as connection:
            rows = connection.execute(
                "SELECT noticed_at, problem, old_note, new_note FROM evidence ORDER BY number"
            ).fetchall()
        return [Evidence(**row) for row in rows]
