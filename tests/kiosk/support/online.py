"""A door with its threads and a small server."""

import time
from collections.abc import Callable

from badges.admission.facts import Direction
from badges.wire import wire
from kiosk.door.admit import Admitter
from kiosk.sync.follow import Feed
from kiosk.sync.link import Link
from kiosk.sync.signer import Signer
from kiosk.sync.transport import Transport
from kiosk.sync.upload import Sync
from tests.kiosk.support.door_fixture import GENERATION, KIOSK, KIOSK_KEY, LocalDoor, badge
from tests.kiosk.support.fake_event import FakeEvent


class Online:
    def __init__(self, door: LocalDoor, event: FakeEvent, silence_s: float = 60.0) -> None:
        """`silence_s`: after which a feed is dead, and snapshots are polled in its place."""
        self.door = door
        self.link = Link(lambda: door.clock.wall)
        signer = Signer(KIOSK, GENERATION, KIOSK_KEY, door.journal.next_counter)
        self.transport = Transport(event, signer, answer_s=240.0)
        self.health: Callable[[], wire.Health] = wire.Health
        self.sync = self.sync_by(self.transport)
        self.feed = Feed(
            door.journal,
            door.replica,
            self.transport,
            self.link,
            on_back=self.sync.network_is_back,
            on_returned=self.sync.wake,
            on_restored=self.sync.restored,
            back_off_s=(0.03, 0.1),
            silence_s=silence_s,
            poll_s=silence_s,
        )
        self.admitter = Admitter(door.journal, door.replica, ask_for_place=self.sync.ask_for_place)

    def sync_by(self, transport: Transport) -> Sync:
        """A sync of this door that sends by `transport`."""
        return Sync(
            self.door.journal,
            self.door.replica,
            transport,
            self.link,
            clock=lambda: self.door.clock.wall,
            health=lambda: self.health(),
            on_restored=lambda: self.feed.refresh(),
            heartbeat_s=0.03,
            back_off_s=(0.03, 0.1),
        )

    def start(self) -> None:
        self.sync.start()
        self.feed.start()
        self.until(lambda: self.link.state.feed_live and self.link.state.online)

    def close(self) -> None:
        self.feed.close()
        self.sync.close(within_s=1.0)
        self.transport.close()

    def present(self, serial: int, direction: Direction = Direction.ENTRY):
        answer = self.admitter.present(badge(serial), at=self.door.clock.wall, direction=direction)
        self.sync.wake()
        return answer

    def until(self, condition: Callable[[], object], timeout_s: float = 240.0) -> None:
        deadline = time.monotonic() + timeout_s
        while not condition():
            assert time.monotonic() < deadline, f"waited in vain; {self.link.state}"
            time.sleep(0.003)

    def settled(self) -> None:
        self.until(lambda: self.door.journal.state().waiting == 0)
