"""Random days of people who forget their badges, with the real server and real kiosks.

The world tracks each kiosk's knowledge: the credentials given out when the server was last heard,
and the scans there. Each answer is compared with it.
"""

import contextlib
import os
import random
from dataclasses import dataclass, field

from badges.admission.decide import event_day
from badges.admission.facts import Direction, Reason
from badges.credential.badge_number import badge_number
from server.core.event.calendar import day_starts
from server.core.people import attendees, day_credentials, issuing
from server.core.people.issuing import IssuingError
from tests.server.support.in_process import HALL, Forum, InProcessKiosk

HOUR = 3_600_000
PEOPLE = 5
DOORS = ("west", "east", "north")
CAPACITY = 600


class BrokenLawError(AssertionError):
    """An answer breaks the law that the text names."""


@dataclass(frozen=True)
class Card:
    """A card in use: a badge, or a day credential with its day."""

    serial: int
    issue: int
    text: str = field(repr=False)
    day: int | None = None


@dataclass
class Door:
    """A kiosk, and its knowledge as the world tracks it."""

    kiosk: InProcessKiosk
    days: set[tuple[int, int, int]] = field(default_factory=set)  # serial, issue, day
    issues: dict[int, int] = field(default_factory=dict)


class Days:
    """The world of a seed. Without `cuts`, every door hears of everything at once."""

    def __init__(self, forum: Forum, seed: int, *, cuts: bool) -> None:
        self.forum = forum
        self.draw = random.Random(seed)
        self.cuts = cuts
        self.starts = day_starts(forum.event.settings)
        self.cards: list[Card] = []
        self.asked = 0
        self.last_reason = ""
        self._news: tuple[object, ...] = ()
        forum.database.write(self._fill)
        self.doors = [Door(forum.enrol(name)) for name in DOORS]
        for door in self.doors:
            self.hear(door)

    def _fill(self, db) -> None:
        db.execute("UPDATE hall SET capacity = ?, fire_limit = ?", (CAPACITY, CAPACITY + 9))
        for number in range(PEOPLE):
            row = {"given_name": f"P{number}", "category": 1, "valid_days": 0b111}
            attendees.add_attendee(db, row, by="test", now=self.forum.now, random=os.urandom)
        issuing.issue_missing(db, self.forum.event, by="test", now=self.forum.now)
        for (serial,) in db.execute("SELECT serial FROM attendee ORDER BY given_name").fetchall():
            badge = issuing.current_badge(db, serial)
            self.cards.append(Card(serial, 1, badge.credential))

    @property
    def today(self) -> int | None:
        return event_day(self.starts, self.forum.now)

    @property
    def serials(self) -> list[int]:
        return list(dict.fromkeys(card.serial for card in self.cards))

    def play(self, steps: int) -> None:
        """Do random steps, then check each day with every kiosk connected."""
        acts = {self.show: 12, self.give: 3, self.replace: 1, self.pass_time: 3, self.meet: 4}
        if self.cuts:
            acts |= {self.cut: 2}
        for _ in range(steps):
            self.draw.choices(list(acts), list(acts.values()))[0]()
            if not self.cuts:
                self.hear_all()
                self.check_counted_once()
        self.settle()

    def give(self) -> None:
        """The desk gives a person a day credential, if one is allowed."""
        serial = self.draw.choice(self.serials)
        day = self.draw.randrange(-1, 4)
        with contextlib.suppress(IssuingError):
            given = self.forum.database.write(
                lambda db: day_credentials.issue_day_credential(
                    db, self.forum.event, serial, day=day, by="test", now=self.forum.now
                )
            )
            self.cards.append(Card(serial, given.issue, given.credential, given.day))
        given_out = sum(card.serial == serial and card.day is not None for card in self.cards)
        law(given_out <= 2, f"{badge_number(serial)} has {given_out} day credentials")

    def replace(self) -> None:
        serial = self.draw.choice(self.serials)
        badge = self.forum.database.write(
            lambda db: issuing.reissue(
                db, self.forum.event, serial, reason="lost", by="test", now=self.forum.now
            )
        )
        self.cards.append(Card(serial, badge.issue, badge.credential))

    def pass_time(self) -> None:
        self.forum.now += self.draw.choice((60_000, HOUR, 5 * HOUR))

    def cut(self) -> None:
        door = self.draw.choice(self.doors)
        door.kiosk.transport.wire_cut = not door.kiosk.transport.wire_cut

    def meet(self) -> None:
        self.hear(self.draw.choice(self.doors))

    def hear(self, door: Door) -> None:
        """Send batches and take a snapshot, where the network is up."""
        if not door.kiosk.transport.wire_cut:
            self._send(door)
            self._listen(door)

    def hear_all(self) -> None:
        """All kiosks send, then all take a snapshot. Only new records are sent."""
        for door in self.doors:
            self._send(door)
        news = (self.forum.rows("SELECT MAX(cursor) FROM change"), len(self.cards))
        if news != self._news:
            for door in self.doors:
                self._listen(door)
            self._news = (self.forum.rows("SELECT MAX(cursor) FROM change"), len(self.cards))

    def _send(self, door: Door) -> None:
        if door.kiosk.journal.state().waiting:
            door.kiosk.sync.exchange()

    def _listen(self, door: Door) -> None:
        door.kiosk.refresh()
        for card in self.cards:
            self._known(door, card)

    def show(self) -> None:
        """Show a random card at a random door, in either direction."""
        door, card = self.draw.choice(self.doors), self.draw.choice(self.cards)
        entry = self.draw.random() < 0.65
        self.forum.now += self.draw.choice((20_000, 200_000))
        self.present(door, card, Direction.ENTRY if entry else Direction.EXIT)

    def present(self, door: Door, card: Card, direction: Direction) -> bool:
        """Show the card, and compare the answer with the door's knowledge."""
        self.asked += 1
        superseded = card.issue < door.issues.get(card.serial, 0)
        other = (card.serial, card.issue, self.today) in door.days and card.day is None
        answer = door.kiosk.admitter.present(card.text, at=self.forum.now, direction=direction)
        self._known(door, card)
        if direction is Direction.EXIT:
            law(answer.admitted, f"{card} was not let out")
            return True
        if answer.admitted:
            law(card.day in (None, self.today), f"{card} opened on day {self.today}")
            law(not other, f"{card} opened beside a day credential that {door} knows")
            law(not superseded, f"{card} opened though {door} knows a newer badge")
            self.check_inside_once(door, card.serial)
            return True
        self.last_reason = answer.decision.reason.value
        if answer.decision.reason is Reason.DAY_CREDENTIAL:
            law(other, f"{card} was refused for a day credential that {door} can't know")
        return False

    def _known(self, door: Door, card: Card) -> None:
        door.issues[card.serial] = max(card.issue, door.issues.get(card.serial, 0))
        if card.day is not None:
            door.days.add((card.serial, card.issue, card.day))

    def check_inside_once(self, door: Door, serial: int) -> None:
        """No door counts a person twice in its hall, by any cards."""
        kiosk = door.kiosk
        with kiosk.journal.transaction() as step:
            own = [entry.stay.seq for entry in step.own_stays(serial, HALL)]
        inside = [seq for seq in own if not kiosk.replica.is_ended(seq, HALL)]
        law(len(inside) <= 1, f"{badge_number(serial)} is inside {len(inside)} times at {door}")

    def check_counted_once(self) -> None:
        """While every door hears of everything, neither does the server."""
        rows = self.forum.rows(
            "SELECT serial, COUNT(*) FROM stay WHERE closed_at IS NULL GROUP BY serial"
        )
        law(all(count == 1 for _, count in rows), f"counted twice: {rows}")

    def settle(self) -> None:
        """With every kiosk connected: check the accepted cards of each coming day."""
        for door in self.doors:
            door.kiosk.transport.wire_cut = False
        self._news = ()
        self.hear_all()
        copied = {serial for (serial,) in self.forum.rows("SELECT serial FROM likely_copy")}
        for day in range(self.today or 0, len(self.starts) - 1):
            self.forum.now = max(self.forum.now + HOUR, self.starts[day] + 9 * HOUR)
            if self.today != day:
                continue
            for serial in self.serials:
                if serial not in copied:
                    self._opens_one(serial, day)

    def _opens_one(self, serial: int, day: int) -> None:
        newest = max(card.issue for card in self.cards if card.serial == serial)
        mine = [card for card in self.cards if (card.serial, card.issue) == (serial, newest)]
        wanted = [card for card in mine if card.day == day] or [
            card for card in mine if card.day is None
        ]
        # First each door lets everyone inside out, as often as a door knows of a stay.
        inside = "SELECT COUNT(*) FROM stay WHERE closed_at IS NULL AND serial = ?"
        while self.forum.database.reader.execute(inside, (serial,)).fetchone()[0]:
            for door in self.doors:
                self.present(door, wanted[0], Direction.EXIT)
            self.hear_all()
        door = max(self.doors, key=lambda door: door.kiosk.account.free)
        self._listen(door)
        for card in [owned for owned in self.cards if owned.serial == serial]:
            self.forum.now += 10 * 60_000
            if self.today != day:  # It was late in the evening.
                return
            door.kiosk.sync.exchange()
            opened = self.present(door, card, Direction.ENTRY)
            law(opened == (card in wanted), f"{card} on day {day}: {opened or self.last_reason}")
            if opened:
                self.present(door, card, Direction.EXIT)


def law(holds: bool, says: str) -> None:
    if not holds:
        raise BrokenLawError(says)
