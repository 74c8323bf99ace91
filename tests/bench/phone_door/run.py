"""One phone's page in Chromium: start from cache, answers, memory, CPU, and the read rate beside a
Linux kiosk's.

The slow phone's browser, with all of its processes, gets a quarter of this computer's CPU by a
control group, which needs root and Linux' control groups of version 1. It draws its page and
takes its camera's pictures with that share too, for which a phone has hardware of its own.
`make bench BENCH=phone_door` writes tables to build/bench/phone_door.txt;
`python -m tests.bench.phone_door --help` has its sizes.
"""

import argparse
import json
import os
import signal
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from badges.credential.badge_number import badge_number
from kiosk.browser.files import MissingError, phone_files
from server.core.kiosks import phones
from tests.bench.event import quantiles
from tests.bench.eyes.pictures.films import KINDS
from tests.bench.phone_door import table
from tests.bench.phone_door.cpu import Limit, cpu_s, limited, memory_mb, why_unlimited
from tests.bench.phone_door.looks import Showing, watch
from tests.bench.phone_door.reel import (
    Reel,
    forged,
    make_reel,
    read_by_kiosk,
    write_empty,
    write_pace,
)
from tests.phones.chromium import needed
from tests.phones.forum import Forum, forum
from tests.phones.phone import Phone
from tests.processes import children
from tests.system.support.site import now_ms

BUILD = Path("build/bench")
CAPACITY, PLACES = 20_000, 1_000
BLOCK = 10  # people who enter, and then leave
FORGED_EACH = 10  # every tenth typed code is forged
PACE_S = 6.0  # between two people at a door
CALM_S = 70.0  # after that the page looks at fewer pictures of an empty hall
SAMPLES = 8  # of the memory
DOORS = 6


@dataclass(frozen=True)
class Extent:
    """The size of the run. Each field is an option of the command."""

    starts: int = 12  # from the cache, each by a browser that was closed
    answers: int = 200  # typed, online and offline each
    films: int = 10  # of each kind
    scans: int = 2_000  # before the memory's last sample
    seconds: float = 60.0  # of CPU, idle and busy each
    share: float = 0.25  # of this computer's CPU
    minutes: float = 45.0  # at most; then the rest is left out


class TimeUpError(Exception):
    pass


