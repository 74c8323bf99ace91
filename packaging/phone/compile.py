"""Run by build.mjs in Pyodide, whose Python is the phone's: compiles files into zips.

Zips are not compressed, because brotli does that better, and have no times.
"""

import py_compile
from collections.abc import Collection
from fnmatch import fnmatch
from itertools import product
from pathlib import Path
from zipfile import ZIP_STORED, ZipFile, ZipInfo


def pack(source: str, target: str, left_out: Collection[str], optimize: int) -> None:
    """Zip a folder. Its .py files become .pyc files, which Python imports without sources.

    `left_out` has patterns of files, and of folders at its top. `optimize` 0 keeps assertions, 2
    drops them and docstrings.
    """
    files = {}
    for path in Path(source).rglob("*"):
        name = path.relative_to(source).as_posix()
        names = (name, name.partition("/")[0])
        if path.is_dir() or any(fnmatch(*pair) for pair in product(names, left_out)):
            continue
        if path.suffix == ".py":
            files[name + "c"] = _compiled(path, name, optimize)
        else:
            files[name] = path.read_bytes()
    with ZipFile(target, "w", ZIP_STORED) as zipped:
        for name in sorted(files):
            zipped.writestr(ZipInfo(name), files[name])


def _compiled(path: Path, name: str, optimize: int) -> bytes:
    """`name` is in tracebacks. Without the source's time: the same bytes every time."""
    mode = py_compile.PycInvalidationMode.UNCHECKED_HASH
    compiled = py_compile.compile(
        str(path), "/compiled", name, doraise=True, optimize=optimize, invalidation_mode=mode
    )
    return Path(compiled).read_bytes()
