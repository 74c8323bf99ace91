"""Runs the comparison at length: `python -m tests.agreement --times 10000 --seeds 10`."""

import argparse
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from tests.agreement.compare import compare

SHOWN = 5


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.agreement", description=__doc__)
    parser.add_argument("--times", type=int, default=10_000, help="presentations in all")
    parser.add_argument("--seeds", type=int, default=10, help="random events")
    parser.add_argument("--first-seed", type=int, default=1)
    asked = parser.parse_args()
    began, answers, differing = time.monotonic(), Counter[str](), 0
    for seed in range(asked.first_seed, asked.first_seed + asked.seeds):
        with tempfile.TemporaryDirectory() as directory:
            comparison = compare(Path(directory), seed, asked.times // asked.seeds)
        answers += comparison.answers
        differing += len(comparison.differences)
        sys.stdout.write(
            f"seed {seed}: {comparison.asked:,} asked, {len(comparison.differences)} differ\n"
        )
        for difference in comparison.differences[:SHOWN]:
            sys.stdout.write(f"  {difference}\n")
        sys.stdout.flush()
    for name, count in answers.most_common():
        sys.stdout.write(f"{count:7,}  {name}\n")
    seconds = time.monotonic() - began
    sys.stdout.write(f"{answers.total():,} asked, {differing:,} differ, {seconds:.0f} s\n")
    return 1 if differing else 0


if __name__ == "__main__":
    sys.exit(main())
