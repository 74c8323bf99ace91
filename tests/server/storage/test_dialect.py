"""Each piece of SQL has its stated meaning, and is served by the index of the same wording."""

import json
from typing import Any

import pytest

from server.storage import dialect
from server.storage.database import Database
from server.storage.tables import keep_setting


def value(database: Database, sql: str, *values: Any) -> Any:
    with database.reading() as db:
        return db.execute(f"SELECT {sql}", values).fetchone()[0]


def plan(database: Database, statement: str, *values: Any) -> str:
    with database.reading() as db:
        return "\n".join(row[3] for row in db.execute(f"EXPLAIN QUERY PLAN {statement}", values))


@pytest.mark.parametrize(
    ("sql", "values", "expected"),
    [
        (dialect.greatest("?", "?"), (3, 7), 7),
        (dialect.least("?", "?"), (3, 7), 3),
        (dialect.differs("?", "?"), (3, 7), True),
        (dialect.differs("?", "?"), (3, None), True),
        (dialect.differs("?", "?"), (None, None), False),
        (dialect.same_letters("'Ann@X.org'"), ("ann@x.ORG",), True),
        (dialect.same_letters("'ann@x.org'"), ("ann@y.org",), False),
        (dialect.contains("'roundabout'"), ("about",), True),
        (dialect.contains("'roundabout'"), ("a_out",), False),
        (dialect.one_of("7"), (dialect.many([3, 7]),), True),
        (dialect.one_of("7"), (dialect.many([3, 77]),), False),
        (dialect.one_of("7"), (dialect.many([]),), False),
    ],
)
def test_a_piece_means_what_it_says(
    database: Database, sql: str, values: tuple[Any, ...], expected: object
) -> None:
    result = value(database, sql, *values)
    assert (bool(result) if isinstance(expected, bool) else result) == expected


def test_a_value_in_json_keeps_its_type(database: Database) -> None:
    body = b'{"act":"moved","subject":{"code":"3","generation":2,"kiosk":"west"}}'
    source = "(SELECT ? AS body) AS leaf"
    for path, expected in (
        (("act",), "moved"),
        (("subject", "generation"), 2),
        (("subject", "kiosk"), "west"),
        (("subject", "code"), "3"),
        (("subject", "door"), None),
    ):
        result = value(database, f"{dialect.in_json('body', *path)} FROM {source}", body)
        assert (result, type(result)) == (expected, type(expected))


WORDS = dialect.word
TEXTS = ("ab", "anna\n harbour pilots", "harbour", "anna example org", "海事 事大 大学 学")


@pytest.mark.parametrize(
    ("asked", "matches"),
    [
        (WORDS("anna"), True),
        (WORDS("ann"), False),
        (WORDS("ann", begins=True), True),
        (WORDS("nna", begins=True), False),
        (WORDS("anna", columns=("organisation",)), False),
        (WORDS("pilots", columns=("organisation", "name")), True),
        (WORDS("事大"), True),
        (dialect.every([WORDS("anna"), WORDS("org")]), True),
        (dialect.every([WORDS("anna"), WORDS("nobody")]), False),
        (dialect.either([WORDS("nobody"), WORDS("anna")]), True),
        (dialect.every([dialect.either([WORDS("x"), WORDS("ab")]), WORDS("anna")]), True),
        (WORDS("NOT"), False),
    ],
)
def test_words_are_asked_for(site: Database, asked: str, matches: bool) -> None:
    keep_texts(site)
    indexed = dialect.indexed("serial", "search_word")
    assert bool(value(site, f"COUNT(*) FROM attendee_search WHERE {indexed}", asked)) == matches


@pytest.mark.parametrize(
    ("text", "matches"),
    [("rbou", True), ("nna", True), ("a ex", True), ("rbx", False), ('" OR "', False)],
)
def test_letters_are_asked_for(site: Database, text: str, matches: bool) -> None:
    keep_texts(site)
    indexed = dialect.indexed("serial", "search_inside")
    asked = dialect.threes(text)
    assert bool(value(site, f"COUNT(*) FROM attendee_search WHERE {indexed}", asked)) == matches


