"""SQL written for SQLite means the same in PostgreSQL; tables and triggers follow."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing

import pytest

from server.storage import dialect, migrations
from server.storage.postgresql import engine, schema
from server.storage.postgresql.address import Address
from server.storage.postgresql.connection import PostgresConnection
from server.storage.postgresql.translation.definitions import UntranslatedError, definition
from server.storage.postgresql.translation.statements import translated
from tests.server.support.postgresql.databases import Databases

pytestmark = pytest.mark.sqlite_alone


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("SELECT a FROM t WHERE b = ?", "SELECT a FROM t WHERE b = $1"),
        ("SELECT :b, :a", "SELECT $1, $2"),
        (
            "SELECT 'it''s ? :a', \"?\", a::text FROM t",
            "SELECT 'it''s ? :a', \"?\", a::text FROM t",
        ),
        ("SELECT a IS NOT b, a IS NOT NULL", "SELECT a IS DISTINCT FROM b, a IS NOT NULL"),
        ("SELECT CAST(l.body AS TEXT)", "SELECT convert_from(l.body, 'UTF8')"),
        ("SELECT X'0AFF'", r"SELECT '\x0AFF'::bytea"),
        ("SELECT 1 FROM t INDEXED BY i WHERE a = 1", "SELECT 1 FROM t  WHERE a = 1"),
        (f"SELECT 1 FROM t WHERE {dialect.one_of('a')}", "SELECT 1 FROM t WHERE a = ANY(many($1))"),
        (f"SELECT {dialect.in_json('l.body', 'act')}", "SELECT json_text(l.body, '{act}')"),
        (
            f"SELECT {dialect.in_json('body', 'subject', 'hall')}",
            "SELECT json_number(body, '{subject,hall}')",
        ),
        (
            f"SELECT {dialect.rows_as_json('a, b', 't')}",
            "SELECT (SELECT CAST(COALESCE(json_agg(json_build_array(a, b)), '[]') AS text) FROM t)",
        ),
        (
            dialect.without_the_deleted("search_word"),
            "SELECT gin_clean_pending_list('search_word')",
        ),
    ],
)
def test_statements(written: str, expected: str) -> None:
    assert translated(written).text == expected


@pytest.mark.parametrize(
    "written",
    [
        "CREATE TABLE t (a NUMERIC)",
        "CREATE TABLE t (a TEXT COLLATE NOCASE)",
        "CREATE VIRTUAL TABLE t USING rtree (a)",
        "CREATE VIEW v AS SELECT 1",
        "ALTER TABLE t ADD CONSTRAINT c",
    ],
)
def test_what_is_not_known_is_refused(written: str) -> None:
    with pytest.raises(UntranslatedError):
        definition(written)


@pytest.fixture
def empty(postgres: Databases) -> Iterator[PostgresConnection]:
    name = postgres.cluster.make()
    with closing(engine.connect(Address(postgres.cluster.url(name)))) as opened:
        yield opened
    postgres.cluster.drop(name)


NEW = "m999_made_up"
LATER = """
CREATE TABLE made_up (id INTEGER PRIMARY KEY, user_id INTEGER REFERENCES staff_user) STRICT;
ALTER TABLE hall ADD COLUMN made_up TEXT NOT NULL DEFAULT 'x' CHECK (made_up IN ('x', 'y'));
CREATE TABLE stay_new (a INTEGER PRIMARY KEY, b TEXT) STRICT;
INSERT INTO stay_new (b) SELECT code FROM hall;
DROP TABLE stay_new;
CREATE INDEX made_up_user ON made_up (user_id) WHERE id > 0;
CREATE TRIGGER made_up_added AFTER INSERT ON made_up WHEN NEW.id IS NOT 7
BEGIN UPDATE hall SET made_up = 'y' WHERE hall_id = NEW.id; END;
DROP TRIGGER rules_hall_kept;
"""


def run(model: sqlite3.Connection, names: tuple[str, ...]) -> None:
    """All migrations, and a sample of later ones."""
    migrations.run_steps(model, [name for name in names if name != NEW])
    if (
        NEW in names
        and not model.execute("SELECT 1 FROM sqlite_schema WHERE name = 'made_up'").fetchall()
    ):
        for statement in LATER.split(";\n"):
            model.execute(statement)


def described(db: PostgresConnection) -> list[tuple[str, ...]]:
    """All columns, indexes, constraints and triggers."""
    rows = db.execute(
        "SELECT 'column', table_name, column_name, data_type, COALESCE(column_default, '')"
        " FROM information_schema.columns WHERE table_schema = 'hallkeeper'"
        " UNION ALL SELECT 'index', tablename, indexname, indexdef, '' FROM pg_indexes"
        " WHERE schemaname = 'hallkeeper'"
        " UNION ALL SELECT 'constraint', conname, pg_get_constraintdef(oid), '', ''"
        " FROM pg_constraint WHERE connamespace = CAST('hallkeeper' AS regnamespace)"
        " UNION ALL SELECT 'trigger', tgname, pg_get_triggerdef(oid), '', '' FROM pg_trigger"
        " WHERE tgisinternal = FALSE"
    )
    return sorted(tuple(row) for row in rows)


def test_a_later_migration_follows_by_itself(
    empty: PostgresConnection, postgres: Databases
) -> None:
    """An event with it from the beginning, and an event that gets it later, are the same."""
    schema.bring_up(empty, run, migrations.names())
    schema.bring_up(empty, run, (*migrations.names(), NEW))
    schema.bring_up(empty, run, (*migrations.names(), NEW))
    assert schema.applied(empty) == [*migrations.names(), NEW]
    later = described(empty)
    name = postgres.cluster.make()
    with closing(engine.connect(Address(postgres.cluster.url(name)))) as other:
        schema.bring_up(other, run, (*migrations.names(), NEW))
        assert described(other) == later
    postgres.cluster.drop(name)


def test_each_migration_from_the_one_before(empty: PostgresConnection) -> None:
    for count in range(1, len(migrations.names()) + 1):
        schema.bring_up(empty, migrations.run_steps, migrations.names()[:count])
    assert schema.applied(empty) == list(migrations.names())


def test_a_newer_event_is_left_alone(empty: PostgresConnection) -> None:
    schema.bring_up(empty, run, (*migrations.names(), NEW))
    with pytest.raises(migrations.NewerVersionError, match=NEW):
        migrations.migrate(empty)


def test_an_event_of_before_the_release_is_left_alone(empty: PostgresConnection) -> None:
    schema.bring_up(empty, run, ("m001_people",))
    before = described(empty)
    with pytest.raises(migrations.BeforeReleaseError, match=r"from before 1\.0"):
        migrations.migrate(empty)
    assert described(empty) == before


@pytest.mark.parametrize(
    ("index", "statement"),
    [
        ("attendee_email", f"SELECT 1 FROM attendee WHERE {dialect.same_letters('email')}"
         " AND email <> ''"),
        ("stay_serial", f"SELECT 1 FROM stay o WHERE serial = 1"
         f" AND {dialect.stay_over_at('o.')} > 2"),
        ("leaf_act_of_serial", "SELECT 1 FROM leaf WHERE kind = 'act'"
         f" AND {dialect.in_json('body', 'subject', 'serial')} = 3"),
        ("search_word", f"SELECT 1 FROM attendee_search s WHERE"
         f" {dialect.indexed('s.serial', 'search_word')}"),
    ],
)  # fmt: skip
def test_an_index_that_is_worded_like_a_statement_serves_it(
    empty: PostgresConnection, index: str, statement: str
) -> None:
    migrations.migrate(empty)
    empty.script("SET enable_seqscan = off; SET enable_bitmapscan = on")
    asked = translated(statement).text.replace("$1", "'x'")
    plan = "\n".join(row[0] for row in empty.raw.execute(f"EXPLAIN {asked}"))
    assert index in plan
