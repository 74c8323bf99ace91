"""Steps, by a thread that blocks and by an event loop: the same needs, answers and errors."""

import asyncio
from collections.abc import Generator
from typing import Any

import pytest

from kiosk.steps import run, run_later


def adding(numbers: int) -> Generator[str, int, int]:
    total = 0
    for number in range(numbers):
        try:
            total += yield f"number {number}"
        except KeyError:
            total += 100
    if total > 1000:
        raise ValueError("too much")
    return total


def answer(need: str) -> int:
    number = int(need.split()[1])
    if number == 2:
        raise KeyError(need)
    return number if number < 5 else 2000


async def answer_later(need: str) -> int:
    await asyncio.sleep(0)
    return answer(need)


def both(numbers: int) -> list[Any]:
    return [
        run(adding(numbers), answer),
        asyncio.run(run_later(adding(numbers), answer_later)),
    ]


def test_each_need_is_answered() -> None:
    assert both(0) == [0, 0]
    assert both(2) == [1, 1]


def test_an_error_in_answering_is_raised_in_the_steps() -> None:
    assert both(5) == [108, 108]


def test_an_error_of_the_steps_is_raised_to_the_caller() -> None:
    with pytest.raises(ValueError, match="too much"):
        run(adding(6), answer)
    with pytest.raises(ValueError, match="too much"):
        asyncio.run(run_later(adding(6), answer_later))
