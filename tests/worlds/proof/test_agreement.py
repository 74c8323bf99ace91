"""The formulas of the proof say what the code does."""

import random
import sqlite3

import pytest
from msgspec.structs import replace

pytest.importorskip("z3", reason="needs z3: make proof")

from badges.places.account import Account
from badges.places.pool import Pool
from server.core.occupancy.pools import HELD
from tests.simulator.mutants import BelievesStopped, Reclaiming
from tests.worlds.proof import agreement
from tests.worlds.proof import world as numbers


def test_formulas_and_code_agree() -> None:
    happened = agreement.compare(20_000)
    # An entry that is gone changes nothing.
    assert {name for name in agreement.PAIRS if happened[name] < 40} == {"open_stay, gone"}


@pytest.mark.parametrize(
    ("side", "name", "wrong"),
    [
        (Pool, "hear_returned", BelievesStopped.hear_returned),
        (Pool, "fence", Reclaiming.fence),
        (Pool, "open_stay", lambda pool, kiosk, gone: pool.count_in()),
        (Account, "enter", lambda account: replace(account, entries=account.entries + 1)),
        (Pool, "close_unproven", lambda pool, kiosk: pool.close_stay()),
        (Pool, "trust", lambda pool, kiosk: pool),
    ],
)
def test_other_code_does_not_agree(
    monkeypatch: pytest.MonkeyPatch, side: type, name: str, wrong: object
) -> None:
    monkeypatch.setattr(side, name, wrong)
    with pytest.raises(agreement.DisagreementError):
        agreement.compare(2_000)


def test_the_database_counts_held_places_likewise() -> None:
    chance, database = random.Random(1), sqlite3.connect(":memory:")
    for _ in range(500):
        copy = agreement.random_world(chance).copy
        row = database.execute(
            f"SELECT {HELD} FROM (SELECT ? AS granted, ? AS returned, ? AS handed_over,"
            " ? AS reclaimed, ? AS trusted)",
            (copy.granted, copy.returned, copy.handed, copy.reclaimed, copy.trusted),
        ).fetchone()
        assert row[0] == numbers.held(copy)
    database.close()
