"""Checks an export with the independent aics-tlog, in a Python without our code.

python foreign.py EXPORT LOG_KEY [WITNESS_NOTE WITNESS_KEY]
"""

import json
import sys
from pathlib import Path

import aics_tlog


def main() -> None:
    folder, key, *witness = sys.argv[1:]
    log_key = aics_tlog.parse_vkey(key)
    note = aics_tlog.parse_note((Path(folder) / "checkpoint").read_bytes())
    result = aics_tlog.verify_checkpoint(note, log_key)
    if not result.ok:
        raise SystemExit(f"checkpoint: {result}")
    checkpoint = aics_tlog.parse_checkpoint(note.text)
    reader = aics_tlog.FileSystemTileReader(folder)
    report = aics_tlog.audit_tiles(reader, checkpoint.size, checkpoint.root)
    report_fields: dict[str, object] = {"size": report.size, "bundles": report.bundles}
    if witness:
        file, name_and_key = witness
        seen = aics_tlog.parse_note(Path(file).read_bytes())
        keys = [aics_tlog.parse_vkey(name_and_key)]
        result = aics_tlog.verify_checkpoint(seen, log_key, keys, quorum=1)
        old = aics_tlog.parse_checkpoint(seen.text)
        proof = aics_tlog.consistency_proof_from_tiles(
            reader, old.size, checkpoint.size, checkpoint.size
        )
        report_fields["cosigned"] = result.ok
        report_fields["consistent"] = old.size == checkpoint.size or aics_tlog.verify_consistency(
            old.size, checkpoint.size, old.root, checkpoint.root, proof
        )
    sys.stdout.write(json.dumps(report_fields))


if __name__ == "__main__":
    main()
