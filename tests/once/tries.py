"""How often a search by chance of our own is tried, as Hypothesis' profiles say it of its own.

`tries(200)` is 200, and a quarter of it with `--quick`. A test with a loop over seeds asks for the
length of the loop, and one with a parameter for `tries.seeds(8)`.

Each run of pytest draws the same, so that no change fails by chance. With `--fresh` it draws anew.
"""

import random
from dataclasses import dataclass

PART_OF_QUICK = 4


@dataclass
class Tries:
    quick: bool = False
    fresh: bool = True

    def __call__(self, full: int) -> int:
        """Return how many of `full` tries to make, at least one."""
        return max(1, full // PART_OF_QUICK) if self.quick else full

    def seeds(self, full: int) -> range:
        """Return the seeds from zero. The first ones are the same in each kind of run."""
        return range(self(full))

    def first_seed(self) -> int:
        """Return the seed of a loop's first turn, which is random where the run is fresh."""
        return random.SystemRandom().randrange(1 << 40) if self.fresh else 0


# Tests ask it while they are collected, too. What is not run by pytest tries everything, by
# fresh seeds.
tries = Tries()
