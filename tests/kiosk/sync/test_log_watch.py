"""The kiosk as a witness of the entry log, over real sockets."""

from dataclasses import replace

import pytest

from kiosk.journal.checkpoints import EVIDENCE_MAX
from tests.kiosk.support.fake_event import FakeEvent
from tests.kiosk.support.online import Online

SERIAL = 77


class TestLog:
    def test_a_growing_log_is_verified(self, online: Online, event: FakeEvent) -> None:
        for serial in range(4):
            online.present(serial)
            online.settled()
        online.until(lambda: event.batches[-1].log_size == 4)
        assert online.link.state.log_alarm is None
        online.sync.close()
        newest = online.door.journal.witness.newest()
        assert newest is not None
        assert newest.size == 4

    @pytest.mark.parametrize("how", ["shrinks", "differs", "another key"])
    def test_a_log_that_is_not_what_it_was(
        self, online: Online, event: FakeEvent, how: str
    ) -> None:
        for serial in range(3):
            online.present(serial)
        online.settled()
        online.until(lambda: event.batches[-1].log_size == 3)
        with event.lock:
            if how == "shrinks":
                event.books.leaves.pop()
            elif how == "differs":
                event.books.leaves[1] = bytes(32)
            else:
                event.spoil_note = lambda note: note.replace("\n3\n", "\n30\n")
        online.until(lambda: "not the one that this kiosk knew" in str(online.link.state.log_alarm))
        (evidence,) = online.door.journal.witness.evidence()
        assert evidence.old_note
        assert evidence.new_note
        for number in range(EVIDENCE_MAX + 2):
            online.door.journal.witness.accuse(replace(evidence, new_note=str(number)))
        assert len(online.door.journal.witness.evidence()) == EVIDENCE_MAX
        assert online.present(SERIAL).admitted
        online.settled()
