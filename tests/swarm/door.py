"""A kiosk of a day: the product's journal, replica, sync, feed and admitter, on simulated clocks.

Its two threads do not run: the day calls their work step by step.
"""

import shutil
from contextlib import suppress
from copy import copy
from dataclasses import dataclass
from pathlib import Path

from msgspec.structs import replace

from badges.admission.facts import Direction
from badges.credential.keys import PublicKey
from badges.places.account import Account
from badges.places.pool import PoolKey
from badges.record import PlaceKind, StayRef
from badges.wire.supervisor import PersonFacts
from kiosk.door.admit import Admitter, NotReadyError
from kiosk.door.answer import Answer
from kiosk.door.roll_call import RollCall
from kiosk.journal.errors import JournalError
from kiosk.journal.journal import Journal
from kiosk.replica.replica import Replica
from kiosk.steps import run
from kiosk.supervisor.override import OverrideHandler, Word
from kiosk.supervisor.texts import SupervisorError
from kiosk.sync.follow import Feed
from kiosk.sync.link import Link, Skew
from kiosk.sync.protocol import TransportError
from kiosk.sync.signer import Signer
from kiosk.sync.upload import Sync
from tests.swarm.air import Air, Weather
from tests.swarm.clocks import MachineClock, Time
from tests.swarm.site import DoorPlan, SteppedSite, kiosk_key

WORD = Word("user:1", "Supervisor", "a guest of honour")
EXCHANGES_MAX = 30  # at once; more would be an endless exchange


@dataclass(frozen=True)
class Green:
    """A green light, and its record."""

    kiosk: str
    generation: int
    seq: int
    serial: int
    direction: Direction


