"""Large tables that are made once for all tests, and kept for the next run.

What all fonts draw, what all languages call a country and how another library draws a QR symbol
takes seconds to find out, in each of the processes that share the tests out. What was found is kept
in pytest's cache, under the fingerprint of all that it depends on. `pytest --cache-clear` forgets
it.
"""

import functools
import hashlib
import os
import pickle
import sys
import unicodedata
from collections.abc import Callable, Iterator
from importlib.metadata import version
from pathlib import Path
from typing import TypeVar

import pytest

from tests.order.forks import is_worker

T = TypeVar("T")


@pytest.fixture(scope="session")
def tables(pytestconfig: pytest.Config, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of what is kept, until the run ends where pytest keeps nothing."""
    cache = getattr(pytestconfig, "cache", None)
    return tmp_path_factory.mktemp("tables") if cache is None else cache.mkdir("tables")


@pytest.fixture(scope="session", autouse=True)
def large_tables_are_made_once(pytestconfig: pytest.Config, tables: Path) -> Iterator[None]:
    if not is_worker(pytestconfig):
        yield
        return
    # Not at the top, or a single test of something else would wait until they are loaded.
    from badges.printing import fonts
    from badges.roster import countries

    def faces() -> list[object]:
        """All fonts there are, and whether any was replaced."""
        paths = {face.path for face in fonts.installed().fonts() if face.path is not None}
        stats = [(path, os.stat(path)) for path in sorted(paths)]
        return [(path, stat.st_size, stat.st_mtime_ns) for path, stat in stats]

    def languages() -> list[object]:
        return [version("babel"), unicodedata.unidata_version]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(fonts, "coverage", shared(fonts.coverage, tables, faces))
        patch.setattr(countries, "_all_names", shared(countries._all_names, tables, languages))
        yield


def shared(
    compute: Callable[..., T], folder: Path, depends_on: Callable[[], object] = tuple
) -> Callable[..., T]:
    """A function that reads from `folder` what was found for the same arguments, here or by another
    process.

    What it depends on besides is asked once. Of a function that was changed nothing is taken.
    """

    @functools.cache
    def fingerprint() -> bytes:
        source = Path(sys.modules[compute.__module__].__file__ or "").read_bytes()
        return source + repr((sys.version_info[:2], depends_on())).encode()

    @functools.cache
    def found(*arguments: object) -> T:
        digest = hashlib.sha256(fingerprint() + repr(arguments).encode()).hexdigest()
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
