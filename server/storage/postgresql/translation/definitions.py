"""Writes definitions of tables, indexes and triggers for PostgreSQL, from those of SQLite.

Only what our own migrations use is known here. What is not known is refused, and a test runs all
of them.
"""

from collections.abc import Iterator

from server.storage.postgresql.translation.text_search import INDEXES, text_index
from server.storage.postgresql.translation.tokens import (
    Tokens,
    closing,
    parts,
    text_of,
    tokens_of,
    word,
    words,
)
from server.storage.postgresql.translation.words import in_postgresql, quoted

_TYPES = {
    "INTEGER": ("bigint",),
    "TEXT": ("text", "COLLATE", '"C"'),
    "BLOB": ("bytea",),
    "REAL": ("double", "precision"),
}
_CONSTRAINTS = {"PRIMARY", "UNIQUE", "CHECK", "FOREIGN", "CONSTRAINT"}
# Where SQLite takes a comparison for a number, by the trigger that does so.
_OTHERWISE = {
    "scan_counted": (
        ("NEW.decision = 'admitted'", "CAST (NEW.decision = 'admitted' AS integer)"),
        ("NEW.decision <> 'admitted'", "CAST (NEW.decision <> 'admitted' AS integer)"),
    ),
}


class UntranslatedError(Exception):
    """Is raised for a definition that has no translation. The text says what is to be done."""


def table(statement: str) -> list[str]:
    """Return what makes a table as `CREATE TABLE` of SQLite does."""
    tokens = tokens_of(statement)
    begin = tokens.index("(")
    end = closing(tokens, begin)
    temporary = word(tokens, 1) in ("TEMP", "TEMPORARY")
    name = tokens[2 + temporary].strip('"')
    items, after = [], []
    numbered, has_key = "", False
    for item in parts(tokens[begin + 1 : end]):
        has_key = has_key or _index_of(item, "PRIMARY", "KEY") is not None
        if item[0].upper() in _CONSTRAINTS:
            items.append(text_of(in_postgresql(_deferrable(item))))
            continue
        if words(item, 1, 3) == ("INTEGER", "PRIMARY", "KEY"):
            numbered = item[0]
            item = [one for one in item if one.upper() != "AUTOINCREMENT"]
        made, unique = column(item)
        items.append(text_of(made))
        if unique:
            after.append(_unique_letters(name, item[0]))
    if not has_key and not temporary:
        # SQLite numbers such rows in the order in which they came.
        numbered = "rowid"
        items.append("rowid bigint NOT NULL UNIQUE")
    head = text_of(in_postgresql(tokens[:begin]))
    return [f"{head} ({', '.join(items)})", *after, *(_numbers(name, numbered) if numbered else ())]


def column(item: Tokens) -> tuple[Tokens, bool]:
    """Return a column's definition, and whether it is unique whatever the case of its letters."""
    name, kind = item[0], item[1].upper()
    if kind not in _TYPES:
        raise UntranslatedError(f"the column {name} has the type {kind}, which PostgreSQL lacks")
    rest = item[2:]
    unique = False
    if (at := _index_of(rest, "COLLATE", "NOCASE")) is not None:
        unique = "UNIQUE" in map(str.upper, rest)
        rest = [one for one in rest[:at] + rest[at + 2 :] if one.upper() != "UNIQUE"]
    return [*in_postgresql([name]), *_TYPES[kind], *in_postgresql(_deferrable(rest))], unique


def _deferrable(item: Tokens) -> Tokens:
    """Let a reference wait until the end of a transaction, where one asks for that."""
    at = _index_of(item, "REFERENCES")
    if at is None:
        return item
    end = at + 2
    if word(item, end) == "(":
        end = closing(item, end) + 1
    while word(item, end) == "ON":
        end += 4 if words(item, end + 2, 2) in (("SET", "NULL"), ("SET", "DEFAULT")) else 3
    return [*item[:end], "DEFERRABLE", "INITIALLY", "IMMEDIATE", *item[end:]]


def _index_of(tokens: Tokens, *wanted: str) -> int | None:
    found = (at for at in range(len(tokens)) if words(tokens, at, len(wanted)) == wanted)
    return next(found, None)


