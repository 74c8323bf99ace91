"""Writes in PostgreSQL's words what a statement has in those of SQLite.

Each rule takes the statement's tokens and returns others. They know the words that `dialect.py` and
the tables' definitions use, and no more. The marks of values keep their order.
"""

from collections.abc import Callable

from server.storage.postgresql.translation.text_search import INDEXES
from server.storage.postgresql.translation.tokens import (
    Tokens,
    closing,
    is_name,
    opening,
    parts,
    tokens_of,
    word,
    words,
)

# A value at such a name in an act or an entry is a text. All others are numbers.
_TEXTS_IN_JSON = {"act", "by", "kiosk"}
_RENAMED = {"IFNULL": "COALESCE", "JSON_ARRAY": "json_build_array"}
_CASTS = {"INTEGER": "as_integer", "TEXT": "as_text", "REAL": "as_real"}
_AFTER_TABLE = {
    "WHERE", "GROUP", "ORDER", "LIMIT", "JOIN", "LEFT", "CROSS", "INNER", "ON", "USING", "UNION",
    "HAVING", "EXCEPT", "INTERSECT", "SET", "RETURNING", "NATURAL",
}  # fmt: skip
_BEFORE_CONDITION = {"WHERE", "AND", "OR", "NOT", "WHEN", "ON", "HAVING"}
_AFTER_CONDITION = _AFTER_TABLE - {"USING", "ON", "SET"} | {
    *("", ")", "AND", "OR", "THEN", ";", "AS", ",", "END", "ELSE")
}
_NO_COLUMN = {"TRUE", "FALSE", "NULL", "SELECT", "CASE", "NOT", "EXISTS", "END"}
_IS_PLAIN = {"NULL", "TRUE", "FALSE", "DISTINCT", "UNKNOWN"}


def _rewritten(tokens: Tokens, rule: Callable[[Tokens, int], tuple[Tokens, int] | None]) -> Tokens:
    """Return the tokens with each place written anew for which the rule gives other words.

    The rule also says where it goes on after them.
    """
    made: Tokens = []
    at = 0
    while at < len(tokens):
        if found := rule(tokens, at):
            other, at = found
            made += other
        else:
            made.append(tokens[at])
            at += 1
    return made


def without_named_indexes(tokens: Tokens) -> Tokens:
    """Leave out which index is to be used. PostgreSQL chooses by itself."""
    return _rewritten(tokens, _named_index)


def _named_index(tokens: Tokens, at: int) -> tuple[Tokens, int] | None:
    return ([], at + 3) if words(tokens, at, 2) == ("INDEXED", "BY") else None


def searches(tokens: Tokens) -> Tokens:
    """Write the questions to indexes of words, and the conditions on many numbers."""
    return _rewritten(tokens, _search)


def _search(tokens: Tokens, at: int) -> tuple[Tokens, int] | None:
    if words(tokens, at, 6) == ("IN", "(", "SELECT", "VALUE", "FROM", "JSON_EACH"):
        end = closing(tokens, at + 6)
        return ["=", "ANY", "(", "many", *tokens[at + 6 : end + 1], ")"], end + 2
    if words(tokens, at, 5) == ("IN", "(", "SELECT", "ROWID", "FROM"):
        index = INDEXES[tokens[at + 5]]
        made = ["IN", "(", "SELECT", index.key, "FROM", index.table, "WHERE"]
        made += [*tokens_of(index.expression), "@@", "CAST", "(", f"?{index.name}", "AS"]
        return [*made, "tsquery", ")", ")"], closing(tokens, at + 1) + 1
    return None


def calls(tokens: Tokens) -> Tokens:
    """Write each call of a function in its other form, and those in its arguments."""
    return _rewritten(tokens, _other_call)


def _other_call(tokens: Tokens, at: int) -> tuple[Tokens, int] | None:
    if not is_name(tokens[at]) or word(tokens, at + 1) != "(":
        return None
    end = closing(tokens, at + 1)
    return _call(tokens[at], tokens[at + 2 : end]), end + 1


