"""The programme from a venue file to a live door's page: real processes, a real network socket."""

import http.client
import json
import threading
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from server.features.imports import venue_file, venue_import
from tests.system.support.hand_scanner import HandScanner, open_screen
from tests.system.support.site import LiveSite, free_port, now_ms, site, wait_for
from tests.system.support.venue import door_toml, hall_toml

pytestmark = pytest.mark.system

VENUE = hall_toml("hall", 20) + door_toml("west")
SESSION = """
[[session]]
code = "talk"
hall = "hall"
title = "{title}"
starts = "{starts}"
ends = "{ends}"
[[speaker]]
session = "talk"
attendee = "{speaker}"
role = "keynote"
"""


class Screen:
    """The states that the door's page receives, in order."""

    def __init__(self, place: LiveSite, name: str, port: int) -> None:
        self.heard: list[dict] = []
        self._page = http.client.HTTPConnection("127.0.0.1", port, timeout=240)
        cookie = open_screen(place.kiosks[name], self._page)
        self._page.request("GET", "/feed", headers={"Cookie": cookie})
        self._answer = self._page.getresponse()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._listen)
        self._thread.start()

    def _listen(self) -> None:
        while not self._stop.is_set():
            line = self._answer.readline()
            if line.startswith(b"data: {"):
                self.heard.append(json.loads(line[6:]))

    def close(self) -> None:
        self._stop.set()  # the next beat, within a second, ends it
        self._thread.join()
        self._answer.close()
        self._page.close()

    def titles(self) -> list[str]:
        shown = self.heard[-1]["status"]["programme"] if self.heard else []
        return [session["titles"]["en"] for session in shown]

    def speakers(self) -> list[str]:
        shown = self.heard[-1]["status"]["programme"] if self.heard else []
        return [speaker["name"] for session in shown for speaker in session["speakers"]]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[LiveSite]:
    with site(tmp_path, VENUE, people=4) as live:
        live.start_server()
        live.enrol("west", "west")
        yield live


def load(place: LiveSite, title: str, speaker: int) -> None:
    zone = ZoneInfo(place.event.settings.time_zone)
    now = datetime.now(zone)
    starts = (now - timedelta(minutes=10)).strftime("%Y-%m-%d %H:%M")
    ends = (now + timedelta(minutes=90)).strftime("%Y-%m-%d %H:%M")
    text = VENUE + SESSION.format(title=title, speaker=speaker, starts=starts, ends=ends)
    plan = venue_file.read_venue(text.encode(), "venue.toml", place.event.settings)
    place.write(lambda db: venue_import.import_venue(db, plan, by="test", now=now_ms()))


def test_a_changed_title_and_speaker_reach_a_live_door(place: LiveSite) -> None:
    load(place, "Tides", speaker=1)
    port = free_port()
    place.run_typed("west", port)
    with HandScanner(place.kiosks["west"], port, place.ground.connect) as scanner:
        screen = Screen(place, "west", port)
        try:
            wait_for("the programme", lambda: screen.titles() == ["Tides"])
            assert screen.speakers() == ["Guest Number 1"]

            load(place, "Currents", speaker=2)
            wait_for("the change", lambda: screen.titles() == ["Currents"])
            assert screen.speakers() == ["Guest Number 2"]

            answer = scanner.present(place.badge(2), "entry")
            assert answer.admitted
            wait_for("the greeting", lambda: bool(screen.heard[-1]["answers"]))
            assert screen.heard[-1]["answers"][0]["speaks"]["role"] == "keynote"
        finally:
            screen.close()
