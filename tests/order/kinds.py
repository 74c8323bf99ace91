"""Which tests are slow, and which of them mostly wait."""

from functools import cache
from pathlib import Path

import pytest

TESTS = Path(__file__).parent.parent
# What mostly waits, for other processes and for a browser. Each of the two lists is begun with by a
# worker of its own, so that both go on beside the tests that compute. One browser serves for all.
WAITING = (
    (
        "system/",
        "server/demo/test_command.py",
        "server/failover/",
        "server/storage/test_threads_ending.py",
    ),
    (
        "browser/",
        "kiosk/camera/",
        "kiosk/cli/test_commands.py",
        "kiosk/journal/test_power_cut.py",
        "server/cli/test_printing.py",
        "server/app/test_serve.py",
        "server/app/test_supervise.py",
        "server/features/mail/test_killed.py",
    ),
)
# With processes, films, pictures to read or a browser: what `--quick` leaves out.
SLOW = (
    *WAITING[0],
    *WAITING[1],
    "badges/printing/test_formats.py",
    "kiosk/cli/test_languages.py",
    "kiosk/cli/test_read.py",
    "kiosk/reader/",
    "kiosk/test_eye.py",
    "kiosk/test_thousand_presentations.py",
    "kiosk/texts/test_pseudo_language_pages.py",
    "server/cli/test_cli.py",
    "server/demo/test_film.py",
    "server/features/cards/test_cards_page.py",
    "server/features/evidence/pages/test_files.py",
    "server/web/test_apart.py",
    "test_ci_run.py",
    "test_leaks.py",
    "test_mutants.py",
    "test_house.py",
    "test_setup.py",
    "test_docs.py",
)
# Fixtures that start a process.
STARTING = frozenset({"postgres", "small_disk", "time_authority"})


def is_quick(item: pytest.Item) -> bool:
    """Whether it needs no other process, no film, no camera and no browser."""
    if item.get_closest_marker("system") is not None or is_slow(item.path):
        return False
    parameters = getattr(getattr(item, "callspec", None), "params", {})
    return STARTING.isdisjoint(item.fixturenames) and parameters.get("engine") != "postgresql"


def is_long(item: pytest.Item) -> bool:
    """Whether it takes a long time by itself, although it needs none of these.

    One quick test in sixty does, and together they take a third of the time of all.
    """
    return item.get_closest_marker("long") is not None


@cache  # Each of a file's tests is asked about.
def is_slow(path: Path) -> bool:
    """Whether all of this file or folder is slow."""
    name = _name(path)
    return f"{name}/".startswith(SLOW) if path.is_dir() else name.startswith(SLOW)


@cache
def waiting(path: Path) -> int | None:
    """Which list of those that wait this file stands in."""
    name = _name(path)
    return next((number for number, names in enumerate(WAITING) if name.startswith(names)), None)


def _name(path: Path) -> str:
    """Where it stands within the tests, or nothing for a test from elsewhere."""
    return path.relative_to(TESTS).as_posix() if path.is_relative_to(TESTS) else ""
