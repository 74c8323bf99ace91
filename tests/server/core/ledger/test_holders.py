"""A batch reads its holders together; the data is valid until the batch changes it."""

import pytest

from server.core.ledger.holders import Holders
from server.core.occupancy import unmatched_exits
from server.storage.engines import joint
from tests.server.conftest import MINUTE, NOW
from tests.server.support.site import ANNA, BORIS, SMALL, Site
from tests.server.support.site import site as site
from tests.server.support.site import two_halls as two_halls

SINCE = NOW - MINUTE


def discrepancies(site: Site) -> list[tuple]:
    return site.rows(
        "SELECT s.seq, d.reason FROM discrepancy d JOIN scan s USING (number) ORDER BY s.seq"
    )


def test_a_second_entry_in_the_same_batch_is_known_to_be_one(site: Site) -> None:
    site.west.scan(NOW, ANNA)
    site.west.scan(NOW + 1, BORIS)
    site.scan(site.west, NOW + MINUTE, ANNA)
    assert discrepancies(site) == [(3, "already_inside")]


def test_an_entry_after_an_exit_in_the_same_batch_is_right(site: Site) -> None:
    entry = site.west.scan(NOW, ANNA)
    site.west.leave(NOW + 1, ANNA, site.west.ref(entry))
    site.west.entries -= 1
    site.scan(site.west, NOW + MINUTE, ANNA)
    assert discrepancies(site) == []


def test_an_exit_by_its_stay_alone_tells_of_the_holder_too(site: Site) -> None:
    """The exit names no holder, and the batch's next entry has the same one."""
    entry = site.scan(site.west, NOW, ANNA)
    site.west.scan(NOW + 1, None, direction="exit", closes=site.west.ref(entry))
    site.scan(site.west, NOW + MINUTE, ANNA)
    assert discrepancies(site) == []


def test_an_unnamed_exit_in_the_same_batch_ends_a_stay_that_began_before(site: Site) -> None:
    site.west.leave(NOW + MINUTE, ANNA, None)
    site.scan(site.west, NOW, ANNA)
    assert site.rows("SELECT closed_by FROM stay") == [("exit",)]


@pytest.mark.sqlite_alone  # SQLite counts the statements.
def test_many_holders_are_read_with_one_statement(site: Site) -> None:
    seen: list[str] = []
    asked = [(serial, SINCE) for serial in (*range(1, 21), ANNA, BORIS)]

    def step(db) -> None:
        db.set_trace_callback(seen.append)
        try:
            holders = Holders(db)
            joint.read(db, holders.read_ahead(asked))
            for serial, since in asked:
                assert holders.person(serial)["category"] == 1
                assert holders.stays(serial, since) == []
                assert not holders.may_have_unnamed_exit(serial)
        finally:
            db.set_trace_callback(None)

    site.database.write(step)
    assert len(seen) == 1


def test_what_was_changed_is_read_again(site: Site) -> None:
    site.scan(site.west, NOW, ANNA)

    def step(db) -> None:
        holders = Holders(db)
        joint.read(db, holders.read_ahead([(ANNA, SINCE), (BORIS, SINCE)]))
        (span,) = holders.stays(ANNA, SINCE)
        assert holders.stays(ANNA, SINCE - MINUTE) == [span], "earlier than was asked for"
        db.execute("UPDATE stay SET hall_id = 2 WHERE serial = ?", (ANNA,))
        assert holders.stays(ANNA, SINCE) == [span], "nobody said so"
        holders.moved(ANNA)
        assert holders.stays(ANNA, SINCE)[0][0].hall_id == 2
        db.execute("UPDATE stay SET hall_id = 1 WHERE serial = ?", (ANNA,))
        holders.somebody_moved()
        assert holders.stays(ANNA, SINCE) == [span]
        assert holders.person(BORIS)["copied_issue"] is None
        db.execute(
            "INSERT INTO likely_copy (serial, issue, number, noticed_at) VALUES (?, 1, 0, 0)",
            (BORIS,),
        )
        holders.suspected(BORIS)
        assert holders.person(BORIS)["copied_issue"] == 1
        assert not holders.may_have_unnamed_exit(ANNA)
        unmatched_exits.remember(db, span_number(db), ANNA, SMALL, NOW, 0)
        holders.left_unnamed(ANNA)
        assert holders.may_have_unnamed_exit(ANNA)

    site.database.write(step)


def span_number(db) -> int:
    return int(db.execute("SELECT number FROM scan").fetchone()[0])


def test_whoever_is_on_no_roster_is_nobody(site: Site) -> None:
    def step(db) -> None:
        holders = Holders(db)
        joint.read(db, holders.read_ahead([(9_999, SINCE)]))
        assert holders.person(9_999) is None
        assert holders.stays(9_999, SINCE) == []

    site.database.write(step)


@pytest.mark.sqlite_alone  # SQLite counts the statements.
def test_an_entry_takes_few_statements(site: Site) -> None:
    """With a remote database each statement is a message."""
    site.scan(site.west, NOW, ANNA)
    site.west.scan(NOW + 1, BORIS)
    seen: list[str] = []

    def traced(db) -> None:
        db.set_trace_callback(lambda sql: seen.append(sql) if not sql.startswith("--") else None)

    site.database.write(traced)
    site.send(site.west)
    site.database.write(lambda db: db.set_trace_callback(None))  # type: ignore[attr-defined]
    # SQLite reports a trigger's statements as comments, or as the statement that set it off.
    own = list(dict.fromkeys(seen))
    assert len(own) <= 20, own


@pytest.fixture
def taken_back(site: Site) -> Site:
    """Anna's badge of issue 2 was taken back a minute ago, so that issue 1 is valid again."""
    site.execute(
        "INSERT INTO badge (serial, issue, credential, lookup, sealed, issued_at, names_row)"
        " VALUES (?, 1, 'first', x'01', x'01', ?, 98)",
        ANNA,
        NOW - 9 * MINUTE,
    )
    site.execute(
        "INSERT INTO withdrawn_badge VALUES (?, 2, 'second', x'02', 99, ?)", ANNA, NOW - MINUTE
    )
    return site


@pytest.mark.parametrize(
    ("issue", "at", "wrong"),
    [
        (2, NOW, [(1, "superseded")]),  # The door had not heard of it.
        (2, NOW - 2 * MINUTE, []),  # It was valid then.
        (1, NOW, []),
        (3, NOW, []),
    ],
)
def test_a_badge_that_was_taken_back(
    taken_back: Site, issue: int, at: int, wrong: list[tuple]
) -> None:
    taken_back.scan(taken_back.west, at, ANNA, issue=issue)
    assert discrepancies(taken_back) == wrong
