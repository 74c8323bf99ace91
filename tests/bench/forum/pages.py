"""The time of each page in a forum of 100,000 people, 1,000,000 scans and 2,000 activities with
their hosts, sessions and speakers, and how a list of 100,000 slows others down: a colleague who
searches, and a door that sends its scans.

The app is called in this process, without network or TLS.
"""

import gc
import itertools
import resource
import threading
import time
from collections.abc import Callable

from tests.bench.event import Times, load_page, new_event, repeated, summary, timed
from tests.bench.forum import every_page, history, large, saving
from tests.server.features.imports.test_uploads import send
from tests.server.support.fake_door import FakeDoor
from tests.server.support.pages import Pages, Staff

KIOSKS = 20
TIMES = 20


def run() -> dict[str, object]:
    """Measure, in ms, and the peak memory of the process."""
    with new_event() as pages:
        large.import_programme(pages)
        # As the server does after loading: loaded objects stay.
        gc.collect()
        gc.freeze()
        return _measure(pages)


def _measure(pages: Pages) -> dict[str, object]:
    admin, colleague = pages.staff("admin"), pages.staff("admin")
    doors = [pages.kiosk(f"k{number}", f"d{number % large.HALLS}-0") for number in range(KIOSKS)]
    figures: dict[str, object] = {}
    _import(admin, large.roster(), figures, "first list", _Others(pages, colleague, doors))
    started = time.perf_counter()
    pages.issue()
    figures["badges issued, s"] = round(time.perf_counter() - started, 1)
    changed = large.roster(" the Second")
    _import(admin, changed, figures, "changed list", _Others(pages, colleague, doors))
    started = time.perf_counter()
    history.write(pages.database, pages.now)
    figures["entries written, s"] = round(time.perf_counter() - started, 1)
    figures["pages"] = {
        address: summary(repeated(lambda address=address: load_page(admin, address), TIMES))
        for address in every_page.addresses(pages)
    }
    figures["saved"] = {
        name: summary(repeated(step, min(TIMES, 15)))
        for name, step in saving.steps(pages, admin).items()
    }
    figures["most memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return figures


class _Others:
    """A colleague who searches, and doors that send a scan each, again and again."""

    def __init__(self, pages: Pages, colleague: Staff, doors: list[FakeDoor]) -> None:
        self._pages, self._colleague, self._doors = pages, colleague, itertools.cycle(doors)
        (self._serial,) = pages.database.reader.execute(
            "SELECT COALESCE(MIN(serial), 1) FROM attendee"
        ).fetchone()
        self._stop = threading.Event()
        self.took: dict[str, Times] = {"a colleague's search": [], "a door's scan": []}
        steps = (self.search, self.scan)
        self._threads = [
            threading.Thread(target=self._again, args=(step, took), daemon=True)
            for step, took in zip(steps, self.took.values(), strict=True)
        ]

    def search(self) -> None:
        load_page(self._colleague, "/admin/people/?q=Keller")

    def scan(self) -> None:
        door = next(self._doors)
        door.scan(self._pages.now, self._serial)
        self._pages.send(door)
        self._pages.database.give_back()

    def start(self) -> None:
        for thread in self._threads:
            thread.start()

    def stop(self) -> dict[str, object]:
        self._stop.set()
        for thread in self._threads:
            thread.join()
        return {name: summary(took) for name, took in self.took.items()}

    def _again(self, step: Callable[[], None], took: Times) -> None:
        while not self._stop.is_set():
            took.append(timed(step))
            time.sleep(0.05)


def _import(
    admin: Staff, text: str, figures: dict[str, object], name: str, others: _Others
) -> None:
    """Send a list, open its preview, and import it, while others are at work."""
    alone = {
        "a colleague's search": summary(repeated(others.search, TIMES)),
        "a door's scan": summary(repeated(others.scan, TIMES)),
    }
    others.start()
    started = time.perf_counter()
    sent = send(admin, "/admin/imports/people/", text)
    assert sent.status_code == 303, sent.text
    sent_at = time.perf_counter()
    page = load_page(admin, sent.location)
    previewed_at = time.perf_counter()
    page = load_page(admin, sent.location)
    again = time.perf_counter() - previewed_at
    mark = page.partition('name="mark" value="')[2][:16]
    importing = time.perf_counter()
    done = admin.post(f"{sent.location}/confirm", {"mark": mark})
    imported_at = time.perf_counter()
    meanwhile = others.stop()
    assert done.location == "/admin/badges/", page
    figures[name] = {
        "sent, s": round(sent_at - started, 2),
        "preview, s": round(previewed_at - sent_at, 2),
        "preview shown again, ms": round(again * 1000, 1),
        "import, s": round(imported_at - importing, 2),
        "others alone": alone,
        "others meanwhile": meanwhile,
    }
