"""Every SQL text of the server is valid in PostgreSQL too; no PostgreSQL is needed to find a new
text that isn't.

Each rule names a construct of SQLite and its replacement. Constructs without common wording are in
server/storage/dialect.py.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from server.storage import migrations
from server.storage.postgresql import schema

ROOT = Path(__file__).parents[3]
# These are the two databases themselves, and the constructs of each.
OWN = "server/storage/"
SQL = re.compile(r"\b(SELECT|INSERT INTO|UPDATE \w+ SET|DELETE FROM|WHERE|AND|ORDER BY|SET)\s")
# The place of a Python value in a fragment of SQL, such as the name of a column.
FILLED = "{}"
DIALECT = "put it into server/storage/dialect.py"

_COLUMN = r"(\w+\.)?(\w+|\?)"
_NO_COLUMN = r"(?<!IS NOT )(?!(NULL|EXISTS|TRUE|FALSE)\b)"
_CONDITION_ENDS = r"(?=\s*($|\)|AND\b|OR\b|ORDER\b|GROUP\b|LIMIT\b|THEN\b))"
RULES = {
    r"\bPRAGMA \w|\bBEGIN (IMMEDIATE|EXCLUSIVE|DEFERRED)\b|\bCREATE TEMP TRIGGER\b": DIALECT,
    r"\bINDEXED BY\b|\bMATCH \?|\bAUTOINCREMENT\b|\bSTRICT\b|\bGLOB\b|\bREGEXP\b": DIALECT,
    r"\b(ROWID|rowid|SQLITE_\w+|sqlite_(master|schema))\b": DIALECT,
    r"\b(?i:json_\w+|instr|hex|randomblob|random)\(": DIALECT,
    r"\b(MAX|MIN)\(([^()]|\([^()]*\))*,": "use dialect.greatest or dialect.least",
    r"\bCOLLATE NOCASE\b": "use dialect.same_letters or dialect.by_letters",
    r"\bIS (NOT )?(?!(NOT|NULL|DISTINCT)\b)": "use dialect.differs",
    r"\b(INSERT OR|REPLACE INTO)\b": "write ON CONFLICT DO NOTHING or DO UPDATE",
    r"\bIFNULL\(": "write COALESCE",
    r"\b(?i:iif|printf|strftime|datetime|date|julianday|unixepoch|total|typeof|char|changes"
    r"|last_insert_rowid|group_concat|zeroblob)\(": "PostgreSQL has no such function",
    r"\bAS (BLOB|NUMERIC|REAL)\)": "cast to TEXT or BIGINT",
    rf"\b(WHERE|AND|OR|NOT|ON|HAVING|CASE WHEN) {_NO_COLUMN}{_COLUMN}{_CONDITION_ENDS}":
    "a condition is no number: compare it with 0 or 1",
    r"\bSUM\((?!CASE)[^()]*(=|<|>)": "write COUNT(*) FILTER (WHERE …)",
    r"\? IS\b": "PostgreSQL wants the type of such a parameter: write CAST(? AS …)",
    r"\?\d": "write each parameter as ? or :name",
    r"\bLIMIT -": "leave LIMIT out",
    r"\b(FROM|JOIN|INTO|UPDATE) (user|order|group|table|window|grant)\b": "a reserved word",
    r"\bDO UPDATE SET (.*, )?(\w+) = ([^,]*[^.\w])?\2\b": "name the table: hall.seats + 1",
}  # fmt: skip
PATTERNS = [(re.compile(pattern), remedy) for pattern, remedy in RULES.items()]
ALIAS = re.compile(r"\s*(AS )?(?!(WHERE|GROUP|ORDER|LIMIT|JOIN|LEFT|ON|USING|UNION)\b)\w+")


def wrong_in(sql: str) -> Iterator[str]:
    """Yield each construct that PostgreSQL refuses, with its replacement."""
    text = re.sub(r"\bBETWEEN \S+ AND\b", "= ANY", " ".join(sql.split()))
    for pattern, remedy in PATTERNS:
        if match := pattern.search(text):
            yield f"{match[0]!r}: {remedy}"
    for source in re.finditer(r"\b(FROM|JOIN) \((?=SELECT|WITH|VALUES|\{\})", text):
        end = closing(text, source.end())
        if end is not None and not ALIAS.match(text, end):
            yield f"{source[0]!r}: name this table: (SELECT …) AS newest"


def closing(text: str, at: int) -> int | None:
    """Return the position of the bracket that closes the one before `at`, or None in a fragment."""
    depth = 1
    for place, letter in enumerate(text[at:], at + 1):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if not depth:
            return place
    return None


def texts(tree: ast.AST) -> Iterator[tuple[int, str]]:
    """Yield each text of a file, with its line. Values inside it are `FILLED`."""
    inside = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            pieces = [getattr(value, "value", FILLED) for value in node.values]
            inside |= set(map(id, node.values))
            yield node.lineno, "".join(x if isinstance(x, str) else FILLED for x in pieces)
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
        ):
            yield node.lineno, node.value


def test_no_statement_is_of_sqlite_alone() -> None:
    wrong = []
    for path in sorted((ROOT / "server").rglob("*.py")):
        name = path.relative_to(ROOT).as_posix()
        if not name.startswith(OWN):
            for line, text in texts(ast.parse(path.read_text(encoding="utf-8"))):
                if SQL.search(text):
                    wrong += [f"{name}:{line} has {problem}" for problem in wrong_in(text)]
    assert wrong == []


def test_no_limit_is_negative() -> None:
    """SQLite takes -1 for no limit, and PostgreSQL refuses it."""
    wrong = [
        f"{path.relative_to(ROOT)}:{call.lineno}: pass dialect.NO_LIMIT"
        for path in sorted((ROOT / "server").rglob("*.py"))
        for call in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(call, ast.Call) and len(call.args) > 1
        if any("LIMIT ?" in text for _, text in texts(call.args[0]))
        if re.search(r"-1 if|else -1|\(-1,", ast.unparse(call.args[1]))
    ]
    assert wrong == []


def test_every_definition_has_a_translation() -> None:
    """A table, an index or a trigger without a PostgreSQL definition raises UntranslatedError."""
    statements = schema.made_anew(migrations.run_steps, migrations.names())
    tables = [text.split()[2] for text in statements if text.startswith("CREATE TABLE")]
    assert {"staff_user", "leaf", "scan", "stay"} <= set(tables)
    triggers = [text.replace(" . ", ".") for text in statements if "FUNCTION trigger_" in text]
    assert [problem for text in triggers for problem in wrong_in(text)] == []


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("PRAGMA cache_size", 1),
        ("INSERT OR IGNORE INTO setting VALUES (?, ?)", 1),
        ("SELECT 1 FROM user WHERE email = ? COLLATE NOCASE", 2),
        ("SELECT a.rowid FROM a", 1),
        ("SELECT json_extract(body, '$.act')", 1),
        ("SELECT MAX(opened_at, ?)", 1),
        ("SELECT MIN({}, {})", 1),
        ("SELECT MAX(COALESCE(a, 0), 1)", 1),
        ("SELECT COALESCE(MAX(number), -1), 2 FROM leaf", 0),
        ("WHERE hall_id = ?1", 1),
        ("WHERE a IS NOT b", 1),
        ("WHERE a IS ?", 1),
        ("WHERE a IS NOT NULL AND b IS NULL", 0),
        ("WHERE ? IS NULL OR a = 1", 1),
        ("WHERE awaited", 1),
        ("WHERE NOT s.awaited AND a = 1", 1),
        ("WHERE (shared = 1 AND ?)", 1),
        ("WHERE at BETWEEN ? AND ? AND b = 1", 0),
        ("WHERE NOT EXISTS (SELECT 1 FROM a)", 0),
        ("SELECT CASE WHEN a THEN 1 END", 1),
        ("SELECT CASE a WHEN b THEN 1 END", 0),
        ("SELECT SUM(a = 1) FROM b", 1),
        ("SELECT SUM(CASE WHEN a = 1 THEN 1 ELSE 0 END) FROM b", 0),
        ("SELECT 1 FROM (SELECT 2) WHERE 1 = 1", 1),
        ("SELECT 1 FROM ({}) LIMIT 3", 1),
        ("SELECT 1 FROM (SELECT COUNT(*) FROM a) AS newest WHERE 1 = 1", 0),
        ("ON CONFLICT (a) DO UPDATE SET a = 1, n = n + excluded.n", 1),
        ("ON CONFLICT (a) DO UPDATE SET n = t.n + excluded.n, m = excluded.m", 0),
    ],
)
def test_words_of_sqlite_are_found(sql: str, count: int) -> None:
    assert len(list(wrong_in(sql))) == count, list(wrong_in(sql))
