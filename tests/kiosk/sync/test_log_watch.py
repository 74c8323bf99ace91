"""The kiosk as a witness of the entry log, over real sockets."""

from dataclasses import replace

import pytest

from badges.credential.keys import PrivateKey
from badges.record import decode_record
from badges.transparency.checkpoint import (
    cosign,
    open_checkpoint,
    verify_cosignature,
    witness_name,
)
from badges.wire import wire
from kiosk.journal.checkpoints import EVIDENCE_MAX
from kiosk.sync.log_watch import SAVED_MS
from tests.kiosk.support.door_fixture import GENERATION, KIOSK, KIOSK_KEY, LOG
from tests.kiosk.support.fake_event import FakeEvent
from tests.kiosk.support.online import Online

SERIAL = 77
WITNESS = witness_name("hallkeeper/test", KIOSK, GENERATION)


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

    def test_witnesses_outside_may_have_cosigned_it(self, online: Online, event: FakeEvent) -> None:
        """Their lines follow the log's, and are kept with it."""
        other = PrivateKey(b"a witness outside".ljust(32))
        event.spoil_note = lambda note: note + cosign(other, "example.org/w", note, 1_777_860_000)
        online.present(1)
        online.settled()
        online.until(lambda: event.batches[-1].log_size == 1)
        assert online.link.state.log_alarm is None
        online.sync.close()
        newest = online.door.journal.witness.newest()
        assert newest is not None
        assert verify_cosignature(other.public, "example.org/w", newest.note) == 1_777_860_000

    @pytest.mark.parametrize("how", ["shrinks", "differs", "another key"])
    def test_a_changed_log(self, online: Online, event: FakeEvent, how: str) -> None:
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
        online.until(
            lambda: "contradicts the one that this kiosk saw" in str(online.link.state.log_alarm)
        )
        (evidence,) = online.door.journal.witness.evidence()
        assert evidence.old_note
        assert evidence.new_note
        for number in range(EVIDENCE_MAX + 2):
            online.door.journal.witness.accuse(replace(evidence, new_note=str(number)))
        assert len(online.door.journal.witness.evidence()) == EVIDENCE_MAX
        assert online.present(SERIAL).admitted
        online.settled()


class TestEvidence:
    """Only for a server that states its support."""

    @pytest.fixture
    def asked(self, event: FakeEvent) -> FakeEvent:
        event.facts = {"salted": True}
        return event

    def test_a_checkpoint_on_disk_is_cosigned(self, asked: FakeEvent, online: Online) -> None:
        online.until(lambda: len(asked.batches) >= 2)
        online.present(SERIAL)
        online.until(lambda: asked.batches[-1].log_size == 1)
        online.door.clock.pass_ms(SAVED_MS)
        online.until(lambda: any(batch.cosigned for batch in asked.batches))
        cosigned = next(batch.cosigned for batch in asked.batches if batch.cosigned)
        assert isinstance(cosigned, wire.Cosigned)
        kept = online.door.journal.witness.newest()
        assert kept is not None
        assert kept.size == cosigned.size
        note = kept.note + cosigned.line
        assert open_checkpoint(LOG.public, "hallkeeper/test", note).size == cosigned.size
        at = verify_cosignature(KIOSK_KEY.public, WITNESS, note)
        assert at == online.door.clock.wall // 1000
        before = len(asked.batches)
        online.until(lambda: len(asked.batches) >= before + 3)
        sent = [batch.cosigned for batch in asked.batches if batch.cosigned]
        assert len(sent) == 1, "the same one is said once"

    def test_its_scans_have_salts(self, asked: FakeEvent, online: Online) -> None:
        for serial in range(3):
            online.present(serial)
        online.settled()
        records = [decode_record(record) for record in asked.books.records]
        assert [record.v for record in records] == [2, 2, 2]
        assert len({record.salt for record in records}) == 3

    def test_an_earlier_server_gets_neither(self, event: FakeEvent, online: Online) -> None:
        online.present(SERIAL)
        online.settled()
        online.until(lambda: event.batches[-1].log_size == 1)
        assert [decode_record(record).v for record in event.books.records] == [1]
        assert not any(batch.cosigned for batch in event.batches)
