"""The speed of the badge desk with a real browser, server and printers on loopback.

A clerk uses only the keyboard in headless Chromium. First single badges are measured: from the last
key of a name until the person is listed, and from Enter until the printer has the card's bytes.
Then people are registered in a row at a person's typing speed, and one of two printers runs out of
labels midway. Typing time is reported apart from the system's.
"""

import random
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from server.features.printers import jobs
from server.features.printers.states import JobState
from tests.bench.event import quantiles
from tests.browser.desk.place import DESK, Keyboard, Place, desk_place
from tests.browser.engine.chromium import end, start
from tests.system.support.site import now_ms

PEOPLE = 2_000
EACH = 25  # badges for each kind of printer
WALK_INS = 200
KEY_S = 0.04  # mean time of a very good typist's key
OUT_AT, LOADED_AT = 80, 120  # walk-ins
BOUND_S = 900.0
WAIT_S = 60.0
GIVEN = (
    "Ada Bea Cleo Dora Elin Fay Gro Hana Iris Jun Kaja Lena Mina Nora Olga Pia Rosa Sana Tea Una"
).split()
FAMILY = "Aalto Berg Costa Dahl Eklund Farkas Greco Hoang Ito Jansen".split()

# In the page: the times of the last key and of the list's next change.
WATCH = """
addEventListener("keydown", () => { window.keyAt = performance.now(); window.foundAt = 0; }, true);
addEventListener("DOMContentLoaded", () => {
  const list = document.getElementById("hits");
  if (list) new MutationObserver(() => { window.foundAt = performance.now(); })
    .observe(list, { childList: true });
});
"""
FOUND = "return window.foundAt ? window.foundAt - window.keyAt : 0"


@contextmanager
def browsing() -> Iterator[Any]:
    browser = start(trusts_any=True)
    try:
        browser.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": WATCH})
        yield browser
    finally:
        end(browser)


def received(place: Place, printer: str) -> int:
    """The number of cards that a printer has received."""
    if printer == "Zebra":
        return len(place.zpl.printed)
    return sum(1 for job in list(place.ipp.jobs.values()) if job["document"])


def wait(check: Callable[[], object], awaited: str, timeout_s: float = WAIT_S) -> float:
    began = time.monotonic()
    while not check():
        if time.monotonic() - began > timeout_s:
            raise TimeoutError(awaited)
        time.sleep(0.002)
    return time.monotonic() - began


def badges(clerk: Keyboard, place: Place, printer: str, first: int) -> dict[str, object]:
    """Find, open and print registered people, one after the other."""
    place.only(printer)
    listed, opened, printed, whole = [], [], [], []
    for number in range(first, first + EACH):
        clerk.at("home")
        before, began = received(place, printer), time.monotonic()
        clerk.type(f"number {number}")
        clerk.wait("the hit", lambda n=number: clerk.hits()[:1] == [f"Guest Number {n}"])
        listed.append(float(clerk.browser.execute_script(FOUND)))
        at = time.monotonic()
        clerk.enter()
        clerk.at("person")
        clerk.guarded()
        opened.append((time.monotonic() - at) * 1000)
        at = time.monotonic()
        clerk.enter()
        wait(lambda b=before: received(place, printer) > b, f"a card at {printer}")
        printed.append((time.monotonic() - at) * 1000)
        whole.append((time.monotonic() - began) * 1000)
    return {
        "badges": EACH,
        "last_key_to_found_ms": quantiles(listed),
        "enter_to_ready_ms": quantiles(opened),
        "print_to_bytes_ms": quantiles(printed),
        "first_key_to_bytes_ms": quantiles(whole),
    }


class Hand:
    """Types at a person's speed, and counts the time of it."""

    def __init__(self, clerk: Keyboard) -> None:
        self.clerk = clerk
        self.typing_s = 0.0
        self._dice = random.Random(7)

    def _pause(self) -> None:
        pause = min(self._dice.gammavariate(4, KEY_S / 4), 5 * KEY_S)
        time.sleep(pause)
        self.typing_s += pause

    def type(self, text: str) -> None:
        for char in text:
            self.clerk.key(char)
            self._pause()

    def tab(self) -> None:
        self.clerk.tab()
        self._pause()


def register(clerk: Keyboard, hand: Hand, number: int) -> None:
    clerk.at("walk-in")
    hand.type(f"{GIVEN[number % 20]} {number}")
    hand.tab()
    hand.type(FAMILY[number // 20 % 10])
    hand.tab()
    hand.type("Fjord Ferries")
    for _ in range(4):
        hand.tab()
    clerk.space()
    clerk.enter()
    clerk.at("home")


def walk_ins(clerk: Keyboard, place: Place) -> dict[str, object]:
    """Register people in a row; for some of them the first printer has no labels."""
    place.both()
    wait(lambda: not open_jobs(place), "the cards of before")
    hand, each = Hand(clerk), []
    labels, sheets = len(place.zpl.printed), len(place.ipp.printed)
    (people,) = place.site.query("SELECT COUNT(*) FROM attendee")[0]
    began = time.monotonic()
    done = 0
    while done < WALK_INS and time.monotonic() - began < BOUND_S:
        if done == OUT_AT:
            place.zpl.labels = 0
        if done == LOADED_AT:
            place.zpl.labels = 10_000
        at, typed = time.monotonic(), hand.typing_s
        clerk.go("/desk/walk-in")
        register(clerk, hand, done)
        each.append((time.monotonic() - at - (hand.typing_s - typed)) * 1000)
        done += 1
    took = time.monotonic() - began
    settled = wait(lambda: not open_jobs(place), "the last cards", 120)
    (now_people,) = place.site.query("SELECT COUNT(*) FROM attendee")[0]
    cards = place.site.query(
        "SELECT b.printed, COUNT(*) FROM badge b JOIN attendee a USING (serial)"
        " WHERE a.organisation = 'Fjord Ferries' GROUP BY b.printed"
    )
    out = len(place.zpl.printed) - labels, len(place.ipp.printed) - sheets
    return {
        "walk_ins": done,
        "whole_s": round(took, 1),
        "typing_s": round(hand.typing_s, 1),
        "people_a_minute_with_typing": round(done / took * 60, 1),
        "people_a_minute_of_the_system": round(done / (took - hand.typing_s) * 60, 1),
        "system_for_each_ms": quantiles(each),
        "last_card_after_s": round(settled, 1),
        "registered": now_people - people,
        "badges_by_times_printed": {str(times): count for times, count in cards},
        "labels_out": out[0],
        "sheets_out": out[1],
        "alike": sum(out)
        - len(set(place.zpl.printed[labels:]))
        - len(set(place.ipp.printed[sheets:])),
        "failed": failed(place),
    }


def open_jobs(place: Place) -> int:
    with place.site.database.reading() as db:
        return len(jobs.open_jobs(db))


def failed(place: Place) -> int:
    with place.site.database.reading() as db:
        return sum(job.state is JobState.FAILED for job in jobs.newest_jobs(db, 1_000))


def run() -> dict[str, object]:
    with TemporaryDirectory() as folder, browsing() as browser:
        with desk_place(Path(folder), PEOPLE, label_s=0.0) as place:
            place.sign_in(browser)
            clerk = Keyboard(browser, place)
            clerk.go()
            began = now_ms()
            return {
                "people": PEOPLE,
                "desk": DESK,
                "zpl": badges(clerk, place, "Zebra", 100),
                "ipp": badges(clerk, place, "Laser", 200),
                "in_a_row": walk_ins(clerk, place),
                "ms": now_ms() - began,
            }
