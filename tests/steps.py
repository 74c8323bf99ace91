"""Which functions run in a step of the database, and what they change outside of it.

A step is a function that takes a `Connection`, or a lambda that is given to `Database.write`. The
calls of functions, of methods of the same class and of other modules' functions are followed; what
is only handed on, as to `effects.after_commit`, is not called by the step.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from tests.sources import tree

ROOT = Path(__file__).parent.parent

# Methods and functions that change files.
TOUCHES = {
    "chmod", "copy", "copy2", "copyfile", "copytree", "hardlink_to", "link", "link_to", "makedirs",
    "mkdir", "move", "remove", "removedirs", "rename", "renames", "rmdir", "rmtree", "symlink",
    "symlink_to", "touch", "truncate", "unlink", "write_bytes", "write_text",
}  # fmt: skip
# What reaches another computer or program.
SENDS = {
    "Popen", "Thread", "Timer", "check_call", "check_output", "create_connection", "getresponse",
    "run", "send_message", "sendmail", "urlopen",
}  # fmt: skip
# `remove`, `copy`, `run` and the like are methods of other things, too.
OF_MODULES = {"Popen", "Thread", "Timer", "copy", "link", "move", "remove", "run", "truncate"}
MODULES = {"os", "shutil", "subprocess", "threading"}
# Methods that change a list, a queue, an event and the like.
CHANGES = {
    "add", "append", "clear", "discard", "extend", "pop", "popitem", "put", "put_nowait", "set",
    "setdefault", "update", "wake",
}  # fmt: skip
WRITES = {"write", "write_then", "perform"}


@dataclass
class Function:
    module: str  # as it is imported
    name: str  # such as `Class.method` or `outer.step`
    file: str
    line: int
    is_step: bool
    touches: list[str] = field(default_factory=list)  # with their lines
    # Fields that it sets: the name of their object, and the line.
    sets: list[tuple[str, str]] = field(default_factory=list)
    own: set[str] = field(default_factory=set)  # names that it assigns
    changes: list[str] = field(default_factory=list)  # lists and the like of its own object
    calls: set[tuple[str, str]] = field(default_factory=set)

    def shared_fields(self) -> Iterator[str]:
        """Yield the fields that it sets of objects that outlive it."""
        if not self.name.endswith("__init__"):
            yield from self.changes
            yield from (text for owner, text in self.sets if owner not in self.own)

    @property
    def key(self) -> tuple[str, str]:
        return self.module, self.name


class _Reader(ast.NodeVisitor):
    """Collects the functions of one file."""

    def __init__(self, module: str, file: str) -> None:
        self.functions: list[Function] = []
        self._module, self._file = module, file
        self._names: list[str] = []
        self._imports: dict[str, tuple[str, str]] = {}  # name: module, and perhaps its function
        self._current = self._begin(ast.Module(body=[], type_ignores=[]), "", is_step=False)

    def visit_ImportFrom(self, node: ast.ImportFrom) -> None:
        for alias in node.names:
            self._imports[alias.asname or alias.name] = (node.module or "", alias.name)

    def visit_Import(self, node: ast.Import) -> None:
        for alias in node.names:
            self._imports[alias.asname or alias.name] = (alias.name, "")

    def visit_ClassDef(self, node: ast.ClassDef) -> None:
        self._names.append(node.name)
        self.generic_visit(node)
        self._names.pop()

    def visit_FunctionDef(self, node: ast.FunctionDef) -> None:
        arguments = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs]
        is_ours = self._imports.get("Connection") == ("server.storage.connection", "Connection")
        takes = is_ours and any(
            each.annotation is not None and ast.unparse(each.annotation) == "Connection"
            for each in arguments
        )
        self._within(node, node.name, node.body, is_step=takes)

    def visit_Call(self, node: ast.Call) -> None:
        self._note(node)
        self.visit(node.func)
        name = node.func.attr if isinstance(node.func, ast.Attribute) else ""
        name = node.func.id if isinstance(node.func, ast.Name) else name
        for argument in [*node.args, *(keyword.value for keyword in node.keywords)]:
            if isinstance(argument, ast.Lambda):
                self._within(argument, "lambda", [argument.body], is_step=name in WRITES)
            else:
                self.visit(argument)

    def visit_Attribute(self, node: ast.Attribute) -> None:
        if isinstance(node.ctx, ast.Store | ast.Del):
            owner = node.value
            while isinstance(owner, ast.Attribute | ast.Subscript):
                owner = owner.value
            if isinstance(owner, ast.Name):
                line = f"{self._file}:{node.lineno} {ast.unparse(node)}"
                self._current.sets.append((owner.id, line))
        self.generic_visit(node)

    def visit_Subscript(self, node: ast.Subscript) -> None:
        is_changed = isinstance(node.ctx, ast.Store | ast.Del)
        if is_changed and ast.unparse(node.value).startswith("self."):
            self._current.changes.append(f"{self._file}:{node.lineno} {ast.unparse(node)}")
        self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> None:
        self._current.sets.append(("", f"{self._file}:{node.lineno} {ast.unparse(node)}"))

    def visit_Nonlocal(self, node: ast.Nonlocal) -> None:
        self._current.sets.append(("", f"{self._file}:{node.lineno} {ast.unparse(node)}"))

    def visit_Name(self, node: ast.Name) -> None:
        if isinstance(node.ctx, ast.Store):
            self._current.own.add(node.id)

    def _within(
        self, node: ast.AST, name: str, body: list[ast.stmt] | list[ast.expr], *, is_step: bool
    ) -> None:
        before = self._current
        self._names.append(name)
        self._current = self._begin(node, ".".join(self._names), is_step=is_step)
        for part in body:
            self.visit(part)
        self._names.pop()
        self._current = before

    def _begin(self, node: ast.AST, name: str, *, is_step: bool) -> Function:
        line = getattr(node, "lineno", 0)
        function = Function(self._module, name, self._file, line, is_step)
        self.functions.append(function)
        return function

    def _note(self, node: ast.Call) -> None:
        function = node.func
        if isinstance(function, ast.Name):
            self._note_name(function.id, node)
        elif isinstance(function, ast.Attribute):
            self._note_method(function, node)

    def _note_name(self, name: str, node: ast.Call) -> None:
        if name == "open" and any(
            isinstance(part, ast.Constant) and set(str(part.value)) & set("wax+")
            for part in node.args[1:2]
        ):
            self._touch(node)
        if name in self._imports:
            self._current.calls.add(self._imports[name])
        # A function of the same scope, or of one around it.
        for length in range(len(self._names), -1, -1):
            self._current.calls.add((self._module, ".".join([*self._names[:length], name])))

    def _note_method(self, function: ast.Attribute, node: ast.Call) -> None:
        owner = function.value.id if isinstance(function.value, ast.Name) else ""
        is_path_replace = function.attr == "replace" and len(node.args) == 1 and not node.keywords
        is_touch = function.attr in TOUCHES | SENDS and (
            function.attr not in OF_MODULES or owner in MODULES
        )
        if function.attr in CHANGES and ast.unparse(function.value).startswith("self."):
            self._current.changes.append(f"{self._file}:{node.lineno} {ast.unparse(function)}")
        if is_touch or is_path_replace:
            self._touch(node)
        if owner == "self":
            self._current.calls.add((self._module, f"{self._names[0]}.{function.attr}"))
        elif owner in self._imports:
            module, name = self._imports[owner]
            self._current.calls.add((f"{module}.{name}" if name else module, function.attr))

    def _touch(self, node: ast.Call) -> None:
        self._current.touches.append(f"{self._file}:{node.lineno} {ast.unparse(node.func)}")


@cache
def functions() -> dict[tuple[str, str], Function]:
    read: dict[tuple[str, str], Function] = {}
    for top in ("server", "badges"):
        for path in sorted((ROOT / top).rglob("*.py")):
            file = str(path.relative_to(ROOT))
            module = file.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
            reader = _Reader(module, file)
            reader.visit(tree(path))
            for function in reader.functions:
                if function.key in read:  # several lambdas of one function
                    read[function.key].calls |= function.calls
                    read[function.key].touches += function.touches
                    read[function.key].sets += function.sets
                    read[function.key].is_step |= function.is_step
                else:
                    read[function.key] = function
    return read


def reached(start: Function, without: set[str]) -> Iterator[Function]:
    """Yield a function and all that it calls, except those of `without` (`module.name`)."""
    known = functions()
    waiting, seen = [start], set()
    while waiting:
        function = waiting.pop()
        if function.key in seen or ".".join(function.key) in without:
            continue
        seen.add(function.key)
        yield function
        waiting += [known[key] for key in function.calls if key in known]