def keep_texts(database: Database) -> None:
    """Give one attendee these texts alone, and the others none."""

    def step(db: Any) -> None:
        db.execute("DELETE FROM attendee_search")
        row = "(SELECT MIN(serial) FROM attendee), ?, ?, ?, ?, ?"
        db.execute(f"INSERT INTO attendee_search SELECT {row}", TEXTS)

    database.write(step)


def test_rows_come_as_one_text(database: Database) -> None:
    source = "(SELECT 1 AS a, 'x' AS b UNION ALL SELECT 2, NULL) AS pair"
    text = value(database, dialect.rows_as_json("a, b", source))
    assert json.loads(text) == [[1, "x"], [2, None]]
    assert value(database, dialect.rows_as_json("a, b", f"{source} WHERE a > 2")) == "[]"


@pytest.mark.parametrize(
    ("opened_at", "closed_at", "expected"), [(5, 9, 9), (9, 5, 9), (5, None, 2**63 - 1)]
)
def test_a_stay_is_over_at_its_later_end(
    database: Database, opened_at: int, closed_at: int | None, expected: int
) -> None:
    source = "(SELECT ? AS opened_at, CAST(? AS INTEGER) AS closed_at) s"
    sql = f"{dialect.stay_over_at('s.')} FROM {source}"
    assert value(database, sql, opened_at, closed_at) == expected


@pytest.mark.sqlite_alone  # tests/server/storage/postgresql has the plans of the other engine
@pytest.mark.parametrize(
    ("index", "statement", "values"),
    [
        (
            "attendee_email (<expr>=?)",
            f"SELECT 1 FROM attendee WHERE {dialect.same_letters('email')} AND email <> ''",
            ("ann@x.org",),
        ),
        (
            "stay_serial (serial=? AND <expr>>?)",
            f"SELECT 1 FROM stay WHERE serial = ? AND {dialect.stay_over_at()} > ?",
            (1, 2),
        ),
        (
            "stay_serial (serial=? AND <expr>>?)",
            f"SELECT 1 FROM stay o WHERE serial = ? AND {dialect.stay_over_at('o.')} > ?",
            (1, 2),
        ),
        (
            "leaf_act_by_act (<expr>=? AND <expr>=?)",
            f"SELECT 1 FROM leaf {dialect.by_index('leaf_act_by_act')} WHERE kind = 'act'"
            f" AND {dialect.in_json('body', 'by')} = ? AND {dialect.in_json('body', 'act')} = ?",
            ("ann", "moved"),
        ),
    ],
)
def test_the_index_that_is_worded_like_it_serves_it(
    database: Database, index: str, statement: str, values: tuple[Any, ...]
) -> None:
    assert f"USING INDEX {index}" in plan(database, statement, *values).replace("COVERING ", "")


def test_rows_are_numbered_in_the_order_in_which_they_came(database: Database) -> None:
    for run in ("c", "a", "b"):
        insert = (
            "INSERT INTO server_run (run, since_cursor, since_entries, started_at)"
            " VALUES (?, 0, 0, 0)"
        )
        database.write(lambda db, run=run, insert=insert: db.execute(insert, (run,)))
    with database.reading() as db:
        order = dialect.insertion_order("r")
        rows = db.execute(f"SELECT r.run, {order} FROM server_run r ORDER BY {order}").fetchall()
    assert [(row[0], row[1] - rows[0][1]) for row in rows] == [("c", 0), ("a", 1), ("b", 2)]


def test_a_setting_is_kept_whether_it_is_there_or_not(database: Database) -> None:
    for text in ("first", "second"):
        database.write(lambda db, text=text: keep_setting(db, "made_up", text))
    with database.reading() as db:
        rows = db.execute("SELECT value FROM setting WHERE key = 'made_up'").fetchall()
    assert [row[0] for row in rows] == ["second"]
