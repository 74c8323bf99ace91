"""Shared by benches: the app of a new event, in this process without network or TLS, and times."""

import statistics
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory

from server.app.new_event import init_event
from server.core.event.settings import EventSettings
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.pages import Pages, Staff

SETTINGS = EventSettings(
    name={"en": "Bench"}, time_zone="Asia/Shanghai", first_day=date(2026, 5, 4), days=6,
    public_host="localhost", port=8443,
)  # fmt: skip
SLOW_TIMES, SLOW_S = 4, 8.0  # slow steps are repeated less often

Times = list[tuple[float, float]]  # ms by the clock, and ms of this process's CPU


@contextmanager
def new_event(now: int = NOW) -> Iterator[Pages]:
    """Its files are below the current folder: a file system in memory syncs for nothing."""
    with TemporaryDirectory(dir=Path.cwd()) as folder:
        event, _ = init_event(Path(folder) / "event", SETTINGS, now=now)
        with Database(event.database_path) as database, Pages(event, database, now) as pages:
            yield pages


def timed(step: Callable[[], object]) -> tuple[float, float]:
    began, began_cpu = time.perf_counter(), time.process_time()
    step()
    return (time.perf_counter() - began) * 1000, (time.process_time() - began_cpu) * 1000


def repeated(step: Callable[[], object], times: int) -> Times:
    """The first time is not counted: it compiles the template."""
    step()
    took: Times = []
    begun = time.perf_counter()
    while len(took) < times and (len(took) < SLOW_TIMES or time.perf_counter() - begun < SLOW_S):
        took.append(timed(step))
    return took


def quantiles(values: Sequence[float]) -> dict[str, float]:
    ordered = sorted(values)
    if not ordered:
        return {}
    shares = (("p50", 0.5), ("p95", 0.95), ("p99", 0.99), ("max", 1.0))
    return {
        name: round(ordered[min(len(ordered) - 1, int(len(ordered) * share))], 1)
        for name, share in shares
    }


def summary(took: Times) -> dict[str, object]:
    return {
        "times": len(took),
        "ms": quantiles([clock for clock, _ in took]),
        "cpu_ms": quantiles([cpu for _, cpu in took]),
    }


def load_page(staff: Staff, address: str) -> str:
    answer = staff.get(address)
    assert answer.status_code == 200, (address, answer.status)
    assert answer.mimetype != "text/event-stream", f"{address} never ends: leave it out"
    return answer.data.decode(errors="replace")  # some are pictures or archives


def page_times(staff: Staff, addresses: Iterable[str], times: int) -> dict[str, object]:
    """All pages together, and the slowest with their median."""
    took = {
        address: repeated(lambda address=address: load_page(staff, address), times)
        for address in addresses
    }
    medians = {
        address: statistics.median(cpu for _, cpu in times) for address, times in took.items()
    }
    slowest = sorted(medians, key=medians.__getitem__, reverse=True)[:8]
    return {
        "pages": len(took),
        **summary([times for page in took.values() for times in page]),
        "slowest_cpu_ms": {address: round(medians[address], 1) for address in slowest},
    }
