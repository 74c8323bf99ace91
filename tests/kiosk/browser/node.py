"""Runs Python in Node as in the phone's worker, if Node and the phone's libraries are here."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from kiosk.browser.archive import archive

HERE = Path(__file__).parent
VENDOR = HERE.parents[2] / "kiosk" / "browser" / "vendor" / "files"


def run_in_node(directory: Path, script: str) -> Any:
    """The script's variable `result`. Skips the test without Node or the libraries."""
    node = shutil.which("node")
    if node is None:
        pytest.skip("Node is not installed")
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
