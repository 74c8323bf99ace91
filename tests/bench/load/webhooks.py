"""The ledger's cost of webhooks: CPU and time of a scan without a webhook and with some.

With 55 halls. The kinds take turns, and the quickest of each counts, because others use the machine
too. The receiver accepts everything at once, so sending costs the server alone.
"""

from pathlib import Path
from tempfile import TemporaryDirectory

from server.core.outgoing.posting import Reply
from server.features.integrations import endpoints
from server.features.integrations.sender import Webhooks
from server.storage.connection import Connection
from tests.bench.load.ledger_site import NOW, LedgerSite

BATCHES = (1, 10, 100)
SCANS = 6_000
SCANS_ALONE = 1_200
ROUNDS = 5
HALLS = 55
# The topics of the only webhook, and whether messages are sent meanwhile.
KINDS: dict[str, tuple[tuple[str, ...], bool]] = {
    "none": ((), False),
    "entries": (("entries",), False),
    "entries_and_halls": (("entries", "halls"), False),
    "entries_and_halls_sent": (("entries", "halls"), True),
}


def more_halls(db: Connection) -> None:
    db.executemany(
        "INSERT INTO hall (hall_id, code, names, fire_limit, capacity, zones, sessions_only,"
        " anti_passback, exits) VALUES (?, ?, '{}', 100, 100, 1, 0, 'hard', 'strict')",
        ((number, f"H{number}") for number in range(2, HALLS + 1)),
    )


def measure(batch: int, topics: tuple[str, ...], *, sent: bool) -> tuple[float, float]:
    """Microseconds for each scan: on the clock, and of CPU."""
    count = SCANS_ALONE if batch == 1 else SCANS
    with TemporaryDirectory() as folder:
        site = LedgerSite(Path(folder))
        site.database.write(more_halls)
        if topics:
            url = "http://127.0.0.1:1/"
            site.database.write(
                lambda db: endpoints.add(db, url, topics, by="b", now=NOW, http_allowed=False)
            )
        webhooks = Webhooks(site.database, b"bench", lambda: NOW, send=lambda *_: Reply(204, "204"))
        if sent:
            webhooks.start()
        try:
            return site.measure(count, batch)
        finally:
            webhooks.close()
            site.close()


def run() -> dict[str, object]:
    """One row for each size of batch, with each kind's ratio to none."""
    rows = []
    for batch in BATCHES:
        took: dict[str, list[tuple[float, float]]] = {kind: [] for kind in KINDS}
        for _ in range(ROUNDS):
            for kind, (topics, sent) in KINDS.items():
                took[kind].append(measure(batch, topics, sent=sent))
        cpu = {kind: min(cpu_us for _, cpu_us in costs) for kind, costs in took.items()}
        wall = {kind: min(clock_us for clock_us, _ in costs) for kind, costs in took.items()}
        rows.append(
            {
                "batch": batch,
                **{f"{kind}_cpu_us": round(cpu[kind]) for kind in KINDS},
                **{f"{kind}_ratio": round(cpu[kind] / cpu["none"], 2) for kind in KINDS},
                **{f"{kind}_wall": round(wall[kind] / wall["none"], 2) for kind in KINDS},
            }
        )
    return {"webhooks": rows}
