"""Starts Chromium without a window.

Debian packages its engine as `chromium-headless-shell`, without a window. It shows the same pages
in about half the time.
"""

import os
import shutil
import signal
import threading
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.processes import await_ended, with_descendants

# Debian's command is a script. A driver would end only the script, and the engine would run for
# ever.
ENGINE = ("/usr/lib/chromium/chromium-headless-shell", "chromium-headless-shell")
WHOLE = ("chromium", "google-chrome")
END_S = 240.0  # on a busy machine
FLAGS = ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars")
# Without it, Chromium emulates a graphics card, which takes a seventh of the time.
FLAGS += ("--disable-gpu",)
# Else each site and each new window has its own process, which takes 0.1 s to start.
FLAGS += ("--renderer-process-limit=1",)
FLAGS += ("--disable-background-networking", "--disable-component-update", "--disable-quic")
NEEDED = "needs chromium and chromedriver: apt-get install chromium chromium-driver"


def start(*flags: str, home: Path | None = None, trusts_any: bool = False) -> Any:
    """Start a browser. With a `home` it is a full browser, which trusts the home's certificates.

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


def end(browser: Any, *, quit_s: float = 60.0) -> None:
    """End a browser with all its processes, by force if its driver does not answer in `quit_s`. A
    process left over would draw its page unseen for ever.
    """
    pids = list(with_descendants(browser.service.process.pid))
    quitting = threading.Thread(target=browser.quit, daemon=True)
    quitting.start()
    quitting.join(quit_s)
    if quitting.is_alive():
        for pid in pids:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
    quitting.join(END_S)
    await_ended(pids, END_S)


def _options(webdriver: Any, chromium: str, flags: Iterable[str], trusts_any: bool) -> Any:
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for flag in (*FLAGS, *flags):
        options.add_argument(flag)
    options.accept_insecure_certs = trusts_any
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    return options
