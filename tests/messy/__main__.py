"""Prints the result of each messy file: `python -m tests.messy`."""

import tempfile
from datetime import date
from pathlib import Path

import click

from server.app.new_event import init_event
from server.core.event.settings import EventSettings
from tests.messy import rosters, venues
from tests.messy.run import tried
from tests.server.support.console import Console

_SETTINGS = EventSettings(
    name={"en": "Harbour Forum", "zh": "海港论坛"},
    time_zone="Asia/Shanghai",
    first_day=date(2026, 5, 4),
    days=3,
    public_host="localhost",
    host="127.0.0.1",
    port=8443,
)
_NOW = 1_777_773_600_000  # the day before
_LINE = 150  # characters of a line that is shown


def main() -> None:
    click.echo("| file | what is messy | what happened |\n|---|---|---|")
    for case in (*rosters.cases(), *venues.cases()):
        with tempfile.TemporaryDirectory() as folder:
            event, _ = init_event(Path(folder) / "event", _SETTINGS, now=_NOW)
            happened = []
            for step, lines in tried(case, Console(Path(folder), event)):
                shortened = [line[:_LINE] + ("…" if len(line) > _LINE else "") for line in lines]
                options = f"With `{' '.join(step.options)}`: " if step.options else ""
                done = "Nothing changed. " if step.holds is None else ""
                happened.append(options + done + " / ".join(shortened))
            cells = (case.file, case.messy, "<br>".join(happened))
            click.echo("| " + " | ".join(cell.replace("|", "\\|") for cell in cells) + " |")


if __name__ == "__main__":
    main()
