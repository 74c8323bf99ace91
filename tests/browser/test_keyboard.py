"""An organiser without a mouse: import, bulk actions, cards and mails by Tab, Enter and Space."""

from pathlib import Path
from typing import Any

from tests.browser.organiser import Organiser
from tests.browser.page import Page, webdriver
from tests.browser.test_organiser import PASSWORD, Forum
from tests.browser.test_organiser import forum as forum
from tests.browser.test_organiser import organiser as organiser

STOPS_MAX = 150  # of one page
# The focused part: its words, whether it is marked as focused, and whether it can be seen.
FOCUSED = """
const one = document.activeElement;
if (!one || one === document.body) return null;
const style = getComputedStyle(one), box = one.getBoundingClientRect();
const marked = (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) >= 1)
  || style.boxShadow !== "none";
const words = one.labels?.length ? [...one.labels].map((label) => label.textContent).join(" ")
  : one.getAttribute("aria-label") ?? one.textContent;
const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
const hit = document.elementFromPoint(x, y);
const seen = box.width > 0 && box.bottom > 0 && box.top < innerHeight
  && (!hit || one.contains(hit) || hit.contains(one)
    || [...(one.labels ?? [])].some((label) => label.contains(hit)));
return {
  words: words.replace(/\\s+/g, " ").trim(), name: one.name ?? "", value: one.value ?? "",
  tag: one.tagName, marked, seen, y: scrollY + box.top, main: !!one.closest("main"),
  html: one.outerHTML.slice(0, 160),
};
"""
ROSTER = """id,given name,family name,email,category,days
P1,Anna,Keller,anna@example.org,delegate,all
P2,Boris,Novak,boris@example.org,delegat,some
P3,Chen,Lee,chen@example.org,delegate,all
"""
TAB, ENTER, SPACE, DOWN = "\ue004", "\ue007", " ", "\ue015"
PAGES = (
    "/admin/people/", "/admin/people/by-numbers", "/admin/people/many?do=revoke&whole=yes",
    "/admin/cards/", "/admin/cards/print", "/admin/mail/", "/admin/mail/settings",
    "/admin/mail/bounces", "/admin/wallet", "/admin/certificate",
)  # fmt: skip


class Keyboard:
    """Presses keys in the open window, and checks each stop of the focus."""

    def __init__(self, organiser: Organiser) -> None:
        self.organiser = organiser
        self.browser = organiser.browser

    def press(self, *keys: str) -> None:
        for key in keys:
            webdriver.ActionChains(self.browser, duration=0).send_keys(key).perform()

    def focused(self) -> dict[str, Any] | None:
        stop: dict[str, Any] | None = self.browser.execute_script(FOCUSED)
        return stop

    def tab(self) -> dict[str, Any] | None:
        """Go to the next stop, which must be marked and seen."""
        self.press(TAB)
        stop = self.focused()
        if stop is not None:
            assert stop["marked"], f"the focus is not marked: {stop['html']}"
            assert stop["seen"], f"the focus can't be seen: {stop['html']}"
        return stop

    def pass_through(self) -> None:
        """Go through a page once, until the focus leaves it."""
        self.browser.execute_script("document.activeElement.blur(); scrollTo(0, 0)")
        count = 0
        while (stop := self.tab()) is not None:
            count += 1
            assert count < STOPS_MAX, f"the focus does not leave the page: {stop['html']}"
        assert count > 0

    def go_to(self, words: str, kind: str = "") -> None:
        """Go to the next part of the content with these words, as text, label or name."""
        for _ in range(STOPS_MAX):
            stop = self.tab()
            if (
                stop is not None
                and stop["main"]
                and words in (stop["words"], stop["name"])
                and kind in ("", stop["tag"])
            ):
                return
        raise AssertionError(f"no key leads to {words}")

    def fill(self, **fields: str) -> None:
        for name, text in fields.items():
            self.go_to(name)
            self.press(*text)

    def enter(self) -> None:
        """Press Enter on a link or button, and wait for the next page."""
        page = self.browser.find_element("tag name", "html")
        self.press(ENTER)
        self.organiser.wait("the next page", lambda: self.organiser._is_gone(page))

    def push(self, words: str) -> None:
        """Go to a button, and press it."""
        self.go_to(words, "BUTTON")
        self.enter()


def test_an_organiser_without_a_mouse(organiser: Organiser, forum: Forum, tmp_path: Path) -> None:
    keyboard = Keyboard(organiser)
    Page.of(organiser.browser).resize((1440, 900))
    organiser.go("/")
    keyboard.fill(name="admin", password=forum.first_password)
    keyboard.enter()
    keyboard.fill(present=forum.first_password, chosen=PASSWORD, again=PASSWORD)
    keyboard.enter()
    import_people(organiser, keyboard, tmp_path)
    organiser.go("/admin/badges/")
    keyboard.push("Issue 3 badges")
    act_for_many(organiser, keyboard)
    print_cards(organiser, keyboard)
    for path in PAGES:
        organiser.go(path)
        keyboard.pass_through()


def import_people(organiser: Organiser, keyboard: Keyboard, folder: Path) -> None:
    file = folder / "people.csv"
    file.write_text(ROSTER)
    organiser.go("/admin/imports/")
    keyboard.pass_through()
    # The system's dialogue for files is not part of the page.
    keyboard.go_to("List of attendees")
    organiser.choose_file("#people", file)
    keyboard.push("Preview changes")
    organiser.says("Not yet")
    keyboard.pass_through()
    # Enter sends the form, and takes none of the suggestions in it.
    keyboard.fill(days_some="1")
    keyboard.enter()
    organiser.says("Match each of these words")
    keyboard.go_to("category_delegat")
    keyboard.press(DOWN)
    keyboard.push("Update the preview")
    organiser.says("3 added")
    keyboard.pass_through()
    keyboard.push("Import")
    organiser.says("3 attendees have no badge yet")


def act_for_many(organiser: Organiser, keyboard: Keyboard) -> None:
    organiser.go("/admin/people/")
    keyboard.go_to("Anna Keller")
    keyboard.press(SPACE)
    keyboard.go_to("do")
    keyboard.press(*"Replace")
    keyboard.push("For the ticked ones…")
    organiser.says("This is for 1 person.", "void at every door at once")
    keyboard.pass_through()
    keyboard.go_to("reason")
    keyboard.press(DOWN)
    keyboard.push("Replace badges (1)")
    organiser.wait("the result", lambda: "1 badge was replaced" in organiser.text)


def print_cards(organiser: Organiser, keyboard: Keyboard) -> None:
    organiser.go("/admin/cards/print")
    keyboard.push("Make the PDF")
    organiser.wait("the PDF", lambda: "3 cards are ready" in organiser.text)
    keyboard.go_to("Download")
