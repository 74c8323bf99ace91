"""The commands of `hallkeeper-badges`.

Only this module of `badges` uses randomness.
"""

import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from uuid import UUID

import click

from badges.cli.console import (
    AbsolutePath,
    InputError,
    WholeTexts,
    bit_list,
    read_file,
    write_file,
    write_new,
    zone_bits,
)
from badges.cli.read_picture import PictureError, read_symbols
from badges.credential.credential import (
    Credential,
    CredentialError,
    CredentialFlag,
    Kind,
    issue_credential,
    open_credential,
)
from badges.credential.keyfile import (
    FILE_BYTES_MAX,
    EventKeys,
    KeyFileError,
    SecretKey,
    decode_keys,
    decode_ring,
    encode_keys,
    encode_ring,
)
from badges.credential.keys import KeyRing, PrivateKey

if TYPE_CHECKING:
    from badges.roster.reader import Roster

FOREVER_MS = 253_402_300_800_000  # beginning of the year 10000, in Unix ms
DAYS = 16
ZONES = 32
PICTURE_SUFFIXES = {".png", ".jpg", ".jpeg", ".webp", ".gif", ".bmp", ".tif", ".tiff"}

_WHY = {
    "not_a_badge": "This is not a Hallkeeper badge, or it was read incompletely.",
    "other_event": "This is a badge of another event.",
    "forged": "No key of this event signed it.",
}

_DRAWING = (
    "To draw, install the rest of the badges part: pip install '.[badges]' in Hallkeeper's folder."
)


existing_file = AbsolutePath(exists=True, dir_okay=False)
keys_option = click.option(
    "--keys", "keys_path", type=existing_file, required=True, help="File that `keygen` made."
)


@click.group(cls=WholeTexts)
def main() -> None:
    """Make keys and badges, and look into badges, without a server."""


@main.command()
@click.option("--out", type=AbsolutePath(), required=True, help="The secret key file to make.")
@click.option("--event", "event_id", type=click.UUID, help="The event's UUID; a new one if absent.")
@click.option("--badge-keys", type=click.IntRange(1, 16), default=1, help="How many badge keys.")
def keygen(out: Path, event_id: UUID | None, badge_keys: int) -> None:
    """Make an event's keys in FILE, to be kept secret, and a public ring beside it."""
    ring_path = out.with_name(out.stem + ".ring.json")
    keys = EventKeys(
        (event_id or UUID(bytes=os.urandom(16), version=4)).bytes,
        PrivateKey(os.urandom(32)),
        {
            key_id: SecretKey(PrivateKey(os.urandom(32)), 0, FOREVER_MS)
            for key_id in range(1, badge_keys + 1)
        },
    )
    write_new({ring_path: (encode_ring(keys), 0o644), out: (encode_keys(keys), 0o600)})
    click.echo(f"event {UUID(bytes=keys.event_id)}")
    click.echo(f"secret keys: {out} (back it up; who has it can make badges)")
    click.echo(f"public ring: {ring_path}")


@main.command()
@keys_option
@click.option("--serial", type=click.IntRange(0, 0xFFFFFF), required=True, help="The attendee.")
@click.option("--issue", type=click.IntRange(1, 255), default=1, show_default=True)
@click.option("--category", type=click.IntRange(0, 255), required=True)
@click.option(
    "--days",
    callback=bit_list(DAYS, first=1),
    default="all",
    help="Valid days; the event's first is 1.",
)
@click.option(
    "--zones", callback=bit_list(ZONES, first=0), default="none", help="Zone groups, from 0."
)
@click.option("--kind", type=click.Choice([kind.name.lower() for kind in Kind]), default="printed")
@click.option(
    "--flag",
    "flags",
    type=click.Choice([str(flag.name).lower() for flag in CredentialFlag]),
    multiple=True,
    help="What staff should notice; can be given twice.",
)
@click.option(
    "--key-id",
    type=click.IntRange(0, 255),
    help="Key to sign with; the highest of the file if absent.",
)
@click.option("--png", type=AbsolutePath(dir_okay=False), help="Draw its QR code.")
@click.option("--module-px", type=click.IntRange(1, 64), default=10, help="Size in the picture.")
@click.option(
    "--level", type=click.Choice(["M", "Q"]), default="M", help="Q: larger, where codes get worn."
)
def issue(
    keys_path: Path,
    serial: int,
    issue: int,
    category: int,
    days: int,
    zones: int,
    kind: str,
    flags: tuple[str, ...],
    key_id: int | None,
    png: Path | None,
    module_px: int,
    level: str,
) -> None:
    """Sign one badge and print the text of its QR code."""
    keys = _secret_keys(keys_path)
    key_id = max(keys.badge_keys) if key_id is None else key_id
    if key_id not in keys.badge_keys:
        key_ids = ", ".join(map(str, sorted(keys.badge_keys)))
        raise InputError(f"{keys_path} has no key {key_id}; it has {key_ids}.")
    flag_set = CredentialFlag(0)
    for flag in flags:
        flag_set |= CredentialFlag[flag.upper()]
    badge = Credential(serial, issue, category, days, zones, key_id, Kind[kind.upper()], flag_set)
    text = issue_credential(keys.badge_keys[key_id].private, keys.event_id, badge)
    if png is not None:
        write_file(png, _symbol(text, module_px, level))
    click.echo(text)


