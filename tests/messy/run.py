"""Imports a messy file into a new event, and checks all expected results."""

from collections.abc import Iterator

from server.storage.database import Database
from tests.messy.cases import Case, Step
from tests.server.support.console import Console
from tests.server.support.stores import dump

_PEOPLE = (
    "SELECT a.given_name, a.family_name, c.code, a.country, a.organisation FROM attendee a"
    " JOIN category c USING (category)"
)
_THINGS = (
    "SELECT 'hall ' || code || ' ' || capacity FROM hall UNION ALL"
    " SELECT 'door ' || d.code || ' of ' || h.code FROM door d JOIN hall h USING (hall_id)"
    " UNION ALL SELECT 'session ' || s.code || ' in ' || h.code FROM session s"
    " JOIN hall h USING (hall_id)"
)


def tried(case: Case, console: Console) -> Iterator[tuple[Step, list[str]]]:
    """Yield each step with its output. Raises AssertionError if a result differs from the case."""
    path = console.file(case.file, case.data)
    for step in case.steps:
        for name, text in step.first:
            console("import", console.file(name, text))
        options = list(step.options)
        for name, text in step.files:
            options[options.index(name)] = console.file(name, text)
        refused = step.holds is None
        before = _dumped(console) if refused else []
        output = console(case.command, path, *options, status=int(refused)).output
        for phrase in step.says:
            assert phrase in output, f"{phrase!r} is not said:\n{output}"
        assert "Traceback" not in output
        if refused:
            assert _dumped(console) == before, "something was changed"
        else:
            now = held(console, case.command)
            assert now == step.holds, f"the event has {now[:20]}:\n{output}"
        yield step, _lines(output, step.says)


def held(console: Console, command: str) -> tuple[str, ...]:
    """Describe the people of an event, or its halls, doors and sessions."""
    if command == "import":
        rows = console.rows(_PEOPLE)
        people = [
            " · ".join(filter(None, (f"{row[0]} {row[1]}".strip(), *row[2:]))) for row in rows
        ]
        return tuple(sorted(people))
    return tuple(sorted(row[0] for row in console.rows(_THINGS)))


def _dumped(console: Console) -> list[str]:
    with Database(console.event.database_path) as database:
        return dump(database)


def _lines(output: str, says: tuple[str, ...]) -> list[str]:
    """Return the expected lines, in the order of the output."""
    return [line.strip() for line in output.splitlines() if any(phrase in line for phrase in says)]
