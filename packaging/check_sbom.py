"""Compares the SBOM $1 with the libraries that Python finds installed beside this interpreter, and
with those of the phone's page, listed in $2 (vendor/libraries.json).

Run it by the Python of the environment that the SBOM describes. Names each difference, and exits
with 1 if there is one.
"""

import json
import re
import sys
from importlib.metadata import distributions
from pathlib import Path


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


sbom = json.loads(Path(sys.argv[1]).read_text("utf-8"))
components = [sbom["metadata"]["component"], *sbom["components"]]
listed = {(plain(component["name"]), component["version"]) for component in components}
installed = {(plain(library.name), library.version) for library in distributions()}
phone = json.loads(Path(sys.argv[2]).read_text("utf-8"))
installed |= {(plain(library["name"]), library["version"]) for library in phone}
for name, version in sorted(installed - listed):
    sys.stdout.write(f"{name} {version} is installed, and not in the SBOM\n")
for name, version in sorted(listed - installed):
    sys.stdout.write(f"{name} {version} is in the SBOM, and not installed\n")
if listed != installed:
    sys.exit(1)
sys.stdout.write(f"{len(listed)} libraries, the same in the SBOM and installed\n")
