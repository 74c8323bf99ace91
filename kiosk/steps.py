"""Work that needs answers from outside, as steps: a generator yields a need, and gets its answer.

The steps do no I/O and never wait. A thread answers by blocking, and a browser's event loop by
awaiting, so both run the same code. An error in answering is raised inside the steps.
"""

from collections.abc import Awaitable, Callable, Generator
from typing import Any, TypeVar

Need = TypeVar("Need")
Result = TypeVar("Result")


def run(steps: Generator[Need, Any, Result], answer: Callable[[Need], Any]) -> Result:
    """Run the steps to their end, in this thread."""
    try:
        need = next(steps)
        while True:
            try:
                value = answer(need)
            except Exception as error:
                need = steps.throw(error)
            else:
                need = steps.send(value)
    except StopIteration as end:
        result: Result = end.value
        return result


async def run_later(
    steps: Generator[Need, Any, Result], answer: Callable[[Need], Awaitable[Any]]
) -> Result:
    """Run the steps to their end, and let other tasks run meanwhile."""
    try:
        need = next(steps)
        while True:
            try:
                value = await answer(need)
            except Exception as error:
                need = steps.throw(error)
            else:
                need = steps.send(value)
    except StopIteration as end:
        result: Result = end.value
        return result
