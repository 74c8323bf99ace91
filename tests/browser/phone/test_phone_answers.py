"""Each answer on a phone: in both languages, upright and lying, light and dark, nothing cut."""

import itertools
import os
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from time import time_ns
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.browser.engine.axe import faults, turn
from tests.browser.phone.phone_page import LYING, SIZES, UPRIGHT, PhonePage
from tests.browser.phone.site import Site, files
from tests.browser.phone.states import (
    ADMITTED,
    BESIDE,
    CHINESE,
    LONG,
    TONES,
    ZONE,
    answer,
    decisions,
    state,
)
from tests.browser.test_axe import LEAST_PX, SMALL_TARGETS

shown = itertools.count(1)
# WCAG's AAA for text of any size: a door may be in the sun.
SUN = 7.0
WORD_PX = 36  # the least height of an answer's word: read at arm's length
CONTRAST = """
const parts = (colour) => colour.match(/[0-9.]+/g).map(Number);
const light = (colour) => parts(colour).slice(0, 3)
  .map((c) => c / 255).map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, at) => sum + c * [0.2126, 0.7152, 0.0722][at], 0);
const ground = (part) => {
  for (let at = part; at; at = at.parentElement) {
    const { backgroundColor } = getComputedStyle(at);
    if ((parts(backgroundColor)[3] ?? 1) === 1) return light(backgroundColor);
  }
};
const main = document.getElementById("main");
return [...main.querySelectorAll(".answer p, .answer span, .answer b")]
  .filter((part) => part.checkVisibility() && part.textContent.trim())
  .filter((part) => !part.closest(".category")) // Its colour is the organiser's choice.
  .map((part) => [part.id || part.className, light(getComputedStyle(part).color), ground(part)])
  .map(([name, a, b]) => [name, (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05)]);
"""


def now_ms() -> int:
    return time_ns() // 1_000_000


@pytest.fixture(scope="module")
def door(phone_browser: Any, site: Site) -> Iterator[PhonePage]:
    """An open door whose answers come one after another."""
    site.publish(files(answer_ms=240_000))
    page = PhonePage(phone_browser, site)
    page.forget()
    page.permit("granted")
    page.log()
    page.resize(UPRIGHT).load()
    page.begin()
    yield page
    page.browser.get("about:blank")
    assert page.log() == []


def first(page: PhonePage, language: str) -> None:
    """Put a language first."""
    if page.script("return document.documentElement.lang").split("-")[0] != language:
        page.script("document.getElementById('language').click()")


def photograph(page: PhonePage, name: str, language: str, size: tuple[int, int]) -> None:
    """Keep a picture in the directory HALLKEEPER_SHOTS, if set."""
    directory = os.environ.get("HALLKEEPER_SHOTS")
    if directory:
        file = f"{name}-{language}-{size[0]}x{size[1]}.png"
        page.browser.save_screenshot(str(Path(directory) / file))


NAMES = (*decisions(0), "goodbye")


@pytest.mark.parametrize("name", NAMES)
def test_every_answer_fits_a_phone(door: PhonePage, name: str) -> None:
    now, number = now_ms(), next(shown)
    exits = name == "goodbye"
    newest = answer("admit" if exits else name, now, seq=number, exits=exits)
    tone = TONES.get(name) or (name.split("_")[0] if name in ADMITTED else "deny")
    earlier = [answer("admit", now, seq=2), answer("hall_full", now, seq=3)]
    door.tell(state(now, newest, *earlier, shown=number + 10, **BESIDE.get(name, {})))
    door.wait(tone, lambda: door.tone == tone)
    for language in ("zh", "en"):
        first(door, language)
        for size in SIZES:
            door.resize(size)
            door.holds_all()
            photograph(door, name, language, size)
            word = door.script("return document.getElementById('word').getBoundingClientRect()")
            assert word["height"] > WORD_PX, (name, language, size)
    ratios = dict(door.script(CONTRAST))
    assert len(ratios) > 3
    assert min(ratios.values()) >= SUN, ratios


def test_a_door_s_own_fault_is_not_shown_as_the_holder_s(door: PhonePage) -> None:
    now = now_ms()
    for name, named in (("revoked", True), ("facts_too_old", False)):
        door.show(state(now, answer(name, now), shown=next(shown) + 10), TONES.get(name, "deny"))
        assert door.shown("#holder") == named


# The pairs of characters between which a line of the part breaks.
BREAKS = """
const walk = document.createTreeWalker(document.getElementById(arguments[0]), NodeFilter.SHOW_TEXT);
const range = document.createRange(), breaks = [];
let before = null;
for (let node = walk.nextNode(); node; node = walk.nextNode())
  for (let at = 0; at < node.length; at++) {
    range.setStart(node, at);
    range.setEnd(node, at + 1);
    const top = range.getBoundingClientRect().top, char = node.data[at];
    if (before && top > before.top + 4) breaks.push(before.char + char);
    before = { top, char };
  }
return breaks;
"""


