"""How long a muster of 30,000 people with offline doors takes to the list, the page and paper, and
the server's cost of a roll call of 2,000.
"""

from functools import partial

from server.core.muster import muster
from server.features.muster import lists
from tests.bench.event import Times, load_page, new_event, repeated, summary, timed
from tests.bench.forum import history, large
from tests.server.support.pages import Pages

SEEN = 2_000
POINTS = 3
TIMES = 9
BATCH = 200


def begin(pages: Pages) -> int:
    step = partial(muster.begin, reason="drill", by="user:1", now=pages.now)
    return pages.database.write(step).muster_id


def end(pages: Pages, muster_id: int) -> None:
    step = partial(muster.end, muster_id=muster_id, note="over", by="user:1", now=pages.now)
    pages.database.write(step)


def roll_call(pages: Pages, serials: list[int]) -> Times:
    """Three points that were offline send their records, in batches of 200 as kiosks do."""
    took = []
    for number in range(POINTS):
        point = pages.kiosk(f"point-{number}", f"d{number}-0")
        for serial in serials[number::POINTS]:
            point.scan(
                pages.now, serial, decision="denied", reason="roll_call", note="A", by="user:1"
            )
        while point.acked < len(point.records):
            last = min(point.acked + BATCH, len(point.records))
            took.append(timed(partial(pages.send, point, last=last)))
    return took


def run() -> dict[str, object]:
    with new_event() as pages:
        large.fill(pages)
        pages.database.write(lambda db: history.add_kiosks(db, pages.now))
        pages.database.write(lambda db: history.add_stays(db, pages.now))
        begun: Times = []
        for _ in range(TIMES):
            begun.append(timed(lambda: begin(pages)))
            current = muster.current(pages.database.reader)
            assert current is not None
            end(pages, current.muster_id)
        muster_id = begin(pages)
        admin, address = pages.staff("admin"), f"/admin/muster/{muster_id}"
        views = {"page": address, "page_of_a_hall": f"{address}?hall=7", "paper": f"{address}/list"}
        figures: dict[str, object] = {
            view: summary(repeated(lambda page=page: load_page(admin, page), TIMES))
            for view, page in views.items()
        }
        db = pages.database.reader
        serials = [line.serial for line in lists.lines(db, muster_id, limit=SEEN)]
        roll = roll_call(pages, serials)
        counts = lists.counts(pages.database.reader, muster_id)
    return {
        "bench": "muster",
        "people": history.INSIDE,
        "begin": summary(begun),
        **figures,
        "roll_call": {**summary(roll), "all_cpu_ms": round(sum(cpu for _, cpu in roll))},
        "seen": counts.total("seen"),
        "missing": counts.total("missing"),
    }
