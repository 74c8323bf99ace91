from dataclasses import asdict
from typing import Any

import msgspec

from badges.admission.facts import Reason
from badges.record import ScanRecord, decode_record
from kiosk.door.roll_call import RollCall
from kiosk.journal.journal import Journal
from kiosk.journal.values import State
from kiosk.supervisor.state_file import SupervisorFile
from kiosk.supervisor.status import ShiftFigures, Totals

PAGE = 2_000  # records read at once


def totals(journal: Journal, after: int, before: Totals) -> tuple[int, Totals]:
    """Add the records after sequence `after`. Returns the last sequence too."""
    sums = asdict(before)
    while page := journal.stored(after, PAGE):
        for stored in page:
            for name in _counts_as(decode_record(stored.record)):
                sums[name] += 1
        after = page[-1].seq
    return after, Totals(**sums)


def _counts_as(record: ScanRecord) -> list[str]:
    if record.act == "annul":
        return ["annulled"]
    if record.direction == "exit":
        return ["exits"]
    if record.reason == Reason.ROLL_CALL:
        return ["seen"]
    if record.decision == "denied":
        return ["denied"]
    names = ["admitted"]
    if record.act == "override":
        names.append("overrides")
    if "looked_up" in record.flags:
        names.append("looked_up")
    return names


class Shift:
    """The shift of one door. Its state is in the supervisors' file, except for the journal's."""

    def __init__(self, journal: Journal, file: SupervisorFile) -> None:
        self._journal = journal
        self._file = file
        # The totals, with the first and last sequence that they cover. Cached, because a roll call
        # asks after each of thousands of records.
        self._totals = (-1, -1, Totals())

    def end(self, now: int) -> None:
        """Stop admitting and give free places back. Idempotent."""
        if not self._journal.state().resting:
            self._change(shift_ended_at=now)
            self._journal.rest()

    @property
    def roll_call(self) -> RollCall | None:
        return self._file.kept.roll_call

    def begin_roll_call(self, roll_call: RollCall, now: int) -> None:
        """End the shift and note people from now on. In a roll call, change the point."""
        # Stored first, so that a crash in between never leaves a door that admits.
        self._change(roll_call=roll_call)
        self.end(now)

    def end_roll_call(self) -> None:
        """Stop noting people. The door stays out of service until `resume`."""
        self._change(roll_call=None)

    def resume(self, now: int) -> None:
        """Begin a new shift and end any roll call. Does nothing during a shift."""
        if self._file.kept.roll_call is not None:
            self.end_roll_call()
        state = self._journal.state()
        if state.resting:
            self._journal.resume()
            self._change(shift_after=state.last_seq, shift_since=now, shift_ended_at=None)

    def figures(self, state: State) -> ShiftFigures:
        kept = self._file.kept
        after, up_to, sums = self._totals
        if after != kept.shift_after:
            after, up_to, sums = kept.shift_after, kept.shift_after, Totals()
        if up_to < state.last_seq:
            up_to, sums = totals(self._journal, up_to, sums)
        self._totals = (after, up_to, sums)
        return ShiftFigures(**asdict(sums), since=kept.shift_since, ended_at=kept.shift_ended_at)

    def _change(self, **changes: Any) -> None:
        self._file.change(lambda kept: msgspec.structs.replace(kept, **changes))