# Noon in Shanghai, and soon after midnight: a person came in at 23:20 of the day before, a clause
# that no line holds.
@pytest.mark.parametrize(("hour", "words"), [(12, set()), (0, {"0已"})])
def test_chinese_lines_break_between_clauses_and_words(
    door: PhonePage, hour: int, words: set[str]
) -> None:
    breaks = set()
    now = int(datetime(2026, 12, 1, hour, 20, tzinfo=ZoneInfo(ZONE)).timestamp() * 1000)
    first(door, "zh")
    door.resize(UPRIGHT)
    for name in decisions(now):
        number = next(shown) + 10
        door.show(state(now, answer(name, now), shown=number), "")
        door.wait(
            name, lambda n=name: door.text("reason") == answer(n, now).explanation["zh"].reason
        )
        breaks |= {pair for part in ("reason", "next") for pair in door.script(BREAKS, part)}
    assert breaks
    assert {pair for pair in breaks if pair[0] not in "，。：；、"} == words


def test_a_scan_without_an_answer_ends_the_one_before(door: PhonePage) -> None:
    """Its person must not walk in on that."""
    now, number = now_ms(), next(shown)
    green = state(now, answer("admit", now, seq=number), shown=number + 10)
    door.tell(green)
    door.wait("the answer", lambda: door.tone == "admit")
    green["event"]["status"]["unanswered"] = 1
    door.tell(green)
    door.wait("its end", lambda: door.tone == "idle")


# The height of a part's text, and that of the part, which cuts it.
HEIGHTS = """
const part = document.querySelector(arguments[0]);
return [part.scrollHeight, part.clientHeight];
"""


@pytest.mark.parametrize("holder", [LONG, CHINESE], ids=["long", "Chinese"])
def test_a_name_and_the_tails_of_letters_are_not_cut(door: PhonePage, holder: Any) -> None:
    now, number = now_ms(), next(shown)
    newest = answer("admit_kept", now, seq=1 if holder is LONG else 2)
    door.tell(state(now, newest, shown=number + 10))
    door.wait("the name", lambda: door.text("name") == holder.name)
    for size in (UPRIGHT, LYING):
        door.resize(size)
        door.holds_all()
        for css in ("#name", "#organisation", "#category-name", "#last b", "#hall", "#door"):
            needed, given = door.script(HEIGHTS, css)
            assert needed <= given + (3 if css == "#name" else 1), css


OLD_MS = 300_000  # longer than an answer stays here


@pytest.fixture
def free_door(door: PhonePage) -> PhonePage:
    """The door with no answer on its screen."""
    return door.resize(UPRIGHT).load().begin()


STANDING: dict[str, tuple[str, dict[str, Any]]] = {
    "idle": ("idle", {}),
    "asking": ("asking", {"asking": True}),
    "offline": ("idle", {"online": False, "alone": 7, "scans_waiting": 9, "promise": "phone"}),
    "halted": ("halted", {"online": False, "promise": "none"}),
    "resting": ("resting", {"resting": True}),
    "rolling": ("rolling", BESIDE["roll_call"]),
}


@pytest.mark.parametrize("name", STANDING)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_the_screen_between_answers_fits(
    free_door: PhonePage, name: str, scheme: str, axe: str
) -> None:
    tone, changes = STANDING[name]
    now = now_ms()
    earlier = [answer(each, now - OLD_MS, seq=at) for at, each in enumerate(["admit", "forged"])]
    free_door.tell(state(now, *earlier, shown=next(shown) + 10, **changes))
    free_door.wait(tone, lambda: free_door.tone == tone)
    turn(free_door.browser, scheme)
    for language in ("zh", "en"):
        first(free_door, language)
        for size in SIZES:
            free_door.resize(size)
            free_door.holds_all()
            photograph(free_door, f"{name}-{scheme}", language, size)
    for size in (UPRIGHT, LYING):
        free_door.resize(size)
        assert faults(free_door.browser, axe) == [], (name, size)
        assert free_door.script(SMALL_TARGETS, LEAST_PX) == []


CLOSED = ("halted", "resting", "rolling")


@pytest.mark.parametrize("name", STANDING)
def test_a_door_that_lets_nobody_in_shows_no_places(free_door: PhonePage, name: str) -> None:
    tone, changes = STANDING[name]
    free_door.show(state(now_ms(), **changes), tone)
    assert free_door.shown("#free") == (name not in CLOSED)
    assert free_door.shown("#direction") == (name != "rolling")


def test_what_is_on_this_phone_alone_is_shown(free_door: PhonePage) -> None:
    free_door.tell(state(now_ms(), online=False, offline_since=1, alone=7, promise="phone"))
    free_door.wait("the number", lambda: free_door.shown("#state-alone"))
    assert "7" in free_door.text("state-alone")
    free_door.tell(state(now_ms()))
    free_door.wait("none", lambda: not free_door.shown("#state-alone"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_panels_fit(free_door: PhonePage, scheme: str, axe: str) -> None:
    free_door.tell(state(now_ms()))
    turn(free_door.browser, scheme)
    free_door.wait("idle", lambda: free_door.tone == "idle")
    for button, panel in (
        ("#phone", "#phone-panel"),
        ("#help", "#help-text"),
        ("#supervisor", "#panel"),
    ):
        free_door.resize(UPRIGHT)
        free_door.click(button)
        free_door.wait_for(panel)
        for size in (UPRIGHT, LYING):
            free_door.resize(size)
            assert faults(free_door.browser, axe) == [], (panel, size)
            photograph(free_door, f"panel{panel[1:]}-{scheme}", "x", size)
        others = {"#phone-panel", "#help-text", "#panel"} - {panel}
        assert not any(free_door.shown(other) for other in others)
    free_door.resize(UPRIGHT)
    free_door.click("#panel-close")
