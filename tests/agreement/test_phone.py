"""A phone's door answers as a Linux kiosk's: the same disk, the same questions, the same bytes.

Answers with their texts, records, the hash chain and signatures are compared. The phone's Python
runs in Node, on SQLite's and libsodium's WebAssembly builds.
"""

from collections import Counter
from pathlib import Path

import pytest

from tests.agreement.phone import ask_phone, compare, jobs_of
from tests.tries import tries

pytestmark = pytest.mark.system
SEEDS, TIMES = 10, 1_000


def test_the_phone_answers_as_a_linux_kiosk(tmp_path: Path) -> None:
    answers = _compared(tmp_path, 1, tries(300))
    assert len(answers) > 6, "the answers differ from one another"


@pytest.mark.soak
@pytest.mark.timeout(3_000)
def test_it_does_so_ten_thousand_times(tmp_path: Path) -> None:
    answers: Counter[str] = Counter()
    for seed in range(SEEDS):
        directory = tmp_path / str(seed)
        directory.mkdir()
        answers += _compared(directory, seed, TIMES)
    assert answers.total() >= SEEDS * TIMES
    assert len(answers) > 15


def test_a_difference_is_found(tmp_path: Path) -> None:
    """The phone is asked about another minute than the Linux kiosk."""
    jobs = jobs_of(tmp_path, 1, 30)
    phone = ask_phone(tmp_path, jobs)
    for job in jobs:
        for question in job.questions:
            question.at += 1
    assert len(compare(tmp_path, phone, jobs).differences) == sum(len(j.questions) for j in jobs)


def _compared(path: Path, seed: int, times: int) -> Counter[str]:
    jobs = jobs_of(path, seed, times)
    comparison = compare(path, ask_phone(path, jobs), jobs)
    assert not comparison.differences, "\n".join(comparison.differences[:3])
    assert comparison.asked >= times
    return comparison.answers
