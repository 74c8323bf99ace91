"""Strangers hold thousands of connections and hundreds of stalled bodies; kiosks and staff go on.
`python -m tests.bench slow` has the figures.
"""

import asyncio
import http.client
import itertools
import resource
import ssl
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.bench.doors import scan_steadily
from tests.bench.load.load import Load, Timings, enrol_all, venue
from tests.system.support.site import LiveSite, Process, wait_for

pytestmark = pytest.mark.system
KIOSKS, CONNECTIONS, BODIES = 60, 3_000, 700
RATE, SCANS = 40.0, 240
HALLS = 30  # of two kiosks each
LONGEST_S = 400.0  # in total, on a busy machine
FILES = 10_000
# A separate process, which reports once that it holds them all.
ATTACK = f"""
import resource, sys
from tests.bench.slow import attack

def tell(number):
    if number == {CONNECTIONS + BODIES}:
        print('{{"held": true}}', flush=True)

hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, ({FILES}, hard))
attack(int(sys.argv[1]), {CONNECTIONS}, {BODIES}, {LONGEST_S}, tell)
"""


@pytest.fixture(autouse=True)
def many_files():
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < FILES:
        pytest.skip(f"this machine allows {hard} open files for one process")
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, FILES), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def sign_in_page(port: int) -> int:
    """The status of a public page, from a new address."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    connection = http.client.HTTPSConnection(
        "127.0.0.1", port, timeout=LONGEST_S, context=context, source_address=("127.0.0.7", 0)
    )
    try:
        connection.request("GET", "/admin/sign-in")
        return connection.getresponse().status
    finally:
        connection.close()


async def set_when(so: Callable[[], bool], event: asyncio.Event) -> None:
    while not so():
        await asyncio.sleep(0.05)
    event.set()


def test_kiosks_and_staff_are_served_meanwhile(tmp_path: Path) -> None:
    site = LiveSite(tmp_path, venue(halls=HALLS), people=100)
    attacker = Process(
        "strangers",
        [sys.executable, "-c", ATTACK, str(site.port)],
        tmp_path / "strangers.log",
    )
    try:
        doors = enrol_all(site, KIOSKS)
        people = itertools.cycle(row[0] for row in site.query("SELECT serial FROM attendee"))
        (cursor,) = site.query("SELECT COALESCE(MAX(cursor), 0) FROM change")[0]
        site.start_server()
        load = Load(site.port, doors, cursor)

        def hold_all() -> bool:
            assert attacker.alive, attacker.log.read_text()
            return bool(attacker.answers)

        async def day() -> None:
            await load.open()
            attacker.start()
            await asyncio.to_thread(wait_for, "the strangers", hold_all, timeout_s=LONGEST_S)
            timings = load.timings = Timings()
            enough = asyncio.Event()
            counting = asyncio.create_task(set_when(lambda: len(timings.acks_ms) >= SCANS, enough))
            await scan_steadily(load, people, RATE, LONGEST_S, enough)
            await counting
            await load.close()

        asyncio.run(day())
        assert sign_in_page(site.port) == 200
        assert attacker.alive, attacker.log.read_text()
    finally:
        if attacker.alive:
            attacker.stop()
        attacker.end()
        site.close()
