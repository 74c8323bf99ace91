"""The cost of the page of entries with 1,000,000 scans by 100,000 people, for each filter and for
combinations that find almost nothing, and of its files.

Also the cost of the marks: the time of a block, and the bytes they add to the file. A scan that
arrives costs no more, because only full blocks are marked.
"""

import resource
import time

from server.core.ledger import marks
from server.storage.database import Database
from tests.bench.event import load_page, new_event, page_times, repeated, summary
from tests.bench.forum import history, large
from tests.server.conftest import NOW
from tests.server.support.pages import Staff

TURNS = 20
# Single filters, then combinations. Many combinations find nothing, the slowest case.
QUERIES = (
    "", "person=wang", "person=王伟", "person=keller", "person=müller+gia", "person=nosuchname",
    "organisation=harbour", "organisation=清华大学", "organisation=siemens", "badge=00PSX",
    "category=1", "category=5", "hall=1", "hall=55", "door=300", "kiosk=x299", "session=s1999",
    "session=Session+77", "act=entry", "act=exit", "act=denial", "act=override", "act=annul",
    "decision=denied", "reason=forged", "reason=door_resting", "remark=escort", "remark=late",
    "remark=day_credential", "supervisor=user:1", "supervisor=user:99", "note=wet", "note=王",
    "note=nothing+of+it", "from=2026-05-05T12:00&to=2026-05-05T12:01",
    "from=2026-05-04T09:00&to=2026-05-06T20:00", "from=2027-01-01T00:00", "to=2025-01-01T00:00",
    "rows=500", "rows=500&act=exit",
    "act=exit&decision=denied", "act=exit&reason=hall_full", "category=5&hall=55",
    "category=5&hall=55&act=exit&from=2026-05-06T08:00", "act=override&reason=forged",
    "hall=1&door=300", "kiosk=x299&door=1", "organisation=harbour&category=5&remark=late",
    "organisation=清华大学&act=override&note=wet", "person=wang&organisation=harbour&act=exit",
    "person=王&hall=7&act=denial&remark=late", "organisation=harbour&hall=1&door=300",
    "organisation=harbour&supervisor=user:99", "organisation=harbour&to=2025-01-01T00:00",
    "category=1&act=entry&remark=escort&hall=3&from=2026-05-04T09:00&to=2026-05-04T09:30",
    "organisation=清华大学&category=5&act=exit&decision=admitted&remark=late&session=s1999",
)  # fmt: skip


def mark_all(database: Database) -> dict[str, object]:
    """Mark every full block as the server does."""
    bytes_before, began, blocks = size(database), time.process_time(), 0
    while marks.mark_next(database):
        blocks += 1
    cpu_s = time.process_time() - began
    database.give_back()
    return {
        "blocks": blocks,
        "cpu_ms_of_a_block": round(cpu_s * 1000 / blocks, 1),
        "cpu_us_of_a_scan": round(cpu_s * 1e6 / (blocks * marks.BLOCK), 1),
        "marks_mb": round((size(database) - bytes_before) / 1e6, 1),
        "file_mb": round(size(database) / 1e6, 1),
    }


def size(database: Database) -> int:
    with database.reading() as db:
        pages, page = (db.execute(f"PRAGMA {name}").fetchone()[0]
                       for name in ("page_count", "page_size"))  # fmt: skip
    return int(pages * page)


def file(admin: Staff, kind: str) -> dict[str, object]:
    """Read a file of all entries piece by piece, as a server sends it."""
    before, sent = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss, 0
    began, began_cpu = time.perf_counter(), time.process_time()
    for piece in admin.get(f"/admin/entries.{kind}", buffered=False).response:
        sent += len(piece)
    memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    return {
        f"{kind}_s": round(time.perf_counter() - began, 1),
        f"{kind}_cpu_s": round(time.process_time() - began_cpu, 1),
        f"{kind}_mb": round(sent / 1e6, 1),
        f"{kind}_more_memory_mb": round(memory / 1024, 1),
    }


def run() -> dict[str, object]:
    with new_event(NOW + 3 * history.DAY_MS) as pages:
        large.fill(pages)
        pages.database.write(lambda db: history.add_kiosks(db, pages.now))
        pages.database.write(lambda db: history.add_scans(db, history.numbers(db), pages.now))
        admin = pages.staff("admin")
        rare = "/admin/entries?act=exit&decision=denied"
        return {
            "bench": "entries",
            "scans": history.SCANS,
            "people": large.PEOPLE,
            "unmarked": summary(repeated(lambda: load_page(admin, rare), 3)),
            **mark_all(pages.database),
            **page_times(admin, [f"/admin/entries?{query}" for query in QUERIES], TURNS),
            **file(admin, "csv"),
            **file(admin, "xlsx"),
        }
