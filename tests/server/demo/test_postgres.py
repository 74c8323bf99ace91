"""PostgreSQL as the demo runs it."""

from contextlib import closing
from pathlib import Path

import pytest

from server.demo import postgres
from server.demo.processes import Children, StageError
from server.storage.postgresql import engine
from server.storage.postgresql.address import Address


@pytest.mark.system
@pytest.mark.skipif(postgres.binaries() is None, reason=postgres.MISSING)
def test_it_runs_and_leaves_nothing(tmp_path: Path) -> None:
    with Children(tmp_path) as children, postgres.running(children) as url:
        address = Address(url)
        engine.check_empty(address)
        with closing(engine.connect(address)) as db:
            assert db.execute("SELECT 1").fetchone()[0] == 1
        place = Path(address.parameters["host"])
        assert place.exists()
    assert not place.exists()


def test_where_there_is_none_it_says_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres, "binaries", lambda: None)
    with Children(tmp_path) as children, pytest.raises(StageError, match="apt install postgresql"):
        with postgres.running(children):
            pass
