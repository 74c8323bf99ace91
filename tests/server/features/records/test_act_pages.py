"""The acts page turns forth and back, and reads its rows by an index."""

import re

import pytest

from server.core.entry_log import act_list, entry_log
from server.core.entry_log.act_list import Filter
from server.core.entry_log.act_names import Act
from tests.server.conftest import HOUR, MINUTE, NOW
from tests.server.features.records.test_acts import rows
from tests.server.support.pages import Pages


def prepare(pages: Pages) -> None:
    """Thirty acts of two people, some at the same instant, one as if the clock went back."""

    def step(db) -> None:
        for number in range(30):
            at = NOW + HOUR + (number // 3) * MINUTE - (2 * HOUR if number == 20 else 0)
            act = "hall_closed" if number % 5 else "hall_opened"
            entry_log.act(db, f"user:{1 + number % 2}", act, {"n": number}, at)

    pages.database.write(step)


@pytest.mark.parametrize("each", [1, 3, 7, 29, 50])
@pytest.mark.parametrize(
    "wanted",
    [
        Filter(),
        Filter(by="user:1"),
        Filter(act=Act.HALL_CLOSED),
        Filter(by="user:2", act=Act.HALL_CLOSED),
        Filter(since=NOW + HOUR + 2 * MINUTE, until=NOW + HOUR + 7 * MINUTE),
    ],
)
def test_forth_and_back_show_every_act_once(shown: Pages, wanted: Filter, each: int) -> None:
    db = shown.database.reader
    everything = [act.edge for act in act_list.page(db, wanted, rows=1000).acts]
    assert len(everything) >= 10
    assert everything == sorted(everything, key=lambda e: (e.at, e.number), reverse=True)
    turn = act_list.page(db, wanted, rows=each)
    assert turn.newer is None
    seen = [act.edge for act in turn.acts]
    while turn.older is not None:
        turn = act_list.page(db, wanted, before=turn.older, rows=each)
        assert turn.newer is not None
        seen += [act.edge for act in turn.acts]
    assert seen == everything
    back = [act.edge for act in reversed(turn.acts)]
    while turn.newer is not None:
        turn = act_list.page(db, wanted, after=turn.newer, rows=each)
        back += [act.edge for act in reversed(turn.acts)]
    assert back == everything[::-1]


def test_the_page_turns(shown: Pages, monkeypatch: pytest.MonkeyPatch) -> None:
    auditor = shown.staff("auditor")
    original = act_list.page
    monkeypatch.setattr(act_list, "page", lambda *a, **more: original(*a, **more, rows=10))
    first = auditor.get("/admin/acts?what=hall_closed").text
    link = re.search(r'rel="next" href="([^"]+)"', first)
    assert link
    second = auditor.get(link[1].replace("&amp;", "&")).text
    assert len(rows(first)) == len(rows(second)) == 10
    assert 'rel="prev"' in second
    assert "what=hall_closed" in link[1]


@pytest.mark.sqlite_alone
@pytest.mark.parametrize(
    ("wanted", "index"),
    [
        (Filter(), "leaf_act_at"),
        (Filter(since=0, until=NOW), "leaf_act_at"),
        (Filter(by="user:1"), "leaf_act_by"),
        (Filter(act=Act.SIGNED_IN, since=0), "leaf_act"),
        (Filter(by="user:1", act=Act.SIGNED_IN), "leaf_act_by_act"),
    ],
)
def test_no_page_scans_all_leaves_or_sorts(shown: Pages, wanted: Filter, index: str) -> None:
    plans: list[str] = []

    class Explaining:
        def execute(self, query: str, values: tuple) -> list:
            plan = shown.database.reader.execute(f"EXPLAIN QUERY PLAN {query}", values)
            plans.extend(row[3] for row in plan)
            return []

    act_list.page(Explaining(), wanted, before=act_list.Edge(NOW, 7))
    assert len(plans) == 1, plans
    assert plans[0].startswith(f"SEARCH leaf USING INDEX {index} ("), plans
