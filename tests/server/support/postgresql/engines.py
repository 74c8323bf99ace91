"""Says which tests run on which engine.

`make test` runs on both engines what is named below, and the rest on SQLite alone.
`pytest --engine postgresql` runs every test of the server on PostgreSQL, whose event comes from the
fixture `event`.
"""

from pathlib import Path

import pytest

# What writes most, and what the figures rest on. Each test costs a tenth of a second of CPU more on
# PostgreSQL, most of it for a database of its own, so the other folders wait for `--engine`.
BOTH = (
    "storage", "core/venue", "core/feed", "core/ledger/test_ingest.py", "core/ledger/test_order.py",
    "core/ledger/test_batch_edges.py", "core/ledger/together/test_together.py",
    "core/occupancy/test_copied_badge.py", "core/occupancy/test_grants.py",
    "core/occupancy/test_held.py",
    "core/occupancy/test_nesting.py", "core/occupancy/test_sharing_in_halls.py",
    "doors/test_supervisor.py",
)  # fmt: skip
HERE = Path(__file__).parents[2]


def engines_of(path: Path, chosen: str | None) -> list[str]:
    """The engines on which a file's tests run."""
    if chosen is not None:
        return [chosen]
    inside = f"{path.relative_to(HERE).as_posix()}/" if path.is_relative_to(HERE) else ""
    both = any(inside.startswith(f"{one}/") for one in BOTH)
    return ["sqlite", "postgresql"] if both else ["sqlite"]


def parametrize(metafunc: pytest.Metafunc) -> None:
    """Let each test that has an event have it in each engine."""
    if "engine" not in metafunc.fixturenames:
        return
    alone = metafunc.definition.get_closest_marker("sqlite_alone") is not None
    engines = engines_of(metafunc.definition.path, metafunc.config.getoption("--engine"))
    if not alone and engines != ["sqlite"]:
        metafunc.parametrize("engine", engines, indirect=True)
