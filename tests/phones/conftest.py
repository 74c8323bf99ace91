from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.phones.chromium import needed
from tests.phones.forum import Forum, forum
from tests.phones.phone import Phone
from tests.phones.steps import CAPACITY, PEOPLE


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Forum]:
    needed()
    with forum(tmp_path, CAPACITY, PEOPLE) as here:
        yield here


@pytest.fixture
def phone(place: Forum) -> Iterator[Phone]:
    phone = place.phone("north")
    yield phone
    phone.close()
