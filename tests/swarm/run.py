"""Runs many days, perhaps in several processes."""

import logging
from collections.abc import Iterator
from functools import partial
from multiprocessing import get_context

from tests.swarm.day import run_day
from tests.swarm.mutants import BY_NAME

Result = tuple[int, int, str, str | None]  # seed, steps, last action, broken promise


def run_one(seed: int, theme: str | None, mutant: str | None = None) -> Result:
    """Play one day. Other errors become RuntimeError with the seed, because not every error can be
    pickled.
    """
    try:
        return (seed, *run_day(seed, theme, mutant))
    except Exception as error:
        raise RuntimeError(f"seed {seed}: {type(error).__name__}: {error}") from error


def run_many(
    start: int, days: int, theme: str | None = None, jobs: int = 1, mutant: str | None = None
) -> Iterator[Result]:
    """The days from seed `start` on, in order. A mutant's are of its own theme."""
    if mutant is not None and theme is None:
        theme = BY_NAME[mutant].theme
    seeds = range(start, start + days)
    run_day = partial(run_one, theme=theme, mutant=mutant)
    if jobs == 1:
        yield from map(run_day, seeds)
        return
    with get_context("spawn").Pool(jobs, logging.disable) as pool:
        yield from pool.imap(run_day, seeds)


def first_broken(start: int, days: int, mutant: str | None = None, jobs: int = 1) -> Result | None:
    """The first day on which a promise is broken, or None."""
    return next((day for day in run_many(start, days, None, jobs, mutant) if day[3]), None)
