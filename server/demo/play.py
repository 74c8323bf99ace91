"""Performs the demo: creates the event, draws the films, and plays them at the doors."""

import os
import queue
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TypeAlias

import click

from badges.roster.reader import read_roster
from server.app.new_event import init_event
from server.console import BY, wall_clock
from server.core.event.directory import Event
from server.core.people import issuing
from server.demo.film.film import Shown, film_seconds, make_films
from server.demo.forum.forum import (
    DAYS,
    DOORS,
    EXPO,
    EXPO_CAPACITY,
    NAME,
    PHONE_DOOR,
    SMALL_CAPACITY,
    SMALL_HALL,
    Forum,
)
from server.demo.forum.people import CATEGORY_WEIGHTS, roster_csv
from server.demo.judge import Answer, HallRule, Outage, Verdict, judge
from server.demo.network_link import Link
from server.demo.phone import Phone
from server.demo.processes import Children, StageError
from server.demo.report import LiveTable
from server.demo.script import Presentation, Script, make_script
from server.demo.stage import Kiosk, Stage
from server.features.imports import roster_import, venue_file, venue_import
from server.storage.database import Database

RULES: Mapping[str, HallRule] = {
    SMALL_HALL: HallRule(SMALL_CAPACITY, DOORS[:2], hard_anti_passback=True),
    EXPO: HallRule(EXPO_CAPACITY, (*DOORS[2:], PHONE_DOOR), hard_anti_passback=False),
}
# A kiosk may start slowly, and sends its journal at the end.
LATE_S = 25.0
# Chromium shows a film as slowly as a busy machine decodes it.
PHONE_SLOWER = 4
LOOK_S = 0.2
# After a server was killed, doors hear of each other through the other one by then.
GOES_ON_MS = 4_000


def prepare(
    directory: Path, forum: Forum, host: str, port: int, now: int, postgresql: str | None = None,
    *, phone: bool = False,
) -> tuple[Event, str, Script]:  # fmt: skip
    """Create the event through organisers' imports, whose files stay beside it. Return it with the
    admin's password.

    `postgresql` is the address of an empty database; None creates a SQLite database. `phone`:
    whether a phone is among the doors.
    """
    # The password is printed and used at once, so it need not be changed.
    settings = forum.settings(host, port)
    event, password = init_event(
        directory, settings, now=now, password_stays=True, postgresql=postgresql
    )
    roster, venue = directory.with_name("roster.csv"), directory.with_name("venue.toml")
    roster.write_bytes(roster_csv(forum.people))
    venue.write_text(forum.venue, "utf-8")
    people = read_roster(
        roster.read_bytes(), roster.name, categories=tuple(CATEGORY_WEIGHTS), days=DAYS
    )
    halls = venue_file.read_venue(venue.read_bytes(), venue.name, event.settings)
    with Database(event.database_path) as database:
        database.write(
            lambda db: roster_import.import_roster(
                db, people, skip_bad=False, by=BY, now=now, random=os.urandom
            )
        )
        database.write(lambda db: venue_import.import_venue(db, halls, by=BY, now=now))
        database.write(lambda db: issuing.issue_missing(db, event, now=now, by=BY))
        script = database.write(
            lambda db: make_script(db, event, forum, os.urandom, now, phone=phone)
        )
    return event, password, script


def draw(
    directory: Path, script: Script, seed: int, progress: Callable[[int, int], None]
) -> dict[str, Path]:
    films = {door: directory / f"{door}.avi" for door in script.doors}
    plans = [
        (films[door], [_shown(presentation) for presentation in script.doors[door]])
        for door in films
    ]
    make_films(plans, NAME["en"], seed, progress)
    return films


def _shown(presentation: Presentation) -> Shown:
    return Shown(presentation.text, None if presentation.phone else presentation.card)


@contextmanager
def kiosks_at(
    doors: Sequence[str], directory: Path, server: tuple[str, int]
) -> Iterator[list[Kiosk]]:
    """Yield a kiosk for each door, not yet enrolled, with its own network link."""
    with ExitStack() as links:
        yield [
            Kiosk(door, directory / door.lower(), links.enter_context(Link(server)))
            for door in doors
        ]


_Heard: TypeAlias = "queue.SimpleQueue[tuple[Kiosk, Answer]]"


def _hear(heard: _Heard, kiosk: Kiosk, answer: Answer) -> None:
    kiosk.answers.append(answer)
    heard.put((kiosk, answer))


