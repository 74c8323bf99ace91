"""Installs a version of Hallkeeper from its wheel into a virtual environment of its own.

The libraries are those of this environment, so only Hallkeeper differs.
"""

import io
import shutil
import subprocess
import sys
import sysconfig
import tarfile
from dataclasses import dataclass
from pathlib import Path

from tests.unpacking import unpack

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True)
class Version:
    name: str  # commit, or the wheel's file name
    programs: Path

    def command(self, program: str, *words: object) -> list[str]:
        return [str(self.programs / program), *map(str, words)]


def install(source: str, folder: Path) -> Version:
    """`source` is a wheel's path, a commit, or "" for this checkout with its changes."""
    folder.mkdir()
    wheel = Path(source) if source.endswith(".whl") else _build(source, folder)
    name = wheel.name if source.endswith(".whl") else _git("rev-parse", "--short", source or "HEAD")
    venv = folder / "venv"
    _run(sys.executable, "-m", "venv", "--without-pip", venv)
    pip = (sys.executable, "-m", "pip", "--python", venv / "bin" / "python")
    _run(*pip, "install", "--quiet", "--no-deps", "--no-index", wheel)
    # After pip, which would otherwise find this environment's Hallkeeper there.
    (libraries,) = venv.glob("lib/python*/site-packages")
    (libraries / "libraries.pth").write_text(sysconfig.get_path("purelib"))
    return Version(name, venv / "bin")


def _build(commit: str, folder: Path) -> Path:
    tree = folder / "tree"
    if commit:
        archive = subprocess.run(
            ["git", "archive", commit], cwd=ROOT, capture_output=True, check=True
        ).stdout
        with tarfile.open(fileobj=io.BytesIO(archive)) as files:
            unpack(files, tree)
    else:
        for name in _git("ls-files", "-z").split("\0"):
            if name and (ROOT / name).is_file():
                (tree / name).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy(ROOT / name, tree / name)
    _run(sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", folder, tree)
    (wheel,) = folder.glob("*.whl")
    return wheel


def _git(*words: str) -> str:
    return subprocess.run(
        ["git", *words], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.strip()


def _run(*command: object) -> None:
    subprocess.run([str(word) for word in command], check=True)
