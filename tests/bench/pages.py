"""How long staff's pages take with 100,000 people, 2,000 sessions and 60 halls, and what a list of
100,000 does to them: its preview, its import, and every page meanwhile.

The app is called in this process, so that no network and no TLS is measured.
"""

import itertools
import resource
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path

from badges.credential.badge_number import badge_number
from server.event.directory import load_event
from server.event.settings import EventSettings
from server.setup.new_event import init_event
from server.setup.venue_file import read_venue
from server.setup.venue_import import import_venue
from server.storage.database import Database
from tests.server.conftest import NOW
from tests.server.support.pages import Pages, Staff
from tests.server.web.editing.test_editing import fields
from tests.server.web.editing.test_uploads import send

PEOPLE, SESSIONS, HALLS = 100_000, 2_000, 60
TIMES = 40
DAYS = 6
CATEGORIES = ("delegate", "speaker", "exhibitor", "press", "staff", "vip", "visitor")


def run() -> dict[str, object]:
    """Measure, in ms, and say how much memory the process had at most."""
    settings = EventSettings(
        name={"en": "Large"}, time_zone="Asia/Shanghai", first_day=date(2026, 5, 4), days=DAYS
    )
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "event"
        init_event(path, settings, now=NOW)
        event = load_event(path)
        with Database(event.database_path) as database:
            venue = read_venue(_venue().encode(), "venue.toml", settings)
            database.write(lambda db: import_venue(db, venue, by="bench", now=NOW))
            with Pages(event, database) as pages:
                return _measure(pages)


