"""An organiser makes a forum with only a browser, and sees a door change.

The server and the kiosk are processes, as at an event. Only steps before the first page are typed:
`init`, `serve`, and the kiosk's own two commands.
"""

import contextlib
import re
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from kiosk.screen.entrance import LINK_FILE
from server.demo.forum.forum import noon_zone
from server.storage.database import Database
from tests.browser.organiser import WAIT_S, Organiser
from tests.system.support.nursery import shared
from tests.system.support.site import Process, free_port, now_ms, wait_for

PASSWORD = "harbour lights over calm water"
BAD = {7: "P7,Noa,Bodin,noa@example.org,", 19: "P19,Ida,Lund,ida@example,delegate",
       33: "P33,Per,Holm,per@example.org,delegat"}  # fmt: skip
GOOD = {7: "P7,Noa,Bodin,noa@example.org,delegate", 19: "P19,Ida,Lund,ida@example.org,delegate",
        33: "P33,Per,Holm,per@example.org,delegate"}  # fmt: skip


def roster(mended: bool) -> str:
    lines = ["id,given name,family name,email,category"]
    for number in range(1, 41):
        row = f"P{number},Guest,Number {number},g{number}@example.org,delegate"
        lines.append((GOOD if mended else BAD).get(number, row))
    return "\n".join(lines) + "\n"


class Forum:
    """The processes of an event, and its organiser."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.port = free_port()
        self.zone, day = noon_zone(now_ms())
        self.now = datetime.now(ZoneInfo(self.zone))
        event = str(path / "event")
        output_text = self._command(
            "server.cli.main", "init", event, "--name", "Harbour Forum", "--name-zh", "海港论坛",
            "--time-zone", self.zone, "--first-day", day.isoformat(), "--port", str(self.port),
            "--public-host", "localhost",
        )  # fmt: skip
        self.first_password = re.search(r"password:?\s+(\S+)", output_text, re.I)[1]
        command = [sys.executable, "-m", "server.cli.main", "serve", "--event", event]
        self.server = Process("server", command, path / "server.log")
        self.kiosk = Process("door", self._kiosk("run", "--camera", "none", "--json", "--port",
                                                 str(free_port())), path / "door.log")  # fmt: skip
        self.server.start()
        wait_for("the server", self._serves)

    def _command(self, module: str, *words: str) -> str:
        child = shared().start([sys.executable, "-m", module, *words])
        with child.stdout as output:
            text = output.read().decode()
        assert child.wait(WAIT_S) == 0, text
        return text

    def _kiosk(self, word: str, *words: str) -> list[str]:
        directory = ("--dir", str(self.path / "door"))
        return [sys.executable, "-m", "kiosk", word, *directory, *words]

    def _serves(self) -> bool:
        assert self.server.alive, self.server.log.read_text()
        return "Serving" in self.server.log.read_text() or self._open_port()

    def _open_port(self) -> bool:
        import socket

        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1):
            return True
        return False

    def enrol(self, code: str) -> Process:
        enrolling = Process("enrol", self._kiosk("enrol", "--code", code), self.path / "enrol.log")
        enrolling.start()
        return enrolling

    def badge(self, external_id: str) -> str:
        """The content of the QR on this person's printed card."""
        with Database(self.path / "event" / "hallkeeper.db") as database:
            return database.reader.execute(
                "SELECT credential FROM badge JOIN attendee USING (serial) WHERE external_id = ?"
                " ORDER BY issue DESC",
                (external_id,),
            ).fetchone()[0]

    def close(self) -> None:
        for process in (self.kiosk, self.server):
            if process.alive:
                process.stop()
            process.end()


@pytest.fixture
def forum(tmp_path: Path) -> Iterator[Forum]:
    running = Forum(tmp_path)
    try:
        yield running
    finally:
        running.close()


@pytest.fixture
def organiser(browser: Any, forum: Forum) -> Iterator[Organiser]:
    from tests.browser.page import webdriver

    windows = browser.window_handles
    browser.switch_to.window(windows[0])
    # An earlier test's page would look for its kiosk for ever.
    browser.get("about:blank")
    browser.switch_to.new_window("tab")
    assert webdriver
    yield Organiser(browser, f"https://localhost:{forum.port}")
    for handle in browser.window_handles:
        if handle not in windows:
            browser.switch_to.window(handle)
            browser.close()
    browser.switch_to.window(windows[0])


def test_a_forum_by_browser_alone(organiser: Organiser, forum: Forum) -> None:
    sign_in(organiser, forum)
    make_halls(organiser)
    make_session(organiser, forum)
    import_people(organiser, forum)
    door = open_door(organiser, forum)
    delegate = forum.badge("P19")
    assert door.scan(delegate) == "denied"
    edit_session(organiser)
    assert door.scan(delegate) == "admitted"
    undo(organiser)
    assert door.scan(forum.badge("P33")) == "denied"
    rename(organiser, door)


def sign_in(organiser: Organiser, forum: Forum) -> None:
    organiser.go("/")
    organiser.fill(name="admin", password=forum.first_password)
    organiser.press("Sign in")
    organiser.says("Choose your own password")
    organiser.fill(present=forum.first_password, chosen=PASSWORD, again=PASSWORD)
    organiser.press("Change the password")
    organiser.go("/")
    organiser.says("Needed to open the doors")
    organiser.follow("Halls")


