"""A browser that trusts a test authority, and a forum whose page it opens."""

import base64
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pypdfium2

from kiosk.cli.read import read_files
from server.core.event.directory import load_event
from server.core.people import issuing, phone_links
from server.storage.connection import Connection
from tests.browser.engine.chromium import end, start
from tests.server.support.authority import Authority, pem
from tests.system.support.site import LiveSite, hallkeeper, now_ms
from tests.tools import need

UPRIGHT, ON_ITS_SIDE, DESK, SMALL = (390, 844), (844, 390), (1280, 900), (320, 568)
SIZES = (UPRIGHT, ON_ITS_SIDE, DESK, SMALL)
WAIT_S = 240.0  # on a busy machine
LANGUAGE = "ar"  # a name that browsers know, read from right to left

HALLS = """
[[hall]]
code = "big"
name = "Grand Auditorium"
name_zh = "大会堂"
capacity = 400
fire_limit = 400
categories = ["delegate", "speaker"]
[[hall]]
code = "small"
name = "Harbour Room 3"
name_zh = "海港厅三"
capacity = 40
fire_limit = 40
categories = ["delegate", "speaker"]
[[door]]
code = "big-west"
hall = "big"
name = "West"
[[door]]
code = "small-west"
hall = "small"
name = "West"
"""
# It is between noon and one there. The titles have realistic lengths.
SESSIONS = [
    ("past", "big", 0, "09:00", "10:30", "Opening ceremony", "开幕式"),
    ("on", "big", 0, "11:00", "14:30",
     "Resilient supply chains: what the last five years taught ports, carriers and cities",
     "韧性供应链：过去五年给港口、承运商和城市的启示"),
    ("next-a", "small", 0, "15:00", "16:00", "Workshop: pilots and remote piloting",
     "引航员工作坊"),
    ("next-b", "big", 0, "15:00", "16:30", "Green corridors", "绿色航运走廊"),
    *((f"later-{n}", "big" if n % 2 else "small", 0, f"{n}:00", f"{n}:45",
       f"Round table {n}: shore power, methanol and who pays for the cable", f"圆桌会议 {n}")
      for n in range(17, 22)),
    *((f"second-{n}", "small", 1, f"{n:02}:00", f"{n:02}:45", f"Second day, part {n}", f"次日之{n}")
      for n in range(9, 17)),
]  # fmt: skip


def venue(days: list[str]) -> str:
    parts = [HALLS]
    for code, hall, day, starts, ends, title, title_zh in SESSIONS:
        parts.append(
            f'[[session]]\ncode = "{code}"\nhall = "{hall}"\ntitle = "{title}"\n'
            f'title_zh = "{title_zh}"\nstarts = "{days[day]} {starts}"\n'
            f'ends = "{days[day]} {ends}"\ncategories = ["delegate", "speaker"]\n'
        )
    return "\n".join([*parts, '[[speaker]]\nsession = "next-b"\nattendee = "2"\nrole = "keynote"'])


def serve_trusted(place: LiveSite, authority: Authority) -> None:
    """Install a certificate of the authority, and serve it."""
    files = authority.files(place.path, place.ground.host)
    hallkeeper("certificate", "install", *files, "--event", str(place.event.path))
    place.event = load_event(place.event.path)
    place.start_server()


