"""Options, Hypothesis profiles and marks for all tests. `tests/leaks.py` checks for leaks."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from flask import Flask
from jinja2 import FileSystemBytecodeCache

# Do not load Hypothesis plugins of other installed packages.
os.environ.setdefault("HYPOTHESIS_NO_PLUGINS", "1")
import hypothesis

from tests.tools import what_is_missing
from tests.tries import tries

pytest_plugins = ["tests.leaks"]

TESTS = Path(__file__).parent
# All tests in these folders, and with these fixtures, need another process or a browser.
SYSTEM_FOLDERS = ("browser", "phones", "kiosk/camera", "kiosk/reader", "server/failover", "system")
SYSTEM_FIXTURES = frozenset({"postgres", "small_disk", "time_authority"})
QUICK = "not system and not soak"
MEMORY = Path("/dev/shm")
MEMORY_FREE_BYTES = 2_000_000_000


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--quick", action="store_true", help="no processes or browsers, fewer random examples"
    )
    parser.addoption("--fresh", action="store_true", help="new random examples and seeds")
    parser.addoption(
        "--engine", choices=("sqlite", "postgresql"), help="run the server's tests on it alone"
    )


def pytest_configure(config: pytest.Config) -> None:
    quick, tries.fresh = config.getoption("--quick"), config.getoption("--fresh")
    if quick:
        config.option.markexpr = QUICK
    tries.quick = quick
    hypothesis.settings.register_profile("full", deadline=None, derandomize=not tries.fresh)
    hypothesis.settings.register_profile(
        "quick", hypothesis.settings.get_profile("full"), max_examples=25
    )
    hypothesis.settings.load_profile("quick" if quick else "full")
    if _memory_suits():  # Most tests wait for several commits, which take milliseconds on a disk.
        os.environ.setdefault("PYTEST_DEBUG_TEMPROOT", str(MEMORY))


def _memory_suits() -> bool:
    """Whether temporary files fit in memory and may be executed. A container often has 64 MB."""
    try:
        return (
            shutil.disk_usage(MEMORY).free >= MEMORY_FREE_BYTES
            and os.access(MEMORY, os.W_OK)
            and not os.statvfs(MEMORY).f_flag & os.ST_NOEXEC
        )
    except OSError:
        return False


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    folders = tuple(f"{TESTS / folder}/" for folder in SYSTEM_FOLDERS)
    for item in items:
        fixtures = getattr(item, "fixturenames", ())
        parameters = getattr(getattr(item, "callspec", None), "params", {})
        if (
            str(item.path).startswith(folders)
            or not SYSTEM_FIXTURES.isdisjoint(fixtures)
            or parameters.get("engine") == "postgresql"
        ):
            item.add_marker(pytest.mark.system)


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> Iterator[None]:
    yield  # the reports of the tests
    skipped = terminalreporter.stats.get("skipped", ())
    if line := what_is_missing(str(report.longrepr[2]) for report in skipped):
        terminalreporter.write_line(line)


@pytest.fixture(scope="session", autouse=True)
def _templates_are_compiled_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Share compiled templates between apps: compiling takes 20 ms a page."""
    cache = FileSystemBytecodeCache(str(tmp_path_factory.mktemp("jinja")))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Flask, "jinja_options", {"bytecode_cache": cache})
        yield
