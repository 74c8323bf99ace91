"""Ends a phone's worker, renderer or whole browser at random moments, in the middle of scans or of
a start.

`python -m tests.phones.kills` prints a table by state; with `--table FILE` the file has the table
as of the last sitting at any moment. A green that was given to the page must be in the ledger,
once, and the hall must never hold more people than its capacity.

A sitting is a few kills of each phone, online or offline. Before each the hall is emptied, so that
phones hold places when the network is cut. After it everything is sent, and the ledger is compared.
"""

import argparse
import json
import random
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from pathlib import Path

from badges.credential.badge_number import badge_number
from server.core.kiosks import phones
from tests.phones.chromium import GoneError
from tests.phones.forum import Forum, forum
from tests.phones.phone import Phone, Shown
from tests.system.support.site import now_ms

CAPACITY, PEOPLE = 60, 240
ANSWERS_MAX = 6  # between a start and its kill, which comes in the middle of the next scan
EARLY = 0.3  # share of the kills in the middle of a start
ENTRIES = 0.6  # share of the scans
NO_PLACE = 0.01  # the same without a free place: offline such a person waits for 10 s
PATIENCE_S = 180.0
PLACES = 30  # of a phone, so that it can scan for long without the server
FEW_PLACES = 10  # with which a phone goes offline
WORKER, RENDERER, BROWSER = "worker ended", "renderer killed", "browser killed"
KINDS = (WORKER, RENDERER, BROWSER)
ONLINE, OFFLINE = "online", "offline, storage persistent"
SITTING = {BROWSER: 2, RENDERER: 2, WORKER: 16}  # kills of each phone, in this order
COLUMNS = (
    "state", "kind", "kills", "while_starting", "answers", "greens", "unsent_at_kill", "missing",
    "start_s", "slowest_s",
)  # fmt: skip


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
    while_starting: int = 0
    answers: int = 0
    greens: int = 0
    unsent: int = 0  # greens on the phone alone, summed over the kills
    missing: int = 0
    starts_s: list[float] = field(default_factory=list)

    def add(self, other: "Row") -> None:
        for name in ("kills", "while_starting", "answers", "greens", "unsent", "missing"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.starts_s += other.starts_s

    def line(self) -> dict[str, object]:
        starts = sorted(self.starts_s) or [0.0]
        return {
            **{name: value for name, value in asdict(self).items() if name in COLUMNS},
            "unsent_at_kill": round(self.unsent / max(1, self.kills), 1),
            "start_s": round(starts[len(starts) // 2], 2),
            "slowest_s": round(starts[-1], 1),
        }


class Killer:
    """One phone that is killed again and again."""

    def __init__(self, place: Forum, phone: Phone, crowd: Crowd, seed: int) -> None:
        self.place, self.phone, self.crowd = place, phone, crowd
        self.dice = random.Random(seed)
        self.rows: dict[tuple[str, str], Row] = {}
        self.hung_starts: list[str] = []  # the last message of each; then reloaded, as by a steward
        self.started_again = 0  # by the page itself
        self._unchecked: list[tuple[Row, list[Shown]]] = []
        self._answer_s = 0.1  # of the last scan

    def kill(self, state: str, kind: str, times: int, until: float) -> None:
        row = self.rows.setdefault((state, kind), Row(state, kind))
        for _ in range(times):
            if time.monotonic() >= until:
                return
            shown = len(self.phone.shown)
            last = self._scan()
            row.unsent += int(self.phone.status.get("alone") or 0)
            self._end(kind)
            self._note(*last)
            row.kills += 1
            fresh = self.phone.shown[shown:]
            row.answers += len(fresh)
            row.greens += sum(answer.green for answer in fresh)
            self._unchecked.append((row, fresh))
            self._start(row)

    def _scan(self) -> tuple[str, bool, int]:
        """Scan some people, and one more without a wait for the answer. Returns that one, whether
        they enter, and how many answers there were before.
        """
        for _ in range(self.dice.randint(0, ANSWERS_MAX)):
            number, entry = self._draw()
            begun = time.monotonic()
            before = self._present(number, entry)
            self.phone.wait("an answer", lambda before=before: len(self.phone.shown) > before)
            self._passed(number, before, entry)
            self._answer_s = time.monotonic() - begun
        number, entry = self._draw()
        before = self._present(number, entry)
        self.phone.browser.pass_time(self.dice.uniform(0, 1.5 * self._answer_s))
        return number, entry, before

    def _draw(self) -> tuple[str, bool]:
        """Without a free place nearly all scans are exits, even of people who are outside."""
        while True:
            places = self.phone.status.get("free_places", 0)
            entry = self.dice.random() < (ENTRIES if places > 0 else NO_PLACE)
            number = self.crowd.draw(self.dice, leaving=not entry)
            if number is None and places <= 0:
                number = self.crowd.draw(self.dice, leaving=False)
            if number is not None:
                return number, entry

    def _present(self, number: str, entry: bool) -> int:
        """Returns how many answers there were before."""
        self.phone.turn("entry" if entry else "exit")
        before = len(self.phone.shown)
        self.phone.present(self.crowd.badges[number])
        return before

    def _passed(self, number: str, index: int, entry: bool) -> None:
        answer = self.phone.shown[index]
        assert answer.badge in (number, None), (answer, number)
        if answer.green or answer.tone == "goodbye":
            self.crowd.passed(number, entry=entry)
        else:
            self.crowd.refused(number)

    def _end(self, kind: str) -> None:
        phone = self.phone
        if kind == WORKER:
            phone.end_worker()
        elif kind == RENDERER:
            phone.kill_renderers()
        else:
            phone.kill_browser()

    def _note(self, number: str, entry: bool, before: int) -> None:
        """The last person saw a light if it reached the page before the kill."""
        if len(self.phone.shown) > before:
            self._passed(number, before, entry)
        else:
            self.crowd.saw_no_light(number, entry=entry)

    def _start(self, row: Row) -> None:
        while True:
            begun = time.monotonic()
            self._open(row.kind)
            if self.dice.random() >= EARLY:
                break
            starts = sorted(row.starts_s) or [1.0]
            self.phone.browser.pass_time(self.dice.uniform(0, starts[len(starts) // 2]))
            self._end(row.kind)
            row.kills += 1
            row.while_starting += 1
        told = len(self.phone.messages)
        while not self.phone.becomes_ready(PATIENCE_S):
            last = self.phone.messages[-3:]
            self.hung_starts.append(f"{row.state}, {row.kind}: {json.dumps(last)[:400]}")
            self.phone.reload()
        firsts = [m for m in self.phone.messages[told:] if m.get("step") == "python"]
        self.started_again += max(0, len(firsts) - 1)
        row.starts_s.append(time.monotonic() - begun)

    def _open(self, kind: str) -> None:
        if kind == BROWSER:
            self.phone.start()
        else:
            self.phone.reload()

    def empty(self) -> None:
        """Everyone leaves by this phone, so that it gets places."""
        for _ in range(PEOPLE):  # Those who are asked to wait come again.
            number = self.crowd.draw(self.dice, leaving=True)
            if number is None:
                return
            before = self._present(number, entry=False)
            self.phone.wait("an exit", lambda before=before: len(self.phone.shown) > before)
            self._passed(number, before, entry=False)

    def settle(self) -> None:
        """Wait until the server has everything, and count what it lacks."""
        phone = self.phone
        phone.wait("the queue", lambda: phone.status.get("online")
                   and phone.status.get("scans_waiting") == 0)  # fmt: skip
        for row, shown in self._unchecked:
            row.missing += len(self.place.missing(phone, shown))
        self._unchecked.clear()


class Run:
    """Kills, online and offline in turn, at `many` phones of one hall."""

    def __init__(self, place: Forum, many: int, seed: int, table: Path | None) -> None:
        self.place, self._table = place, table
        place.place.write(lambda db: phones.set_places(db, PLACES, by="test", now=now_ms()))
        self.crowd = Crowd({_number(place, n): place.place.badge(n) for n in range(PEOPLE)})
        self.killers: list[Killer] = []
        for n in range(1, many + 1):
            phone = place.phone(f"p{n}", f"a{n}")
            self.killers.append(Killer(place, phone, self.crowd, seed * 100 + n))

    def go(self, wanted: dict[str, int], until: float) -> None:
        """`wanted` kills by kind, half of them online and half offline."""
        left = {(state, kind): wanted[kind] // 2 for state in (ONLINE, OFFLINE) for kind in KINDS}
        while any(count > 0 for count in left.values()) and time.monotonic() < until:
            for state in (ONLINE, OFFLINE):
                self._sit(state, left, until)

    def _sit(self, state: str, left: dict[tuple[str, str], int], until: float) -> None:
        many = len(self.killers)
        tasks = {
            kind: min(times, max(0, -(-left[state, kind] // many)))
            for kind, times in SITTING.items()
        }
        self._each(Killer.empty)
        self._each(Killer.settle)
        self.place.count_as_empty()
        for killer in self.killers:
            phone = killer.phone
            phone.wait(
                "places", lambda phone=phone: phone.status.get("free_places", 0) >= FEW_PLACES
            )
        if state == OFFLINE:
            self.place.network.cut()
        for kind, times in tasks.items():
            self._each(lambda killer, kind=kind, times=times:
                       killer.kill(state, kind, times, until))  # fmt: skip
        self.place.network.mend()
        self._each(Killer.settle)
        for kind, times in tasks.items():
            left[state, kind] -= times * many
        if self._table:
            self._table.write_text(json.dumps(self.report(), indent=1) + "\n")

    def _each(self, work: Callable[[Killer], None]) -> None:
        with ThreadPoolExecutor(len(self.killers)) as threads:
            for done in [threads.submit(work, killer) for killer in self.killers]:
                done.result()

    def report(self) -> dict[str, object]:
        table: dict[tuple[str, str], Row] = {}
        for killer in self.killers:
            for key, row in killer.rows.items():
                table.setdefault(key, Row(*key)).add(row)
        twice = self.place.place.query(
            "SELECT COUNT(*) FROM (SELECT 1 FROM scan GROUP BY kiosk, generation, seq"
            " HAVING COUNT(*) > 1) AS twice"
        )[0][0]
        rows = list(table.values())
        return {
            "rows": [row.line() for row in rows],
            **{name: sum(getattr(row, name) for row in rows)
               for name in ("kills", "greens", "missing")},
            "twice_in_ledger": twice, "capacity": CAPACITY,
            "most_people": self.crowd.most,
            "over_capacity": max(0, self.crowd.most - CAPACITY),
            "started_again": sum(killer.started_again for killer in self.killers),
            "hung_starts": [text for killer in self.killers for text in killer.hung_starts],
        }  # fmt: skip


def run(
    path: Path, wanted: dict[str, int], *, minutes: float, seed: int, many: int, table: Path | None
) -> dict[str, object]:
    until = time.monotonic() + minutes * 60
    with forum(path, CAPACITY, PEOPLE, doors=many) as place:
        here = Run(place, many, seed, table)
        try:
            here.go(wanted, until)
            return here.report()
        finally:
            for killer in here.killers:
                killer.phone.close()


def _number(place: Forum, person: int) -> str:
    return badge_number(place.place.serial(person))


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.phones.kills", description=__doc__)
    parser.add_argument("--ended", type=int, default=20, help="terminations of the page's worker")
    parser.add_argument("--renderers", type=int, default=6, help="renderers killed")
    parser.add_argument("--browsers", type=int, default=6, help="whole browsers killed")
    parser.add_argument("--minutes", type=float, default=600, help="at most")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--phones", type=int, default=1, help="of one hall, side by side")
    parser.add_argument("--table", type=Path, help="a file for the table after each sitting")
    asked = parser.parse_args()
    wanted = dict(zip(KINDS, (asked.ended, asked.renderers, asked.browsers), strict=True))
    with tempfile.TemporaryDirectory(prefix="phones-") as folder:
        report = run(
            Path(folder), wanted, minutes=asked.minutes, seed=asked.seed, many=asked.phones,
            table=asked.table,
        )  # fmt: skip
    sys.stdout.write(json.dumps(report, indent=1) + "\n")
    return 1 if report["missing"] or report["over_capacity"] or report["twice_in_ledger"] else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except GoneError as error:
        sys.exit(f"{error} ended by itself")
