"""Starts Chromium without a window.

Debian has its engine alone as `chromium-headless-shell`, without all that a window has around a
page. Pages are the same in it, and it takes about half the time.
"""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from tests.processes import await_ended, with_descendants

# Debian's command is a script. A driver would end that alone, and the engine would go on for ever.
ENGINE = ("/usr/lib/chromium/chromium-headless-shell", "chromium-headless-shell")
WHOLE = ("chromium", "google-chrome")
END_S = 240.0  # on a busy machine
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
    """End a browser, and fail where a process of it goes on. Nobody would see it, and it would draw
    its page for ever.
    """
    pids = list(with_descendants(browser.service.process.pid))
    browser.quit()
    await_ended(pids, END_S)


def _options(webdriver: Any, chromium: str, flags: Iterable[str], trusts_any: bool) -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, *flags):
        options.add_argument(flag)
    options.accept_insecure_certs = trusts_any
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options
