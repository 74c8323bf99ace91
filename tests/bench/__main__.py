"""`make bench`: each measurement by name, as JSON lines. Nothing here is asserted.

Tables go to build/bench/.
"""

import argparse
import json
import sys
from collections.abc import Callable

from tests.bench import (
    backlog,
    cards,
    doors,
    eyes,
    growth,
    ingest,
    night,
    rehearsal,
    searching,
    simulator,
    slow,
    swarm,
)
from tests.bench.console import acts, board, desk, desk_cases, muster
from tests.bench.evidence import audit, forged, timeline
from tests.bench.eyes import memory, photo_run
from tests.bench.forum import entries, pages
from tests.bench.load import (
    capacity,
    cut,
    edits,
    engines,
    feeds,
    idle,
    loop,
    order,
    phone_doors,
    phones,
    primary,
    servers,
    sessions,
    thousand,
    turns,
    twothousand,
    webhooks,
)  # fmt: skip
from tests.bench.mutation import mutants
from tests.bench.phone_door import run as phone_door
from tests.bench.sharing import cost
from tests.bench.upgrade import run as upgrade

BENCHES: dict[str, Callable[[], object]] = {
    "eyes": eyes.run,
    "ingest": ingest.run,
    "doors": doors.run,
    "board": board.run,
    "slow": slow.run,
    "swarm": swarm.run,
    "backlog": backlog.run,
    "sharing": cost.run,
    "simulator": simulator.run,
    "growth": growth.run,
    "night": night.run,
    "searching": searching.run,
    "rehearsal": rehearsal.run,
    "memory": memory.run,
    "acts": acts.run,
    "audit": audit.run,
    "forged": forged.run,
    "timeline": timeline.run,
    "webhooks": webhooks.run,
    "servers": servers.run,
    "sessions": sessions.run,
    "turns": turns.run,
    "twothousand": twothousand.run,
    "order": order.run,
    "edits": edits.run,
    "engines": engines.run,
    "cut": cut.run,
    "primary": primary.run,
    "loop": loop.run,
    "idle": idle.run,
    "capacity": capacity.run,
    "feeds": feeds.run,
    "thousand": thousand.run,
    "phone_door": phone_door.run,
    "phone_doors": phone_doors.run,
    "phones": phones.run,
    "entries": entries.run,
    "muster": muster.run,
    "pages": pages.run,
    "cards": cards.run,
    "desk": desk.run,
    "desk_cases": desk_cases.run,
    "photos": photo_run.run,
    "mutants": mutants.run,
    "upgrade": upgrade.run,
}
# Hours of it, and a measurement that needs another version.
BY_NAME_ALONE = {"mutants", "forged", "upgrade"}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "names",
        nargs="*",
        help=f"of {', '.join(BENCHES)}; all but {', '.join(sorted(BY_NAME_ALONE))} by default",
    )
    chosen = parser.parse_args().names or [name for name in BENCHES if name not in BY_NAME_ALONE]
    unknown = [name for name in chosen if name not in BENCHES]
    if unknown:
        parser.error(f"there is no measurement {unknown[0]!r}; there are {', '.join(BENCHES)}")
    for name in chosen:
        sys.stdout.write(json.dumps(BENCHES[name]()) + "\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
