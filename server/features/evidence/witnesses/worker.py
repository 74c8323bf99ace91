"""Signs a checkpoint each minute if there are new entries, and has it confirmed outside, on the
server's threads.

Failures become alerts and are retried.
"""

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass, field

from server.core.entry_log import checkpoints, outside
from server.core.entry_log.checkpoints import Given
from server.core.entry_log.entry_log import Log
from server.core.entry_log.outside import AUTHORITY, Code, OutsideError
from server.core.event.calendar import day_starts
from server.core.event.directory import Event
from server.core.outgoing import posting
from server.core.outgoing.posting import Send
from server.features.evidence.witnesses import asking, authority, stamps
from server.features.evidence.witnesses.asking import Witness
from server.features.evidence.witnesses.authority import Authority
from server.features.evidence.witnesses.stamps import Stamp
from server.repeating import Repeating
from server.storage.database import Database
from server.storage.errors import cause, grade

log = logging.getLogger(__name__)

LOOK_S = 5.0
STAMP_EVERY_MS = 3_600_000
FIRST_MS = 60_000  # Before the second try; doubles each time,
MOST_MS = 15 * 60_000  # up to this


@dataclass
class _Waits:
    """Backoff: each party's consecutive failures, and next try."""

    failures: dict[str, int] = field(default_factory=dict)
    next_at: dict[str, int] = field(default_factory=dict)

    def is_due(self, party: str, now: int) -> bool:
        # A longer wait means that the clock was set back.
        return not 0 < self.next_at.get(party, 0) - now <= MOST_MS

    def note(self, party: str, *, failed: bool, now: int) -> None:
        if not failed:
            self.failures.pop(party, None)
            self.next_at.pop(party, None)
            return
        count = self.failures[party] = self.failures.get(party, 0) + 1
        self.next_at[party] = now + min(MOST_MS, FIRST_MS * 2 ** min(count - 1, 10))