@dataclass
class Play:
    """A performance of a script by enrolled kiosks."""

    script: Script
    stage: Stage
    children: Children
    kiosks: Sequence[Kiosk]
    time_zone: str
    say: Callable[[str], None] = click.echo
    # kill one of two servers instead of cutting a network
    kills: bool = False
    killed: int | None = None  # port of the killed server
    phone: Phone | None = None

    def perform(self, films: Mapping[str, Path], pages: Mapping[str, int]) -> Verdict:
        """Play the films and judge the answers. Raises StageError.

        A kiosk with a port in `pages` serves its page there, and continues after its film.
        """
        table = LiveTable(self.script.doors, RULES, self.time_zone)
        if self.phone is not None:
            self._perform_phone(self.phone, films[PHONE_DOOR], table)
        else:
            self.say(table.head())
        heard: _Heard = queue.SimpleQueue()
        for kiosk in self.kiosks:
            options = ["--headless", "--until-end"]
            if kiosk.door in pages:
                options = ["--port", str(pages[kiosk.door])]
            hear = partial(_hear, heard, kiosk)
            self.stage.run(kiosk, str(films[kiosk.door]), hear, *options)
        outages = self._watch(heard, table)
        answers = {kiosk.door: list(kiosk.answers) for kiosk in self.kiosks}
        if self.phone is not None:
            # Its film begins again at once.
            answers[PHONE_DOOR] = self.phone.answers[: len(self.script.doors[PHONE_DOOR])]
        ledger = self.stage.ledger([answer for door in answers.values() for answer in door])
        return judge(self.script.doors, answers, RULES, outages, ledger)

    def _perform_phone(self, phone: Phone, film: Path, table: LiveTable) -> None:
        """Enrol the phone, wait for its answers, and close it. It is alone: Chromium draws its
        film and page without a graphics card, and would take the kiosks' readers their time.
        """
        phone.prepare(film)
        child, words = self.stage.enrol_phone(phone)
        self.say(f"The phone is enrolled; the server shows: {words}\n")
        self.say(table.head())
        count = len(self.script.doors[PHONE_DOOR])
        deadline = time.monotonic() + PHONE_SLOWER * film_seconds(count) + LATE_S
        while len(phone.answers) < count and time.monotonic() < deadline:
            self.children.check()
            for answer in self.stage.hear(phone):
                self.say(table.row(answer, cut_off=False))
            time.sleep(LOOK_S)
        self.children.stop(child)

    def go_on(self, films: Mapping[str, Path], pages: Mapping[str, int]) -> None:
        """Replay the films in a loop, so that the doors' pages stay alive. Answers are not judged.
        Returns when the pages answer. Raises StageError.
        """
        for kiosk in self.kiosks:
            assert kiosk.child is not None
            self.children.stop(kiosk.child)
            options = ["--loop", "--port", str(pages[kiosk.door])]
            self.stage.run(kiosk, str(films[kiosk.door]), lambda answer: None, *options)
        for kiosk in self.kiosks:
            self.stage.wait_for_page(kiosk, pages[kiosk.door])
        if self.phone is not None:
            self.phone.open(self.children)

    def _watch(self, heard: _Heard, table: LiveTable) -> list[Outage]:
        """Print answers as they come, and cut and repair the network in between."""
        outages: list[Outage] = []
        longest = max(len(self.script.doors[kiosk.door]) for kiosk in self.kiosks)
        deadline = time.monotonic() + film_seconds(longest) + LATE_S
        while not self._over() and time.monotonic() < deadline:
            self._check()
            try:
                kiosk, answer = heard.get(timeout=LOOK_S)
            except queue.Empty:
                continue
            self.say(table.row(answer, cut_off=kiosk.cut_at is not None))
            if kiosk.door == self.script.cut_door:
                self._cut_or_mend(kiosk, outages)
        outages += [kiosk.mend() for kiosk in self.kiosks if kiosk.cut_at is not None]
        self._check()  # After this, all lines have been read.
        while not heard.empty():
            kiosk, answer = heard.get()
            self.say(table.row(answer, cut_off=False))
        return outages

    def _kill(self, kiosk: Kiosk, outages: list[Outage]) -> None:
        """Kill the server of a door's hall once. All doors continue with the other one."""
        if len(kiosk.answers) < self.script.cut_after or self.killed is not None:
            return
        now = wall_clock()
        self.killed = self.stage.kill_server_of(kiosk.door)
        outages += [Outage(other.door, now, now + GOES_ON_MS) for other in self.kiosks]
        self.say(f"          the server at port {self.killed} is killed")

    def _cut_or_mend(self, kiosk: Kiosk, outages: list[Outage]) -> None:
        if self.kills:
            self._kill(kiosk, outages)
            return
        count = len(kiosk.answers)
        if count >= self.script.cut_after and kiosk.cut_at is None and not outages:
            kiosk.cut()
            self.say(f"          {kiosk.door} is cut off from the server")
        elif count >= self.script.heal_after and kiosk.cut_at is not None:
            outages.append(kiosk.mend())
            away_s = (outages[-1].healed_at - outages[-1].cut_at) / 1000
            self.say(f"          {kiosk.door} is back, after {away_s:.0f} s")

    def _over(self) -> bool:
        """Whether every kiosk has ended, or continues and has answered everything."""
        return all(
            (kiosk.child is not None and not kiosk.child.running)
            or (kiosk.goes_on and self._has_answered_all(kiosk))
            for kiosk in self.kiosks
        )

    def _has_answered_all(self, kiosk: Kiosk) -> bool:
        return len(kiosk.answers) >= len(self.script.doors[kiosk.door])

    def _check(self) -> None:
        self.children.check()
        for kiosk in self.kiosks:
            if kiosk.trouble:
                raise StageError(kiosk.trouble)
