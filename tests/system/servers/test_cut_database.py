"""Two servers on one PostgreSQL database, whose links to it are cut silently.

Kiosks scan all the while. With one server cut off they use the other; with both, doors decide by
themselves. No acknowledged scan is lost or stored twice, and no hall exceeds its capacity.
"""

import sys
from pathlib import Path

import pytest

from tests.server.support.postgresql.cluster import MISSING, binaries
from tests.system.support.cut_database import milliseconds, on_site, run, two_servers
from tests.system.support.namespaces import Network, why_none

pytestmark = [pytest.mark.system, pytest.mark.skipif(binaries() is None, reason=MISSING)]

CAPACITY = 8
# The cuts are longer than any tolerated silence (`bounds.SILENT_S`). Before and after them each
# door has time for some dozens of scans.
BEFORE_S, ONE_S, BOTH_S, AFTER_S = 1.5, 6.0, 5.0, 2.0


def test_packets_vanish_between_a_server_and_the_database(tmp_path: Path) -> None:
    if why := why_none():
        pytest.skip(why)

    def play(network: Network) -> None:
        with two_servers(network, tmp_path, kiosks=6, capacity=CAPACITY) as site:
            site.many.start()
            plan = site.play(((0,), ONE_S, AFTER_S), ((0, 1), BOTH_S, AFTER_S), before_s=BEFORE_S)
            run(site, BEFORE_S + ONE_S + BOTH_S + 2 * AFTER_S, 0.05, plan)
            counts = site.many.found
            for cut in site.cuts:
                took = site.answers(cut)
                sys.stdout.write(
                    f"servers {cut.which} cut off for {cut.mended_at - cut.cut_at:.0f} s: "
                    f"{len(took)} answers, p50 {milliseconds(took, 0.5)} ms, "
                    f"p99 {milliseconds(took, 0.99)} ms, most {milliseconds(took, 1)} ms; longest "
                    f"gap {site.longest_gap_s(cut, AFTER_S):.1f} s; next server after "
                    f"{[round(first, 1) for first in cut.until_next_s]} s\n"
                )
            sys.stdout.write(f"{counts.scans} scans, {counts.greens} green, 0 lost\n")
            first, both = site.cuts
            assert first.until_next_s, "the kiosks of the server that was cut off went on elsewhere"
            # A door without a place waits for the servers, up to 10 s a person.
            assert site.answers(both), "doors decide alone"
            assert counts.greens > 10

    on_site(play)
