"""Sixty kiosks at work while strangers hold 3,000 connections and 700 unfinished bodies.

The strangers are a separate process, at addresses of loopback other than the kiosks'.
"""

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import socket
import ssl
import time
from collections.abc import Callable
from functools import partial

from tests.bench.doors import PEOPLE, RATE, run_load
from tests.bench.load.load import served

KIOSKS = 60
CONNECTIONS = 3_000  # with unfinished headers, from one address
BODIES = 700  # from 36 addresses
ADDRESSES = 36
ATTACK_S = 45.0
# New connections, and replacements for ended ones. Tools that hold connections open 50 a second by
# default (slowhttptest 1.9, its option -r).
OPENED_PER_S = 400.0
_HEAD = b"POST /admin/sign-in HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nx"


def attack(
    port: int, connections: int, bodies: int, seconds: float, tell: Callable[[int], object]
) -> None:
    """Hold so many connections and bodies, and replace those that the server ends. Calls `tell`
    after each with the count so far.

    Real strangers have machines of their own. Here they share the server's cores, so they get
    the lowest priority.
    """
    os.nice(19)
    asyncio.run(_attack(port, connections, bodies, seconds, tell))


async def _attack(
    port: int, connections: int, bodies: int, seconds: float, tell: Callable[[int], object]
) -> None:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    until = time.monotonic() + seconds
    opening = asyncio.Semaphore(50)
    begin, begun, held = time.monotonic(), itertools.count(), itertools.count(1)

    async def hold(number: int, slow_body: bool) -> None:
        source = ("127.0.0.99" if not slow_body else f"127.0.1.{number % ADDRESSES + 1}", 0)
        while time.monotonic() < until:
            writer = None
            with contextlib.suppress(OSError, ssl.SSLError, TimeoutError):
                await asyncio.sleep(begin + next(begun) / OPENED_PER_S - time.monotonic())
                async with opening:
                    reader, writer = await asyncio.wait_for(
                        asyncio.open_connection(
                            "127.0.0.1", port, local_addr=source, family=socket.AF_INET,
                            ssl=context if slow_body else None,
                        ),
                        10,
                    )  # fmt: skip
                writer.write(_HEAD if slow_body else b"\x16\x03\x01")
                tell(next(held))
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(reader.read(), max(0.1, until - time.monotonic()))
            if writer is not None:
                writer.close()
            await asyncio.sleep(1)

    tasks = [hold(n, False) for n in range(connections)] + [hold(n, True) for n in range(bodies)]
    await asyncio.gather(*tasks)


def measure(attacked: bool, kiosks: int = KIOSKS) -> dict[str, object]:
    held = multiprocessing.Value("i", 0)
    with served(kiosks, PEOPLE) as (site, load):
        attacker = multiprocessing.Process(
            target=attack,
            args=(site.port, CONNECTIONS, BODIES, ATTACK_S, partial(setattr, held, "value")),
        )
        if attacked:
            attacker.start()
            time.sleep((CONNECTIONS + BODIES) / OPENED_PER_S + 2)
        try:
            figures = asyncio.run(run_load(load, site))
        finally:
            if attacked:
                attacker.terminate()
                attacker.join()
    return {"attacked": attacked, "attempts": held.value, **figures}


def run() -> dict[str, object]:
    return {"kiosks": KIOSKS, "rate": RATE, "slow": [measure(False), measure(True)]}
