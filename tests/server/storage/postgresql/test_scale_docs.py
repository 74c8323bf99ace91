"""The times in docs/scale.md are true."""

import re
from pathlib import Path

import pytest

from kiosk.sync.transport import APART_S, HURRIED_ANSWER_S
from server.storage.engines.reconnecting import AGAIN_S
from server.storage.postgresql import bounds
from server.storage.postgresql.engine import LOCK_TIMEOUT_MS
from server.storage.postgresql.hosts import SOON_S

TEXT = (Path(__file__).parents[4] / "docs/scale.md").read_text()
EXAMPLE = TEXT.partition("```yaml\n")[2].partition("```")[0]


def number(name: str) -> int:
    numbers = re.findall(rf"^ +{name}: (\d+)", EXAMPLE, re.MULTILINE)
    assert len(numbers) == 1, name
    return int(numbers[0])


def test_patroni_s_times_fit_each_other() -> None:
    assert number("loop_wait") + 2 * number("retry_timeout") <= number("ttl")
    assert number("ttl") >= 20, "Patroni takes no less"
    assert number("retry_timeout") >= 3


@pytest.mark.parametrize(
    "text",
    [
        f"nothing comes back for {bounds.CUT_S} s",
        f"notices within {bounds.CUT_S + 0.2 + bounds.PULSE_S:.1f} s",
        f"asked nothing for {bounds.TURN_S:.0f} s is ended",
        f"given up by PostgreSQL after {bounds.SILENT_S} s",
        f"A connection is tried for {bounds.CONNECT_S} s",
        f"all of them at once after {SOON_S} s",
        f"tries again every {AGAIN_S} s",
        f"gives up a statement after {bounds.ANSWER_S:.0f} s",
        f"asked nothing for {bounds.IDLE_S:.0f} s",
        f"no longer than {bounds.ANSWER_S:.0f} s for a commit",
    ],
)
def test_the_bounds(text: str) -> None:
    assert text in TEXT


def test_nobody_gives_up_who_waits_for_the_turn_to_write() -> None:
    assert bounds.ANSWER_S * 1000 > LOCK_TIMEOUT_MS
    assert bounds.IDLE_S > bounds.SILENT_S


def test_a_kiosk_goes_on_with_the_next_server_within_two_seconds() -> None:
    """The sum of its waits is less than that."""
    noticed_s = bounds.CUT_S + 0.2 + bounds.PULSE_S
    assert noticed_s < HURRIED_ANSWER_S
    assert bounds.TURN_S < HURRIED_ANSWER_S, "those of the other server stay with it"
    assert HURRIED_ANSWER_S + APART_S < 2
