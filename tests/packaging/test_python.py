"""The sdist and the wheel: the same bytes from the same source, and every file of the packages."""

import os
import re
import shutil
import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from tests.unpacking import unpack

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
PACKAGES = ("badges", "kiosk", "server")
IGNORED = shutil.ignore_patterns(
    ".git", *(line.rstrip("/") for line in (ROOT / ".gitignore").read_text("utf-8").split())
)


def build(source: Path, out: Path, *targets: str, **environment: str) -> dict[str, bytes]:
    """Return the built files by their names."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-d", str(out), *targets],
        cwd=source, check=True, capture_output=True,
        env=os.environ | {"SOURCE_DATE_EPOCH": "1800000000"} | environment,
    )  # fmt: skip
    return {path.name: path.read_bytes() for path in out.iterdir()}


@pytest.fixture(scope="module")
def source(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return Path(shutil.copytree(ROOT, tmp_path_factory.mktemp("first") / "s", ignore=IGNORED))


@pytest.fixture(scope="module")
def built(source: Path) -> dict[str, bytes]:
    return build(source, source.parent / "out")


def test_the_same_source_gives_the_same_bytes(
    source: Path, built: dict[str, bytes], tmp_path: Path
) -> None:
    """Also from another folder, with other modes, times, order of files, locale and zone."""
    other = tmp_path / "another folder"
    for path in sorted(source.rglob("*"), reverse=True):
        if path.is_file():
            copy = other / path.relative_to(source)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
            copy.chmod(path.stat().st_mode & 0o700)
    environment = {"TZ": "Asia/Shanghai", "LC_ALL": "C", "PYTHONHASHSEED": "7"}
    assert build(other, tmp_path / "out", **environment) == built


def test_the_sdist_has_the_source_and_gives_the_same_wheel(
    source: Path, built: dict[str, bytes], tmp_path: Path
) -> None:
    (sdist,) = (source.parent / "out").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        unpack(archive, tmp_path)
    (unpacked,) = (path for path in tmp_path.iterdir() if path.is_dir())
    files = {path.relative_to(unpacked) for path in unpacked.rglob("*") if path.is_file()}
    sources = {path.relative_to(source) for path in source.rglob("*") if path.is_file()}
    assert files - sources == {Path("PKG-INFO")}
    assert sources - files == set()
    wheels = build(unpacked, tmp_path / "out", "-t", "wheel")
    assert wheels.items() <= built.items()


def test_the_phones_libraries_are_in_both_though_git_ignores_them(
    source: Path, tmp_path: Path
) -> None:
    copy = Path(shutil.copytree(source, tmp_path / "s"))
    library = copy / "kiosk/browser/vendor/files/libsodium.mjs"
    library.parent.mkdir(parents=True)
    library.touch()
    build(copy, tmp_path / "out")
    (wheel,), (sdist,) = (tmp_path / "out").glob("*.whl"), (tmp_path / "out").glob("*.tar.gz")
    name = library.relative_to(copy).as_posix()
    assert name in zipfile.ZipFile(wheel).namelist()
    with tarfile.open(sdist) as archive:
        assert any(member.endswith(f"/{name}") for member in archive.getnames())


def test_the_wheel_has_every_file_of_the_packages(source: Path, built: dict[str, bytes]) -> None:
    (wheel,) = (source.parent / "out").glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    sources = {
        path.relative_to(source).as_posix()
        for package in PACKAGES
        for path in (source / package).rglob("*")
        if path.is_file()
    }
    assert len(sources) > 1000
    assert {name for name in names if ".dist-info/" not in name} == sources


def test_the_description_of_the_wheel_has_no_link_into_the_source(
    built: dict[str, bytes], tmp_path: Path
) -> None:
    """Whoever reads it in an index has no files beside it."""
    name, wheel = next(item for item in built.items() if item[0].endswith(".whl"))
    (tmp_path / name).write_bytes(wheel)
    with zipfile.ZipFile(tmp_path / name) as archive:
        metadata = next(file for file in archive.namelist() if file.endswith("/METADATA"))
        description = archive.read(metadata).decode().split("\n\n", 1)[1]
    assert description.startswith("# Hallkeeper\n")
    assert re.findall(r"\]\((?!https?:)[^)]*\)", description) == []