class Phone:
    """One attendee's browser."""

    def __init__(self, path: Path, authority: Authority) -> None:
        """Start Chromium with its own home, and trust the authority as a user would, with certutil
        of libnss3-tools. Skips the tests if one of them is missing.
        """
        need("chromium", "chromedriver", "certutil")
        store = path / ".pki" / "nssdb"
        store.mkdir(parents=True)
        root = path / "root.pem"
        root.write_bytes(pem(authority.root))
        for words in (["-N", "--empty-password"], ["-A", "-t", "C,,", "-n", "tests", "-i", root]):
            command = ["certutil", "-d", f"sql:{store}", *map(str, words)]
            subprocess.run(command, check=True, timeout=WAIT_S, capture_output=True)
        self.path = path
        self.browser = start(f"--user-data-dir={path / 'profile'}", home=path)
        self.browser.set_script_timeout(WAIT_S)

    def close(self) -> None:
        end(self.browser)

    def as_new(self, *addresses: str) -> None:
        """Forget all of these addresses, in a fresh window. Another browser takes two seconds of a
        core to start.
        """
        used = self.browser.current_window_handle
        self.browser.switch_to.new_window("tab")
        fresh = self.browser.current_window_handle
        self.browser.switch_to.window(used)
        self.browser.close()
        self.browser.switch_to.window(fresh)
        for address in addresses:
            self.cdp("Storage.clearDataForOrigin", storageTypes="all", origin=address)
        self.cdp("Network.clearBrowserCookies")
        self.cdp("Network.clearBrowserCache")
        self.log()

    def cdp(self, command: str, **words: Any) -> Any:
        return self.browser.execute_cdp_cmd(command, words)

    def script(self, source: str, *values: Any) -> Any:
        return self.browser.execute_script(source, *values)

    def resize(self, size: tuple[int, int], scale: int = 2) -> None:
        self.cdp("Emulation.setDeviceMetricsOverride", width=size[0], height=size[1],
                 deviceScaleFactor=scale, mobile=size != DESK)  # fmt: skip

    def theme(self, name: str, media: str = "") -> None:
        features = [{"name": "prefers-color-scheme", "value": name}]
        self.cdp("Emulation.setEmulatedMedia", media=media, features=features)

    @property
    def text(self) -> str:
        return str(self.script("return document.body.innerText"))

    def wait(self, event: str, check: Callable[[], object], timeout_s: float = WAIT_S) -> None:
        deadline = time.monotonic() + timeout_s
        while not check():
            assert time.monotonic() < deadline, f"waited {timeout_s} s for {event}: {self.text}"
            time.sleep(0.05)

    def open(self, address: str) -> None:
        """Open the page and wait until the phone has it."""
        self.browser.get(address)
        self.wait("the copy", lambda: self.is_kept)

    @property
    def is_kept(self) -> bool:
        words = "return JSON.parse(document.querySelector('main').dataset.words).kept"
        return str(self.script(words)) in self.text

    def shot(self, name: str) -> Path:
        path = self._shots() / f"phone-{name}.png"
        # Compression takes longer than all else.
        taken = self.cdp("Page.captureScreenshot", optimizeForSpeed=True)
        path.write_bytes(base64.b64decode(taken["data"]))
        return path

    def _shots(self) -> Path:
        folder = Path(os.environ.get("HALLKEEPER_SHOTS") or self.path / "shots")
        folder.mkdir(parents=True, exist_ok=True)
        return folder

    def read(self, name: str) -> list[str]:
        """The result of the kiosk's reader on the screen."""
        (picture,) = read_files([str(self.shot(name))])
        return [code.text for code in picture.texts]

    def printed(self, name: str, **paper: float) -> Path:
        """The page as PDF, on A4 by default."""
        words = {"paperWidth": 8.27, "paperHeight": 11.69, "preferCSSPageSize": False, **paper}
        path = self._shots() / f"phone-{name}.pdf"
        path.write_bytes(base64.b64decode(self.cdp("Page.printToPDF", **words)["data"]))
        return path

    def kept(self) -> dict[str, list[str]]:
        """The addresses in each store of this browser."""
        script = """
        const done = arguments[arguments.length - 1];
        (async () => {
          const found = {};
          for (const name of await caches.keys())
            found[name] = (await (await caches.open(name)).keys()).map((one) => one.url);
          return found;
        })().then(done);
        """
        return dict(self.browser.execute_async_script(script))

    def log(self) -> list[str]:
        """Complaints of the page's scripts and its policy."""
        return [
            entry["message"]
            for entry in self.browser.get_log("browser")
            if entry["level"] == "SEVERE" and entry["source"] != "network"
        ]


def address(place: LiveSite, number: int) -> str:
    """The current link of a person of the roster."""
    db = place.database.reader
    badge = issuing.current_badge(db, place.serial(number))
    return f"{place.event.settings.public_address}/b/{phone_links.token(db, place.event, badge)}"


def put(place: LiveSite, sql: str, *values: object) -> None:
    def step(db: Connection) -> None:
        db.execute(sql, values)

    place.write(step)


def sheets(path: Path) -> int:
    document = pypdfium2.PdfDocument(path)
    try:
        return len(document)
    finally:
        document.close()


def renew(place: LiveSite, number: int) -> None:
    serial = place.serial(number)
    place.write(lambda db: phone_links.renew(db, serial, by="test", now=now_ms()))