def _unique_letters(table_name: str, name: str) -> str:
    quoted = text_of(in_postgresql([table_name]))
    return f'CREATE UNIQUE INDEX {table_name}_{name} ON {quoted} (lower({name} COLLATE "C"))'


def _numbers(table_name: str, name: str) -> tuple[str, str]:
    """Return what numbers rows as SQLite does, one above the highest, where no number is given."""
    quoted = text_of(in_postgresql([table_name]))
    return (
        f"CREATE FUNCTION number_of_{table_name}() RETURNS trigger LANGUAGE plpgsql AS $body$ BEGIN"
        f" NEW.{name} := (SELECT COALESCE(max({name}), 0) + 1 FROM {quoted});"
        " RETURN NEW; END $body$",
        f"CREATE TRIGGER number_of_{table_name} BEFORE INSERT ON {quoted} FOR EACH ROW"
        f" WHEN (NEW.{name} IS NULL) EXECUTE FUNCTION number_of_{table_name}()",
    )


def index(statement: str) -> list[str]:
    """Return what makes an index as `CREATE INDEX` of SQLite does."""
    tokens = tokens_of(statement)
    made = in_postgresql(tokens)
    begin = made.index("(")
    end = closing(made, begin)
    # An expression that is no call of a function stands in brackets of its own.
    columns = [
        item if len(item) == 1 else ["(", *item, ")"] for item in parts(made[begin + 1 : end])
    ]
    inside = " , ".join(map(text_of, columns))
    return [text_of([*made[: begin + 1], inside, *made[end:]])]


def text_index_of(statement: str) -> list[str]:
    """Return what makes the index of words that `CREATE VIRTUAL TABLE` of SQLite does."""
    tokens = tokens_of(statement)
    if words(tokens, 5, 1) != ("FTS5",):
        raise UntranslatedError(f"no virtual table but those of FTS5 is known: {statement}")
    begin = statement.index("(")
    return [text_index(tokens[3], statement[begin + 1 : statement.rindex(")")]).definition]


def trigger(statement: str) -> list[str]:
    """Return what makes a trigger as `CREATE TRIGGER` of SQLite does, with its function."""
    tokens = tokens_of(statement)
    temporary = word(tokens, 1) == "TEMP"
    name = tokens[2 + temporary]
    begin = next(at for at, one in enumerate(tokens) if one.upper() == "BEGIN")
    event, when = tokens[3 + temporary : begin], []
    if "WHEN" in map(str.upper, event):
        at = [one.upper() for one in event].index("WHEN")
        event, when = event[:at], in_postgresql(event[at:])[1:]
    event = [one for one in event if one not in ("main", ".")]
    within = text_of(tokens[begin + 1 : -1])
    for old, new in _OTHERWISE.get(name, ()):
        within = within.replace(text_of(tokens_of(old)), new)
    steps = list(_steps(tokens_of(within)))
    if any(_is_of_text_index(step) for step in steps):
        return []  # An index over an expression keeps itself.
    body = " ".join(f"{text_of(in_postgresql(step))};" for step in steps)
    inside = temporary or "SELECT" in map(str.upper, when)
    if temporary:
        # PostgreSQL has no trigger of one connection. This does something where that one has the
        # temporary table.
        there = f"to_regclass('pg_temp.{steps[0][2]}') IS NOT NULL"
        when = [*when, "AND", there] if when else [there]
    if inside and when:
        body = f"IF {text_of(when)} THEN {body} END IF;"
    only = f" WHEN ({text_of(when)})" if when and not inside else ""
    return [
        f"CREATE OR REPLACE FUNCTION trigger_{name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $body$ BEGIN {body} RETURN NULL; END $body$",
        f"CREATE OR REPLACE TRIGGER {name} {text_of(quoted(event))} FOR EACH ROW{only}"
        f" EXECUTE FUNCTION trigger_{name}()",
    ]


def _steps(tokens: Tokens) -> Iterator[Tokens]:
    step: Tokens = []
    for token in tokens:
        if token == ";":
            yield step
            step = []
        else:
            step.append(token)
    if step:
        yield step


def _is_of_text_index(step: Tokens) -> bool:
    return word(step, 0) == "INSERT" and step[2] in INDEXES
