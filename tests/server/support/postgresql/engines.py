"""The engines of each test.

`make test` runs the tests named below on both engines, and the rest on SQLite alone.
`pytest --engine postgresql` runs every server test on PostgreSQL that gets its event from the
fixture `event`.
"""

from pathlib import Path

import pytest

# The tests that write most, and those behind the figures. On PostgreSQL each test costs a tenth of
# a second of CPU more, mostly for its own database, so the other folders wait for `--engine`.
BOTH = (
    "storage", "core/event/test_processes.py", "core/venue", "core/feed",
    "core/ledger/test_ingest.py", "core/ledger/test_order.py",
    "core/ledger/test_batch_edges.py", "core/ledger/together/test_together.py",
    "core/occupancy/test_copied_badge.py", "core/occupancy/test_grants.py",
    "core/occupancy/test_held.py",
    "core/occupancy/test_nesting.py", "core/occupancy/test_sharing_in_halls.py",
    "doors/test_supervisor.py", "features/upgrade", "web/test_entrance.py",
)  # fmt: skip
HERE = Path(__file__).parents[2]


def engines_of(path: Path, chosen: str | None) -> list[str]:
    """The engines for a file's tests."""
    if chosen is not None:
        return [chosen]
    inside = f"{path.relative_to(HERE).as_posix()}/" if path.is_relative_to(HERE) else ""
    both = any(inside.startswith(f"{folder}/") for folder in BOTH)
    return ["sqlite", "postgresql"] if both else ["sqlite"]


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Run each test that has an event once for each engine."""
    if "engine" not in metafunc.fixturenames:
        return
    alone = metafunc.definition.get_closest_marker("sqlite_alone") is not None
    engines = engines_of(metafunc.definition.path, metafunc.config.getoption("--engine"))
    if not alone and engines != ["sqlite"]:
        metafunc.parametrize("engine", engines, indirect=True)
