"""Cards are designed in a browser: each change is drawn, and nothing is stored before Save."""

import re
import time
from pathlib import Path

from tests.badges.printing import forum as guests
from tests.badges.printing.forum import LOGO
from tests.browser.organiser import Organiser
from tests.browser.test_organiser import PASSWORD, Forum
from tests.browser.test_organiser import forum as forum
from tests.browser.test_organiser import organiser as organiser

DRAWN_S = 240.0  # The first card also loads Python and the fonts in a separate process.


def roster() -> str:
    lines = ["id,given_name,family_name,organisation,category"]
    for number, guest in enumerate(guests.people()):
        names = (guest.given_name, guest.family_name, guest.organisation)
        quoted = (f'"{text}"' for text in names)
        lines.append(f"G{number},{','.join(quoted)},delegate")
    return "\n".join(lines) + "\n"


def address(organiser: Organiser) -> str:
    script = "return [...document.querySelectorAll('#pages img')].map((one) => one.src).join()"
    return str(organiser.browser.execute_script(script))


def asks_before_leaving(organiser: Organiser) -> bool:
    """The driver itself confirms each such question, so only the event shows it."""
    script = """const leaving = new Event("beforeunload", {cancelable: true});
    dispatchEvent(leaving); return leaving.defaultPrevented;"""
    return bool(organiser.browser.execute_script(script))


def drawn_after(organiser: Organiser, before: str) -> float:
    """The seconds until another picture is there."""
    return organiser.wait("another card", lambda: address(organiser) != before, DRAWN_S)


def test_a_card_is_designed(organiser: Organiser, forum: Forum, tmp_path: Path) -> None:
    (tmp_path / "people.csv").write_text(roster())
    (tmp_path / "logo.svg").write_text(LOGO)
    forum._command("server.cli.main", "import", str(tmp_path / "people.csv"),
                   "--event", str(tmp_path / "event"))  # fmt: skip
    organiser.go("/")
    organiser.fill(name="admin", password=forum.first_password)
    organiser.press("Sign in")
    organiser.fill(present=forum.first_password, chosen=PASSWORD, again=PASSWORD)
    organiser.press("Change the password")
    organiser.browser.get_log("browser")
    organiser.go("/admin/cards/")
    drawn_after(organiser, "")
    assert not asks_before_leaving(organiser)
    first = organiser.at('[name="person"] option:checked').text
    assert first.startswith("Maria Fernanda Alexandra de los Ángeles")
    took = []
    for change in (
        lambda: organiser.fill(format="86x54"),
        lambda: organiser.tick("back", "yes"),
        lambda: organiser.fill(format="a6"),
        lambda: organiser.choose_file('[name="logo"]', tmp_path / "logo.svg"),
    ):
        before = address(organiser)
        change()
        started = time.monotonic()
        drawn_after(organiser, before)
        took.append(round(time.monotonic() - started, 2))
    organiser.shot("cards")
    assert asks_before_leaving(organiser)
    assert not (tmp_path / "event" / "cards").exists()
    organiser.press("Save")
    organiser.says("Saved. Cards are printed this way from now on.")
    text = (tmp_path / "event" / "cards" / "cards.toml").read_text()
    assert re.fullmatch(r'logo = "logo-[0-9a-f]{8}\.svg"\nback = true\n', text)
    drawn_after(organiser, "")
    organiser.press("Undo")
    organiser.says("The last save is undone.")
    assert organiser.browser.get_log("browser") == []
    organiser.fill(programme="9:30")
    organiser.press("Save")
    organiser.says("Programme, line 1: write time | Chinese | English | place.")
    assert organiser.field("programme").get_attribute("value") == "9:30"
    assert asks_before_leaving(organiser)
    organiser.follow("Show the stored settings")
    assert organiser.field("programme").get_attribute("value") == ""
    print("seconds from change to picture, with 0.4 of waiting:", took)  # noqa: T201
