from badges.record import decode_record
from kiosk.journal.journal import Journal
from kiosk.journal.values import State

PAGE = 1_000  # records read at once


class Unacknowledged:
    """Counts the passages in the journal that the server has not acknowledged."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._read_to = 0  # the last sequence that was read
        self._passages: list[int] = []  # sequences, in order

    def count(self, state: State) -> int:
        """As of `state`, the journal's newest."""
        self._read_to = max(self._read_to, state.acked)
        while self._read_to < state.last_seq:
            for stored in self._journal.stored(self._read_to, PAGE):
                self._read_to = stored.seq
                record = decode_record(stored.record)
                if record.decision == "admitted" and record.act != "annul":
                    self._passages.append(stored.seq)
        self._passages = [seq for seq in self._passages if seq > state.acked]
        return len(self._passages)
