"""What the tests of languages share: the texts that wait for a translation, which are looked for
once.
"""

import hashlib
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.once.tables import shared
from tests.order.forks import is_worker
from tests.server.web.language import pseudo


@pytest.fixture(scope="session", autouse=True)
def marked_texts_are_found_once(pytestconfig: pytest.Config, tables: Path) -> Iterator[None]:
    """Read what another process has found in the same sources. To go through them takes a second
    and a half, and to read them a hundredth of that.
    """
    if not is_worker(pytestconfig):
        yield
        return
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pseudo, "marked", shared(pseudo.marked, tables, sources_and_libraries))
        yield


def sources_and_libraries() -> list[object]:
    found = hashlib.sha256()
    for path in (*pseudo.sources(), *pseudo.templates()):
        found.update(f"{path} ".encode() + hashlib.sha256(path.read_bytes()).digest())
    return [version("babel"), version("jinja2"), found.hexdigest()]
