"""Defines functions that PostgreSQL lacks, under the names that statements call them by.

They stand in the event's own schema, which is searched before PostgreSQL's. So `sum` of whole
numbers is a whole number, as in SQLite. Their bodies use PostgreSQL's own functions alone, because
maintenance runs without a search path.
"""


def _pure(head: str, returns: str, body: str, more: str = "STRICT") -> str:
    return (
        f"CREATE FUNCTION {head} RETURNS {returns} LANGUAGE sql IMMUTABLE PARALLEL SAFE {more}"
        f" AS $$ SELECT {body} $$"
    )


def _random(head: str, returns: str, body: str) -> str:
    return f"CREATE FUNCTION {head} RETURNS {returns} LANGUAGE sql VOLATILE AS $$ SELECT {body} $$"


_RANDOM_64 = "('x' || encode(substring(uuid_send(gen_random_uuid()) FROM 9), 'hex'))"
# PostgreSQL has no NUL in texts, and no text of ours is looked for by it.
_JSON = r"replace(convert_from($1, 'UTF8'), '\u0000', '\ufffd')::json"
# What FTS5 takes for the space between words, which is all of ASCII but letters and digits.
_BETWEEN_WORDS = r"'[\x01-/:-@\x5b-`{-\x7f]+'"
# The indexes call these for each row, and no plan should do that without them.
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
        _pure("substr(text, bigint)", "text", "pg_catalog.substr($1, $2::integer)"),
        _pure(
            "substr(text, bigint, bigint)",
            "text",
            "pg_catalog.substr($1, $2::integer, $3::integer)",
        ),
        _pure(
            "as_integer(text)",
            "bigint",
            r"COALESCE(substring($1 FROM '^\s*([-+]?[0-9]{1,18})'), '0')::bigint",
        ),
        _pure("as_integer(bigint)", "bigint", "$1"),
        _pure("as_integer(double precision)", "bigint", "trunc($1)::bigint"),
        _pure("as_integer(boolean)", "bigint", "$1::integer::bigint"),
        _pure("as_text(text)", "text", "$1"),
        _pure("as_text(bigint)", "text", "$1::text"),
        _pure("as_text(bytea)", "text", "convert_from($1, 'UTF8')"),
        _pure("as_real(double precision)", "double precision", "$1"),
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
            " ''::tsvector) FROM unnest($1) WITH ORDINALITY AS c (t, n), regexp_split_to_table("
            f'lower(t COLLATE "C"), {_BETWEEN_WORDS} COLLATE "C") w WHERE w <> \'\'',
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
        _pure(
            "sum_of(bigint, boolean)",
            "bigint",
            "CASE WHEN $2 IS NULL THEN $1 ELSE COALESCE($1, 0) + $2::integer END",
            "",
        ),
        "CREATE AGGREGATE sum(boolean) (SFUNC = sum_of, STYPE = bigint)",
        _pure("greater_of(boolean, boolean)", "boolean", "$1 OR $2"),
        _pure("smaller_of(boolean, boolean)", "boolean", "$1 AND $2"),
        "CREATE AGGREGATE max(boolean) (SFUNC = greater_of, STYPE = boolean)",
        "CREATE AGGREGATE min(boolean) (SFUNC = smaller_of, STYPE = boolean)",
        _pure("plus(bigint, boolean)", "bigint", "$1 + $2::integer"),
        _pure("minus(bigint, boolean)", "bigint", "$1 - $2::integer"),
        "CREATE OPERATOR + (LEFTARG = bigint, RIGHTARG = boolean, FUNCTION = plus)",
        "CREATE OPERATOR - (LEFTARG = bigint, RIGHTARG = boolean, FUNCTION = minus)",
        _pure("shifted(integer, bigint)", "bigint", "$1::bigint << $2::integer"),
        _pure("shifted(bigint, bigint)", "bigint", "$1 << $2::integer"),
        _pure("shifted_back(bigint, bigint)", "bigint", "$1 >> $2::integer"),
        "CREATE OPERATOR << (LEFTARG = integer, RIGHTARG = bigint, FUNCTION = shifted)",
        "CREATE OPERATOR << (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = shifted)",
        "CREATE OPERATOR >> (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = shifted_back)",
    ]
)
