"""From a scan at a door to the board on a screen: 55 halls, 300 kiosks, 150 scans a second, and a
real headless Chromium.

The doors of one hall are left to probes. Each probe is one entry, and the page reports when its
tile shows the new number, at the next painted frame. Both use one machine's clock. The other boards
are connections that read the same feed without drawing it, so the browser takes no cores from the
server.
"""

import asyncio
import http.client
import itertools
import os
import random
import shutil
import ssl
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from server.core.staff import users
from server.web import auth
from tests.bench.load.kiosk import LoadKiosk
from tests.bench.load.load import Load, Timings, enrol_all, quantiles, used, venue
from tests.system.support.site import LiveSite, now_ms

KIOSKS, RATE, BOARDS = 300, 150.0, 20
PEOPLE = 9_000
SECONDS, WARM_UP_S, PROBE_EVERY_S = 15.0, 4.0, 0.25
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1920,1080",
    "--disable-background-networking", "--disable-component-update",
)  # fmt: skip
# Records when a tile's number changed, at the next frame.
WATCH = """
window.seen = {};
const tile = document.getElementById(arguments[0]);
new MutationObserver(() => {
  const shown = tile.querySelector(".inside b").textContent.replaceAll(",", "");
  if (shown in window.seen) return;
  window.seen[shown] = 0;
  requestAnimationFrame(() => { window.seen[shown] = performance.timeOrigin + performance.now(); });
}).observe(tile, { childList: true, subtree: true });
"""


class Board:
    """A feed of the board without a screen. It counts the bytes it receives."""

    def __init__(self, port: int, token: str) -> None:
        self.bytes = 0
        context = ssl.create_default_context()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        self._link = http.client.HTTPSConnection("127.0.0.1", port, context=context)
        self._link.request("GET", "/admin/live", headers={"Cookie": f"{auth.COOKIE}={token}"})
        self._answer = self._link.getresponse()
        assert self._answer.status == 200, self._answer.status
        self._over = False
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def _read(self) -> None:
        while not self._over and (line := self._answer.readline()):
            self.bytes += len(line)

    def close(self) -> None:
        """Stop reading. The server ends the connection when it stops."""
        self._over = True


def run(kiosks: int = KIOSKS, rate: float = RATE, seconds: float = SECONDS) -> dict[str, object]:
    """Measure. A smaller load tests the bench itself."""
    with TemporaryDirectory() as folder:
        site = LiveSite(Path(folder), venue(), people=PEOPLE)
        try:
            doors = enrol_all(site, kiosks)
            token = _signed_in(site)
            (cursor,) = site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
            people = [row[0] for row in site.query("SELECT serial FROM attendee")]
            site.start_server()
            browser = _browser()
            try:
                load = Load(site.port, doors, cursor)
                found = asyncio.run(_measure(site, load, people, browser, token, rate, seconds))
            finally:
                browser.quit()
        finally:
            site.close()
    return {"board": {"load_average": os.getloadavg()[0], **found}}


def _signed_in(site: LiveSite) -> str:
    password = users.make_password()
    hashed = users.hash_password(password)
    site.write(lambda db: users.add_user(db, "board", "admin", hashed, by="bench", now=now_ms()))
    _, token = users.sign_in(site.database, "board", password, now=now_ms())
    site.write(lambda db: db.execute("UPDATE staff_user SET must_change = 0 WHERE name = 'board'"))
    return token


def _browser() -> Any:
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    for flag in FLAGS:
        options.add_argument(flag)
    options.accept_insecure_certs = True
    service = webdriver.ChromeService(shutil.which("chromedriver"))
    return webdriver.Chrome(options=options, service=service)


def _open_board(browser: Any, site: LiveSite, token: str, hall: int) -> None:
    address = f"https://127.0.0.1:{site.port}"
    browser.get(f"{address}/admin/sign-in")
    browser.add_cookie(
        {"name": auth.COOKIE, "value": token, "path": "/", "secure": True, "httpOnly": True}
    )
    browser.get(f"{address}/admin/")
    browser.execute_script(WATCH, f"hall-{hall}")


