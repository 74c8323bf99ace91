"""The database's primary dies while kiosks scan, and its standby takes over."""

import itertools
import threading
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from server.storage.disk import DatabaseError
from server.storage.errors import EngineError
from tests.system.support.cut_database import CutSite, run
from tests.system.support.many_servers import ManyServers

BEFORE_S = 4.0
_LOOK_S = 0.02


@dataclass
class Death:
    """The result of the takeover."""

    scans: int = 0
    greens: int = 0
    acknowledged_before: int = 0
    acknowledged_after: int = 0
    until_promoted_s: float = 0.0
    # From the standby's first write until a scan of each kiosk was acknowledged.
    until_next_s: list[float] = field(default_factory=list)
    longest_gap_s: float = 0.0
    # The doors' answers while there was no primary, in seconds.
    answers: list[float] = field(default_factory=list)


def play(
    many: ManyServers, kill: Callable[[], object], promoted: Callable[[], object], after_s: float
) -> Death:
    """Kill the primary while kiosks scan, and go on for so long. `promoted` returns once another
    takes writes. Checks all invariants.
    """
    death, site = Death(), CutSite(many, [])
    kiosks = list(many.kiosks.values())

    def acknowledged() -> int:
        return sum(kiosk.journal.state().acked for kiosk in kiosks)

    def fault(over: threading.Event) -> None:
        over.wait(BEFORE_S)
        death.acknowledged_before = acknowledged()
        died_at = time.time()
        kill()
        promoted()
        since, promoted_at = time.monotonic(), time.time()
        death.until_promoted_s = promoted_at - died_at
        before = {id(kiosk): kiosk.journal.state().acked for kiosk in kiosks}
        while before and not over.is_set():
            for kiosk in kiosks:
                at = before.get(id(kiosk))
                if at is not None and kiosk.journal.state().acked > at:
                    del before[id(kiosk)]
                    death.until_next_s.append(time.monotonic() - since)
            time.sleep(_LOOK_S)
        over.wait(after_s)
        death.acknowledged_after = acknowledged() - death.acknowledged_before
        times = [died_at, *(at for at in site.acknowledged if at > died_at)]
        death.longest_gap_s = max(b - a for a, b in itertools.pairwise(times))
        death.answers = sorted(
            took for at, took, _ in many.found.answers if died_at <= at / 1000 <= promoted_at
        )
        # The checks' connection was lost with the primary.
        with suppress(EngineError, DatabaseError), many.database.reading() as db:
            db.execute("SELECT 1")

    run(site, BEFORE_S, 0.05, fault)
    death.scans, death.greens = many.found.scans, many.found.greens
    return death
