"""100 phones and 60 kiosks on one server, from door to door. `phones` measures how they fetch the
page.

The phones are clients of the same wire. A phone shows green once the server has acknowledged the
scan, so `acknowledged_ms` of a phone is the time until its light, without reading and deciding.
"""

import asyncio
import itertools
import random
import time
from collections.abc import Iterator, Sequence

from kiosk.browser.files import phone_files
from tests.bench.doors import PEOPLE, RATE, SECONDS, WARM_UP_S
from tests.bench.event import quantiles
from tests.bench.load.disk import DiskProbe
from tests.bench.load.kiosk import PHONE_HEALTH, LoadKiosk
from tests.bench.load.load import Load, Timings, served, used
from tests.system.support.site import LiveSite

KIOSKS, PHONES = 60, 100


async def scan_steadily(
    load: Load, kiosks: Sequence[LoadKiosk], people: Iterator[int], rate: float, until: float
) -> None:
    """As `doors` does it. A door without a place lets another one scan, as a queue walks on."""
    dice, begin, count = random.Random(1), time.perf_counter(), 0
    async with asyncio.TaskGroup() as posts:
        while time.perf_counter() < until:
            free = [kiosk for kiosk in kiosks if kiosk.has_place and not kiosk.lock.locked()]
            if free:
                posts.create_task(load.scan(dice.choice(free), next(people)))
            count += 1
            await asyncio.sleep(max(0, begin + count / rate - time.perf_counter()))


async def measure(load: Load, people: Iterator[int], seconds: float, pid: int) -> dict[str, object]:
    phones, kiosks = load.kiosks[KIOSKS:], load.kiosks[:KIOSKS]
    timings = load.timings = Timings()
    cpu, began = used(pid)[0], time.perf_counter()
    share = PHONES / (PHONES + KIOSKS)
    until = time.perf_counter() + seconds
    await asyncio.gather(
        scan_steadily(load, phones, people, RATE * share, until),
        scan_steadily(load, kiosks, people, RATE * (1 - share), until),
    )
    took = time.perf_counter() - began
    return {
        "scans": len(timings.acks_ms),
        "scans_per_s": round(len(timings.acks_ms) / took),
        "door_to_door_ms": quantiles(timings.delays_ms),
        "acknowledged_ms": quantiles(timings.acks_ms),
        "server_cpu_percent": round((used(pid)[0] - cpu) / took * 100),
    }


async def _run(load: Load, site: LiveSite) -> dict[str, object]:
    for phone in load.kiosks[KIOSKS:]:
        phone.health = PHONE_HEALTH
    people = itertools.cycle(row[0] for row in site.query("SELECT serial FROM attendee"))
    assert site.server.child is not None
    pid = site.server.child.pid
    await load.open()
    await measure(load, people, WARM_UP_S, pid)
    figures = await measure(load, people, SECONDS, pid)
    most_held = max(row[0] for row in site.query(
        "SELECT granted - returned - handed_over FROM place_account JOIN kiosk"
        " USING (kiosk, generation) WHERE device = 'phone' AND override <> 1"
    ))  # fmt: skip
    await load.close()
    return {
        "kiosks": KIOSKS,
        "phones": PHONES,
        **figures,
        "bytes_of_a_start": sum(file.stored for file in phone_files().files.values()),
        "most_places_of_a_phone": most_held,
    }


def run() -> dict[str, object]:
    with (
        served(KIOSKS + PHONES, PEOPLE, phones=PHONES) as (site, load),
        DiskProbe(site.path) as probe,
    ):
        figures = asyncio.run(_run(load, site))
    return {**figures, "disk_sync_ms": quantiles(probe.took_ms)}
