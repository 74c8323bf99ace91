"""300 phones fetch the page's files at once, while 60 doors are at work on the same server.

A process of its own has the phones: each takes all files of files.json over one connection, as
fast as it can (or as its Wi-Fi would: MBIT_S), in the form that browsers get. It uses the machine's
cores too, and its share is reported.
"""

import asyncio
import contextlib
import itertools
import json
import resource
import ssl
import subprocess
import sys
import time
import urllib.request
from collections.abc import Sequence

from kiosk.browser.files import phone_files
from tests.bench.doors import RATE, scan_steadily
from tests.bench.event import quantiles
from tests.bench.load.load import Load, Timings, served, used
from tests.system.support.site import LiveSite

KIOSKS = 60
PHONES = 300
PEOPLE = 12_000
QUIET_S = 20.0
# None is as fast as loopback. Then a phone's share of a busy access point.
MBIT_S = (None, 20.0)
PIECE_BYTES = 64 * 1024


async def fetch_all(port: int, mbit_s: float | None) -> list[float]:
    """Return the seconds that each phone took."""
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    url = f"https://127.0.0.1:{port}/door/files.json"
    with urllib.request.urlopen(url, context=context) as answer:
        index = json.load(answer)
    paths = [f"/door/files/{index['version']}/{path}" for path in index["files"]]
    return await asyncio.gather(*(_fetch(port, context, paths, mbit_s) for _ in range(PHONES)))


async def _fetch(
    port: int, context: ssl.SSLContext, paths: Sequence[str], mbit_s: float | None
) -> float:
    began = time.perf_counter()
    left = list(paths)
    while left:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, ssl=context)
        # The server ends a connection on which nothing has moved for long; a phone asks again.
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while left:
                await _fetch_file(reader, writer, left[0], mbit_s)
                left.pop(0)
        writer.close()
    return time.perf_counter() - began


async def _fetch_file(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, path: str, mbit_s: float | None
) -> None:
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: br\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head[:20], head
    (length,) = (
        int(line.split(b":")[1])
        for line in head.lower().split(b"\r\n")
        if line.startswith(b"content-length")
    )
    while length:
        piece = await reader.read(min(length, PIECE_BYTES))
        if not piece:
            raise ConnectionResetError
        length -= len(piece)
        if mbit_s is not None:
            await asyncio.sleep(len(piece) * 8 / 1e6 / mbit_s)


async def _beside_doors(site: LiveSite, load: Load, mbit_s: float | None) -> dict[str, object]:
    people = itertools.cycle(row[0] for row in site.query("SELECT serial FROM attendee"))
    pid = site.server.child.pid
    await load.open()
    load.timings = quiet = Timings()
    await scan_steadily(load, people, RATE, QUIET_S)
    load.timings = busy = Timings()
    done, before, began = asyncio.Event(), used(pid)[0], time.perf_counter()
    phones = await asyncio.create_subprocess_exec(
        sys.executable, "-m", __name__, str(site.port), str(mbit_s or ""), stdout=subprocess.PIPE
    )
    scans = asyncio.create_task(scan_steadily(load, people, RATE, 600.0, until=done))
    output, _ = await phones.communicate()
    done.set()
    await scans
    took = time.perf_counter() - began
    cpu, memory = used(pid)
    await load.close()
    return {
        "kiosks": KIOSKS,
        "phones": PHONES,
        "mbit_s": mbit_s,
        "bytes_each": sum(file.stored for file in phone_files().files.values()),
        "quiet_door_to_door_ms": quantiles(quiet.delays_ms),
        "busy_door_to_door_ms": quantiles(busy.delays_ms),
        "busy_acknowledged_ms": quantiles(busy.acks_ms),
        "scans_meanwhile": len(busy.acks_ms),
        "server_cpu_percent": round((cpu - before) / took * 100),
        "server_memory_mb": round(memory),
        **json.loads(output),
    }


def run() -> dict[str, object]:
    measured = []
    for mbit_s in MBIT_S:
        with served(KIOSKS, PEOPLE) as (site, load):
            measured.append(asyncio.run(_beside_doors(site, load, mbit_s)))
    return {"phones": measured}


if __name__ == "__main__":
    seconds = asyncio.run(fetch_all(int(sys.argv[1]), float(sys.argv[2] or 0) or None))
    cpu = resource.getrusage(resource.RUSAGE_SELF)
    print(  # noqa: T201 (read by the process that started this one)
        json.dumps(
            {
                "fetched_s": quantiles(seconds),
                "phones_cpu_s": round(cpu.ru_utime + cpu.ru_stime, 1),
            }
        )
    )
