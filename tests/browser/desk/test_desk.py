"""The badge desk in a browser, by keyboard only, from the first key to the bytes at the printer.
Target sizes and axe on each page.
"""

from collections.abc import Iterator
from typing import Any

import pytest

from badges.credential.badge_number import badge_number
from tests.browser.desk.place import Keyboard, Place, desk_place
from tests.browser.engine.axe import COLOUR_RULES, RULES, faults, layout, turn
from tests.browser.page import Page

TOUCH_PX = 44
SMALL = """
return [...document.querySelectorAll("main button, main .button, main input:not([type=hidden]), main li[role=option]")]
  .filter((one) => one.offsetParent)
  .map((one) => [(one.closest(".pick label") ?? one).getBoundingClientRect(), one])
  .filter(([box]) => box.height < arguments[0] - 0.5 || box.width < arguments[0] - 0.5)
  .map(([box, one]) => `${one.id || one.textContent.trim()} ${box.width}x${box.height}`);
"""  # noqa: E501


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    with desk_place(tmp_path_factory.mktemp("desk"), 30) as desk:
        yield desk


@pytest.fixture
def clerk(browser: Any, place: Place) -> Iterator[Keyboard]:
    place.only("Zebra")
    place.sign_in(browser)
    page = Page.of(browser).resize((1024, 768))
    page.log()
    keyboard = Keyboard(browser, place)
    keyboard.go()
    yield keyboard
    assert page.log() == []


def test_a_walk_in_by_keyboard_alone(clerk: Keyboard, place: Place) -> None:
    before = len(place.zpl.printed)
    clerk.type("Ingrid Sol")
    clerk.wait("nobody", lambda: "No one found" in clerk.text)
    clerk.enter()
    clerk.wait("the button", lambda: clerk.focused == "walk-in")
    clerk.enter()
    clerk.at("walk-in")
    clerk.wait("the first input", lambda: clerk.focused == "f-given_name")
    clerk.tab()
    clerk.type("Dahl")
    clerk.tab()
    clerk.type("Fjord Ferries")
    for _ in range(5):
        clerk.tab()
    clerk.space()  # the first category
    clerk.enter()
    clerk.at("home")
    assert clerk.focused == "box"
    clerk.wait("the card", lambda: len(place.zpl.printed) == before + 1)
    clerk.wait("that the page says so", lambda: "Printed Ingrid Sol Dahl" in flat(clerk))
    (row,) = place.site.query(
        "SELECT given_name, family_name, organisation, b.issue, b.printed FROM attendee"
        " JOIN badge b USING (serial) WHERE family_name = 'Dahl'"
    )
    assert row == ("Ingrid Sol", "Dahl", "Fjord Ferries", 1, 1)


def flat(clerk: Keyboard) -> str:
    return " ".join(clerk.text.replace("✓", "").split())


def test_somebody_registered_is_found_and_printed(clerk: Keyboard, place: Place) -> None:
    before = len(place.zpl.printed)
    clerk.type("number 7")
    clerk.wait("the hit", lambda: clerk.hits()[:1] == ["Guest Number 7"])
    clerk.enter()
    clerk.at("person")
    clerk.wait("the button", lambda: clerk.focused == "Print and hand over")
    clerk.guarded()
    clerk.enter()
    clerk.at("home")
    clerk.wait("the card", lambda: len(place.zpl.printed) == before + 1)


def test_keys_choose_among_several(clerk: Keyboard) -> None:
    clerk.type("wangwei")
    clerk.wait("both", lambda: clerk.hits() == ["王伟", "王伟"])
    clerk.down()
    chosen = clerk.browser.execute_script(
        "return document.querySelector('[aria-selected=true] .of').textContent"
    )
    clerk.enter()
    clerk.at("person")
    assert chosen in clerk.text
    clerk.escape()
    clerk.at("home")


def test_a_scanner_types_faster_than_the_search(clerk: Keyboard, place: Place) -> None:
    """It types the whole code and Enter before any answer arrives."""
    clerk.type(place.site.badge(11))
    clerk.enter()
    clerk.at("person")
    assert "Guest Number 11" in clerk.text
    clerk.go()
    clerk.browser.execute_script("document.activeElement.blur()")
    clerk.type(badge_number(place.site.serial(12)))
    clerk.enter()
    clerk.at("person")
    assert "Guest Number 12" in clerk.text


def test_a_second_enter_of_the_same_hand_prints_nothing(clerk: Keyboard, place: Place) -> None:
    before = acts_made(place)
    # A page whose guard never ends.
    held = "const wait = setTimeout; setTimeout = (f, ms) => ms === 350 ? 0 : wait(f, ms);"
    script = clerk.browser.execute_cdp_cmd(
        "Page.addScriptToEvaluateOnNewDocument", {"source": held}
    )
    try:
        clerk.go(f"/desk/person/{badge_number(place.site.serial(14))}")
        clerk.browser.execute_script("document.querySelector('.first').click()")
        assert clerk.page == "person"
        assert acts_made(place) == before
    finally:
        clerk.browser.execute_cdp_cmd("Page.removeScriptToEvaluateOnNewDocument", script)


