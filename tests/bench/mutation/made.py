"""Small wrong changes of a source file, made from its syntax tree, one at a time.

Docstrings, annotations, decorators, assertions, log lines and messages stay: they hold no
behaviour. Texts are changed only if they are SQL.
"""

import ast
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from types import CodeType

MODULE = "<module>"  # the scope of code that runs at import
_COMPARED: dict[type[ast.cmpop], type[ast.cmpop]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq, ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
}  # fmt: skip
_COUNTED: dict[type[ast.operator], type[ast.operator]] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.FloorDiv, ast.FloorDiv: ast.Mult,
    ast.Div: ast.Mult, ast.Mod: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.LShift: ast.RShift, ast.RShift: ast.LShift,
}  # fmt: skip
_CALLED = {"max": "min", "min": "max", "any": "all", "all": "any", "sorted": "list"}
_IS_SQL = re.compile(
    r"\b(SELECT|INSERT|UPDATE|DELETE|FROM|WHERE|JOIN|HAVING|ORDER BY|AND|SET|MAX|MIN|SUM|IIF)\b"
)
_IN_SQL = [
    (r" <= ", " < "), (r" >= ", " > "), (r" < ", " <= "), (r" > ", " >= "), (r" <> ", " = "),
    (r" AND ", " OR "), (r" OR (?!IGNORE|REPLACE)", " AND "), (r"IS NULL", "IS NOT NULL"),
    (r"IS NOT NULL", "IS NULL"), (r"\bMAX\(", "MIN("), (r"\bMIN\(", "MAX("), (r" \+ ", " - "),
    (r" - ", " + "), (r" DESC\b", " ASC"), (r"OR IGNORE", "OR REPLACE"), (r"\bNOT IN\b", "IN"),
    (r"OR REPLACE", "OR IGNORE"), (r"\bEXISTS ", "NOT EXISTS "),
]  # fmt: skip
_LEFT_OUT = ("annotation", "returns", "decorator_list", "type_comment", "ctx")


@dataclass(frozen=True)
class Mutant:
    """`scope` is the function with its class, or MODULE; `change` gives before and after.

    `at_import`: the code runs at import, as defaults of arguments do.
    """

    file: str
    scope: str
    line: int
    change: str
    slot: tuple[ast.AST, str, int | None]
    new: object
    at_import: bool

    @property
    def name(self) -> str:
        return f"{self.file} {self.scope}: {self.change}"


class Source:
    """A file's tree with all its mutants, in a fixed order."""

    def __init__(self, root: Path, file: str) -> None:
        self.path = str(root / file)
        self._tree = ast.parse((root / file).read_text(encoding="utf-8"))
        seen: Counter[str] = Counter()
        self.mutants: list[Mutant] = []
        for mutant in _within(self._tree, file, MODULE):
            seen[mutant.name] += 1
            again = f" (#{seen[mutant.name]})" if seen[mutant.name] > 1 else ""
            self.mutants.append(replace(mutant, change=mutant.change + again))

    @contextmanager
    def _changed(self, mutant: Mutant) -> Iterator[None]:
        old = _put(mutant.slot, mutant.new)
        yield
        _put(mutant.slot, old)

    def compiled(self, mutant: Mutant) -> CodeType:
        """The whole module with that one change."""
        with self._changed(mutant):
            return compile(ast.fix_missing_locations(self._tree), self.path, "exec")


def _put(slot: tuple[ast.AST, str, int | None], new: object) -> object:
    node, field, index = slot
    old = getattr(node, field)
    if index is None:
        setattr(node, field, new)
        return old
    kept, old[index] = old[index], new
    return kept


def _within(node: ast.AST, file: str, scope: str, *, at_import: bool = True) -> Iterator[Mutant]:
    for field, value in ast.iter_fields(node):
        if field in _LEFT_OUT:
            continue
        now = at_import and not (field == "body" and isinstance(node, ast.FunctionDef))
        many = value if isinstance(value, list) else [value]
        for index, child in enumerate(many):
            if isinstance(child, ast.AST) and not _is_left_out(child):
                slot = (node, field, index if isinstance(value, list) else None)
                inner = _scope(node, field, child, scope)
                for change, new in _wrong(node, field, child):
                    yield Mutant(file, inner, getattr(child, "lineno", 0), change, slot, new, now)
                yield from _within(child, file, inner, at_import=now)


