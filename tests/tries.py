"""Number of tries of the random tests that do not use Hypothesis.

`tries(200)` is 200, and a quarter of it with `--quick`. Each run draws the same examples, so no
change fails by chance; `--fresh` draws new ones.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

QUICK_SHARE = 4
SHARE = 3  # of the places at which a value is tried
Place = TypeVar("Place")


@dataclass
class Tries:
    quick: bool = False
    fresh: bool = True

    def __call__(self, full: int) -> int:
        """Return how many of `full` tries to make, at least one."""
        return max(1, full // QUICK_SHARE) if self.quick else full

    def seeds(self, full: int) -> range:
        """Return the seeds from zero, for `parametrize`."""
        return range(self(full))

    def some(self, places: Sequence[Place], turn: int) -> Sequence[Place]:
        """Return the third of `places` whose turn it is. Over the turns each place meets a third
        of the values. `--fresh` takes all.
        """
        return places if self.fresh else places[turn % SHARE :: SHARE]

    def first_seed(self) -> int:
        """Return the first seed of a loop."""
        return random.SystemRandom().randrange(1 << 40) if self.fresh else 0


# Tools that run without pytest try everything, with fresh seeds.
tries = Tries()
