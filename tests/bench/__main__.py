"""`make bench`: each measurement by name, as JSON lines. Nothing here is asserted."""

import argparse
import json
import sys

from tests.bench import doors, ingest

BENCHES = {"ingest": ingest.run, "doors": doors.run}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("names", nargs="*", help=f"of {', '.join(BENCHES)}; all by default")
    chosen = parser.parse_args().names or list(BENCHES)
    for name in chosen:
        sys.stdout.write(json.dumps(BENCHES[name]()) + "\n")


main()