def _scope(node: ast.AST, field: str, child: ast.AST, scope: str) -> str:
    """Nested functions count as the outermost. Defaults are made at import."""
    if field == "args" and isinstance(node, ast.FunctionDef) and "." not in scope:
        return MODULE
    if scope.startswith(MODULE) and isinstance(child, ast.ClassDef):
        return scope + child.name + "."
    if scope.startswith(MODULE) and isinstance(child, ast.FunctionDef):
        return scope.removeprefix(MODULE) + child.name
    return scope


def _is_left_out(node: ast.AST) -> bool:
    if isinstance(node, ast.Assert | ast.Import | ast.ImportFrom):
        return True
    if not isinstance(node, ast.Expr):
        return False
    if isinstance(node.value, ast.Constant):
        return True  # a docstring
    return ast.unparse(node).startswith("log.")


def _short(node: ast.AST) -> str:
    return " ".join(ast.unparse(node).split())


def _wrong(parent: ast.AST, field: str, node: ast.AST) -> Iterator[tuple[str, object]]:
    """Replacements of `node`. The condition of a branch is also left out both ways."""
    if field == "test" or field in ("ifs", "guard"):
        for value in (True, False):
            yield f"if {_short(node)} → if {value}", ast.Constant(value)
    if isinstance(node, ast.stmt):
        yield from _wrong_statements(parent, node)
    elif isinstance(node, ast.expr):
        for new in _wrong_expressions(parent, field, node):
            yield f"{_short(node)} → {_short(new)}", new
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield from _wrong_sql(node.value)


def _wrong_statements(parent: ast.AST, node: ast.stmt) -> Iterator[tuple[str, ast.stmt]]:
    stores = isinstance(node, ast.Assign) and not isinstance(node.targets[0], ast.Name | ast.Tuple)
    changes = ast.Raise | ast.AugAssign | ast.Delete | ast.Continue | ast.Break
    yields = isinstance(node, ast.Expr) and isinstance(node.value, ast.Yield | ast.YieldFrom)
    if (stores or isinstance(node, (changes, ast.Expr))) and not yields:
        yield f"{_short(node)} → nothing", ast.Pass()
    if isinstance(node, ast.Return) and node.value is not None:
        constant = isinstance(node.value, ast.Constant)
        if not (constant and node.value.value is None):  # type: ignore[attr-defined]
            yield f"{_short(node)} → return None", ast.Return(ast.Constant(None))
        if isinstance(node.value, ast.Compare | ast.BoolOp):
            yield f"{_short(node)} → return True", ast.Return(ast.Constant(True))


def _wrong_expressions(parent: ast.AST, field: str, node: ast.expr) -> Iterator[ast.expr]:
    match node:
        case ast.Compare(left, [operator], [right]):
            yield ast.Compare(left, [_COMPARED[type(operator)]()], [right])
        case ast.Compare(left, operators, rights):
            for index, comparison in enumerate(operators):
                other = [*operators[:index], _COMPARED[type(comparison)](), *operators[index + 1 :]]
                yield ast.Compare(left, other, rights)
        case ast.BoolOp(operator, values):
            yield ast.BoolOp(ast.Or() if isinstance(operator, ast.And) else ast.And(), values)
            for index in range(len(values)):
                kept = values[:index] + values[index + 1 :]
                yield kept[0] if len(kept) == 1 else ast.BoolOp(operator, kept)
        case ast.UnaryOp(ast.Not() | ast.USub(), operand):
            yield operand
        case ast.BinOp(left, operator, right) if type(operator) in _COUNTED:
            yield ast.BinOp(left, _COUNTED[type(operator)](), right)
        case ast.Constant(bool(value)):
            yield ast.Constant(not value)
        case ast.Constant(int(value) | float(value)):
            yield ast.Constant(value + 1)
        case ast.Call(ast.Name(name), args, keywords) if name in _CALLED:
            kept = [] if name == "sorted" else keywords
            yield ast.Call(ast.Name(_CALLED[name], ast.Load()), args, kept)
        case ast.Call(ast.Name("replace"), args, keywords) if keywords:
            for index in range(len(keywords)):
                yield ast.Call(node.func, args, keywords[:index] + keywords[index + 1 :])


def _wrong_sql(text: str) -> Iterator[tuple[str, ast.Constant]]:
    if not _IS_SQL.search(text):
        return
    for wrong, right in _IN_SQL:
        for match in re.finditer(wrong, text):
            new = text[: match.start()] + right + text[match.end() :]
            around = slice(max(0, match.start() - 30), match.end() + 30)
            yield f"SQL …{text[around].strip()}… → {right.strip()}", ast.Constant(new)