def make_halls(organiser: Organiser) -> None:
    organiser.follow("Add a hall")
    organiser.fill(name="Main Hall", name_zh="主会场", capacity="60")
    organiser.tick("sessions_only", "yes")
    organiser.tick("categories")
    organiser.shot("hall-new")
    organiser.press("Add")
    organiser.says("Hall Main Hall: added")
    for name, chinese, capacity in (("Harbour Room", "港湾厅", "30"), ("Foyer", "大厅", "200")):
        organiser.follow("Add a hall")
        organiser.fill(name=name, name_zh=chinese, capacity=capacity)
        organiser.press("Add")
    organiser.says("Main Hall", "主会场", "Harbour Room", "Foyer", "大厅")
    organiser.follow("Add a door")
    organiser.fill(name="North door", name_zh="北门", hall="main-hall")
    organiser.shot("door-new")
    organiser.press("Add")
    organiser.says("North door", "No kiosk is at work yet")
    organiser.shot("venue")


def make_session(organiser: Organiser, forum: Forum) -> None:
    organiser.follow("Add a session")
    starts, ends = forum.now - timedelta(minutes=5), forum.now + timedelta(hours=2)
    organiser.fill(
        title="Opening", title_zh="开幕式", hall="main-hall", starts=f"{ends:%Y-%m-%dT%H:%M}",
        ends=f"{starts:%Y-%m-%dT%H:%M}",
    )  # fmt: skip
    organiser.tick("categories", "press")
    organiser.press("Add")
    organiser.says("Ends is not after Starts", "Nothing was saved")
    organiser.shot("session-refused")
    organiser.fill(starts=f"{starts:%Y-%m-%dT%H:%M}", ends=f"{ends:%Y-%m-%dT%H:%M}")
    organiser.press("Add")
    organiser.says("Opening", "开幕式", "Press")


def import_people(organiser: Organiser, forum: Forum) -> None:
    organiser.follow("People")
    organiser.follow("Import")
    organiser.shot("import")
    for mended in (False, True):
        file = forum.path / f"people-{mended}.csv"
        file.write_text(roster(mended), encoding="utf-8")
        organiser.send_file("#people", file)
        organiser.shot(f"preview-{mended}")
        if not mended:
            organiser.says("3 problems in the file", "Line 8", "Line 20", "Line 34", "delegat")
            organiser.says("Before importing, answer the questions above")
            organiser.press("Give up, and delete the file")
    organiser.says("40 added")
    organiser.press("Import")
    organiser.says("40 people added", "40 attendees have no badge yet")
    organiser.press("Issue 40 badges")
    organiser.says("40 badges were issued", "Everyone on the roster has a badge")
    organiser.shot("badges")


class Door:
    """The staff's page of a kiosk in its own tab, with a hand scanner."""

    def __init__(self, organiser: Organiser, kiosk: Process, link: str) -> None:
        self.organiser = organiser
        self.kiosk = kiosk
        organiser.browser.switch_to.new_window("tab")
        self.window = organiser.browser.current_window_handle
        organiser.browser.get(link)
        organiser.wait("the door's page", lambda: self.script("document.body.dataset.link") == "up")

    def script(self, words: str) -> object:
        return self.organiser.browser.execute_script(f"return {words}")

    def scan(self, badge: str) -> str:
        """Type a badge, and return the door's answer."""
        self.organiser.browser.switch_to.window(self.window)
        count = len(self.kiosk.answers)
        from tests.browser.page import Page

        Page.of(self.organiser.browser).burst(badge)
        self.organiser.wait("an answer", lambda: len(self.kiosk.answers) > count)
        decision = self.kiosk.answers[count]["decision"]
        tone = {"admitted": "admit", "denied": "deny"}[decision]
        self.organiser.wait("the answer on the page", lambda: self._tone() == tone)
        return str(decision)

    def _tone(self) -> object:
        return self.script("document.getElementById('main').dataset.tone")


def open_door(organiser: Organiser, forum: Forum) -> Door:
    organiser.go("/admin/kiosks/")
    organiser.fill(kiosk="north-1", door="north-door")
    organiser.press("Make its code")
    code = organiser.at("code.copy").text.rpartition(" ")[2]
    enrolling = forum.enrol(code)
    organiser.wait("the six words", lambda: "the same six words" in organiser.text)
    organiser.tick("same", "yes")
    organiser.press("Confirm the kiosk")
    enrolling.end()
    assert enrolling.child is not None
    assert enrolling.child.returncode == 0
    forum.kiosk.start()
    link = forum.path / "door" / LINK_FILE
    wait_for("the door's page", link.exists)
    wait_for("the door at work", lambda: "Well" in _reload(organiser))
    return Door(organiser, forum.kiosk, link.read_text().strip())


def _reload(organiser: Organiser) -> str:
    organiser.go("/admin/kiosks/")
    return organiser.text


def edit_session(organiser: Organiser) -> None:
    organiser.go("/admin/venue/")
    organiser.press("Opening 开幕式", "a")
    organiser.tick("categories", "press", "delegate")
    organiser.press("Save")
    organiser.says("Session Opening: who may enter press → delegate, press")
    organiser.wait("the door to have it", lambda: "The door has it" in organiser.text)
    organiser.shot("edited")


def undo(organiser: Organiser) -> None:
    organiser.go("/admin/venue/")
    organiser.press("Undo")
    organiser.says("Undone:")
    organiser.wait("the door to have it", lambda: "The door has it" in organiser.text)


def rename(organiser: Organiser, door: Door) -> None:
    organiser.go("/admin/venue/")
    organiser.browser.get(organiser.at('[aria-label="Edit Main Hall"]').get_attribute("href"))
    organiser.fill(name="Grand Hall")
    organiser.press("Save")
    organiser.browser.switch_to.window(door.window)
    name = "Grand Hall"
    organiser.wait("the name", lambda: name in str(door.script("document.body.textContent")))
