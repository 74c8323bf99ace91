"""Starts Chromium without a window.

Debian has its engine alone as `chromium-headless-shell`, without all that a window has around a
page. Pages are the same in it, and it takes about half the time.
"""

import contextlib
import os
import shutil
import time
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import pytest

# Debian's command is a script. A driver would end that alone, and the engine would go on for ever.
ENGINE = ("/usr/lib/chromium/chromium-headless-shell", "chromium-headless-shell")
WHOLE = ("chromium", "google-chrome")
END_S = 30.0  # on a busy machine
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars")
# Without it, Chromium computes what a graphics card would draw, which takes a seventh of the time.
FLAGS += ("--disable-gpu",)
# Or each site and each new window has a process of its own, which takes 0.1 s to begin.
FLAGS += ("--renderer-process-limit=1",)
FLAGS += ("--disable-background-networking", "--disable-component-update", "--disable-quic")
NEEDED = "needs chromium and chromedriver: apt-get install chromium-driver"


def start(*flags: str, home: Path | None = None, trusts_any: bool = False) -> Any:
    """Start a browser. With a `home` it is a whole one, which trusts what is trusted there.

    `trusts_any` is for a server's own certificate.
    """
    webdriver = pytest.importorskip("selenium.webdriver", reason="needs selenium")
    names = WHOLE if home else (*ENGINE, *WHOLE)
    chromium = next((path for name in names if (path := shutil.which(name))), None)
    driver = shutil.which("chromedriver")
    if not (chromium and driver):
        pytest.skip(NEEDED)
    environment = dict(os.environ) if home is None else {**os.environ, "HOME": str(home)}
    return webdriver.Chrome(
        options=_options(webdriver, chromium, flags, trusts_any),
        service=webdriver.ChromeService(driver, env=environment),
    )


def end(browser: Any) -> None:
    """End a browser, and fail where a process of it goes on: nobody would see it, and it would draw
    its page for ever.
    """
    pids = list(_descendants(browser.service.process.pid))
    browser.quit()
    deadline = time.monotonic() + END_S
    while left := [pid for pid in pids if _runs(pid)]:
        assert time.monotonic() < deadline, f"processes of a browser go on: {left}"
        time.sleep(0.02)


def _descendants(pid: int) -> Iterator[int]:
    for thread in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):  # It has ended since.
            for child in map(int, thread.read_text().split()):
                yield child
                yield from _descendants(child)


def _runs(pid: int) -> bool:
    """Whether it runs. One that has ended may still stand in the list of processes."""
    try:
        status = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return False
    return not status.rpartition(") ")[2].startswith("Z")


def _options(webdriver: Any, chromium: str, flags: Iterable[str], trusts_any: bool) -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, *flags):
        options.add_argument(flag)
    options.accept_insecure_certs = trusts_any
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options