@dataclass
class Bench:
    place: Forum
    folder: Path
    extent: Extent
    report: dict[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        reel = make_reel(self.folder / "reel.mjpeg", self.extent.films, self.place.place.badge, say)
        self.report["films"] = self._films_at_kiosk(reel)
        why = why_unlimited()
        if why:
            say(f"{why}: measured at full speed alone")
            self.report["not_limited"] = why
        else:
            cores = (os.cpu_count() or 1) * self.extent.share
            with limited(cores) as limit:
                self._measure("slow", "a1", reel, limit)
        self._measure("full", "a2", reel, None)
        self._memory("a3")
        self._hour("a4")

    def _films_at_kiosk(self, reel: Reel) -> dict[str, Any]:
        say("a Linux kiosk reads the films")
        read, wrong = read_by_kiosk(reel.takes)
        return {
            "films": len(reel.takes),
            "kiosk": {"read": len(read), "wrong_reads": wrong, **_by_kind(reel, read)},
        }

    def _measure(self, name: str, door: str, reel: Reel, limit: Limit | None) -> None:
        figures = self.report[name] = {"cores": limit.cores if limit else os.cpu_count()}
        with self._phone(name, door, limit) as phone:
            self._starts(name, phone, figures)
            figures["typed_online"] = self._typed(name, phone)
            with self._offline(phone):
                figures["typed_offline"] = self._typed(f"{name}, offline", phone)
            phone.close()
            phone.flags = camera(reel.path)
            phone.start()
            phone.wait_ready()
            self._reel(name, phone, reel, figures)
            if limit is not None:
                figures["throttled_s"] = round(limit.throttled_s(), 1)

    @contextmanager
    def _phone(self, name: str, door: str, limit: Limit | None = None) -> Iterator[Phone]:
        say(f"{name}: enrolled, first start")
        place, within = self.place, limit.words if limit else ()
        phone = Phone(place.place.path / name, place.address, place.authority, within=within)
        try:
            phone.start(place.code(phone, name, door))
            place.confirm(phone)
            phone.wait("the page's files", lambda: phone.script(IS_STORED, wait=True))
            yield phone
        finally:
            if phone.chromium is not None:
                phone.kill_browser()

    def _starts(self, name: str, phone: Phone, figures: dict[str, Any]) -> None:
        pages_ms, browsers_ms = [], []
        for number in range(self.extent.starts):
            say(f"{name}: start {number + 1} of {self.extent.starts}")
            phone.close()
            began_ms = time.time() * 1000
            phone.start()
            phone.wait_ready()
            ready_ms = time.time() * 1000
            pages_ms.append(ready_ms - phone.script("performance.timeOrigin"))
            browsers_ms.append(ready_ms - began_ms)
        figures["start_ms"] = quantiles(pages_ms)
        figures["start_with_browser_ms"] = quantiles(browsers_ms)

    def _typed(self, name: str, phone: Phone) -> dict[str, Any]:
        """From the text of a code to the page's answer, without reading a picture."""
        phone.wait("places", lambda: phone.status.get("free_places", 0) >= BLOCK)
        before, wrong = len(phone.took_ms), 0
        for begun in range(0, self.extent.answers, 2 * BLOCK):
            say(f"{name}: typed {begun} of {self.extent.answers}")
            wrong += self._come_and_go(phone, begun // 2)
        return {"answer_ms": quantiles(phone.took_ms[before:]), "wrong": wrong}

    def _come_and_go(self, phone: Phone, first: int) -> int:
        """A block of people enters, and leaves. Returns how many answers were wrong."""
        wrong = 0
        for direction in ("entry", "exit"):
            phone.turn(direction)
            for number in range(first, first + BLOCK):
                bad = direction == "entry" and number % FORGED_EACH == FORGED_EACH - 1
                wrong += not self._is_right(phone, number, bad=bad, leaves=direction == "exit")
        return wrong

    def _is_right(self, phone: Phone, number: int, *, bad: bool, leaves: bool) -> bool:
        person = number % self._people
        badge = self.place.place.badge(person)
        answer = phone.answer_to(forged(badge) if bad else badge)
        if bad:
            return answer.badge is None and answer.tone == "deny"
        right = "goodbye" if leaves else "admit"
        return answer.badge == self._number(person) and answer.tone == right

    @property
    def _people(self) -> int:
        return self.extent.films * len(KINDS) + 1

    def _number(self, person: int) -> str:
        return badge_number(self.place.place.serial(person))

    @contextmanager
    def _offline(self, phone: Phone) -> Iterator[None]:
        self.place.network.cut()
        try:
            phone.wait("no server", lambda: phone.status.get("online") is False)
            yield
        finally:
            self.place.network.mend()
        phone.wait("the queue", lambda: phone.status.get("scans_waiting") == 0)

    def _reel(self, name: str, phone: Phone, reel: Reel, figures: dict[str, Any]) -> None:
        """Play the reel online to people who enter, and offline to people who leave."""
        watch(phone)
        phone.turn("entry")
        online = self._showing(f"{name}, films", phone, reel)
        texts = {take.film.text: take.person for take in reel.takes}
        read = {texts[text] for text in online.read if text in texts}
        figures["camera_online"] = _camera(online)
        figures["films"] = {
            "read": len(read), "wrong_reads": online.wrong_reads, **_by_kind(reel, read)
        }  # fmt: skip
        with self._offline(phone):
            phone.turn("exit")
            offline = self._showing(f"{name}, films offline", phone, reel, leaves=True)
        figures["camera_offline"] = _camera(offline)

    def _showing(self, name: str, phone: Phone, reel: Reel, *, leaves: bool = False) -> Showing:
        """Take what the phone sees until the reel's mark was answered."""
        say(f"{name}: {reel.seconds:.0f} s")
        mark = self._number(reel.mark)
        truth: dict[str, str | None] = {
            take.film.text: None if take.forged else self._number(take.person)
            for take in reel.takes
        }
        truth[self.place.place.badge(reel.mark)] = mark
        begun = len(phone.messages)

        def is_over() -> bool:
            return any(
                message["type"] == "answered" and message["badge"] == mark
                for message in phone.messages[begun:]
            )

        phone.wait("the reel's end", is_over, timeout_s=60 + 3 * reel.seconds)
        showing = Showing(truth, leaves)
        showing.take(phone.messages[begun:])
        return showing

    def _memory(self, door: str) -> None:
        with self._phone("memory", door) as phone:
            phone.wait("places", lambda: phone.status.get("free_places", 0) >= BLOCK)
            samples, wrong, blocks = [memory_mb(phone)], 0, self.extent.scans // (2 * BLOCK)
            for block in range(blocks):
                wrong += self._come_and_go(phone, block * BLOCK)
                if (block + 1) % max(1, blocks // SAMPLES) == 0:
                    samples.append(memory_mb(phone))
                    say(f"memory: {2 * BLOCK * (block + 1)} scans, {samples[-1]}")
            samples.append(memory_mb(phone))
            self.report["memory"] = {
                "scans": blocks * 2 * BLOCK, "wrong": wrong, "mb": samples
            }  # fmt: skip

    def _hour(self, door: str) -> None:
        """CPU before an empty hall, and at a door's pace."""
        badges = [self.place.place.badge(person) for person in range(10)]
        films = {
            "idle": (write_empty(self.folder / "idle.mjpeg"), CALM_S),
            "busy": (write_pace(self.folder / "busy.mjpeg", badges, PACE_S), 2 * PACE_S),
        }
        self.report["hour"] = hours = {"pace_s": PACE_S}
        with self._phone("hour", door) as phone:
            for name, (film, before_s) in films.items():
                say(f"{name}: CPU of {self.extent.seconds:.0f} s")
                phone.close()
                phone.flags = camera(film)
                phone.start()
                phone.wait_ready()
                phone.browser.pass_time(before_s)
                hours[name] = self._cpu(phone)

    def _cpu(self, phone: Phone) -> dict[str, Any]:
        shown, before, began = len(phone.shown), cpu_s(phone), time.monotonic()
        phone.browser.pass_time(self.extent.seconds)
        took, after = time.monotonic() - began, cpu_s(phone)
        return {
            "answers": len(phone.shown) - shown,
            **{f"{name}_cores": round((after[name] - before[name]) / took, 3) for name in after},
        }


# The service worker has noted a complete version.
IS_STORED = """
(async () => {
  const state = await caches.open("hallkeeper-door");
  return Boolean(await state.match("/door/in-use"));
})()
"""


def camera(film: Path) -> tuple[str, ...]:
    """Flags of a Chromium whose camera shows the film again and again."""
    return (
        "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream",
        f"--use-file-for-fake-video-capture={film}",
    )  # fmt: skip


def _camera(showing: Showing) -> dict[str, Any]:
    return {
        "answers": len(showing.took_ms),
        "frame_to_answer_ms": quantiles(showing.took_ms),
        "wrong": showing.wrong_answers,
        "unanswered": showing.unanswered,
    }


def _by_kind(reel: Reel, persons: set[int]) -> dict[str, dict[str, int]]:
    kinds = dict.fromkeys(KINDS, 0)
    for take in reel.takes:
        kinds[take.film.kind] += take.person in persons
    return {"by_kind": kinds}


def say(text: str) -> None:
    """Progress goes beside the figures."""
    sys.stderr.write(f"{time.strftime('%H:%M:%S')} {text}\n")
    sys.stderr.flush()


@contextmanager
def _at_most(minutes: float) -> Iterator[None]:
    """Raise TimeUpError after the time, and KeyboardInterrupt by SIGTERM, which leaves no process
    behind either.
    """

    def end(number: int, frame: object) -> None:
        raise TimeUpError

    def stop(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, end), signal.signal(signal.SIGTERM, stop)
    signal.setitimer(signal.ITIMER_REAL, minutes * 60)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before[0])
        signal.signal(signal.SIGTERM, before[1])


def _end_browsers() -> None:
    """Those that were just starting."""
    for pid in children(os.getpid()):
        with suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)


def run(extent: Extent | None = None, build: Path = BUILD) -> dict[str, Any]:
    """Measure, write phone_door.json and phone_door.txt into `build`, and return the figures."""
    extent = extent or Extent()
    try:
        needed()
        compiled = phone_files().files["kiosk.zip"].path is not None
    except (pytest.skip.Exception, MissingError) as missing:
        return {"bench": "phone_door", "skipped": str(missing)}
    build.mkdir(parents=True, exist_ok=True)
    report: dict[str, Any] = {
        "bench": "phone_door", "compiled": compiled, "load_before": os.getloadavg()[0]
    }  # fmt: skip
    began = time.monotonic()
    # On the disk of the results: a file system in memory syncs for nothing.
    with ExitStack() as stack:
        folder = Path(stack.enter_context(TemporaryDirectory(dir=build)))
        stack.callback(_end_browsers)
        people = extent.films * len(KINDS) + 1
        try:
            with _at_most(extent.minutes):
                say("the server starts")
                place = stack.enter_context(forum(folder, CAPACITY, people, DOORS))
                place.place.write(
                    lambda db: phones.set_places(db, PLACES, by="bench", now=now_ms())
                )
                Bench(place, folder, extent, report).run()
        except TimeUpError:
            report["left_out"] = f"the rest, after {extent.minutes:g} minutes"
    report |= {"load_after": os.getloadavg()[0], "took_s": round(time.monotonic() - began)}
    (build / "phone_door.json").write_text(json.dumps(report, indent=1) + "\n", "utf-8")
    text = table.text_of(report)
    (build / "phone_door.txt").write_text(text + "\n", "utf-8")
    sys.stderr.write(text + "\n")
    return report


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m tests.bench.phone_door", description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    for name, text in OPTIONS.items():
        default = getattr(Extent, name)
        parser.add_argument(
            f"--{name}", type=type(default), default=default, help=f"{text} (default: {default:g})"
        )
    sys.stdout.write(json.dumps(run(Extent(**vars(parser.parse_args())))) + "\n")


OPTIONS = {
    "starts": "starts from the cache, each of a browser that was closed",
    "answers": "typed codes, online and offline each",
    "films": "films of each kind",
    "scans": "scans before the last sample of the memory",
    "seconds": "seconds of CPU, idle and busy each",
    "share": "the slow phone's share of this computer's CPU",
    "minutes": "minutes at most; then the rest is left out",
}
assert list(OPTIONS) == [option.name for option in fields(Extent)]
