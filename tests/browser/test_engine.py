"""The browser that the tests use."""

import os
import signal

from tests.browser.engine.chromium import end, start
from tests.processes import has_ended, with_descendants


def test_a_browser_whose_driver_hangs_ends_with_all_its_processes() -> None:
    started = start()
    pids = list(with_descendants(started.service.process.pid))
    os.kill(started.service.process.pid, signal.SIGSTOP)
    end(started, quit_s=0.5)
    assert all(map(has_ended, pids))
