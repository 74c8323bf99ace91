"""SQL that sums many accounts agrees with the protocol on the places a kiosk holds."""

import sqlite3
from contextlib import closing

from hypothesis import given
from hypothesis import strategies as st

from badges.places.pool import Held
from server.core.occupancy import pools

COLUMNS = ("granted", "returned", "handed_over", "reclaimed", "trusted")
TOTALS = st.integers(-(10**9), 10**9)


@given(st.fixed_dictionaries(dict.fromkeys(COLUMNS, TOTALS)))
def test_statements_agree_with_the_protocol(totals: dict[str, int]) -> None:
    row = ", ".join(f":{name} AS {name}" for name in COLUMNS)
    with closing(sqlite3.connect(":memory:")) as db:
        (held,) = db.execute(f"SELECT {pools.HELD} FROM (SELECT {row})", totals).fetchone()
    assert held == Held(**totals).held
