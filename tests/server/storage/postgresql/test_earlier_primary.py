"""An earlier primary, started again unchanged, lacks the later primary's data."""

from contextlib import closing
from pathlib import Path

import pytest

from server.storage import migrations
from server.storage.database import Database
from server.storage.disk import AwayError, DatabaseError
from server.storage.opening import connect
from server.storage.postgresql.address import Address, keep_address
from server.storage.postgresql.checks.timeline import SEEN_FILE
from server.storage.tables import keep_setting
from tests.server.support.postgresql.databases import Databases
from tests.server.support.postgresql.failover import Pair, pair, start_again

pytestmark = [pytest.mark.system, pytest.mark.sqlite_alone]


def fail_over(path: Path, both: Pair) -> None:
    """Serve an event, lose the primary, serve from the standby. Then bring the primary back."""
    keep_address(path, Address(both.url))
    with closing(connect(path / "hallkeeper.db")) as db:
        migrations.migrate(db)
        keep_setting(db, "a", "1")
    both.caught_up()
    both.kill_primary()
    both.standby.promote()
    with closing(connect(path / "hallkeeper.db")) as db:
        keep_setting(db, "b", "1")
    start_again(both.primary)
    both.primary_lives = True


def test_a_server_that_was_started_since_refuses_it(postgres: Databases, tmp_path: Path) -> None:
    with pair(synchronous=False) as both:
        fail_over(tmp_path, both)
        both.standby.stop("fast", remove=False)
        for _ in range(2):
            with pytest.raises(AwayError, match="is an earlier primary, with timeline 1"):
                Database(tmp_path / "hallkeeper.db")
        # An operator has confirmed that the later primary is lost.
        (tmp_path / SEEN_FILE).unlink()
        with Database(tmp_path / "hallkeeper.db") as database, database.reading() as db:
            assert not db.execute("SELECT 1 FROM setting WHERE key = 'b'").fetchall()


def test_the_later_one_is_found_where_both_answer(postgres: Databases, tmp_path: Path) -> None:
    with pair(synchronous=False) as both:
        fail_over(tmp_path, both)
        for _ in range(2):
            with closing(connect(tmp_path / "hallkeeper.db")) as db:
                assert db.execute("SELECT 1 FROM setting WHERE key = 'b'").fetchall()


def test_a_damaged_note_is_told(postgres: Databases, tmp_path: Path) -> None:
    name = postgres.cluster.make()
    keep_address(tmp_path, Address(postgres.cluster.url(name)))
    (tmp_path / SEEN_FILE).write_text("{")
    with pytest.raises(DatabaseError, match=r"database\.seen is damaged"):
        connect(tmp_path / "hallkeeper.db")
    postgres.cluster.drop(name)