class Confirming:
    """Confirms one event's log. `sign` and `ask` have a thread each."""

    def __init__(
        self,
        event: Event,
        database: Database,
        entries: Log,
        now: Callable[[], int],
        *,
        send: Send = posting.post,
        look_s: float = LOOK_S,
    ) -> None:
        self._event, self._database, self._log = event, database, entries
        self._now, self._send = now, send
        self._waits = _Waits()
        self._day_ends = day_starts(event.settings)[1:]
        self._repeating = (
            Repeating("checkpoints", look_s, self._sign),
            Repeating("witnesses", look_s, self.ask),
        )
        self._closed = False
        # Guards `_at_once`: only one thread asks all parties.
        self._lock = threading.Lock()
        self._at_once: threading.Thread | None = None

    def start(self) -> None:
        with self._database.reading() as db:
            given = checkpoints.given(db, self._log.name)
        if given is not None:
            self._serve(given)
        self._closed = False
        for repeating in self._repeating:
            repeating.start()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            at_once = self._at_once
        for repeating in self._repeating:
            repeating.close(wait=False)
        for repeating in self._repeating:
            repeating.close()
        if at_once is not None:
            at_once.join()

    def sign(self, *, at_once: bool = False) -> Given | None:
        """Sign a checkpoint if due, or at once for new entries. Return the newest."""
        name, now = self._log.name, self._now()
        with self._database.reading() as db:
            before = checkpoints.given(db, name)
        make = checkpoints.sign_new if at_once else checkpoints.sign_due
        signed = make(self._log, before, now)
        if signed is None:
            return before
        self._database.write(lambda db: checkpoints.keep_given(db, name, signed))
        return signed

    def ask(self) -> None:
        for witness in asking.witnesses(self._event.settings):
            self.ask_witness(witness)
        self.ask_authority()

    def confirm(self) -> None:
        """Sign the newest checkpoint and ask all parties at once, before an export."""
        self.sign(at_once=True)
        self._waits = _Waits()
        for witness in asking.witnesses(self._event.settings):
            self.ask_witness(witness)
        self.ask_authority(at_once=True)

    def confirm_within(self, seconds: float) -> None:
        """Run `confirm`, wait at most this long, and continue in the background."""
        with self._lock:
            thread = self._at_once
            if thread is None or not thread.is_alive():
                if self._closed:
                    return
                thread = threading.Thread(target=self._confirm_once, daemon=True)
                thread.start()
                self._at_once = thread
        thread.join(seconds)

    def ask_witness(self, witness: Witness) -> None:
        name, now, party = self._log.name, self._now(), outside.of_witness(witness.name)
        with self._database.reading() as db:
            given = checkpoints.given(db, name)
            kept = {
                cosignature.witness: cosignature for cosignature in checkpoints.cosigned(db, name)
            }.get(witness.name)
        if given is None or not self._waits.is_due(party, now):
            return
        # The restored database's next checkpoint is not signed yet.
        if given.size > self._log.size():
            return
        try:
            if kept is not None:
                asking.check_kept(self._log, kept)
                if kept.size == given.size:
                    return
            cosigned = asking.ask(self._send, witness, self._log, given, kept, now)
        except OutsideError as error:
            self._note(party, error.code, str(error))
            return
        self._database.write(lambda db: checkpoints.keep_cosigned(db, name, cosigned))
        if cosigned.set_back_at == now:
            before = 0 if kept is None else kept.size
            self._note(party, Code.SET_BACK, f"it had cosigned {before} entries, and knew fewer")
        elif cosigned.set_back_at is None or now - cosigned.set_back_at >= 86_400_000:
            self._note(party, None)
        self._waits.note(party, failed=False, now=now)
        self._serve(given)

    def _serve(self, given: Given) -> None:
        with self._database.reading() as db:
            self._log.keep_cosigned(checkpoints.cosigned_note(db, self._log.name, given.note))

    def ask_authority(self, *, at_once: bool = False) -> None:
        settings, now, name = self._event.settings, self._now(), self._log.name
        if settings.time_authority is None or settings.time_authority_ca is None:
            return
        with self._database.reading() as db:
            newest = stamps.newest(db, name)
        if not (at_once or self._stamp_is_due(newest, now)):
            return
        if not self._waits.is_due(AUTHORITY, now):
            return
        given = self.sign(at_once=True)
        if given is None or (newest is not None and newest.size == given.size):
            return
        try:
            stamping = Authority(
                settings.time_authority,
                authority.read_certificates(self._event.path / settings.time_authority_ca),
                settings.time_authority_policy,
            )
            answer, verified = authority.ask(self._send, stamping, given.note)
        except OutsideError as error:
            self._note(AUTHORITY, error.code, str(error))
            return
        stamp = Stamp(
            0, given.size, given.note, verified.authority, verified.stamped_at, now, answer
        )
        self._database.write(lambda db: stamps.keep(db, name, stamp))
        self._note(AUTHORITY, None)

    def _stamp_is_due(self, newest: Stamp | None, now: int) -> bool:
        if newest is None or not 0 <= now - newest.at < STAMP_EVERY_MS:
            return True
        return any(newest.at < end <= now for end in self._day_ends)

    def _note(self, party: str, code: Code | None, words: str = "") -> None:
        now = self._now()
        self._waits.note(party, failed=code is not None, now=now)
        with self._database.reading() as db:
            before = {failure.who: failure for failure in outside.failures(db)}.get(party)
        noted = (None, "") if before is None else (before.code, before.words)
        if noted == (code, words):
            return
        if code is not None and (before is None or before.code is not code):
            log.warning("%s: %s (%s)", party, code, words)
        self._database.write(lambda db: outside.note(db, party, code, words, now))

    def _sign(self) -> None:
        self.sign()

    def _confirm_once(self) -> None:
        try:
            self.confirm()
        except Exception as error:
            log.log(grade(error), "the entry log is not confirmed: %s", cause(error))
