"""Number of tries of the random tests that do not use Hypothesis.

`tries(200)` is 200, and a quarter of it with `--quick`. Each run draws the same examples, so no
change fails by chance; `--fresh` draws new ones.
"""

import random
from dataclasses import dataclass

QUICK_SHARE = 4


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

    def first_seed(self) -> int:
        """Return the first seed of a loop."""
        return random.SystemRandom().randrange(1 << 40) if self.fresh else 0


# Tools that run without pytest try everything, with fresh seeds.
tries = Tries()
