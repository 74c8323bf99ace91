"""That what is marked `long` is left out of the quick tests, and is there when it is asked for."""

import sys
from pathlib import Path

import pytest

pytest_plugins = ["pytester"]

ROOT = Path(__file__).parent.parent.parent
TESTS = """
import pytest

@pytest.mark.long
def test_long():
    pass

def test_short():
    pass
"""


@pytest.mark.system
@pytest.mark.parametrize(
    ("options", "run"), [(["--quick"], 1), (["--quick", "--long"], 2), ([], 2)]
)
def test_long_tests_are_asked_for(
    pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch, options: list[str], run: int
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    # Other libraries' plugins have no part in it, and take half of the time to begin.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p no:cacheprovider")
    pytester.makeini("[pytest]\nmarkers =\n    system\n    long")
    pytester.makepyfile(TESTS)
    result = pytester.run(
        sys.executable, "-m", "pytest", "-p", "tests.conftest", *options, timeout=500
    )
    result.assert_outcomes(passed=run, deselected=2 - run)
