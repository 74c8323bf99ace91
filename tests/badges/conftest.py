"""Fixtures of several tests of `badges`."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

_BESIDE_THE_REPOSITORY = Path(__file__).parents[3] / "shared" / "vectors"


@pytest.fixture(scope="session")
def others_vectors() -> Callable[[str], Path]:
    """Return a file of third-party test vectors. Skips the test, with the file's name, without
    it.
    """

    def find(name: str) -> Path:
        path = Path(os.environ.get("HALLKEEPER_VECTORS") or _BESIDE_THE_REPOSITORY) / name
        if not path.exists():
            pytest.skip(f"{name} is not here: name its folder in HALLKEEPER_VECTORS")
        return path

    return find
