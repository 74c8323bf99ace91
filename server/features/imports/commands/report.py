"""Reports an import, as text or as JSON."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from badges.credential.badge_number import badge_number
from badges.roster.problems import Choice, Finding
from badges.roster.reader import Roster
from badges.roster.table import line_in_sheet, sheet_of
from server.console import PROBLEMS_SHOWN, count, listed
from server.features.imports.roster_import import ImportResult

EXAMPLES_SHOWN = 20
NOTES_SHOWN = 5  # Examples of findings without a question
_HINTS = {
    "unknown_categories": (
        '. For each, which category is it? Write it under [categories] in a mapping, as "General'
        ' Admission" = "delegate"; for a sheet\'s people without one under [sheets], as "VIP" ='
        ' "vip". --save-mapping FILE begins one, --mapping FILE reads it, and'
        " --new-categories makes each a category of its own"
    ),
}


@dataclass(frozen=True)
class Summary:
    result: ImportResult
    roster: Roster
    refused: bool
    dry_run: bool

    def json(self) -> dict[str, Any]:
        """Return everything, with at most the first thousand problems."""
        result = self.result
        return {
            "imported": not (self.refused or self.dry_run),
            "dry_run": self.dry_run,
            "rows": len(self.roster.rows),
            "added": result.added,
            "updated": result.updated,
            "unchanged": result.unchanged,
            "skipped": result.skipped,
            "revoked": result.revoked,
            "columns_not_used": list(self.roster.unread),
            "problem_count": result.problem_count,
            "problems": [
                {**_place(item.line), "column": item.column, "message": item.message}
                for item in result.problems
            ],
            "findings": [
                {
                    "kind": item.kind,
                    "count": item.count,
                    "message": item.message,
                    "examples": list(item.examples),
                    "answers": [choice.as_option() for choice in _choices(item)],
                }
                for item in result.findings
            ],
            "changes": list(result.changes),
            "badges_out_of_date": [badge_number(serial) for serial in result.needs_reissue],
        }

    def notes(self) -> list[str]:
        lines = []
        if self.roster.unread:
            lines.append(f"Columns that were not used: {', '.join(self.roster.unread)}")
        for finding in self.result.findings:
            if not finding.open:
                lines += _lines(finding)
        if self.dry_run:
            lines += self._changes()
        return lines

    def _changes(self) -> list[str]:
        changes, wrong = self.result.changes, self.result.needs_reissue
        lines = []
        if changes:
            lines.append(f"people who would change: {len(changes):,}:")
            lines += [f"    {change}" for change in changes[:EXAMPLES_SHOWN]]
            more = len(changes) - EXAMPLES_SHOWN
            lines += [f"    … and {more:,} more (--json has all)"] if more > 0 else []
        if wrong:
            numbers = " ".join(map(badge_number, wrong[:EXAMPLES_SHOWN]))
            more = len(wrong) - EXAMPLES_SHOWN
            lines.append(
                f"badges that would then be out of date: {len(wrong):,}: {numbers}"
                + (f" and {more:,} more" if more > 0 else "")
                + ". Import with --reissue to replace them at once"
            )
        return lines

    def skipped(self) -> list[str]:
        lines = [f"Skipped {problem}" for problem in self.result.problems[:PROBLEMS_SHOWN]]
        more = self.result.problem_count - len(lines)
        return [*lines, f"… and {more:,} more"] if more > 0 else lines

    def refusal(self, skip_bad: bool) -> str:
        parts = []
        if self.result.problem_count and (not skip_bad or not self.roster.rows):
            parts.append(self._problems(skip_bad))
        if self.result.open:
            heading = "nothing was imported. Answer these first, each with an option:"
            lines = [line for finding in self.result.open for line in _lines(finding)]
            parts.append("\n  ".join((heading, *lines)))
        return "\n\n".join(parts)

    def _problems(self, skip_bad: bool) -> str:
        problems, total = self.result.problems, self.result.problem_count
        remedy = f"Correct {'it' if total == 1 else 'them'}"
        bad = {problem.line for problem in problems}
        good = sum(row.line not in bad for row in self.roster.rows)
        if good and not skip_bad:
            remedy += f", or import the other {count(good, 'row')} with --skip-bad"
        return f"{listed(problems, total=total)}\n{remedy}."

    def counts(self) -> str:
        result = self.result
        would = "Would have " if self.dry_run else ""
        revoked = f", revoked {result.revoked:,}" if result.revoked else ""
        text = (
            f"added {result.added:,}, updated {result.updated:,}, unchanged"
            f" {result.unchanged:,}, skipped {result.skipped:,}{revoked}."
        )
        return f"{would}{text}" if would else text.capitalize()


def _place(line: int | None) -> dict[str, Any]:
    if line is None or not sheet_of(line):
        return {"line": line}
    return {"line": line_in_sheet(line), "sheet": sheet_of(line)}


def _choices(finding: Finding) -> list[Choice]:
    return [*finding.choices, *(choice for item in finding.items for choice in item.choices)]


def _lines(finding: Finding) -> Iterable[str]:
    shown = finding.examples[: EXAMPLES_SHOWN if finding.open else NOTES_SHOWN]
    message = "".join((finding.message, _HINTS.get(finding.kind, "")))
    yield message + (":" if shown else "")
    for example in shown:
        yield f"    {example}"
    more = len(finding.examples) - len(shown)
    if more:
        yield f"    … and {more:,} more (--json has all)"
    for choice in finding.choices:
        yield f"    {choice.as_option()}"
    for item in finding.items:
        yield f"    {item.words}"
        for choice in item.choices:
            yield f"      {choice.as_option()}"
