"""Checks that no pinned library has a known fault for longer than docs/security.md allows.

`make libraries` has pip-audit look up known faults, and passes its report to this. A library
without a result counts as not looked at; pip-audit itself ignores it silently.
"""

import argparse
import json
import re
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
PINS, RECORD = ROOT / ".ci/constraints.txt", ROOT / ".ci/libraries.toml"
# Days from a fault's publication and fix until no version of ours has it.
DAYS = {"exploited": 2, "critical": 7, "high": 14, "medium": 30, "low": 90}
AUDIT_DAYS = 30  # longest interval between look-ups; also look up before each release


class NotLookedAtError(Exception):
    """The report lacks some pins. The text names them."""


@dataclass(frozen=True)
class Open:
    """Describes a known fault of a pinned library that is not yet fixed."""

    library: str
    id: str
    severity: str
    known_at: date
    reason: str

    @property
    def due(self) -> date:
        return self.known_at + timedelta(days=DAYS[self.severity])


def plain(name: str) -> str:
    """Return a library's name as indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, str]:
    versions = re.findall(r"^([A-Za-z0-9._-]+)==(\S+)$", text, re.M)
    return {plain(name): version for name, version in versions}


def open_faults(record: Mapping[str, Any]) -> list[Open]:
    """Read the open faults. Raises TypeError or ValueError if an entry is incomplete."""
    faults = [Open(**fault) for fault in record.get("open", [])]
    for fault in faults:
        if fault.severity not in DAYS or not fault.reason.strip():
            raise ValueError(
                f"{fault.library} {fault.id}: write a severity of {', '.join(DAYS)}, and why"
            )
    return faults


def faults(report: str, pinned: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the library and the number of each fault in pip-audit's report.

    Raises NotLookedAtError if a pin is missing or was passed over.
    """
    dependencies = json.loads(report)["dependencies"]
    looked = {
        plain(library["name"]): library for library in dependencies if "skip_reason" not in library
    }
    lacking = [name for name, version in pinned.items()
               if looked.get(name, {}).get("version") != version]  # fmt: skip
    if lacking:
        raise NotLookedAtError(", ".join(lacking))
    return [
        (name, fault["id"])
        for name, library in looked.items()
        for fault in library.get("vulns", [])
    ]


def problems(
    reported: Sequence[tuple[str, str]] | None,
    written_down: Sequence[Open],
    audited: date | None,
    today: date,
) -> list[str]:
    """Report missed deadlines. `found` are the faults of a report, or None without a report."""
    lines = [
        f"{fault_written.library} has {fault_written.id}, which was due on {fault_written.due}"
        for fault_written in written_down
        if fault_written.due < today
    ]
    if reported is None:
        if audited is None:
            return [*lines, "faults were never asked for"]
        if audited + timedelta(days=AUDIT_DAYS) < today:
            return [*lines, f"faults were asked for last on {audited}"]
        return lines
    written = {(plain(fault_written.library), fault_written.id) for fault_written in written_down}
    lines += [
        f"{name} has {fault}: take a mended version, or write it into .ci/libraries.toml"
        for name, fault in reported
        if (name, fault) not in written
    ]
    return lines


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("report", nargs="?", type=Path, help="of pip-audit, as JSON")
    report = parser.parse_args().report
    text, today = RECORD.read_text("utf-8"), datetime.now(UTC).date()
    record = tomllib.loads(text)
    reported = None
    if report is not None:
        try:
            reported = faults(report.read_text("utf-8"), pins(PINS.read_text("utf-8")))
        except NotLookedAtError as error:
            sys.stderr.write(f"not looked at, is there a network? {error}\n")
            return 2
    lines = problems(reported, open_faults(record), record.get("audited_at"), today)
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    if reported is not None and not lines:
        kept = re.sub(r"\n*(# There is no `audited_at`[^\n]*|audited_at = \S+)\n", "\n", text)
        head, mark, rest = kept.partition("\n[[open]]")
        RECORD.write_text(f"{head.rstrip()}\n\naudited_at = {today}\n{mark}{rest}", "utf-8")
    return 1 if lines else 0