def _call(name: str, inside: Tokens) -> Tokens:
    arguments = list(parts(inside))
    upper = name.upper()
    if upper == "JSON_OBJECT":
        inside = [one for token in calls(inside) for one in _as_text(token)]
        return [*tokens_of("CAST ( json_build_object ("), *inside, *tokens_of(") AS text )")]
    if upper in ("MAX", "MIN") and len(arguments) > 1:
        name = "GREATEST" if upper == "MAX" else "LEAST"
    elif upper == "JSON_EXTRACT":
        cast = word(arguments[0], 0) == "CAST"
        return _in_json(arguments[0][2:-3] if cast else arguments[0], arguments[1][0])
    elif upper == "JSON_GROUP_ARRAY":
        made = ["json_agg", "(", *calls(inside), ")"]
        return tokens_of("CAST ( COALESCE (") + made + tokens_of(", '[]' ) AS text )")
    elif upper == "CAST" and word(inside, len(inside) - 1) in _CASTS:
        return [_CASTS[inside[-1].upper()], "(", *calls(inside[:-2]), ")"]
    return [_RENAMED.get(upper, name), "(", *calls(inside), ")"]


def _as_text(token: str) -> Tokens:
    return tokens_of("CAST ( ? AS text )") if token == "?" else [token]


def _in_json(body: Tokens, path: str) -> Tokens:
    names = path[3:-1].split(".")
    kind = "text" if names[-1] in _TEXTS_IN_JSON else "number"
    return [f"json_{kind}", "(", *body, ",", f"'{{{','.join(names)}}}'", ")"]


def comparisons(tokens: Tokens) -> Tokens:
    """Write comparisons in which NULL is a value like others."""
    return _rewritten(tokens, _comparison)


def _comparison(tokens: Tokens, at: int) -> tuple[Tokens, int] | None:
    if tokens[at].upper() != "IS":
        return None
    negated = word(tokens, at + 1) == "NOT"
    if word(tokens, at + 1 + negated) in _IS_PLAIN:
        return None
    distinct = ["DISTINCT", "FROM"] if negated else ["NOT", "DISTINCT", "FROM"]
    return [tokens[at], *distinct], at + 1 + negated


def letters_alone(tokens: Tokens) -> Tokens:
    """Write comparisons and orders for which the case of letters A to Z is nothing."""
    made: Tokens = []
    at = 0
    while at < len(tokens):
        if words(tokens, at, 2) != ("COLLATE", "NOCASE"):
            made.append(tokens[at])
            at += 1
            continue
        begin = _operand(made)
        operand = made[begin:]
        del made[begin:]
        if made and made[-1] in ("=", "<>"):
            sign = made.pop()
            left = _operand(made)
            made[left:] = [*_small(made[left:]), sign]
        made += _small(operand)
        at += 2
    return made


def _small(operand: Tokens) -> Tokens:
    return ["lower", "(", *operand, "COLLATE", '"C"', ")"]


def _operand(tokens: Tokens) -> int:
    """Return where the value begins with which the tokens end."""
    at = len(tokens) - 1
    if tokens[at] == ")":
        at = opening(tokens, at)
        return at - 1 if at and is_name(tokens[at - 1]) else at
    while at >= 2 and tokens[at - 1] == ".":
        at -= 2
    return at


def conditions(tokens: Tokens) -> Tokens:
    """Write a number that stands as a condition as one. In SQLite any but 0 is true."""
    made: Tokens = []
    # For each open bracket: whether BETWEEN waits for its AND, and whether a condition may begin.
    between = [False]
    simple_cases: list[bool] = []
    begins = [False]
    at = 0
    while at < len(tokens):
        token = tokens[at]
        upper = token.upper()
        may_begin = begins[-1]
        begins[-1] = False
        if upper == "(":
            between.append(False)
            begins.append(may_begin)
        elif upper == ")":
            between.pop()
            begins.pop()
        elif upper == "CASE":
            simple_cases.append(word(tokens, at + 1) != "WHEN")
        elif upper == "END" and simple_cases:
            simple_cases.pop()
        elif upper == "BETWEEN":
            between[-1] = True
        elif upper in _BEFORE_CONDITION:
            begins[-1] = not (upper == "AND" and between[-1]) and not (
                upper == "WHEN" and bool(simple_cases) and simple_cases[-1]
            )
            if upper == "AND":
                between[-1] = False
        elif (may_begin or _begins_value(tokens, at)) and (end := _number_alone(tokens, at)):
            made += [*tokens[at:end], "<>", "0"]
            at = end
            continue
        made.append(token)
        at += 1
    return made


def _begins_value(tokens: Tokens, at: int) -> bool:
    """Say whether a value begins there that is made by AND or OR, as in `SUM(here AND there)`."""
    end = at + 1
    while word(tokens, end) == ".":
        end += 2
    before = word(tokens, at - 1) in ("(", ",", "SELECT")
    return before and word(tokens, end) in ("AND", "OR")


