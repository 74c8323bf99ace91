"""Ends a phone's worker, renderer or whole browser at random moments, in the middle of scans.

`python -m tests.phones.kills` prints a table by state. A green that was given to the page must be
in the ledger, once, and the hall must never hold more people than its capacity.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from badges.credential.badge_number import badge_number
from server.core.kiosks import phones
from tests.phones.chromium import GoneError
from tests.phones.forum import Forum, forum
from tests.phones.phone import Phone
from tests.system.support.site import now_ms

CAPACITY, PEOPLE = 24, 120
LIFE_S = (0.05, 1.2)  # of the scans between a start and its kill
ENTRIES = 0.6  # share of the scans
PATIENCE_S = 60.0
PLACES = 20  # of a phone, so that it can scan for long without the server
WORKER, RENDERER, BROWSER = "worker ended", "renderer killed", "browser killed"
KINDS = (WORKER, RENDERER, BROWSER)


@dataclass
class Crowd:
    """The people, as they are in truth. Thread-safe."""

    badges: dict[str, str]  # by number: the text
    inside: set[str] = field(default_factory=set)
    doubtful: set[str] = field(default_factory=set)  # presented, and saw no light
    busy: set[str] = field(default_factory=set)
    most: int = 0
    lock: threading.Lock = field(default_factory=threading.Lock)

    def draw(self, dice: random.Random, *, leaving: bool) -> str | None:
        """A person for the next scan. Those who saw no light try the exit first, so that the door
        gets their places back.
        """
        with self.lock:
            if leaving:
                free = sorted(self.doubtful - self.busy) or sorted(self.inside - self.busy)
            else:
                outside = self.badges.keys() - self.inside - self.doubtful - self.busy
                free = sorted(outside)
            if not free:
                return None
            number = dice.choice(free)
            self.busy.add(number)
            return number

    def passed(self, number: str, *, entry: bool) -> None:
        with self.lock:
            self.doubtful.discard(number)
            (self.inside.add if entry else self.inside.discard)(number)
            self.most = max(self.most, len(self.inside))
            self.busy.discard(number)

    def refused(self, number: str) -> None:
        with self.lock:
            self.busy.discard(number)

    def saw_no_light(self, number: str, *, entry: bool) -> None:
        with self.lock:
            self.busy.discard(number)
            if entry:
                self.doubtful.add(number)


@dataclass
class Row:
    """A line of the table."""

    state: str
    kind: str
    kills: int = 0
    answers: int = 0
    greens: int = 0
    missing: int = 0
    starts_s: list[float] = field(default_factory=list)

    @property
    def middle_start_s(self) -> float:
        return sorted(self.starts_s)[len(self.starts_s) // 2] if self.starts_s else 0.0


class Killer:
    """One phone that is killed again and again."""

    def __init__(self, place: Forum, phone: Phone, crowd: Crowd, seed: int) -> None:
        self.place, self.phone, self.crowd = place, phone, crowd
        self.dice = random.Random(seed)
        self.rows: dict[tuple[str, str], Row] = {}
        self.hung_starts = 0  # reloaded once more, as a steward would

    def run(self, state: str, kind: str, times: int, until: float) -> None:
        row = self.rows.setdefault((state, kind), Row(state, kind))
        for _ in range(times):
            if time.monotonic() >= until:
                return
            shown = len(self.phone.shown)
            number, entry = self._scan_for(self.dice.uniform(*LIFE_S))
            self._kill(kind)
            self._note(shown, number, entry)
            row.kills += 1
            fresh = self.phone.shown[shown:]
            row.answers += len(fresh)
            row.greens += sum(answer.green for answer in fresh)
            begun = time.monotonic()
            self._start(kind)
            row.starts_s.append(time.monotonic() - begun)

    def _scan_for(self, seconds: float) -> tuple[str | None, bool]:
        """Scan person after person. Returns the one who waits for an answer at the end."""
        deadline = time.monotonic() + seconds
        while True:
            entry = self.dice.random() < ENTRIES
            number = self.crowd.draw(self.dice, leaving=not entry)
            if number is None:
                continue
            self.phone.turn("entry" if entry else "exit")
            before = len(self.phone.shown)
            self.phone.present(self.crowd.badges[number])
            while len(self.phone.shown) == before:
                if time.monotonic() >= deadline:
                    return number, entry
                self.phone.browser.pass_time(0.005)
            self._passed(number, before, entry)
            if time.monotonic() >= deadline:
                return None, entry

    def _passed(self, number: str, index: int, entry: bool) -> None:
        answer = self.phone.shown[index]
        assert answer.badge in (number, None), (answer, number)
        if answer.green or answer.tone == "goodbye":
            self.crowd.passed(number, entry=entry)
        else:
            self.crowd.refused(number)

    def _kill(self, kind: str) -> None:
        phone = self.phone
        if kind == WORKER:
            phone.end_worker()
        elif kind == RENDERER:
            phone.kill_renderers()
        else:
            phone.kill_browser()

    def _note(self, shown: int, number: str | None, entry: bool) -> None:
        """The last person saw a light if it reached the page before the kill."""
        if number is None:
            return
        for index in range(shown, len(self.phone.shown)):
            if self.phone.shown[index].badge == number and index == len(self.phone.shown) - 1:
                self._passed(number, index, entry)
                return
        self.crowd.saw_no_light(number, entry=entry)

    def _start(self, kind: str) -> None:
        if kind == BROWSER:
            self.phone.start()
        else:
            self.phone.reload()
        while not self.phone.becomes_ready(PATIENCE_S):
            self.hung_starts += 1
            self.phone.reload()

    def settle(self) -> None:
        """Wait until the server has everything, and count what it lacks."""
        self.phone.wait("the queue", lambda: self.phone.status.get("scans_waiting") == 0)
        missing = self.place.missing(self.phone, self.phone.shown)
        for row in self.rows.values():
            row.missing = 0
        if missing:
            next(iter(self.rows.values())).missing = len(missing)


def run(
    path: Path, *, ended: int, renderers: int, browsers: int, minutes: float, seed: int, many: int
) -> dict[str, object]:
    """Half of the kills online and half without a network, at `many` phones of one hall."""
    until = time.monotonic() + minutes * 60
    with forum(path, CAPACITY, PEOPLE, doors=many) as place:
        place.place.write(lambda db: phones.set_places(db, PLACES, by="test", now=now_ms()))
        crowd = Crowd({_number(place, n): place.place.badge(n) for n in range(PEOPLE)})
        killers = []
        try:
            for n in range(1, many + 1):
                phone = place.phone(f"p{n}", f"a{n}")
                killers.append(Killer(place, phone, crowd, seed * 100 + n))
            for state in ("online", "offline, storage persistent"):
                if state != "online":
                    place.network.cut()
                counts = zip(KINDS, (ended, renderers, browsers), strict=True)
                tasks = [(state, kind, -(-count // 2 // many)) for kind, count in counts]
                _together(killers, tasks, time.monotonic() + (until - time.monotonic()) / 2
                          if state == "online" else until)  # fmt: skip
                place.network.mend()
                for killer in killers:
                    killer.settle()
            return _report(killers, crowd, place)
        finally:
            for killer in killers:
                killer.phone.close()


def _number(place: Forum, person: int) -> str:
    return badge_number(place.place.serial(person))


def _together(killers: list[Killer], tasks: list[tuple[str, str, int]], until: float) -> None:
    errors: list[BaseException] = []

    def run_all(killer: Killer) -> None:
        try:
            for number, (state, kind, times) in enumerate(tasks):
                left = (until - time.monotonic()) / (len(tasks) - number)
                killer.run(state, kind, times, time.monotonic() + left)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run_all, args=(killer,)) for killer in killers]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]


def _report(killers: list[Killer], crowd: Crowd, place: Forum) -> dict[str, object]:
    table: dict[tuple[str, str], Row] = {}
    for killer in killers:
        for key, row in killer.rows.items():
            total = table.setdefault(key, Row(*key))
            for name in ("kills", "answers", "greens", "missing"):
                setattr(total, name, getattr(total, name) + getattr(row, name))
            total.starts_s += row.starts_s
    rows = [{**asdict(row), "starts_s": round(row.middle_start_s, 2)} for row in table.values()]
    twice = place.place.query(
        "SELECT COUNT(*) FROM (SELECT 1 FROM scan GROUP BY kiosk, generation, seq"
        " HAVING COUNT(*) > 1) AS twice"
    )[0][0]
    totals = Counter(
        kills=sum(row.kills for row in table.values()),
        greens=sum(row.greens for row in table.values()),
        missing=sum(row.missing for row in table.values()),
    )
    return {
        "rows": rows, **totals, "twice_in_ledger": twice, "capacity": CAPACITY,
        "hung_starts": sum(killer.hung_starts for killer in killers),
        "most_people": crowd.most, "over_capacity": max(0, crowd.most - CAPACITY),
    }  # fmt: skip


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.phones.kills", description=__doc__)
    parser.add_argument("--ended", type=int, default=20, help="terminations of the page's worker")
    parser.add_argument("--renderers", type=int, default=6, help="renderers killed")
    parser.add_argument("--browsers", type=int, default=6, help="whole browsers killed")
    parser.add_argument("--minutes", type=float, default=600, help="at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phones", type=int, default=1, help="of one hall, side by side")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="phones-") as folder:
        report = run(
            Path(folder), ended=asked.ended, renderers=asked.renderers, browsers=asked.browsers,
            minutes=asked.minutes, seed=asked.seed, many=asked.phones,
        )  # fmt: skip
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 1 if report["missing"] or report["over_capacity"] or report["twice_in_ledger"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GoneError as error:
        sys.exit(f"{error} ended by itself")
