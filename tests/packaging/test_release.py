"""`packaging/release`: when it refuses, that it notices a build which differs, and its signature.

It runs unchanged in a made-up repository. The builds and their tools only leave files.
"""

import json
import os
import re
import shutil
import subprocess
import sys
from importlib.metadata import distributions
from pathlib import Path

import pytest

from tests.tools import needs

pytestmark = [
    pytest.mark.system,
    needs("git", "ssh-keygen"),
]

ROOT = Path(__file__).parents[2]
WHEEL = "hallkeeper-1.0.0-py3-none-any.whl"
BUILD = (
    f'touch "$1/hallkeeper-1.0.0.tar.gz"; echo "$SOURCE_DATE_EPOCH" >"$1/{WHEEL}"; '
    "mkdir -p kiosk/browser/vendor; echo '[]' >kiosk/browser/vendor/libraries.json"
)
# Of `uv` only the environment's Python counts.
UV = '[ "$1" != venv ] || { mkdir -p "${@: -1}/bin"; cp "$(which true)" "${@: -1}/bin/python"; }'
CYCLONEDX = 'while [ "$1" != --output-file ]; do shift; done; echo "$SBOM" >"$2"'
DEBIAN = 'test -s "$1" && test -e "$2/server.txt" && cp "$1" "$3/hallkeeper-server.deb"'


