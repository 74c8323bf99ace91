"""Of several servers on one database, one alone does the common work."""

import json

from server.core.event.processes import DUTY_MS, Reporter, take_duties
from server.storage.connection import Connection
from server.storage.database import Database
from server.storage.engines.history import clock_ms
from server.storage.tables import keep_setting
from tests.server.conftest import NOW


def several(database: Database) -> bool:
    with database.reading() as db:
        return clock_ms(db) is not None


def test_one_server_has_the_duties_though_clocks_differ(database: Database) -> None:
    told: dict[str, list[bool]] = {}
    servers = []
    for name, now in (("right", NOW), ("ahead", NOW + 120_000), ("behind", NOW - 120_000)):
        on_duty = told.setdefault(name, []).append
        servers.append(
            Reporter(database, name, "a:1", lambda: "run", lambda now=now: now, on_duty)  # type: ignore[misc]
        )
    for _ in range(2):
        for server in servers:
            server._write(None)
    others = [not several(database)] * 2
    assert told == {"right": [True, True], "ahead": others, "behind": others}


def test_the_duties_pass_on_after_a_stop_and_after_a_term(database: Database) -> None:
    def take(name: str, *, leave: bool = False) -> bool:
        return database.write(lambda db: take_duties(db, name, leave=leave))

    def end_term(db: Connection) -> None:
        now = clock_ms(db) or NOW
        keep_setting(db, "duty", json.dumps(["b", now - 1]))

    def begin_term_in_the_future(db: Connection) -> None:
        now = clock_ms(db) or NOW
        keep_setting(db, "duty", json.dumps(["d", now + 2 * DUTY_MS]))

    assert take("a")
    assert take("b") is not several(database)
    assert not take("a", leave=True)
    assert take("b")
    database.write(end_term)
    assert take("c")
    database.write(begin_term_in_the_future)  # A promoted standby's clock may be behind.
    assert take("e")
