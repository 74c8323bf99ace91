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
import ssl
import threading
import time
from collections.abc import Iterator
from typing import Any

from server.core.staff import users
from server.web import auth
from tests.bench.doors import scan_steadily
from tests.bench.event import quantiles
from tests.bench.load.kiosk import LoadKiosk
from tests.bench.load.load import Load, Timings, served, used
from tests.browser.engine.chromium import end, start
from tests.server.support.signing import sign_in
from tests.system.support.site import LiveSite, now_ms

KIOSKS, RATE, BOARDS = 300, 150.0, 20
PEOPLE = 9_000
SECONDS, WARM_UP_S, PROBE_EVERY_S = 15.0, 4.0, 0.25
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
    with served(kiosks, PEOPLE) as (site, load):
        token = _signed_in(site)
        people = [row[0] for row in site.query("SELECT serial FROM attendee")]
        browser = start("--window-size=1920,1080", trusts_any=True)
        try:
            figures = asyncio.run(_measure(site, load, people, browser, token, rate, seconds))
        finally:
            end(browser)
    return {"board": {"load_average": os.getloadavg()[0], **figures}}


def _signed_in(site: LiveSite) -> str:
    password = users.make_password()
    hashed = users.hash_password(password)
    site.write(lambda db: users.add_user(db, "board", "admin", hashed, by="bench", now=now_ms()))
    _, token = sign_in(site.database, "board", password, now=now_ms())
    site.write(lambda db: db.execute("UPDATE staff_user SET must_change = 0 WHERE name = 'board'"))
    return token


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
    probes = [kiosk for kiosk in load.kiosks if kiosk.door.hall == load.kiosks[-1].door.hall]
    others = [kiosk for kiosk in load.kiosks if kiosk not in probes]
    kept, scanned = iter(people[:400]), itertools.cycle(people[400:])
    hall, pid = probes[0].door.hall, site.server.child.pid
    await load.open()
    await scan_steadily(load, scanned, rate, WARM_UP_S, kiosks=others)
    costs: dict[str, float] = {}
    costs["0"] = await _cost(pid, scan_steadily(load, scanned, rate, seconds, kiosks=others))
    await asyncio.to_thread(_open_board, browser, site, token, hall)
    await scan_steadily(load, scanned, rate, 2.0, kiosks=others)
    load.timings = Timings()
    sent: dict[int, float] = {}
    probing = asyncio.create_task(_probe(load, probes, kept, sent, seconds))
    costs["1, in the browser"] = await _cost(
        pid, scan_steadily(load, scanned, rate, seconds, kiosks=others)
    )
    await probing
    boards = [Board(site.port, token) for _ in range(BOARDS - 1)]
    await scan_steadily(load, scanned, rate, 2.0, kiosks=others)
    probing = asyncio.create_task(_probe(load, probes, kept, sent, seconds))
    before = sum(board.bytes for board in boards)
    costs[str(BOARDS)] = await _cost(
        pid, scan_steadily(load, scanned, rate, seconds, kiosks=others)
    )
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