def _measure(pages: Pages) -> dict[str, object]:
    admin, colleague = pages.staff("admin"), pages.staff("admin")
    found: dict[str, object] = {}
    _import(admin, roster(""), found, "first list", colleague)
    _issue(pages, found)
    _import(admin, roster(" the Second"), found, "changed list", colleague)
    targets = _targets(pages)
    found["pages"] = {
        name: _times(lambda target=target: _get(admin, target)) for name, target in targets.items()
    }
    found["edit of a session"] = _times(_editing(admin, targets["session"]), 15)
    found["edit of a hall"] = _times(_editing(admin, targets["hall form"]), 15)
    found["most memory, MB"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    return found


def _import(admin: Staff, text: str, found: dict[str, object], name: str, colleague: Staff) -> None:
    """Send a list, look at its preview, and import it, while a colleague looks at a page."""
    meanwhile: list[float] = []
    stop = threading.Event()
    looks = threading.Thread(target=_look, args=(colleague, stop, meanwhile), daemon=True)
    alone = _times(lambda: _get(admin, "/admin/people/?q=Keller"), 10)
    looks.start()
    started = time.perf_counter()
    sent = send(admin, "/admin/imports/people/", text)
    assert sent.status_code == 303, sent.text
    sent_at = time.perf_counter()
    page = _get(admin, sent.location)
    previewed_at = time.perf_counter()
    again = time.perf_counter()
    page = _get(admin, sent.location)
    again = time.perf_counter() - again
    mark = page.partition('name="mark" value="')[2][:16]
    importing = time.perf_counter()
    done = admin.post(f"{sent.location}/confirm", {"mark": mark})
    imported_at = time.perf_counter()
    stop.set()
    looks.join()
    assert done.location == "/admin/badges/", page
    found[name] = {
        "sent, s": round(sent_at - started, 2),
        "preview, s": round(previewed_at - sent_at, 2),
        "preview shown again, ms": round(again * 1000, 1),
        "import, s": round(imported_at - importing, 2),
        "a colleague's search alone": alone,
        "the same meanwhile": _percentiles(meanwhile),
    }


def _look(staff: Staff, stop: threading.Event, took: list[float]) -> None:
    while not stop.is_set():
        started = time.perf_counter()
        _get(staff, "/admin/people/?q=Keller")
        took.append(time.perf_counter() - started)
        time.sleep(0.05)


def _issue(pages: Pages, found: dict[str, object]) -> None:
    started = time.perf_counter()
    pages.issue()
    found["badges issued, s"] = round(time.perf_counter() - started, 1)


def _targets(pages: Pages) -> dict[str, str]:
    db = pages.database.reader
    (serial,) = db.execute("SELECT MIN(serial) FROM attendee").fetchone()
    (session,) = db.execute("SELECT MAX(session_id) FROM session").fetchone()
    (hall,) = db.execute("SELECT MAX(hall_id) FROM hall").fetchone()
    person = f"/admin/people/{badge_number(serial)}"
    return {
        "overview": "/admin/",
        "people": "/admin/people/",
        "people, last page": f"/admin/people/?page={PEOPLE // 50}",
        "people, searched": "/admin/people/?q=Keller",
        "person": person,
        "person form": f"{person}/edit",
        "new person": "/admin/people/new",
        "merge": f"{person}/merge?q=Keller",
        "venue": "/admin/venue/",
        "venue, a later page": "/admin/venue/?day=2026-05-06&page=3",
        "categories": "/admin/venue/categories",
        "hall": f"/admin/halls/{hall}",
        "hall form": f"/admin/venue/hall/{hall}",
        "session": f"/admin/venue/session/{session}",
        "guests": f"/admin/venue/session/{session}/guests/",
        "guests, searched": f"/admin/venue/session/{session}/guests/?q=Keller",
        "imports": "/admin/imports/",
        "badges": "/admin/badges/",
        "kiosks": "/admin/kiosks/",
    }


def _editing(admin: Staff, target: str) -> Callable[[], object]:
    numbers = itertools.count(10)
    key = "capacity" if "/hall/" in target else "title"

    def edit() -> None:
        form = {**fields(_get(admin, target)), key: next(numbers)}
        answer = admin.post(target, form)
        assert answer.status_code == 303, answer.text

    return edit


def _get(staff: Staff, target: str) -> str:
    answer = staff.get(target)
    assert answer.status_code == 200, (target, answer.status)
    return answer.text


def _times(step: Callable[[], object], times: int = TIMES) -> dict[str, float]:
    step()
    took, cpu = [], []
    for _ in range(times):
        started, started_cpu = time.perf_counter(), time.process_time()
        step()
        took.append(time.perf_counter() - started)
        cpu.append(time.process_time() - started_cpu)
    return _percentiles(took) | {"cpu p95, ms": _percentiles(cpu)["p95, ms"]}


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


def roster(more: str) -> str:
    """A list of people of whom a tenth has another organisation where `more` says something."""
    lines = ["id,given name,family name,organisation,email,category"]
    for number in range(PEOPLE):
        family = ("Keller", "Novak", "Lee", "Holm", "Bodin", "Quist")[number % 6]
        other = more if number % 10 == 0 else ""
        lines.append(
            f"P{number},Guest {number},{family},Office {number % 900}{other},"
            f"g{number}@example.org,{CATEGORIES[number % 7]}"
        )
    return "\n".join(lines) + "\n"


def _venue() -> str:
    parts = []
    for hall in range(HALLS):
        parts.append(
            f'[[hall]]\ncode = "h{hall}"\nname = "Hall {hall}"\nname_zh = "{hall}号厅"\n'
            f"capacity = 500\nsessions_only = true\n"
        )
        for door in range(5):
            parts.append(
                f'[[door]]\ncode = "d{hall}-{door}"\nhall = "h{hall}"\nname = "Door {door}"\n'
            )
    for number in range(SESSIONS):
        day, hour = 4 + number % DAYS, 8 + number // DAYS % 10
        parts.append(
            f'[[session]]\ncode = "s{number}"\nhall = "h{number % HALLS}"\n'
            f'title = "Session {number}"\ntitle_zh = "会议 {number}"\n'
            f'starts = "2026-05-{day:02} {hour:02}:00"\nends = "2026-05-{day:02} {hour:02}:50"\n'
        )
    return "\n".join(parts)