def _number_alone(tokens: Tokens, at: int) -> int:
    """Return where a column or number ends that is a whole condition, and 0 where it is none."""
    if tokens[at].upper() in _NO_COLUMN:
        return 0
    if not (is_name(tokens[at]) or tokens[at] == "?" or tokens[at].isdigit()):
        return 0
    end = at + 1
    while word(tokens, end) == ".":
        end += 2
    following = word(tokens, end)
    if following == "," and word(tokens, at - 1) != "NOT":
        return 0  # It is the first of several values that are compared together.
    return end if following in _AFTER_CONDITION else 0


def upserts(tokens: Tokens) -> Tokens:
    """Name the table of each column that an upsert reads, and append what ignores a row."""
    if words(tokens, 0, 3) == ("INSERT", "OR", "IGNORE"):
        tokens = [tokens[0], *tokens[3:]]
        end = next((at for at, one in enumerate(tokens) if one.upper() == "RETURNING"), len(tokens))
        return [*tokens[:end], "ON", "CONFLICT", "DO", "NOTHING", *tokens[end:]]
    start = next(
        (at for at in range(len(tokens)) if words(tokens, at, 3) == ("DO", "UPDATE", "SET")), None
    )
    if start is None:
        return tokens
    into = next(at for at, one in enumerate(tokens) if one.upper() == "INTO")
    table = tokens[into + 1]
    columns = set()
    if tokens[into + 2] == "(":
        columns = set(tokens[into + 3 : closing(tokens, into + 2)]) - {","}
    head, tail = tokens[: start + 3], tokens[start + 3 :]
    targets = {at for at in range(len(tail)) if _is_target(tail, at)}
    columns |= {tail[at] for at in targets}
    made: Tokens = []
    for at, token in enumerate(tail):
        apart = word(tail, at - 1) != "." and word(tail, at + 1) not in (".", "(")
        read = token in columns and at not in targets and apart
        made += [table, ".", token] if read else [token]
    return head + made


def _is_target(tail: Tokens, at: int) -> bool:
    if word(tail, at + 1) != "=" or not is_name(tail[at]):
        return False
    inside = sum({"(": 1, ")": -1}.get(token, 0) for token in tail[:at])
    where = any(token.upper() == "WHERE" for token in tail[:at])
    return not inside and not where and (at == 0 or tail[at - 1] == ",")


def named_sources(tokens: Tokens) -> Tokens:
    """Name each query that stands as a table without a name."""
    made = list(tokens)
    at, number = 0, 0
    while at < len(made):
        source = words(made, at, 2) in (("FROM", "("), ("JOIN", "("))
        if source and word(made, at + 2) in ("SELECT", "WITH", "VALUES"):
            end = closing(made, at + 1)
            following = word(made, end + 1)
            if not is_name(following) or following in _AFTER_TABLE:
                number += 1
                made[end + 1 : end + 1] = ["AS", f"source_{number}"]
        at += 1
    return made


def bytes_given(tokens: Tokens) -> Tokens:
    """Write bytes that stand in the statement itself."""
    return [
        f"'\\x{token[2:-1]}'::bytea" if token[:2] in ("x'", "X'") else token for token in tokens
    ]


def values_asked_for(tokens: Tokens) -> Tokens:
    """Say of which type a value is that is only asked whether it is there."""
    made: Tokens = []
    for at, token in enumerate(tokens):
        alone = token == "?" and word(tokens, at + 1) == "IS"
        following = [one for one in words(tokens, at + 2, 2) if one != "NOT"][:1]
        made += tokens_of("CAST ( ? AS text )") if alone and following == ["NULL"] else [token]
    return made


def limits(tokens: Tokens) -> Tokens:
    """Write a limit below 0, which is none."""
    made: Tokens = []
    for at, token in enumerate(tokens):
        if token == "?" and word(tokens, at - 1) == "LIMIT":
            made += tokens_of("NULLIF ( GREATEST ( ? , -1 ) , -1 )")
        else:
            made.append(token)
    return made


def quoted(tokens: Tokens) -> Tokens:
    """Quote the one table whose name is a word of PostgreSQL."""
    return ['"user"' if token == "user" else token for token in tokens]


RULES: tuple[Callable[[Tokens], Tokens], ...] = (
    without_named_indexes,
    searches,
    calls,
    comparisons,
    letters_alone,
    conditions,
    upserts,
    named_sources,
    limits,
    values_asked_for,
    bytes_given,
    quoted,
)


def in_postgresql(tokens: Tokens) -> Tokens:
    """Return the tokens of a statement as PostgreSQL takes them. Marks of values stay `?`."""
    for rule in RULES:
        tokens = rule(tokens)
    return tokens
