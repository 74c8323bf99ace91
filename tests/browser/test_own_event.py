"""README's commands for an own event, typed as they stand, in a directory that was empty.

They are read from README and docs, so that a wrong page fails here. Only what each reader fills in
differs: the server's address, a kiosk's code, the webcam.
"""

import os
import re
import signal
import socket
import subprocess
import sys
import tarfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.badges.printing.cards import pages
from tests.browser.organiser import Organiser
from tests.browser.phone.film import write_film
from tests.browser.test_organiser import PASSWORD
from tests.events.blocks import blocks_of
from tests.kiosk.support.pictures import hall
from tests.phones.chromium import needed
from tests.phones.phone import Phone
from tests.phones.steps import keep_shot
from tests.server.support.authority import Authority, key_pem, pem
from tests.system.support.site import free_port, now_ms, wait_for

ROOT = Path(__file__).parents[2]
README, INSTALLING = ROOT / "README.md", ROOT / "docs" / "install.md"
HERE = "127.0.0.1"
WAIT_S = 240.0  # on a busy machine
PEOPLE = "id,given name,family name,category\nP1,Ida,Lund,delegate\nP2,Per,Holm,delegate\n"
BROKEN = re.compile(r"\b500\b|Traceback|\bERROR\b")
GRAVE = "return [...document.querySelectorAll('li.grave')].map((alert) => alert.innerText)"


def documented(page: Path, first: str) -> list[str]:
    """The commands of the block that begins with this text."""
    (block,) = (block for block in blocks_of(page) if block.text[0].startswith(first))
    return list(block.commands())


def filled_in(line: str, values: dict[str, str]) -> str:
    """A command with a reader's own values. Each placeholder must be in the page."""
    for placeholder, value in values.items():
        assert placeholder in line, line
        line = line.replace(placeholder, value)
    return line


class Typed:
    """A command typed into a shell, and what it has printed."""

    def __init__(self, line: str, directory: Path, log: Path) -> None:
        self.log = log
        path = f"{directory}/.venv/bin:{os.environ['PATH']}"
        with log.open("wb") as output:
            self.child = subprocess.Popen(
                ["bash", "-c", line], cwd=directory, stdin=subprocess.DEVNULL,
                stdout=output, stderr=output, start_new_session=True,
                env=os.environ | {"PATH": path},
            )  # fmt: skip

    @property
    def output(self) -> str:
        return self.log.read_text("utf-8")

    def says(self, words: str) -> None:
        def said() -> bool:
            assert self.child.poll() is None, self.output
            return words in self.output

        wait_for(words, said)

    def ends(self) -> str:
        """Wait for its end, which must be a good one."""
        assert self.child.wait(WAIT_S) == 0, self.output
        return self.output

    def interrupt(self) -> None:
        """Ctrl-C."""
        if self.child.poll() is None:
            os.killpg(self.child.pid, signal.SIGINT)
            self.child.wait(WAIT_S)