def test_a_double_click_prints_once(clerk: Keyboard, place: Place) -> None:
    before = acts_made(place)
    clerk.go(f"/desk/person/{badge_number(place.site.serial(15))}")
    clerk.guarded()
    clerk.browser.execute_script(
        "const b = document.querySelector('.first'); b.click(); b.click(); b.form.requestSubmit()"
    )
    clerk.at("home")
    assert acts_made(place) == before + 1


def acts_made(place: Place) -> int:
    return int(place.site.query("SELECT COUNT(*) FROM desk_submission")[0][0])


def test_paper_that_runs_out_is_told_and_nothing_is_lost(clerk: Keyboard, place: Place) -> None:
    before, place.zpl.labels = len(place.zpl.printed), 0
    try:
        clerk.go(f"/desk/person/{badge_number(place.site.serial(16))}")
        clerk.guarded()
        clerk.enter()
        clerk.at("home")
        clerk.wait("the page to say so", lambda: "Paper out" in clerk.text)
        clerk.shot("paper-out")
        assert len(place.zpl.printed) == before
    finally:
        place.zpl.labels = 1_000
    clerk.wait("the card", lambda: len(place.zpl.printed) == before + 1)


def test_without_a_printer_the_browser_prints(clerk: Keyboard, place: Place) -> None:
    place.none()
    clerk.go(f"/desk/person/{badge_number(place.site.serial(17))}")
    clerk.guarded()
    clerk.browser.execute_script("document.querySelector('.first').click()")
    clerk.at("paper")
    clerk.shot("paper")
    clerk.browser.execute_script("document.getElementById('out').click()")
    clerk.at("home")
    assert "The card counts as handed over" in clerk.text


PAGES = {
    "name": "/desk/name",
    "home": "/desk/?q=guest",
    "home-zh": "/desk/?q=%E7%8E%8B&lang=zh",
    "walk-in": "/desk/walk-in?lang=en",
    "pace": "/desk/pace",
    "person": "/desk/person/{number}",
    "correct": "/desk/person/{number}/correct",
    "phone": "/desk/person/{number}/phone",
    "walk-in-zh": "/desk/walk-in?lang=zh",
    "back": "/desk/?lang=en",
}


Found = dict[str, dict[str, object]]


@pytest.fixture(scope="module")
def looked_at() -> Found:
    """The faults of all pages in each scheme, after the first test's check."""
    return {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_pages_are_for_everybody(
    clerk: Keyboard, place: Place, axe: str, looked_at: Found, scheme: str
) -> None:
    if not looked_at:
        looked_at |= {"light": {}, "dark": {}}
        try:
            for name, path in PAGES.items():
                clerk.go(path.format(number=badge_number(place.site.serial(18))))
                for scheme_name, faults_there in examine(clerk, axe, name).items():
                    looked_at[scheme_name] |= faults_there
        except BaseException:
            looked_at.clear()
            raise
    assert looked_at[scheme] == {}


def examine(clerk: Keyboard, axe: str, name: str) -> Found:
    """Check the open page: light with all rules, dark with the colour rules."""
    faults_found: Found = {"light": {}, "dark": {}}
    try:
        for size in ((390, 800), (1024, 768)):
            Page.of(clerk.browser).resize(size)
            places = set()
            for scheme, rules in (("light", RULES), ("dark", COLOUR_RULES)):
                turn(clerk.browser, scheme)
                clerk.shot(f"{name}-{scheme}", size)
                places.add(layout(clerk.browser))
                wrong = [faults(clerk.browser, axe, rules),
                         clerk.browser.execute_script(SMALL, TOUCH_PX)]  # fmt: skip
                if any(wrong):
                    faults_found[scheme][f"{name} {size}"] = wrong
            assert len(places) == 1, "more than colours differ: look with all rules"
    finally:
        clerk.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    return faults_found


def test_a_correction_says_first_what_becomes_void(clerk: Keyboard, place: Place, axe: str) -> None:
    clerk.go(f"/desk/person/{badge_number(place.site.serial(19))}/correct")
    clerk.type(" Hanna")
    clerk.enter()
    clerk.wait("the warning", lambda: "becomes void everywhere" in clerk.text)
    assert examine(clerk, axe, "correct-confirm") == {"light": {}, "dark": {}}
    clerk.guarded()
    clerk.enter()
    clerk.at("home")
    assert "Badge 2 is issued" in clerk.text
    clerk.shot("home-after")
