"""Runs the crowd's doors: enrols their kiosks in one process, and brings guests to them."""

import json
import os
import queue
import random
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

from server.console import BY, progress, wall_clock
from server.core.event.directory import Event
from server.core.kiosks import registry
from server.demo.crowd import Crowd, Guest, OpenHall, guests, open_halls
from server.demo.network_link import Link
from server.demo.processes import Children, StageError, wait_until
from server.storage.connection import Connection
from server.storage.database import Database

SCANS_PER_S = 20.0
OPEN_S = 240.0
REPORT_S = 60.0
# The first door does not reach the server in these seconds, and continues without it.
SILENT_S = (90.0, 240.0)


@dataclass
class CrowdDoor:
    """A kiosk of the crowd. `presented` are the guests who wait for its answer, in order."""

    kiosk: str
    door: str  # code
    direction: str
    shown: str = ""  # by its enrolment: the six words
    ready: bool = False
    presented: deque[Guest] = field(default_factory=deque)


def crowd_doors(halls: Sequence[OpenHall]) -> list[CrowdDoor]:
    """One for entries and one for exits of each hall."""
    return [
        CrowdDoor(f"{code.lower()}-{direction}", code, direction)
        for hall in halls
        for code, direction in ((hall.entry, "entry"), (hall.exit, "exit"))
    ]


class CrowdStage:
    """The crowd's doors, open from construction until `children` ends their process.

    `link` is the first door's connection to the server, or None if it is never cut. Raises
    StageError if a door does not open.
    """

    def __init__(
        self, event: Event, database: Database, children: Children, directory: Path,
        crowd: Crowd, link: Link | None,
    ) -> None:  # fmt: skip
        self._event, self._database, self._link = event, database, link
        self.crowd = crowd
        self._doors = {door.kiosk: door for door in crowd_doors(crowd.halls)}
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        command = [sys.executable, "-m", "kiosk", "many"]
        self._child = children.start("crowd", command, self._lines.put, writes=True)
        self._open(directory)
        self._began = time.monotonic()
        self._next_report = REPORT_S
        self._cuts = list(SILENT_S)  # when the first door's connection is cut, and when mended

    def step(self, say: Callable[[str], None]) -> None:
        """Bring the next guest to a door, if one is due, and wait for the next turn."""
        time.sleep(1 / SCANS_PER_S)
        now = time.monotonic() - self._began
        self._hear(now)
        if (due := self.crowd.next(now)) is not None:
            code, guest = due
            direction = "entry" if guest.inside is None else "exit"
            door = self._doors[f"{code.lower()}-{direction}"]
            door.presented.append(guest)
            self._order(type="present", door=door.kiosk, text=guest.text)
        if now >= self._next_report:
            self._next_report += REPORT_S
            say(self.crowd.report())
        self._cut_or_mend(now, say)

    def _open(self, directory: Path) -> None:
        for number, door in enumerate(self._doors.values()):
            code = self._add(door, self._link if number == 0 else None)
            self._order(
                type="open", door=door.kiosk, dir=str(directory / door.kiosk), code=code,
                direction=door.direction,
            )  # fmt: skip
        with progress("Doors of the crowd", len(self._doors)) as tell:

            def all_ready() -> bool:
                self._hear(0)
                self._confirm()
                ready = sum(door.ready for door in self._doors.values())
                tell(ready)
                return ready == len(self._doors) or not self._child.running

            if not wait_until(all_ready, OPEN_S, pause_s=0.2) or not self._child.running:
                raise self._child.failed("did not open its doors")

    def _add(self, door: CrowdDoor, link: Link | None) -> str:
        settings = self._event.settings
        address = (settings.public_host, settings.port) if link is None else link.address
        return self._database.write(
            lambda db: registry.add_kiosk(
                db, self._event, door.kiosk, door.door, address=address, by=BY, now=wall_clock(),
                random=os.urandom,
            )
        ).text()  # fmt: skip

    def _hear(self, now: float) -> None:
        """Handle the lines that the doors printed: progress of enrolments, and answers."""
        while not self._lines.empty():
            line = json.loads(self._lines.get())
            door = self._doors[line["door"]]
            if "error" in line:
                raise StageError(f"{door.kiosk}: {line['error']}")
            if "said" in line:
                door.shown = line["said"]
            elif "ready" in line:
                door.ready = True
            else:
                refused = None if line.get("decision") == "admitted" else line.get("reason", "none")
                self.crowd.answered(door.presented.popleft(), refused, now)

    def _confirm(self) -> None:
        """Confirm the enrolments of kiosks that show the server's six words."""
        for row in registry.kiosks(self._database.reader):
            door = self._doors.get(row.kiosk)
            if door and row.state == "proven" and row.words and row.words in door.shown:
                self._database.write(partial(self._confirm_kiosk, door.kiosk))

    def _confirm_kiosk(self, kiosk: str, db: Connection) -> None:
        registry.confirm(db, self._event, kiosk, by=BY, now=wall_clock())

    def _order(self, **order: Any) -> None:
        self._child.write(json.dumps(order))

    def _cut_or_mend(self, now: float, say: Callable[[str], None]) -> None:
        if self._link is None or not self._cuts or now < self._cuts[0]:
            return
        kiosk = next(iter(self._doors))
        if self._cuts.pop(0) == SILENT_S[0]:
            self._link.cut()
            say(f"The crowd: {kiosk} is cut off from the server")
        else:
            self._link.mend()
            say(f"The crowd: {kiosk} is back")


def make_crowd(database: Database, without: frozenset[str]) -> Crowd:
    """Without the films' people and halls."""
    halls = open_halls(database.reader, wall_clock())
    return Crowd(halls, guests(database.reader, without), random.Random("crowd"))
