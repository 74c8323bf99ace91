"""The measurement of every page covers all pages, and each answers in a full forum."""

from collections.abc import Iterator

import pytest

from tests.bench.event import repeated, summary
from tests.bench.forum import every_page, history, large, pages

SMALL = {
    large: {"PEOPLE": 60, "ACTIVITIES": 40, "SESSIONS": 40, "ORGANISATIONS": 40, "HALLS": 9,
            "DOORS_EACH": 1, "EXHIBITORS": 20},
    history: {
        "SCANS": 600, "INSIDE": 40, "EARLIER_STAYS": 100, "DISCREPANCIES": 5, "ACTS": 20
    },
    pages: {"TIMES": 1, "KIOSKS": 4},
}  # fmt: skip


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for module, values in SMALL.items():
        for name, value in values.items():
            monkeypatch.setattr(module, name, value)
    more = {
        endpoint: tuple(form for form in forms if "page=" not in form and "1999" not in form)
        for endpoint, forms in every_page.MORE.items()
    }
    monkeypatch.setattr(every_page, "MORE", more)
    return


@pytest.mark.usefixtures("small")
def test_every_page_is_measured_in_a_forum_that_is_full() -> None:
    measured = pages.run()["pages"]
    assert {"/admin/", "/admin/entries", "/admin/muster/"} <= measured.keys(), list(measured)  # type: ignore[attr-defined]
    assert all(times["times"] == 1 for times in measured.values())  # type: ignore[attr-defined]


def test_the_first_time_is_not_counted() -> None:
    done: list[int] = []
    took = repeated(lambda: done.append(1), 4)
    assert (len(done), len(took)) == (5, 4)
    assert summary(took).keys() == {"times", "ms", "cpu_ms"}
