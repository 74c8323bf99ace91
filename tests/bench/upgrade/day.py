"""Brings people to the doors, about 20 a second, while servers and kiosks are replaced."""

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from tests.bench.upgrade.people import HALLS, PEOPLE, Door, Guest, People
from tests.bench.upgrade.site import Group, Site
from tests.bench.upgrade.versions import Version
from tests.system.support.site import now_ms, wait_for

SCANS_PER_S = 20.0
# A kiosk that was killed between disk and light denies the badge afterwards, and staff let its
# holder in, who has a place already.
ON_DISK_ALREADY = {"before_restart", "already_inside"}


@dataclass(frozen=True)
class Answer:
    """A door's answer, printed at `shown_at` (Unix ms)."""

    door: Door
    shown_at: int
    shown_ms: int  # since the badge was shown, with the queue before it
    again: bool  # see Guest
    version: str  # of the door's kiosk
    fields: dict[str, Any]

    @property
    def admitted(self) -> bool:
        return self.fields.get("decision") == "admitted"

    @property
    def reason(self) -> str | None:
        return self.fields.get("reason")


@dataclass
class Period:
    """A part of the day, or an absence, in Unix ms."""

    name: str
    begin: int
    end: int = 0


@dataclass
class Day:
    site: Site
    answers: list[Answer] = field(default_factory=list)
    periods: list[Period] = field(default_factory=list)
    absences: list[Period] = field(default_factory=list)  # named "server" or "kiosk"
    unanswered: int = 0
    servers_ms: list[tuple[int, int]] = field(default_factory=list)  # until stopped; then ready
    waits_ms: list[int] = field(default_factory=list)  # of people whose door was being replaced

    def begin(self) -> None:
        """Open all doors of the site's first version."""
        for group in self.site.groups:
            self.site.enrol(group)
            wait_for("its doors", partial(self._is_ready, group))
        badges = [badge for (badge,) in self.site.query("SELECT credential FROM badge")]
        assert len(badges) == PEOPLE
        self._people = People(badges, list(self.site.doors.values()))
        self._began = time.monotonic()
        for group in self.site.groups:
            group.open = True

    def play(self, steps: Callable[[], None]) -> None:
        """Scan while `steps` run on another thread, and raise what they raise."""
        errors: list[BaseException] = []

        def run() -> None:
            try:
                steps()
            except BaseException as error:
                errors.append(error)

        thread = threading.Thread(target=run, daemon=True)
        thread.start()
        count, began = 0, time.monotonic()
        while thread.is_alive():
            time.sleep(max(0.0, began + count / SCANS_PER_S - time.monotonic()))
            count += 1
            self._hear()
            self._present()
        if errors:
            raise errors[0]
        wait_for("the last answers", self._is_answered)

    # Steps, on the other thread

    def replace_server(self, number: int, version: Version, kill: bool) -> None:
        with self._absence("server") as absence:
            self.site.stop_server(number, kill)
            stopped = now_ms()
            self.site.start_server(number, version)
        self.servers_ms.append((stopped - absence.begin, absence.end - stopped))

    def replace_kiosks(self, group: Group, version: Version, kill: bool) -> None:
        with self._absence("kiosk"):
            self._replace_kiosks(group, version, kill)

    def _replace_kiosks(self, group: Group, version: Version, kill: bool) -> None:
        assert group.process is not None
        if kill:
            wait_for("a badge at a door", lambda: group.is_asked)
            group.open = False
            group.process.kill()
        else:
            group.open = False
            wait_for("the answers", lambda: not group.is_asked)
            group.process.stop()
        self.site.lines.put((now_ms(), json.dumps({"ended": group.number})))
        wait_for("its last lines", lambda: not group.ready)
        self.site.start_group(group, version)
        wait_for("its doors", lambda: len(group.ready) == len(HALLS))
        group.open = True

    @contextmanager
    def period(self, name: str) -> Iterator[None]:
        period = Period(name, now_ms())
        yield
        period.end = now_ms()
        self.periods.append(period)

    @contextmanager
    def _absence(self, name: str) -> Iterator[Period]:
        absence = Period(name, now_ms(), 2**62)
        self.absences.append(absence)
        yield absence
        absence.end = now_ms()

    # Scans, on the main thread

    def _present(self) -> None:
        now = time.monotonic() - self._began
        guest = self._people.next(now)
        if guest is None:
            return
        assert guest.door is not None
        group = self.site.groups[guest.door.group]
        if not group.open:
            guest.waits_since = guest.waits_since or now_ms()
            self._people.waits(guest, now)
            return
        if guest.waits_since:
            self.waits_ms.append(now_ms() - guest.waits_since)
            guest.waits_since = 0
        guest.shown_at = now_ms()
        group.presented[guest.door.code].append(guest)
        order = {"type": "present", "door": guest.door.code, "text": guest.badge}
        with suppress(OSError):  # it was just killed
            group.process.write(json.dumps(order))

    def _hear(self) -> None:
        while not self.site.lines.empty():
            at, line = self.site.lines.get()
            fields = json.loads(line)
            if "ended" in fields:
                self._ended(self.site.groups[fields["ended"]])
                continue
            door = self.site.doors[fields["door"]]
            group = self.site.groups[door.group]
            assert "error" not in fields, fields
            if "ready" in fields:
                group.ready.add(door.code)
            elif "said" not in fields:
                guest = group.presented[door.code].popleft()
                answer = Answer(
                    door, at, at - guest.shown_at, guest.again, group.version.name, fields
                )
                self._answered(answer, guest)

    def _answered(self, answer: Answer, guest: Guest) -> None:
        now = time.monotonic() - self._began
        if "unanswered" in answer.fields:
            self.unanswered += 1
            self._people.waits(guest, now)
            return
        guest.again = False
        self.answers.append(answer)
        if answer.admitted or (answer.again and answer.reason in ON_DISK_ALREADY):
            self._people.passed(guest, now)
        else:
            self._people.refused(guest, now)

    def _ended(self, group: Group) -> None:
        """People who have no answer from a killed kiosk wait, and show their badge again."""
        now = time.monotonic() - self._began
        for waiting in group.presented.values():
            for guest in waiting:
                guest.again = True
                self._people.waits(guest, now)
            waiting.clear()
        group.ready.clear()

    def _is_ready(self, group: Group) -> bool:
        self._hear()
        return len(group.ready) == len(HALLS)

    def _is_answered(self) -> bool:
        self._hear()
        return not any(group.is_asked for group in self.site.groups)
