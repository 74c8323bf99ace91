"""The phone's Python as a zip: the modules that it imports, and their translations.

`python -m kiosk.browser.archive FILE` writes it, for the build (packaging/phone).
"""

import ast
import io
import sys
import tomllib
from collections.abc import Iterable, Iterator
from importlib import metadata
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo

from badges.po import compiled

TOP = Path(__file__).parents[2]
PARTS = ("badges", "kiosk")
# The worker imports these (static/worker.mjs).
ROOTS = (
    "kiosk.browser.phone",
    "kiosk.browser.sqlite",
    "kiosk.browser.libsodium",
)


def archive() -> bytes:
    """The same sources give the same bytes. Not compressed: packaging/phone and TLS's content
    encoding do that better. Raises CatalogueError.
    """
    files = {path: path.read_bytes() for path in modules()}
    for part in PARTS:
        for path in (TOP / part).rglob("translations/*/LC_MESSAGES/*.po"):
            locale = path.parent.parent.name
            text = compiled(path.read_text("utf-8"), locale, path.name)
            files[path.with_suffix(".mo")] = text
    version = product_version()
    installed = TOP / f"hallkeeper-{version}.dist-info" / "METADATA"
    files[installed] = f"Metadata-Version: 2.1\nName: hallkeeper\nVersion: {version}\n".encode()
    zipped = io.BytesIO()
    with ZipFile(zipped, "w", ZIP_STORED) as into:
        for path in sorted(files):
            into.writestr(ZipInfo(path.relative_to(TOP).as_posix()), files[path])
    return zipped.getvalue()


def product_version() -> str:
    """Return the version of the checkout, which need not be installed, or of the wheel."""
    project = TOP / "pyproject.toml"
    if not project.exists():
        return metadata.version("hallkeeper")
    version: str = tomllib.loads(project.read_text("utf-8"))["project"]["version"]
    return version


def modules(roots: Iterable[str] = ROOTS) -> set[Path]:
    """Return the files of `roots` and of all modules of ours that they import, also those imported
    inside functions.
    """
    files: set[Path] = set()
    pending = [*roots]
    while pending:
        name = pending.pop()
        path = _file(name)
        if path is None or path in files:
            continue
        files.add(path)
        pending.extend(imported(path))
        package, _, _ = name.rpartition(".")
        if package:
            pending.append(package)
    return files


def imported(path: Path, *, inside: bool = True) -> set[str]:
    """Return the names of modules that a file may import when it runs. Without `inside` only those
    at import.
    """
    return set(_imported(ast.parse(path.read_bytes()), inside=inside))


def _imported(node: ast.AST, *, inside: bool) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
        yield from (f"{node.module}.{alias.name}" for alias in node.names)
    elif isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
        for statement in node.orelse:
            yield from _imported(statement, inside=inside)
    elif inside or not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
        for child in ast.iter_child_nodes(node):
            yield from _imported(child, inside=inside)


def _file(module: str) -> Path | None:
    if module.partition(".")[0] not in PARTS:
        return None
    path = TOP.joinpath(*module.split("."))
    candidates = (path / "__init__.py", path.with_name(path.name + ".py"))
    return next(filter(Path.is_file, candidates), None)


if __name__ == "__main__":
    Path(sys.argv[1]).write_bytes(archive())