async def _measure(
    site: LiveSite,
    load: Load,
    people: list[int],
    browser: Any,
    token: str,
    rate: float,
    seconds: float,
) -> dict[str, object]:
    probes = [one for one in load.kiosks if one.door.hall == load.kiosks[-1].door.hall]
    others = [one for one in load.kiosks if one not in probes]
    kept, scanned = iter(people[:400]), itertools.cycle(people[400:])
    hall, pid = probes[0].door.hall, site.server.child.pid
    await load.open()
    await _scan(load, others, scanned, rate, WARM_UP_S)
    costs: dict[str, float] = {}
    costs["0"] = await _cost(pid, _scan(load, others, scanned, rate, seconds))
    await asyncio.to_thread(_open_board, browser, site, token, hall)
    await _scan(load, others, scanned, rate, 2.0)
    load.timings = Timings()
    sent: dict[int, float] = {}
    probing = asyncio.create_task(_probe(load, probes, kept, sent, seconds))
    costs["1, in the browser"] = await _cost(pid, _scan(load, others, scanned, rate, seconds))
    await probing
    boards = [Board(site.port, token) for _ in range(BOARDS - 1)]
    await _scan(load, others, scanned, rate, 2.0)
    probing = asyncio.create_task(_probe(load, probes, kept, sent, seconds))
    before = sum(board.bytes for board in boards)
    costs[str(BOARDS)] = await _cost(pid, _scan(load, others, scanned, rate, seconds))
    sent_bytes = sum(board.bytes for board in boards) - before
    await probing
    await asyncio.sleep(1.5)
    seen = await asyncio.to_thread(browser.execute_script, "return window.seen")
    for board in boards:
        board.close()
    acks = load.timings.acks_ms
    await load.close()
    delays = [seen[str(count)] - at for count, at in sent.items() if seen.get(str(count))]
    return {
        "kiosks": len(load.kiosks),
        "probes": len(sent),
        # A probe whose number never appeared alone was merged with the next.
        "shown_with_the_next": len(sent) - len(delays),
        "scan_to_screen_ms": quantiles(delays),
        "acknowledged_ms": quantiles(acks),
        "server_cpu_percent_by_boards": costs,
        "kilobytes_a_second_each": round(sent_bytes / 1000 / seconds / len(boards), 1),
        "server_memory_mb": round(used(pid)[1]),
    }


async def _cost(pid: int, work: Any) -> float:
    """The server's share of a core meanwhile, in percent."""
    before, began = used(pid)[0], time.perf_counter()
    await work
    return round(100 * (used(pid)[0] - before) / (time.perf_counter() - began), 1)


async def _scan(
    load: Load, kiosks: list[LoadKiosk], people: Iterator[int], rate: float, seconds: float
) -> None:
    """Scan at random doors at a steady rate, however long the answers take."""
    dice, begin, count = random.Random(1), time.perf_counter(), 0
    async with asyncio.TaskGroup() as posts:
        while time.perf_counter() - begin < seconds:
            posts.create_task(load.scan(dice.choice(kiosks), next(people)))
            count += 1
            await asyncio.sleep(max(0, begin + count / rate - time.perf_counter()))


async def _probe(
    load: Load,
    kiosks: list[LoadKiosk],
    people: Iterator[int],
    sent: dict[int, float],
    seconds: float,
) -> None:
    """Admit one person after another at these kiosks, and keep the send time (Unix ms)
    of each number of people.
    """
    dice, until = random.Random(2), time.perf_counter() + seconds
    while time.perf_counter() < until:
        sent[len(sent) + 1] = time.time() * 1000
        await load.scan(dice.choice(kiosks), next(people))
        await asyncio.sleep(PROBE_EVERY_S * dice.uniform(0.7, 1.3))
