"""No process is started here, so that files are in memory, as those of most tests are."""

import pytest

from tests.once.journals import new_journals_are_copied as new_journals_are_copied


@pytest.fixture(scope="session")
def tmp_path_factory(pytestconfig: pytest.Config) -> pytest.TempPathFactory:
    """Pytest's own, in place of that of the tests with real kiosks and servers."""
    factory: pytest.TempPathFactory = pytestconfig._tmp_path_factory  # type: ignore[attr-defined]
    return factory