class SteppedDoor:
    """One kiosk in one generation, at one door. `plan` changes when it is carried elsewhere."""

    def __init__(
        self, directory: Path, kiosk: str, plan: DoorPlan, generation: int, site: SteppedSite,
        time: Time, root: PublicKey,
    ) -> None:  # fmt: skip
        self.kiosk = kiosk
        self.generation = generation
        self.plan = plan
        self._time = time
        self.clock = MachineClock(time)
        self.weather = Weather()
        self.greens: list[Green] = []
        # Known stays on override places, with the orders that they caused.
        self.confirmed: frozenset[StayRef] = frozenset()
        self.in_use = False  # although it is fenced
        self.unattested = False  # fenced, and nobody has said that it is not in use
        self.lost = False  # stolen or broken: no longer in use
        self.roll_call: RollCall | None = None  # the kiosk is at an assembly point
        self.plans: dict[int, DoorPlan] = {}  # every door of the event, by its number
        self._directory = directory
        self._site = site
        self._root = root
        self._old_disk: Path | None = None
        self._accounts: tuple[tuple[Journal, int], dict[PoolKey, Account]] | None = None
        directory.mkdir()
        self.start()

    @property
    def key(self) -> tuple[str, int]:
        return (self.kiosk, self.generation)

    def start(self) -> None:
        key = kiosk_key(self.kiosk, self.generation)
        self.journal = Journal(self._directory / "journal.db", *self.key, key)
        self.replica = Replica(
            self._directory / "replica.db", *self.key, self._root,
            clock=self.clock.wall, monotonic=self.clock.monotonic,
        )  # fmt: skip
        self.link = Link(self.clock.wall, self.clock.monotonic)
        signer = Signer(*self.key, key, self.journal.next_counter)
        air = self._air = Air(lambda: self._site.client, signer, self.weather)
        self.sync = Sync(
            self.journal, self.replica, air, self.link,  # type: ignore[arg-type]
            clock=self.clock.wall, on_restored=lambda: self.feed.refresh(),
        )  # fmt: skip
        self.feed = Feed(
            self.journal, self.replica, air, self.link,  # type: ignore[arg-type]
            on_restored=self.sync.restored,
        )  # fmt: skip
        self.admitter = Admitter(
            self.journal, self.replica,
            ask_for_place=self._ask, skew=self._skew,
            is_offline=lambda: not self.link.state.online,
            roll_call=lambda: self.roll_call,
            monotonic=self.clock.monotonic,
        )  # fmt: skip
        self.override_handler = OverrideHandler(
            self.journal, self.replica,
            ask_for_place=lambda hall: self._ask(hall, PlaceKind.OVERRIDE), skew=self._skew,
        )  # fmt: skip

    def _skew(self) -> Skew | None:
        return self.link.state.skew

    def _ask(self, hall: int, kind: PlaceKind = PlaceKind.ORDINARY) -> bool:
        """Request a place and return at once: no other thread would bring one."""
        self.sync.ask_for_place(hall, kind)
        return False

    def close(self) -> None:
        self._air.close()
        self.journal.close()
        self.replica.close()

    def restart(self) -> None:
        """The kiosk dies and restarts with its disk."""
        self.close()
        self.start()

    def keep_old_disk(self) -> None:
        """Copy the kiosk's disk."""
        self.close()
        self._old_disk = self._directory.with_suffix(".old")
        shutil.rmtree(self._old_disk, ignore_errors=True)
        shutil.copytree(self._directory, self._old_disk)
        self.start()

    def put_old_disk_back(self) -> bool:
        """Put the copied disk back. False without one."""
        if self._old_disk is None:
            return False
        self.close()
        self.confirmed = frozenset()
        shutil.rmtree(self._directory)
        shutil.copytree(self._old_disk, self._directory)
        self.start()
        return True

    def copy_disk(self, directory: Path) -> Path:
        """Copy this disk, as it is on power-off."""
        self.close()
        shutil.copytree(self._directory, directory)
        self.start()
        return directory

    def twin(self, disk: Path) -> "SteppedDoor":
        """Another device that starts with a copy of this disk, while this one goes on."""
        twin = copy(self)
        twin.clock, twin.weather = MachineClock(self._time), Weather()
        twin.greens, twin.confirmed = [], frozenset()
        twin._directory, twin._accounts, twin._old_disk = disk, None, None
        twin.start()
        return twin

    def is_heard(self, answer: Answer) -> bool:
        """Whether the server has acknowledged the answer's record, which this phone waits for.
        Otherwise it shows no green, and annuls the record.
        """
        with suppress(TransportError, JournalError):
            self.sync.exchange()
        if self.journal.state().acked >= answer.seq:
            return True
        self.greens.pop()
        with suppress(SupervisorError, JournalError):
            self.override_handler.annul(answer.seq, WORD, holder=None, at=self.clock.wall())
        return False

    def talk(self) -> None:
        """Run sync and feed, if the network is up. A kiosk that hears of its move is carried to the
        other door.
        """
        self._talk()
        context = self.replica.context
        if context is not None:
            self.plan = self.plans.get(context.door.door, self.plan)

    def standing(self) -> tuple[object, ...]:
        """The kiosk's sent and received data, and its places."""
        state = replace(self.journal.state(), counter=0)  # each request is counted
        return state, self.accounts(), self.replica.cursor

    def accounts(self) -> dict[PoolKey, Account]:
        """The kiosk's places. Read after each step, and cached until the journal changes."""
        as_of = (self.journal, self.journal._file._connection.total_changes)  # type: ignore[attr-defined]
        if self._accounts is None or self._accounts[0] != as_of:
            self._accounts = as_of, self.journal.accounts()
        return self._accounts[1]

    def granted(self) -> int:
        """The total of ordinary places that it was ever granted."""
        return sum(
            account.granted
            for key, account in self.accounts().items()
            if key.kind is not PlaceKind.OVERRIDE
        )

    def has_place(self, hall: int) -> bool:
        """Whether it has a free place in that hall, of any kind."""
        return any(
            key.hall_id == hall and account.free > 0 for key, account in self.accounts().items()
        )

    def _talk(self) -> None:
        """An open stream is not reopened. It is lost as soon as a request is."""
        try:
            for _ in range(EXCHANGES_MAX):
                if not self.sync.exchange():
                    break
        except JournalError:
            self._air.break_off()
            return
        except TransportError as error:
            self._air.break_off()
            if not error.permanent:
                return  # the server can't be reached, so the feed would fail too
        try:
            overridden = self._site.overridden()
            self._hear()
            self.confirmed = overridden
        except (TransportError, JournalError, ValueError) as error:
            self._air.break_off()
            self.feed._explain(error)

    def _hear(self) -> None:
        """Read the feed, and fetch everything again if a change requires it."""
        lines = None if self.feed.snapshot_wanted else self._air.more()
        if lines is None:
            self.feed.follow()
        else:
            self.feed._listen(lines)
        if self.feed.snapshot_wanted:
            self.feed.follow()

    def present(self, badge: str, direction: Direction) -> Answer | None:
        """Show a badge. None if the kiosk can't answer."""
        try:
            answer = self.admitter.present(badge, at=self.clock.wall(), direction=direction)
        except (NotReadyError, JournalError):
            return None
        return self._shown(answer)

    def by_name(self, person: PersonFacts) -> Answer:
        steps = self.admitter.admit_by_name(
            person, user=WORD.user, user_name=WORD.name, at=self.clock.wall()
        )
        return self._shown(run(steps, self.journal.wait))

    def override(self, denied: Answer) -> Answer | None:
        """A supervisor overrides the denial. None if that is not allowed."""
        try:
            steps = self.override_handler.override(denied, WORD, at=self.clock.wall())
            return self._shown(run(steps, self.journal.wait))
        except (SupervisorError, NotReadyError, JournalError):
            return None

    def annul(self) -> int | None:
        """A supervisor annuls the last admission. Returns its serial."""
        entry = self.override_handler.last_entry()
        if entry is None:
            return None
        try:
            answer = self.override_handler.annul(entry.seq, WORD, holder=None, at=self.clock.wall())
        except (SupervisorError, NotReadyError, JournalError):
            return None
        self._shown(answer)
        return entry.serial

    def _shown(self, answer: Answer) -> Answer:
        if answer.admitted and answer.serial is not None:
            self.greens.append(Green(*self.key, answer.seq, answer.serial, answer.direction))
        return answer
