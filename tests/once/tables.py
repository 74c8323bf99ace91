"""Large tables that one process of the tests makes, and that its neighbours read.

What all fonts draw and what all languages call a country takes seconds to look up. Each of the
processes that share the tests out would do that again.
"""

import functools
import hashlib
import os
import pickle
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypeVar

import pytest

T = TypeVar("T")


@pytest.fixture(scope="session", autouse=True)
def large_tables_are_made_once(pytestconfig: pytest.Config) -> Iterator[None]:
    if not hasattr(pytestconfig, "workerinput"):
        yield
        return
    # Not at the top, or a single test of something else would wait until they are loaded.
    from badges.printing import fonts
    from badges.roster import countries

    # The parent is the same for all processes of a run, and for no other run.
    folder = Path(pytestconfig.option.basetemp).parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "coverage", shared(fonts.coverage, folder))
        patch.setattr(countries, "_all_names", shared(countries._all_names, folder))
        yield


def shared(compute: Callable[..., T], folder: Path) -> Callable[..., T]:
    """A function that reads from `folder` what another process found for the same arguments."""

    @functools.cache
    def found(*arguments: str) -> T:
        digest = hashlib.sha256(repr(arguments).encode()).hexdigest()
        path = folder / f"{compute.__name__}-{digest}"
        try:
            kept: T = pickle.loads(path.read_bytes())
        except FileNotFoundError:
            kept = compute(*arguments)
            whole = path.with_name(f"{path.name}.{os.getpid()}")
            whole.write_bytes(pickle.dumps(kept))
            whole.replace(path)
        return kept

    return found
