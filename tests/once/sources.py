"""What the rules of the house ask of each Python file, read from it once.

A thousand files are asked a dozen questions each, and most of the time of a question is to parse.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Import:
    """One statement, `import names` or, with a module, `from module import names`."""

    line: int
    module: str | None
    names: tuple[tuple[str, str | None], ...]
    is_relative: bool
    is_at_the_top: bool

    def modules(self) -> Iterator[tuple[str, ...]]:
        """Yield for each name the modules that it may be or be from, the likeliest first."""
        for name, _ in self.names:
            if self.is_relative:
                continue
            yield (name,) if self.module is None else (f"{self.module}.{name}", self.module)


@dataclass(frozen=True)
class Function:
    name: str
    line: int
    lines: int


@dataclass(frozen=True)
class Source:
    text: str
    imports: tuple[Import, ...]
    functions: tuple[Function, ...]
    calls_open: bool
    docstring: str | None
    defined: frozenset[str]

    @property
    def imported(self) -> frozenset[str]:
        """Full names of the modules that the file imports, wherever in it."""
        found = {name for one in self.imports for names in one.modules() for name in names}
        return frozenset(found | {"relative" for one in self.imports if one.is_relative})


@cache
def tree(path: Path) -> ast.Module:
    """Parse one of the files of which several tests ask more than a `Source` tells."""
    return ast.parse(path.read_text(encoding="utf-8"))


@cache
def _walked(path: Path) -> tuple[list[ast.Call], list[ast.ClassDef], list[ast.Attribute]]:
    """Walk through a file once, which takes as long as to parse it."""
    calls, classes, attributes = [], [], []
    for node in ast.walk(tree(path)):
        if isinstance(node, ast.Call):
            calls.append(node)
        elif isinstance(node, ast.ClassDef):
            classes.append(node)
        elif isinstance(node, ast.Attribute):
            attributes.append(node)
    return calls, classes, attributes


def calls(path: Path) -> list[ast.Call]:
    return _walked(path)[0]


def classes(path: Path) -> list[ast.ClassDef]:
    return _walked(path)[1]


def attributes(path: Path) -> list[ast.Attribute]:
    return _walked(path)[2]


@cache
def source(path: Path) -> Source:
    text = path.read_text(encoding="utf-8")
    parsed = ast.parse(text)
    imports, functions = [], []
    at_the_top = set(map(id, parsed.body))
    for node in _statements(parsed):
        if isinstance(node, ast.Import | ast.ImportFrom):
            imports.append(_import(node, is_at_the_top=id(node) in at_the_top))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert node.end_lineno is not None
            lines = node.end_lineno - node.lineno + 1
            functions.append(Function(node.name, node.lineno, lines))
    calls_open = "open" in text and any(
        isinstance(call.func, ast.Name) and call.func.id == "open"
        for call in ast.walk(parsed)
        if isinstance(call, ast.Call)
    )
    return Source(
        text,
        tuple(imports),
        tuple(functions),
        calls_open,
        ast.get_docstring(parsed),
        _defined(parsed),
    )


def _statements(tree: ast.Module) -> Iterator[ast.stmt]:
    """Yield each statement, also those within others. Expressions, which are nine tenths of a file,
    hold none.
    """
    within: list[ast.AST] = [tree]
    while within:
        outer = within.pop(0)
        if isinstance(outer, ast.stmt):
            yield outer
        for field in ("body", "handlers", "cases", "orelse", "finalbody"):
            found = getattr(outer, field, ())
            within += found if isinstance(found, list) else ()


def _import(node: ast.Import | ast.ImportFrom, *, is_at_the_top: bool) -> Import:
    names = tuple((alias.name, alias.asname) for alias in node.names)
    if isinstance(node, ast.Import):
        return Import(node.lineno, None, names, False, is_at_the_top)
    return Import(node.lineno, node.module, names, bool(node.level), is_at_the_top)


def _defined(tree: ast.Module) -> frozenset[str]:
    """Functions, classes with their members, and constants."""
    found = set()
    for node in tree.body:
        found |= _names(node)
        if isinstance(node, ast.ClassDef):
            found |= {f"{node.name}.{one}" for member in node.body for one in _names(member)}
    return frozenset(found)


def _names(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        nodes = [one for target in targets for one in ast.walk(target)]
        return {one.id for one in nodes if isinstance(one, ast.Name)}
    return set()