@main.command()
@click.argument("target", metavar="TEXT|IMAGE")
@keys_option
def inspect(target: str, keys_path: Path) -> None:
    """Show a badge's fields as JSON, or why it is refused (exit status 1).

    TEXT is the QR code's text, in quotes: it may have spaces and `$`. For IMAGE, one line is
    printed for each QR code in it. KEYS is the secret file or the public ring.
    """
    try:
        ring = decode_ring(read_file(keys_path, FILE_BYTES_MAX))
    except KeyFileError as error:
        raise InputError(f"{keys_path} is no key file: {error}.") from None
    answers = [_inspected(ring, text) for text in _texts(target)]
    if not answers:
        answers = [{"refused": "not_a_badge", "why": "There is no QR code in the picture."}]
    for answer in answers:
        click.echo(json.dumps(answer))
    if any("refused" in answer for answer in answers):
        click.get_current_context().exit(1)


@main.command()
@keys_option
@click.option("--roster", type=existing_file, required=True, help="CSV or XLSX; see the manual.")
@click.option("--event-name", required=True, help="As printed on the cards.")
@click.option("--out", type=AbsolutePath(dir_okay=False), required=True, help="PDF to make.")
@click.option(
    "--zone", "zones", callback=zone_bits, multiple=True, help="CODE=GROUP of a zone in the roster."
)
@click.option("--format", "format_name", default="a6", help="The paper; a6 if absent.")
@click.option("--encoding", help="Of a CSV file, if detected wrongly.")
@click.option(
    "--row-numbers", type=click.Choice(["ids", "ignore"]), help="Ids that only number the rows."
)
def sheet(
    keys_path: Path,
    roster: Path,
    event_name: str,
    out: Path,
    zones: dict[str, int],
    format_name: str,
    encoding: str | None,
    row_numbers: Literal["ids", "ignore"] | None,
) -> None:
    """Print a small roster's cards as a PDF. The same roster gives the same cards.

    For events without a server, with its first seven categories (delegate, speaker, exhibitor,
    press, staff, vip, visitor). Do not mix these badges with a server's: serials could meet.
    """
    keys = _secret_keys(keys_path)
    try:
        from badges.printing import card, offline_sheet
        from badges.printing.look import FORMATS, Look, LookError
        from badges.roster.problems import RosterError
        from badges.roster.reader import read_roster
        from badges.roster.table import RosterAnswers, RosterLimits
    except ImportError:
        raise InputError(_DRAWING) from None
    if format_name not in FORMATS:
        raise InputError(f"There is no format {format_name!r}: use {', '.join(FORMATS)}.")
    try:
        table = read_roster(
            read_file(roster, RosterLimits().file_bytes),
            roster.name,
            categories={
                key: [*category.names.values(), category.letter]
                for key, category in offline_sheet.CATEGORIES.items()
            },
            encoding=encoding,
            zones=zones,
            answers=RosterAnswers(row_numbers=row_numbers),
        )
    except RosterError as error:
        raise InputError(f"{error}.") from None
    if lines := _problems(table):
        raise InputError("\n".join((f"{roster} has problems:", *lines)))
    try:
        cards = offline_sheet.make_cards(keys, table.rows, zones)
        look = Look(event_name, format=FORMATS[format_name])
        missing = card.undrawable(cards, look)
        if missing:
            raise InputError("\n".join(map(str, missing)))
        write_file(out, card.render_pdf(cards, look))
    except (card.CardError, LookError) as error:
        raise InputError(f"{error}.") from None
    click.echo(f"{len(cards)} cards: {out}")


def _problems(roster: "Roster") -> list[str]:
    lines = list(map(str, roster.problems))
    more = roster.problem_count - len(roster.problems)
    lines += [f"… and {more:,} more"] if more else []
    asked = [finding for finding in roster.findings if finding.open]
    for finding in asked:
        lines += [f"{finding.message}.", *(f"  {example}" for example in finding.examples)]
        if finding.kind == "row_numbers":
            lines += [f"  {choice.as_option()}" for choice in finding.choices]
    if any(finding.kind != "row_numbers" for finding in asked):
        lines.append("Correct these in a copy of the file with only the people who attend.")
    return lines


def _texts(target: str) -> list[str]:
    # Path.is_file raises OSError for a text that is too long for a file's name.
    if os.path.isfile(target):  # noqa: PTH113
        try:
            return read_symbols(Path(target))
        except PictureError as error:
            raise InputError(f"{target}: {error}.") from None
    if Path(target).suffix.lower() in PICTURE_SUFFIXES:
        raise InputError(f"There is no picture {target}.")
    return [target]


def _symbol(text: str, module_px: int, level: str) -> bytes:
    try:
        from badges.printing.qr import symbol_png
    except ImportError:
        raise InputError(_DRAWING) from None
    return symbol_png(text, module_px=module_px, level=level)


def _inspected(ring: KeyRing, text: str) -> dict[str, object]:
    try:
        badge = open_credential(ring, text)
    except CredentialError as error:
        return {"refused": error.reason, "why": f"{_WHY[error.reason]} ({error})"}
    return {
        "event": str(UUID(bytes=ring.event_id)),
        "kind": badge.kind.name.lower(),
        "key_id": badge.key_id,
        "serial": badge.serial,
        "issue": badge.issue,
        "category": badge.category,
        "flags": [str(flag.name).lower() for flag in CredentialFlag if flag in badge.flags],
        "days": _numbers(badge.valid_days, first=1),
        "zones": _numbers(badge.zones, first=0),
    }


def _numbers(bit_map: int, *, first: int) -> list[int]:
    return [first + bit for bit in range(bit_map.bit_length()) if bit_map >> bit & 1]


def _secret_keys(path: Path) -> EventKeys:
    try:
        return decode_keys(read_file(path, FILE_BYTES_MAX))
    except KeyFileError as error:
        raise InputError(f"{path} is no key file: {error}.") from None


if __name__ == "__main__":
    main()
