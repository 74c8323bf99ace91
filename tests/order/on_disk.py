"""Temporary files on a disk, as real kiosks and servers have one in the field.

Most tests keep theirs in memory (tests/conftest.py).
"""

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture(scope="session")
def tmp_path_factory(
    request: pytest.FixtureRequest, pytestconfig: pytest.Config
) -> Iterator[pytest.TempPathFactory]:
    """Like pytest's own, which `tmp_path` takes its folders from. What failed leaves its files."""
    folder = Path(tempfile.mkdtemp(prefix="hallkeeper-tests-", dir=_named(pytestconfig)))
    named, pytestconfig.option.basetemp = pytestconfig.option.basetemp, folder / "of"
    try:
        made = pytest.TempPathFactory.from_config(pytestconfig, _ispytest=True)
    finally:
        pytestconfig.option.basetemp = named
    yield made
    if not request.session.testsfailed:
        shutil.rmtree(folder, ignore_errors=True)


def _named(config: pytest.Config) -> Path | None:
    """The folder that somebody named with `--basetemp`. Workers each have one below it."""
    named = config.option.basetemp
    if named is None or str(named).startswith("/dev/shm/pytest-of-"):
        return None
    Path(named).mkdir(parents=True, exist_ok=True)
    return Path(named)
