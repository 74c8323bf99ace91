"""The watch for limits in seconds leaves out what a process waits for a core, and nothing else."""

import os
import subprocess
import sys
import time

import pytest

from tests.system.support import own_time
from tests.system.support.own_time import OwnTime, end_of

pytestmark = pytest.mark.system

BUSY_S = 240.0
# Both need the same core for so long, so that each waits for the other about as long.
SPIN_S = 0.5
SPIN = f"""
import os, time
os.sched_setaffinity(0, {{min(os.sched_getaffinity(0))}})
while time.process_time() < {SPIN_S}:
    pass
"""


def started(code: str) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", code])


def test_who_sleeps_takes_time_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(own_time, "_disk_s", lambda: 0.0)
    assert end_of(started("import time; time.sleep(0.3)"), BUSY_S) > 0.27


@pytest.mark.skipif(not os.path.exists("/proc/self/schedstat"), reason="needs Linux's schedstat")
def test_who_waits_for_a_core_does_not() -> None:
    began, since = time.monotonic(), OwnTime()
    for process in [started(SPIN), started(SPIN)]:
        while process.poll() is None:
            since.look()
            time.sleep(0.02)
    took_s = time.monotonic() - began
    assert took_s > 2 * SPIN_S
    assert since.s < took_s - SPIN_S


def test_who_never_ends_is_told() -> None:
    process = started("import time; time.sleep(600)")
    try:
        with pytest.raises(AssertionError, match="has not ended after"):
            end_of(process, 0.1)
    finally:
        process.kill()
        process.wait()
