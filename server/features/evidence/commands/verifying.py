"""Commands that verify the entry log's exports, receipts and time stamps, without an event,
server or network.
"""

import re
import sys
from collections.abc import Callable
from pathlib import Path

import click
import msgspec

from badges.cli.console import AbsolutePath
from server.console import refuse
from server.features.evidence import verify, verify_receipt
from server.features.evidence.commands import outside


class _Scan(msgspec.Struct):
    """The scan fields that verifying reads, subscriptable like a dict."""

    kiosk: str
    generation: int
    seq: int
    scanned_at: int

    def __getitem__(self, name: str) -> str | int:
        value: str | int = getattr(self, name)
        return value


_SCAN = msgspec.json.Decoder(_Scan)
_KEY_HELP = "The log's key, from a source that you trust."
_Command = Callable[..., None]


def _witnesses(command: _Command) -> _Command:
    named = click.option(
        "--witness", "witnesses", multiple=True, metavar="KEY",
        help="The key of a witness outside, or of a kiosk, which must have cosigned the log.",
    )  # fmt: skip
    count = click.option(
        "--needed", type=click.IntRange(0, 1_000),
        help="How many of these witnesses are enough; else all.",
    )  # fmt: skip
    return named(count(command))


@click.command("verify", short_help="Verify an export; exit status 0 or 1.")
@click.argument("export_path", metavar="EXPORT", type=AbsolutePath())
@click.option("--key", help=_KEY_HELP)
@click.option(
    "--checkpoint", "checkpoints", multiple=True,
    type=AbsolutePath(exists=True, dir_okay=False),
    help="Another checkpoint of this log, for example from a kiosk.",
)  # fmt: skip
@_witnesses
@click.option(
    "--authority", type=AbsolutePath(exists=True, dir_okay=False),
    help="The time authority's root certificate, as PEM, from a source that you trust.",
)  # fmt: skip
def verify_export(
    export_path: Path,
    key: str | None,
    checkpoints: tuple[Path, ...],
    witnesses: tuple[str, ...],
    needed: int | None,
    authority: Path | None,
) -> None:
    """Verify an export, a folder or a zip, and print the first problem.

    Only the export is read. Exit status 0: all is well. 1: something is wrong. With --authority
    there must be a time stamp, and each must be of this authority.
    """
    # msgspec decodes much faster than the standard library.
    verify.read_scan = _SCAN.decode
    try:
        given = [path.read_bytes() for path in checkpoints]
        certificates = None if authority is None else authority.read_bytes()
    except OSError as error:
        raise refuse(f"{error.filename} can't be read: {error.strerror}.") from None
    problems, notes = verify.check(
        export_path, key=key, checkpoints=given, witnesses=witnesses, needed=needed
    )
    if not problems:
        problems, stamp_notes = check_stamps(export_path, certificates)
        notes += stamp_notes
    sys.exit(verify.say(problems, notes))


def check_stamps(path: Path, certificates: bytes | None) -> tuple[list[str], list[str]]:
    """Return the problems of a verified export's time stamps, and notes on valid ones.

    Without `certificates`, the export's own are trusted.
    """
    export = verify.Export(path)
    files = [name for name in export.names if re.fullmatch(r"stamp/[0-9]+\.note", name)]
    if not files:
        return ([] if certificates is None else ["there is no time stamp of this authority"]), []
    if certificates is None and "stamp/ca.pem" not in export.names:
        return [], ["the authority's certificate is not here, and so its stamps were not verified"]
    trusted = export.read("stamp/ca.pem") if certificates is None else certificates
    problems, verified = [], []
    for name in files:
        note = export.read(name)
        try:
            text = outside.read_stamp(export.read(name.replace(".note", ".tsr")), note, trusted)
            verified.append((int(note.split(b"\n")[1]), text))
        except ValueError as error:
            problems.append(f"{name}: {error}")
    notes = [
        f"{len(files)} time stamps, the newest over the first {size} entries {text}"
        for size, text in sorted(verified)[-1:]
    ]
    return problems[:1], notes


@click.command("verify-receipt", short_help="Verify one entry's proof; exit status 0 or 1.")
@click.argument("receipt_path", metavar="RECEIPT", type=AbsolutePath())
@click.option("--key", required=True, help=_KEY_HELP)
@_witnesses
def verify_one(
    receipt_path: Path, key: str, witnesses: tuple[str, ...], needed: int | None
) -> None:
    """Verify a receipt, and print the record that it proves."""
    try:
        raw = receipt_path.read_bytes()
        proven = verify_receipt.verify_receipt(raw, key, witnesses, needed)
    except (OSError, verify.Refused) as error:
        sys.exit(verify.say([str(error)], []))
    sys.exit(verify.say([], proven.notes()))
