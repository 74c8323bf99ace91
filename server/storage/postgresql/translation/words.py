"""Replaces SQLite's words of `dialect.py`."""

import re
from collections.abc import Callable

from server.storage.postgresql.translation.text_search import INDEXES

# Names of texts in acts and entries. All other values are numbers.
_TEXTS_IN_JSON = {"act", "by", "code", "kiosk"}


def _in_json(call: re.Match[str]) -> str:
    body, names = call[1], call[2].split(".")
    kind = "text" if names[-1] in _TEXTS_IN_JSON else "number"
    return f"json_{kind}({body}, '{{{','.join(names)}}}')"


def _search(condition: re.Match[str]) -> str:
    index = INDEXES[condition[1]]
    return (
        f"IN (SELECT {index.key} FROM {index.table}"
        f" WHERE {index.expression} @@ CAST(?{index.name} AS tsquery))"
    )


_WORDS: tuple[tuple[str, str | Callable[[re.Match[str]], str]], ...] = (
    (r"\bIS NOT (?!NULL\b)", "IS DISTINCT FROM "),
    (r"\b[xX]'([0-9a-fA-F]*)'", r"'\\x\1'::bytea"),
    (r"\bINDEXED BY \w+", ""),
    (r"\bIN \(SELECT value FROM json_each\(\?\)\)", "= ANY(many(?))"),
    (r"\bIN \(SELECT rowid FROM (\w+) WHERE \1 MATCH \?\)", _search),
    (r"\bINSERT INTO (\w+) \(\1\) VALUES \('optimize'\)", r"SELECT gin_clean_pending_list('\1')"),
    (r"\bjson_extract\(CAST\(([\w.]+) AS TEXT\), '\$\.([\w.]+)'\)", _in_json),
    (r"\bCAST\(((?:\w+\.)?body) AS TEXT\)", r"convert_from(\1, 'UTF8')"),
    (
        r"\bjson_group_array\(json_array\(([^()]*)\)\)",
        r"CAST(COALESCE(json_agg(json_build_array(\1)), '[]') AS text)",
    ),
)
_PATTERNS = [(re.compile(pattern), replacement) for pattern, replacement in _WORDS]


def in_postgresql(statement: str) -> str:
    """Replace SQLite's words in a statement or definition by PostgreSQL's. Parameters stay
    unchanged.
    """
    for pattern, replacement in _PATTERNS:
        statement = pattern.sub(replacement, statement)
    return statement
