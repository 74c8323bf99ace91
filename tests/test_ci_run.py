"""`.ci/run`: which tests it runs on which Python. `make` only notes its arguments."""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parent.parent
MAKE = r"""echo "make $*" >>calls
for word; do
    case $word in VENV=*) venv=${word#VENV=} ;; PYTHON=*) python=${word#PYTHON=} ;; esac
done
[ -e "$venv" ] || { mkdir -p "$venv/bin" && cp "$(command -v "$python")" "$venv/bin/python"; }
[ "$1" != "${MAKE_FAILS:-}" ]"""
PYTHON = 'case "$2" in *exit*) {old} ;; *) echo {version} ;; esac'


def command(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"#!{shutil.which('bash')}\n{text}\n")
    path.chmod(0o755)
    return path


def python(path: Path, version: str) -> Path:
    old = "exit 1" if version < "3.11" else "exit 0"
    return command(path, PYTHON.format(version=version, old=old))


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A copy of the project with only `.ci/run`, and a Python 3.12 on the PATH."""
    shutil.copytree(ROOT / ".ci", tmp_path / ".ci")
    command(tmp_path / "bin" / "make", MAKE)
    python(tmp_path / "bin" / "python3", "3.12")
    for name in ("bash", "cat", "cp", "dirname", "mkdir", "mktemp", "rm"):
        real = shutil.which(name)
        assert real
        (tmp_path / "bin" / name).symlink_to(real)
    return tmp_path


def run(place: Path, system: str, **environment: str) -> tuple[int, list[str], str]:
    """Exit status, made targets and output, with `system` as the system's Python."""
    own = python(place / "system" / "python3", system)
    given = {"PATH": str(place / "bin"), "SYSTEM_PYTHON": str(own)}
    done = subprocess.run(
        [str(place / ".ci" / "run")], env=given | environment, capture_output=True, text=True
    )
    calls = place / "calls"
    targets = calls.read_text().replace(f"{place}/", "").splitlines() if calls.exists() else []
    return done.returncode, targets, done.stderr


def test_all_on_the_systems_python_and_quick_ones_on_the_oldest(place: Path) -> None:
    python(place / "bin" / "python3.11", "3.11")
    python(place / ".venv" / "bin" / "python", "3.11")
    status, targets, _ = run(place, "3.13")
    assert status == 0
    newest, oldest = "PYTHON=system/python3 VENV=build/venv-3.13", "PYTHON=python3.11 VENV=.venv"
    assert targets[0] == f"make set-up {newest}"
    # The other Python is set up beside the checks.
    assert set(targets[1:3]) == {f"make set-up {oldest}", f"make check test {newest}"}
    assert targets[3:] == [f"make quick {oldest}"]


def test_a_fresh_copy_uses_the_users_place(place: Path) -> None:
    python(place / "bin" / "python3.11", "3.11")
    _, targets, _ = run(place, "3.13")
    assert targets[0] == "make set-up PYTHON=system/python3 VENV=.venv"
    assert targets[-1] == "make quick PYTHON=python3.11 VENV=build/venv-3.11"


def test_without_the_oldest_it_says_so(place: Path) -> None:
    status, targets, output = run(place, "3.13")
    assert (status, len(targets)) == (0, 1)
    assert "NOT TESTED on Python 3.11: there is no python3.11 here" in output


def test_where_the_systems_is_the_oldest_once_is_enough(place: Path) -> None:
    status, targets, output = run(place, "3.11")
    assert (status, targets) == (0, ["make check test PYTHON=system/python3 VENV=.venv"])
    assert "that is the oldest Python too" in output


def test_a_system_that_is_too_old_lets_the_path_decide(place: Path) -> None:
    _, targets, _ = run(place, "3.10")
    assert targets == ["make check test PYTHON=python3 VENV=.venv"]


@pytest.mark.parametrize("fails", ["set-up", "check", "quick"])
def test_what_fails_fails_it(place: Path, fails: str) -> None:
    python(place / "bin" / "python3.11", "3.11")
    status, targets, _ = run(place, "3.13", MAKE_FAILS=fails)
    assert status != 0
    last = [call for call in targets if "set-up" not in call or fails == "set-up"][-1]
    assert last.startswith(f"make {fails} ")


def test_where_the_oldest_can_not_be_set_up_it_says_why_and_fails(place: Path) -> None:
    python(place / "bin" / "python3.11", "3.11")
    command(
        place / "bin" / "make",
        '[ "$1$2" != "set-upPYTHON=python3.11" ] || { echo "no disk"; exit 1; }',
    )
    status, _, output = run(place, "3.13")
    assert status != 0
    assert "no disk" in output
    assert "quick tests" not in output
