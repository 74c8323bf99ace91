"""The phone's bench counts answers and reads that differ from the truth."""

from typing import Any

from tests.bench.phone_door.looks import Showing

TRUTH = {"MEI": "AAA", "ADE": "BBB", "FORGED": None}


def looked(text: str, at: float) -> dict[str, Any]:
    return {"type": "looked", "texts": [text], "at": at}


def answered(badge: str | None, tone: str, now: float) -> dict[str, Any]:
    return {"type": "answered", "badge": badge, "tone": tone, "now": now}


def shown(*messages: dict[str, Any], leaves: bool = False) -> Showing:
    showing = Showing(TRUTH, leaves)
    showing.take([*messages, {"type": "state"}])
    return showing


def test_right_answers_are_timed_from_the_first_look() -> None:
    showing = shown(
        looked("MEI", 100), looked("MEI", 166), answered("AAA", "admit", 180), looked("MEI", 233),
        looked("FORGED", 300), answered(None, "deny", 330),
        looked("ADE", 400), answered("BBB", "look", 450),
    )  # fmt: skip
    assert showing.took_ms == [80, 30, 50]
    assert showing.read == set(TRUTH)
    assert (showing.wrong_answers, showing.wrong_reads, showing.unanswered) == (0, 0, 0)


def test_wrong_answers() -> None:
    refused = shown(looked("MEI", 100), answered("AAA", "deny", 180))
    another = shown(looked("MEI", 100), answered("BBB", "admit", 180))
    forged = shown(looked("FORGED", 100), answered(None, "admit", 180))
    twice = shown(looked("MEI", 1), answered("AAA", "admit", 2), answered("AAA", "admit", 3))
    assert [s.wrong_answers for s in (refused, another, forged, twice)] == [1, 1, 1, 1]
    assert [len(s.took_ms) for s in (refused, another, forged, twice)] == [0, 0, 0, 1]


def test_an_exit_is_never_refused() -> None:
    """A forged badge leaves, too: its exit is flagged in the ledger."""
    leaving = shown(
        looked("MEI", 100), answered("AAA", "goodbye", 180),
        looked("FORGED", 300), answered(None, "goodbye", 330), leaves=True,
    )  # fmt: skip
    refused = shown(looked("FORGED", 300), answered(None, "deny", 330), leaves=True)
    entered = shown(looked("MEI", 100), answered("AAA", "goodbye", 180))
    assert [s.wrong_answers for s in (leaving, refused, entered)] == [0, 1, 1]


def test_without_an_answer() -> None:
    assert shown(looked("MEI", 100)).unanswered == 1


def test_a_text_that_no_film_has_is_a_wrong_read() -> None:
    showing = shown(looked("MEJ", 100), looked("MEJ", 166))
    assert (showing.wrong_reads, showing.read) == (2, set())
