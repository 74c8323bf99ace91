"""The time of each page in a forum of 100,000 people, 1,000,000 scans and 2,000 activities with
their hosts, sessions and speakers, and how a list of 100,000 slows others down: a colleague who
searches, and a door that sends its scans.

The app is called in this process, without network or TLS.
"""

import gc
import itertools
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from server.app.new_event import init_event
from server.core.event.directory import load_event
from server.core.event.settings import EventSettings
from server.features.imports.venue_file import read_venue
from server.features.imports.venue_import import import_venue
from server.storage.database import Database
from tests.bench.forum import every_page, history, large, saving
from tests.server.conftest import NOW
from tests.server.features.imports.test_uploads import send
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff

KIOSKS = 20
TIMES = 20
SLOW_TIMES, SLOW_S = 4, 8.0  # slow steps are repeated less often


def run() -> dict[str, object]:
    """Measure, in ms, and the peak memory of the process."""
    settings = EventSettings(
        name={"en": "Large"}, time_zone="Asia/Shanghai", first_day=date(2026, 5, 4), days=large.DAYS
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "event"
        init_event(path, settings, now=NOW)
        event = load_event(path)
        with Database(event.database_path) as database:
            venue = read_venue(large.venue().encode(), "venue.toml", settings)
            database.write(lambda db: import_venue(db, venue, by="bench", now=NOW))
            with Pages(event, database) as pages:
                # As the server does after loading: loaded objects stay.
                gc.collect()
                gc.freeze()
                return _measure(pages)


def _measure(pages: Pages) -> dict[str, object]:
    admin, colleague = pages.staff("admin"), pages.staff("admin")
    doors = [pages.kiosk(f"k{number}", f"d{number % large.HALLS}-0") for number in range(KIOSKS)]
    found: dict[str, object] = {}
    _import(admin, large.roster(), found, "first list", _Others(pages, colleague, doors))
    started = time.perf_counter()
    pages.issue()
    found["badges issued, s"] = round(time.perf_counter() - started, 1)
    changed = large.roster(" the Second")
    _import(admin, changed, found, "changed list", _Others(pages, colleague, doors))
    started = time.perf_counter()
    history.write(pages.database, pages.now)
    found["entries written, s"] = round(time.perf_counter() - started, 1)
    found["pages"] = {
        target: _times(lambda target=target: _get(admin, target))
        for target in every_page.addresses(pages)
    }
    found["saved"] = {
        name: _times(step, min(TIMES, 15))
        for name, step in saving.steps(pages, admin, _get).items()
    }
    found["most memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


class _Others:
    """A colleague who searches, and doors that send a scan each, again and again."""

    def __init__(self, pages: Pages, colleague: Staff, doors: list[FakeDoor]) -> None:
        self._pages, self._colleague, self._doors = pages, colleague, itertools.cycle(doors)
        (self._serial,) = pages.database.reader.execute(
            "SELECT COALESCE(MIN(serial), 1) FROM attendee"
        ).fetchone()
        self._stop = threading.Event()
        self.took: dict[str, list[float]] = {"a colleague's search": [], "a door's scan": []}
        steps = (self.search, self.scan)
        self._threads = [
            threading.Thread(target=self._again, args=(step, took), daemon=True)
            for step, took in zip(steps, self.took.values(), strict=True)
        ]

    def search(self) -> None:
        _get(self._colleague, "/admin/people/?q=Keller")

    def scan(self) -> None:
        door = next(self._doors)
        door.scan(self._pages.now, self._serial)
        self._pages.send(door)
        self._pages.database.give_back()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> dict[str, dict[str, float]]:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return {name: _percentiles(took) for name, took in self.took.items()}

    def _again(self, step: Callable[[], None], took: list[float]) -> None:
        while not self._stop.is_set():
            started = time.perf_counter()
            step()
            took.append(time.perf_counter() - started)
            time.sleep(0.05)


def _import(admin: Staff, text: str, found: dict[str, object], name: str, others: _Others) -> None:
    """Send a list, open its preview, and import it, while others are at work."""
    alone = {"a colleague's search": _times(others.search), "a door's scan": _times(others.scan)}
    others.start()
    started = time.perf_counter()
    sent = send(admin, "/admin/imports/people/", text)
    assert sent.status_code == 303, sent.text
    sent_at = time.perf_counter()
    page = _get(admin, sent.location)
    previewed_at = time.perf_counter()
    page = _get(admin, sent.location)
    again = time.perf_counter() - previewed_at
    mark = page.partition('name="mark" value="')[2][:16]
    importing = time.perf_counter()
    done = admin.post(f"{sent.location}/confirm", {"mark": mark})
    imported_at = time.perf_counter()
    meanwhile = others.stop()
    assert done.location == "/admin/badges/", page
    found[name] = {
        "sent, s": round(sent_at - started, 2),
        "preview, s": round(previewed_at - sent_at, 2),
        "preview shown again, ms": round(again * 1000, 1),
        "import, s": round(imported_at - importing, 2),
        "others alone": alone,
        "others meanwhile": meanwhile,
    }


def _get(staff: Staff, target: str) -> str:
    answer = staff.get(target)
    assert answer.status_code == 200, (target, answer.status)
    assert answer.mimetype != "text/event-stream", f"{target} never ends: leave it out"
    return answer.data.decode(errors="replace")  # some are pictures or archives


def _times(step: Callable[[], object], times: int = 0) -> dict[str, float]:
    times = times or TIMES
    step()
    took, cpu = [], []
    begun = time.perf_counter()
    for _ in range(times):
        if len(took) >= SLOW_TIMES and time.perf_counter() - begun > SLOW_S:
            break
        started, started_cpu = time.perf_counter(), time.process_time()
        step()
        took.append(time.perf_counter() - started)
        cpu.append(time.process_time() - started_cpu)
    found, of_cpu = _percentiles(took), _percentiles(cpu)
    return found | ({"cpu p95, ms": of_cpu["p95, ms"]} if len(cpu) > 1 else {})


def _percentiles(took: list[float]) -> dict[str, float]:
    if len(took) < 2:
        return {"times": len(took)}
    p95 = statistics.quantiles(took, n=20)[18]
    return {
        "p50, ms": round(statistics.median(took) * 1000, 1),
        "p95, ms": round(p95 * 1000, 1),
        "most, ms": round(max(took) * 1000, 1),
        "times": len(took),
    }
