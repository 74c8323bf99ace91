"""A browser's share of this computer: limited by a control group, and measured by process.

DevTools' own throttling slows the page alone. Its workers, where the door runs, go on at full
speed.
"""

import contextlib
import os
import time
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from tests.phones.phone import Phone
from tests.processes import with_descendants

GROUPS = Path("/sys/fs/cgroup/cpu")  # version 1
PERIOD_US = 4_000  # short, so that a limit slows all steps and does not pause some of them
END_S = 20.0
WASM_RESERVED = 8 << 30


def why_unlimited() -> str:
    """Why no limit can be set here; "" if one can."""
    if os.geteuid() != 0:
        return "only root can limit a browser's CPU"
    if not (GROUPS / "cgroup.procs").exists():
        return f"there is no {GROUPS} (control groups, version 1)"
    return ""


@dataclass(frozen=True)
class Limit:
    """`words` before a command run it in the group."""

    cores: float
    group: Path

    @property
    def words(self) -> tuple[str, ...]:
        return ("sh", "-c", f'echo $$ > {self.group}/cgroup.procs; exec "$@"', "sh")

    def throttled_s(self) -> float:
        """The time for which its processes were ready and had to wait for their share."""
        fields = dict(line.split() for line in (self.group / "cpu.stat").read_text().splitlines())
        return int(fields["throttled_time"]) / 1e9


@contextlib.contextmanager
def limited(cores: float) -> Iterator[Limit]:
    """All processes of the group together get `cores`. Those left at the end are killed."""
    group = _own_group() / f"hallkeeper-bench-{os.getpid()}"
    group.mkdir()
    try:
        (group / "cpu.cfs_period_us").write_text(str(PERIOD_US))
        (group / "cpu.cfs_quota_us").write_text(str(round(PERIOD_US * cores)))
        yield Limit(cores, group)
    finally:
        _empty(group)
        group.rmdir()


def _own_group() -> Path:
    """This process's group, whose weight the limited group shares."""
    for line in Path("/proc/self/cgroup").read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if "cpu" in controllers.split(","):
            return GROUPS / path.lstrip("/")
    return GROUPS


def _empty(group: Path) -> None:
    deadline = time.monotonic() + END_S
    while (pids := (group / "cgroup.procs").read_text().split()) and time.monotonic() < deadline:
        for pid in pids:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(pid), 9)
        time.sleep(0.05)


def cpu_s(phone: Phone) -> dict[str, float]:
    """CPU seconds so far: of the page with its workers (the process "renderer"), and of the rest of
    the browser, which takes the film's pictures and draws the page.
    """
    processes = phone.browser.call("SystemInfo.getProcessInfo")["processInfo"]
    page = sum(process["cpuTime"] for process in processes if process["type"] == "renderer")
    return {"page": page, "browser": sum(process["cpuTime"] for process in processes) - page}


def memory_mb(phone: Phone) -> dict[str, float]:
    """Resident memory of the page's process, the whole browser's (shared pages divided), the sizes
    of the WebAssembly heaps of the page's workers, and the JavaScript of the door's worker.
    """
    resident = [_kb(pid, "status", "VmRSS") for pid in phone.browser.renderers()]
    shared = sum(
        _kb(pid, "smaps_rollup", "Pss") for pid in with_descendants(phone.browser.child.pid)
    )
    worker = phone.browser.call("Runtime.getHeapUsage", phone.workers[-1])
    heaps = [
        heap
        for pid in phone.browser.renderers()
        for heap in wasm_heaps(Path(f"/proc/{pid}/maps").read_text())
    ]
    return {
        "page": round(max(resident) / 1000, 1),
        "browser": round(shared / 1000, 1),
        "wasm": round(sum(heaps) / 1e6, 1),
        "python": round(max(heaps, default=0) / 1e6, 1),
        "javascript": round(worker["usedSize"] / 1e6, 1),
    }


def wasm_heaps(maps: str) -> list[int]:
    """The bytes of each WebAssembly memory. Chromium reserves 8 GiB of addresses for each, of which
    the first part may be written.
    """
    rows = [line.split()[:2] for line in maps.splitlines()]
    areas = [(*(int(end, 16) for end in place.split("-")), rights) for place, rights in rows]
    return [
        middle - start
        for (start, middle, rights), (begin, end, guard) in pairwise(areas)
        if middle == begin
        and rights[:2] == "rw"
        and guard[0] == "-"
        and end - start == WASM_RESERVED
    ]


def _kb(pid: int, file: str, field: str) -> int:
    with contextlib.suppress(OSError):  # it has just ended
        for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
            if line.startswith(f"{field}:"):
                return int(line.split()[1])
    return 0
