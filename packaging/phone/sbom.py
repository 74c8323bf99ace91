"""Adds the libraries of the phone's page to the SBOM $1. $2 lists them (vendor/libraries.json)."""

import json
import sys
from pathlib import Path

path = Path(sys.argv[1])
sbom = json.loads(path.read_text("utf-8"))
for library in json.loads(Path(sys.argv[2]).read_text("utf-8")):
    component = {
        "bom-ref": library["purl"],
        "hashes": [{"alg": alg, "content": value} for alg, value in library["hashes"].items()],
        "licenses": [{"expression": library["licence"]}],
        "name": library["name"],
        "purl": library["purl"],
        "type": "library",
        "version": library["version"],
    }
    sbom["components"].append(component)
    sbom["dependencies"].append({"ref": library["purl"]})
sbom["components"].sort(key=lambda component: component["bom-ref"])
sbom["dependencies"].sort(key=lambda dependency: dependency["ref"])
path.write_text(json.dumps(sbom, indent=2) + "\n", "utf-8")
