"""Known faults of libraries: each pin is looked up, and each open fault has its deadline."""

import json
import re
import tomllib
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from tests.libraries import faults as libraries
from tests.libraries.faults import Open

TODAY = date(2026, 11, 26)
PINNED = {"flask": "3.1.0", "ruamel-yaml": "0.18"}


def report(**versions: object) -> str:
    """A report of pip-audit. A version given as a list is a list of faults."""
    dependencies = [
        {"name": "Flask", "version": "3.1.0", "vulns": versions.get("flask", [])},
        versions.get("ruamel") or {"name": "ruamel.yaml", "version": "0.18", "vulns": []},
    ]
    return json.dumps({"dependencies": dependencies, "fixes": []})


def fault(known_at: date, severity: str = "high") -> Open:
    return Open("Flask", "CVE-1", severity, known_at, "the part with it is not used")


def test_a_report_of_every_pin_names_its_faults() -> None:
    assert libraries.faults(report(), PINNED) == []
    assert libraries.faults(report(flask=[{"id": "CVE-1"}]), PINNED) == [("flask", "CVE-1")]


@pytest.mark.parametrize(
    "passed_over",
    [
        {"name": "ruamel.yaml", "skip_reason": "Dependency not found and could not be audited"},
        {"name": "ruamel.yaml", "version": "0.17", "vulns": []},
        {"name": "another", "version": "0.18", "vulns": []},
    ],
)
def test_what_was_passed_over_was_not_looked_at(passed_over: dict[str, object]) -> None:
    with pytest.raises(libraries.NotLookedAtError, match="^ruamel-yaml$"):
        libraries.faults(report(ruamel=passed_over), PINNED)


@pytest.mark.parametrize(
    ("reported", "written_down", "problem"),
    [
        ([("flask", "CVE-1")], [], "flask has CVE-1: take a mended version"),
        ([("flask", "CVE-1")], [fault(TODAY)], ""),
        ([("flask", "CVE-2")], [fault(TODAY)], "flask has CVE-2"),
        ([("flask", "CVE-1")], [fault(date(2026, 11, 12))], ""),
        ([("flask", "CVE-1")], [fault(date(2026, 11, 11))], "was due on 2026-11-25"),
        ([], [fault(date(2026, 11, 23), "exploited")], "was due on 2026-11-25"),
    ],
)
def test_a_fault_is_written_down_and_mended_in_time(
    reported: list[tuple[str, str]], written_down: list[Open], problem: str
) -> None:
    problems = libraries.problems(reported, written_down, None, TODAY)
    assert len(problems) == bool(problem)
    assert problem in "".join(problems)


@pytest.mark.parametrize(
    ("audited", "lines"),
    [
        (None, ["faults were never asked for"]),
        (date(2026, 10, 26), ["faults were asked for last on 2026-10-26"]),
        (date(2026, 10, 27), []),
    ],
)
def test_without_a_report_the_last_one_counts_for_a_while(
    audited: date | None, lines: list[str]
) -> None:
    assert libraries.problems(None, [], audited, TODAY) == lines


@pytest.mark.parametrize("change", [{"severity": "bad"}, {"reason": " "}, {"more": 1}])
def test_a_fault_without_severity_or_reason_is_refused(change: dict[str, object]) -> None:
    fault = {"library": "a", "id": "b", "severity": "low", "known_at": TODAY, "reason": "c"}
    libraries.open_faults({"open": [fault]})
    with pytest.raises((TypeError, ValueError)):
        libraries.open_faults({"open": [{**fault, **change}]})


def test_the_record_is_of_the_pins() -> None:
    record = tomllib.loads(libraries.RECORD.read_text("utf-8"))
    pinned = libraries.pins(libraries.PINS.read_text("utf-8"))
    assert len(pinned) > 100
    named = [fault.library for fault in libraries.open_faults(record)] + record["behind"]
    assert {libraries.plain(name) for name in named} <= pinned.keys()


def test_a_report_without_problems_is_noted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record, path = tmp_path / "libraries.toml", tmp_path / "report.json"
    record.write_text(libraries.RECORD.read_text("utf-8"), "utf-8")
    monkeypatch.setattr(libraries, "RECORD", record)
    pinned = libraries.pins(libraries.PINS.read_text("utf-8"))
    dependencies = [
        {"name": name, "version": version, "vulns": []} for name, version in pinned.items()
    ]
    path.write_text(json.dumps({"dependencies": dependencies}))
    monkeypatch.setattr("sys.argv", ["libraries", str(path)])
    for _ in range(2):
        assert libraries.main() == 0
    noted = record.read_text("utf-8")
    assert tomllib.loads(noted)["audited_at"] == datetime.now(UTC).date()
    assert len(re.findall("^audited_at", noted, re.M)) == 1
    path.write_text(json.dumps({"dependencies": dependencies[1:]}))
    assert libraries.main() == 2
    assert record.read_text("utf-8") == noted


def test_the_times_are_those_of_the_document() -> None:
    text = (libraries.ROOT / "docs/security.md").read_text("utf-8")
    days_of = dict(
        re.findall(r"^\| (exploited|critical|high|medium|low)\b[^|]*\| (\d+) days \|", text, re.M)
    )
    assert {severity: int(days) for severity, days in days_of.items()} == libraries.DAYS
    assert f"every {libraries.AUDIT_DAYS} days" in text