class OwnEvent:
    """An event that is made by README's commands, its server, its kiosk and its phone."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.directory = path / "empty"
        self.directory.mkdir()
        (self.directory / ".venv").symlink_to(sys.prefix)
        self.init, self.serve, self.kiosk = documented(README, ".venv/bin/hallkeeper init")
        self.commands: list[Typed] = []
        self.phone: Phone | None = None
        self.port = free_port()
        self.authority = Authority(now_ms())
        self.first_password = ""

    def type(self, name: str, line: str) -> Typed:
        command = Typed(line, self.directory, self.path / f"{name}.log")
        self.commands.append(command)
        return command

    @property
    def address(self) -> str:
        return f"https://{HERE}:{self.port}"

    def make(self) -> None:
        output = self.type("init", filled_in(self.init, {"10.0.0.5": HERE})).ends()
        self.first_password = re.search(r"password +(\S+)", output)[1]  # type: ignore[index]
        # Another server of this computer may have the usual port.
        settings = self.directory / "forum" / "event.toml"
        text = settings.read_text("utf-8")
        settings.write_text(filled_in(text, {"port = 8443": f"port = {self.port}"}), "utf-8")

    def certify(self) -> None:
        """Give it a certificate that phones trust."""
        certificate, key = self.authority.certificate(HERE)
        (self.directory / "fullchain.pem").write_bytes(pem(certificate, self.authority.between))
        (self.directory / "privkey.pem").write_bytes(key_pem(key))
        (line,) = documented(INSTALLING, "hallkeeper certificate")
        self.type("certificate", filled_in(line, {"EVENT": "forum"})).ends()

    def start(self) -> Typed:
        server = self.type("server", self.serve)
        wait_for("the server", self._answers)
        return server

    def _answers(self) -> bool:
        with suppress(OSError), socket.create_connection((HERE, self.port), 1):
            return True
        return False

    def close(self) -> None:
        if self.phone is not None:
            self.phone.close()
        for command in reversed(self.commands):
            command.interrupt()


@pytest.fixture
def event(tmp_path: Path) -> Iterator[OwnEvent]:
    needed()
    own = OwnEvent(tmp_path)
    try:
        yield own
    finally:
        own.close()


@pytest.fixture
def organiser(browser: Any, event: OwnEvent) -> Iterator[Organiser]:
    browser.get("about:blank")
    downloads = {"behavior": "allow", "downloadPath": str(event.path)}
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", downloads)
    yield Organiser(browser, event.address)
    browser.get("about:blank")


def test_an_own_event_by_the_commands_of_the_pages(event: OwnEvent, organiser: Organiser) -> None:
    event.make()
    event.certify()
    server = event.start()

    sign_in(organiser, event)
    make_a_hall_with_a_door(organiser)
    bring_people(organiser, event)
    cards = printed_cards(organiser, event)
    download_a_backup(organiser, event)

    kiosk = open_kiosk(organiser, event, film_of(cards[0], event.path / "kiosk.y4m"))
    open_phone(organiser, event, film_of(cards[1], event.path / "phone.y4m"))
    look_at_the_board(organiser)

    for command in (kiosk, server):
        command.interrupt()
    assert server.child.returncode == 0
    for command in event.commands:
        assert not BROKEN.search(command.output), command.output


def sign_in(organiser: Organiser, event: OwnEvent) -> None:
    organiser.go("/")
    organiser.fill(name="admin", password=event.first_password)
    organiser.press("Sign in")
    organiser.fill(present=event.first_password, chosen=PASSWORD, again=PASSWORD)
    organiser.press("Change the password")
    organiser.go("/admin/start")
    organiser.says("Needed to open the doors")
    organiser.shot("own event, start")


def make_a_hall_with_a_door(organiser: Organiser) -> None:
    organiser.follow("Halls")
    organiser.follow("Add a hall")
    organiser.fill(name="Foyer", name_zh="大厅", capacity="40")
    organiser.press("Add")
    organiser.follow("Add a door")
    organiser.fill(name="North door", name_zh="北门", hall="foyer")
    organiser.press("Add")
    organiser.says("North door")


def bring_people(organiser: Organiser, event: OwnEvent) -> None:
    (event.path / "people.csv").write_text(PEOPLE)
    organiser.follow("People")
    organiser.follow("Import")
    organiser.send_file("#people", event.path / "people.csv")
    organiser.press("Import")
    organiser.press("Issue 2 badges")
    organiser.says("2 badges were issued")


def downloaded(organiser: Organiser, event: OwnEvent, ending: str) -> Path:
    """Press Download, and wait for the file."""
    button = "return document.querySelector('form[data-file] button')"
    organiser.wait("the file", lambda: organiser.browser.execute_script(button))
    organiser.at("form[data-file] button").click()
    organiser.wait("the download", lambda: list(event.path.glob(f"*.{ending}")))
    (file,) = event.path.glob(f"*.{ending}")
    return file


def printed_cards(organiser: Organiser, event: OwnEvent) -> list[Any]:
    """Return the pictures of the cards in the PDF."""
    organiser.go("/admin/cards/")
    organiser.follow("All cards as one PDF")
    organiser.press("Make the PDF")
    cards = pages(downloaded(organiser, event, "pdf").read_bytes())
    assert ["Per" in cards[0][1], "Ida" in cards[1][1]] == [True, True]
    organiser.wait("the count", lambda: "2 of 2 printed" in organiser.text)
    organiser.shot("own event, cards")
    return [picture for picture, _ in cards]


def download_a_backup(organiser: Organiser, event: OwnEvent) -> None:
    organiser.go("/admin/backup")
    organiser.shot("own event, backup")
    organiser.tick("confirm", "yes")
    organiser.press("Make a backup to download")
    with tarfile.open(downloaded(organiser, event, "tar")) as backup:
        assert any(name.endswith("hallkeeper.db") for name in backup.getnames())


def film_of(card: Any, path: Path) -> Path:
    """The card as it was printed, held up in the hall again and again."""
    view = hall(1280, 960)
    held = view.copy()
    height, width = card.shape
    held[40 : 40 + height, 330 : 330 + width] = card
    return write_film(path, *[view] * 10, *[held] * 20)


def open_kiosk(organiser: Organiser, event: OwnEvent, film: Path) -> Typed:
    organiser.go("/admin/kiosks/")
    organiser.fill(kiosk="north-1", door="north-door")
    organiser.press("Make its code")
    code = organiser.at("code.copy").text.rpartition(" ")[2]
    # No webcam is here, and another door of this computer may have its page's usual port.
    camera = f"--camera {film} --loop --port {free_port()}"
    line = filled_in(event.kiosk, {"HKE1.…": code, "--camera 0": camera})
    kiosk = event.type("kiosk", line)
    organiser.wait("the six words", lambda: "the same six words" in organiser.text)
    organiser.shot("own event, kiosk")
    organiser.tick("same", "yes")
    organiser.press("Confirm the kiosk")
    kiosk.says("ADMIT")
    return kiosk


def open_phone(organiser: Organiser, event: OwnEvent, film: Path) -> None:
    organiser.go("/admin/kiosks/")
    organiser.follow("Phones as doors")
    organiser.press("One code for all of them")
    link = organiser.at("code.copy").text
    address, code = link.split("/door/#")
    phone = Phone(event.path / "phone", address, event.authority, flags=(
        "--use-fake-device-for-media-stream", f"--use-file-for-fake-video-capture={film}",
    ))  # fmt: skip
    event.phone = phone
    phone.start(code)

    def shows_words() -> bool:
        phone.browser.pass_time(0)
        return "The phone shows these words" in organiser.text

    organiser.wait("the six words", shows_words)
    organiser.shot("own event, phone")
    organiser.press("The phone shows these words phone-1")
    phone.wait("a green light", lambda: any(answer.green for answer in phone.shown))
    keep_shot(phone, "own-event")


def look_at_the_board(organiser: Organiser) -> None:
    organiser.go("/admin/")
    organiser.wait("two doors at work", lambda: "Foyer" in organiser.text)
    organiser.shot("own event, board")
    assert organiser.browser.execute_script(GRAVE) == []
    organiser.go("/admin/kiosks/")
    organiser.shot("own event, kiosks")
    assert "none that works" not in organiser.text