def script(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!/usr/bin/env bash\n{text}\n")
    path.chmod(0o755)


class Repository:
    def __init__(self, path: Path) -> None:
        self.path = path
        names = ("AUTHOR_NAME", "AUTHOR_EMAIL", "COMMITTER_NAME", "COMMITTER_EMAIL")
        self.environment = os.environ | {f"GIT_{name}": "a@example.org" for name in names}
        self.environment["SBOM"] = '{"components": [], "dependencies": []}'

    def git(self, *arguments: str) -> None:
        command = ["git", *arguments]
        subprocess.run(command, cwd=self.path, env=self.environment, check=True)

    def commit(self, tag: str = "v1.0.0") -> None:
        self.git("add", ".")
        self.git("commit", "-qm", "A commit")
        self.git("tag", "-f", tag)

    def release(self, **environment: str) -> tuple[int, str]:
        """Return the exit status, and the output to standard error."""
        done = subprocess.run(
            ["packaging/release"],
            cwd=self.path, env=self.environment | environment, capture_output=True, text=True,
        )  # fmt: skip
        return done.returncode, done.stderr


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    shutil.copytree(ROOT / "packaging/locks", tmp_path / "packaging/locks")
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    for name in ("release", "phone/sbom.py"):
        (tmp_path / "packaging" / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / "packaging" / name, tmp_path / "packaging" / name)
    (tmp_path / "packaging/allowed_signers").write_text("releases@hallkeeper ssh-ed25519 AAAA\n")
    script(tmp_path / "packaging/build-python", BUILD)
    script(tmp_path / "packaging/debian/build", DEBIAN)
    (tmp_path / "packaging/debian/control").write_text("Maintainer: Us <us@hallkeeper>\n")
    tools = tmp_path / "build/packaging/bin"
    for name, text in {"uv": UV, "cyclonedx-py": CYCLONEDX, "twine": ""}.items():
        script(tools / name, text)
    (tools / "python").symlink_to(sys.executable)
    (tmp_path / "pyproject.toml").write_text('[project]\nversion = "1.0.0"\n')
    (tmp_path / "CHANGELOG.md").write_text("# Changelog\n\n## 1.0.0 (2026-12-01)\n")
    (tmp_path / ".gitignore").write_text("build/\ndist/\nkey*\n")
    repository = Repository(tmp_path)
    repository.git("init", "-q")
    repository.commit()
    return repository


def test_without_a_clone_the_build_says_what_it_needs(tmp_path: Path) -> None:
    (tmp_path / "packaging").mkdir()
    shutil.copy(ROOT / "packaging/build-python", tmp_path / "packaging")
    environment = {name: value for name, value in os.environ.items() if name != "SOURCE_DATE_EPOCH"}
    done = subprocess.run(
        ["packaging/build-python"],
        cwd=tmp_path, env=environment, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1
    assert "build in a git clone, with git, or set SOURCE_DATE_EPOCH" in done.stderr


def test_all_files_are_in_the_sums(repository: Repository) -> None:
    status, _ = repository.release()
    assert status == 0
    out = repository.path / "dist/1.0.0"
    names = {path.name for path in out.iterdir()} - {"SHA256SUMS"}
    assert {"hallkeeper-server.deb", WHEEL, "hallkeeper-1.0.0.cdx.json"} <= names
    assert set(re.findall(r"  (\S+)$", (out / "SHA256SUMS").read_text(), re.M)) == names
    subprocess.run(["sha256sum", "--check", "--quiet", "SHA256SUMS"], cwd=out, check=True)


def test_a_folder_with_changes_is_refused(repository: Repository) -> None:
    (repository.path / "new.txt").touch()
    status, output = repository.release()
    assert status == 1
    assert output == (
        "release: the folder has changes that no commit has (git status): commit or remove them.\n"
    )
    assert repository.release(REHEARSAL="yes")[0] == 0


def test_a_commit_without_the_versions_tag_is_refused(repository: Repository) -> None:
    (repository.path / "new.txt").touch()
    repository.commit(tag="v0.9.0")
    status, output = repository.release()
    assert status == 1
    assert output.startswith("release: the last commit is not tagged v1.0.0, ")
    repository.git("tag", "-d", "v1.0.0")
    assert repository.release() == (status, output)
    assert repository.release(REHEARSAL="yes")[0] == 0


def test_a_changelog_without_the_release_is_refused(repository: Repository) -> None:
    (repository.path / "CHANGELOG.md").write_text("# Changelog\n\n## Unreleased\n")
    repository.commit()
    status, output = repository.release()
    assert (status, output) == (
        1, 'release: CHANGELOG.md has no heading "## 1.0.0 (YYYY-MM-DD)".\n'
    )  # fmt: skip


def test_an_example_as_the_maintainers_address_is_refused(repository: Repository) -> None:
    control = repository.path / "packaging/debian/control"
    control.write_text("Maintainer: Us <us@example.org>\n")
    repository.commit()
    status, output = repository.release()
    assert status == 1
    assert output.startswith("release: the maintainer's address in packaging/debian/control is ")
    assert repository.release(REHEARSAL="yes")[0] == 0


@pytest.mark.parametrize("text", ["", "someone@hallkeeper ssh-ed25519 AAAA\n", None])
def test_a_release_without_the_maintainers_key_is_refused(
    repository: Repository, text: str | None
) -> None:
    signers = repository.path / "packaging/allowed_signers"
    if text is None:
        signers.unlink()
    else:
        signers.write_text(text)
    repository.commit()
    status, output = repository.release()
    assert status == 1
    assert output.startswith("release: packaging/allowed_signers has no key of releases@hallkeeper")
    assert output.count("\n") == 1
    assert repository.release(REHEARSAL="yes")[0] == 0


def test_a_build_that_differs_is_refused(repository: Repository) -> None:
    script(
        repository.path / "packaging/container/build",
        'cat /proc/sys/kernel/random/uuid >"$3/image"',
    )
    repository.commit()
    status, output = repository.release()
    assert status == 1
    assert "two builds of one commit differ" in output
    assert not (repository.path / "dist").exists()


def test_a_build_that_fails_ends_the_release(repository: Repository) -> None:
    script(repository.path / "packaging/debian/build", "exit 3")
    repository.commit()
    assert repository.release()[0] == 3


def test_the_sums_are_signed(repository: Repository) -> None:
    key = repository.path / "key"
    assert repository.release(KEY=str(key)) == (1, f"release: the key {key} can't be read.\n")
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", str(key)], check=True)
    status, output = repository.release(KEY=str(key))
    assert status == 1
    assert output.startswith(f"release: the key {key} is not in packaging/allowed_signers: ")
    signers = repository.path / "packaging/allowed_signers"
    signers.write_text(f"releases@hallkeeper {key.with_suffix('.pub').read_text()}")
    repository.commit()
    assert repository.release(KEY=str(key))[0] == 0
    out = repository.path / "dist/1.0.0"
    sums = out / "SHA256SUMS"
    verify = [
        "ssh-keygen", "-Y", "verify", "-f", str(signers), "-I", "releases@hallkeeper",
        "-n", "hallkeeper-release", "-s", str(out / "SHA256SUMS.sig"),
    ]  # fmt: skip
    assert subprocess.run(verify, input=sums.read_bytes(), capture_output=True).returncode == 0
    altered = sums.read_bytes().replace(b".whl", b".zip")
    assert subprocess.run(verify, input=altered, capture_output=True).returncode != 0


def test_the_sbom_has_the_phones_libraries(tmp_path: Path) -> None:
    library = {
        "name": "@noble/curves", "version": "2.0.0", "licence": "MIT",
        "purl": "pkg:npm/%40noble/curves@2.0.0", "hashes": {"SHA-512": "00ff"},
    }  # fmt: skip
    other = {"bom-ref": "PyNaCl", "name": "PyNaCl", "version": "1.6"}
    sbom, listed = tmp_path / "sbom.json", tmp_path / "libraries.json"
    sbom.write_text(json.dumps({"components": [other], "dependencies": []}))
    listed.write_text(json.dumps([library]))
    command = [sys.executable, str(ROOT / "packaging/phone/sbom.py"), str(sbom), str(listed)]
    subprocess.run(command, check=True)
    assert json.loads(sbom.read_text()) == {
        "components": [
            other,
            {
                "bom-ref": library["purl"],
                "hashes": [{"alg": "SHA-512", "content": "00ff"}],
                "licenses": [{"expression": "MIT"}],
                "name": "@noble/curves",
                "purl": library["purl"],
                "type": "library",
                "version": "2.0.0",
            },
        ],
        "dependencies": [{"ref": library["purl"]}],
    }


class TestSbom:
    """packaging/check_sbom.py, about the environment of these tests and a library of a phone."""

    @pytest.fixture
    def libraries(self) -> list[dict[str, str]]:
        installed = {(library.name, library.version) for library in distributions()}
        installed.add(("@noble/curves", "2.0.0"))
        return [{"name": name, "version": version} for name, version in sorted(installed)]

    def check(self, path: Path, libraries: list[dict[str, str]]) -> tuple[int, str]:
        root, *components = libraries
        file = path / "sbom.json"
        file.write_text(json.dumps({"metadata": {"component": root}, "components": components}))
        phone = path / "phone.json"
        phone.write_text('[{"name": "@noble/curves", "version": "2.0.0"}]')
        command = [
            sys.executable, str(ROOT / "packaging/check_sbom.py"), str(file), str(phone)
        ]  # fmt: skip
        done = subprocess.run(command, capture_output=True, text=True, cwd=path)
        return done.returncode, done.stdout

    def test_equal(self, tmp_path: Path, libraries: list[dict[str, str]]) -> None:
        status, output = self.check(tmp_path, libraries)
        assert (status, output.endswith("the same in the SBOM and installed\n")) == (0, True)

    def test_one_is_missing(self, tmp_path: Path, libraries: list[dict[str, str]]) -> None:
        gone = libraries.pop()
        status, output = self.check(tmp_path, libraries)
        assert status == 1
        assert output.endswith(f"{gone['version']} is installed, and not in the SBOM\n")

    def test_one_is_not_installed(self, tmp_path: Path, libraries: list[dict[str, str]]) -> None:
        status, output = self.check(tmp_path, [*libraries, {"name": "other", "version": "1.0"}])
        assert (status, output) == (1, "other 1.0 is in the SBOM, and not installed\n")
