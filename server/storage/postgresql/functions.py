"""Functions that PostgreSQL lacks, under SQLite's names.

They are in the event's schema, which is searched first. So `sum` of integers is an integer, as in
SQLite. Their bodies use only PostgreSQL's own functions, because maintenance has no search path.
"""


def _pure(head: str, returns: str, body: str, more: str = "STRICT") -> str:
    return (
        f"CREATE FUNCTION {head} RETURNS {returns} LANGUAGE sql IMMUTABLE PARALLEL SAFE {more}"
        f" AS $$ SELECT {body} $$"
    )


def _random(head: str, returns: str, body: str) -> str:
    return f"CREATE FUNCTION {head} RETURNS {returns} LANGUAGE sql VOLATILE AS $$ SELECT {body} $$"


_RANDOM_64 = "('x' || encode(substring(uuid_send(gen_random_uuid()) FROM 9), 'hex'))"
# PostgreSQL's texts can't contain NUL.
_JSON = r"replace(convert_from($1, 'UTF8'), '\u0000', '\ufffd')::json"
# Separators of words in FTS5: all of ASCII but letters and digits.
_BETWEEN_WORDS = r"'[\x01-/:-@\x5b-`{-\x7f]+'"
# A high cost, so that plans use the indexes.
_DEAR = "STRICT COST 5000"

FUNCTIONS = ";\n".join(
    [
        _pure("instr(text, text)", "bigint", "strpos($1, $2)::bigint"),
        _pure("hex(bytea)", "text", "upper(encode($1, 'hex'))"),
        _random(
            "randomblob(bigint)",
            "bytea",
            "substring(uuid_send(gen_random_uuid()) FOR $1::integer)",
        ),
        _random("random()", "bigint", f"{_RANDOM_64}::bit(64)::bigint"),
        _pure("many(text)", "bigint[]", "translate($1, '[]', '{}')::bigint[]"),
        # The letters A to Z alone, as in SQLite, whatever the database's locale.
        _pure("lower(text)", "text", 'pg_catalog.lower($1 COLLATE "C")'),
        _pure("max(anycompatible, anycompatible)", "anycompatible", "GREATEST($1, $2)", ""),
        _pure("min(anycompatible, anycompatible)", "anycompatible", "LEAST($1, $2)", ""),
        _pure("json_text(bytea, text[])", "text", f"{_JSON} #>> $2"),
        _pure(
            "json_number(bytea, text[])",
            "bigint",
            f"CASE json_typeof({_JSON} #> $2) WHEN 'number' THEN ({_JSON} #>> $2)::bigint"
            f" WHEN 'boolean' THEN ({_JSON} #>> $2)::boolean::integer::bigint END",
        ),
        _pure(
            "words_of(text[])",
            "tsvector",
            "COALESCE(array_to_tsvector(array_agg(DISTINCT chr(64 + n::integer) || left(w, 500))),"
            " ''::tsvector) FROM unnest($1) WITH ORDINALITY AS c (t, n), "
            f'regexp_split_to_table(pg_catalog.lower(t COLLATE "C"), {_BETWEEN_WORDS} COLLATE "C")'
            " w WHERE w <> ''",
            _DEAR,
        ),
        _pure(
            "threes_of(text[])",
            "tsvector",
            "COALESCE(array_to_tsvector(array_agg(DISTINCT pg_catalog.substr(t, i, 3))),"
            " ''::tsvector) FROM unnest($1) t, generate_series(1, length(t) - 2) i",
            _DEAR,
        ),
        "CREATE AGGREGATE sum(bigint) (SFUNC = int8pl, STYPE = bigint)",
    ]
)
