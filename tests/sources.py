"""Syntax trees of source files, for the rules that read them."""

import ast
from pathlib import Path
from typing import TypeVar

Node = TypeVar("Node", bound=ast.AST)


def tree(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def nodes(path: Path, kind: type[Node]) -> list[Node]:
    """Return all nodes of a kind, in the order of `ast.walk`."""
    return [node for node in ast.walk(tree(path)) if isinstance(node, kind)]


def definitions(path: Path) -> frozenset[str]:
    """Return the functions, classes with their members, and constants of a file."""
    names = set()
    for node in tree(path).body:
        names |= _defined(node)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{name}" for member in node.body for name in _defined(member)}
    return frozenset(names)


def _defined(node: ast.stmt) -> set[str]:
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {node.name}
    if isinstance(node, ast.Assign | ast.AnnAssign):
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        return {
            name.id for target in targets for name in ast.walk(target) if isinstance(name, ast.Name)
        }
    return set()
